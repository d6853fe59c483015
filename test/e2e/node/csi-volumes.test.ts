import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually, execute, startCluster, type TestCluster } from '../../support/cluster.ts'
import { importShellImage } from './shell-image.ts'

const image = 'binnacle-test/shell:csi'
const driverName = 'folders.test'
const driverProgram = fileURLToPath(new URL('../../support/csi-driver-process.ts', import.meta.url))

const objects = [
  {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSIDriver',
    metadata: { name: driverName },
    spec: { attachRequired: true, podInfoOnMount: true, fsGroupPolicy: 'File', volumeLifecycleModes: ['Persistent', 'Ephemeral'] },
  },
  {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'folders' },
    provisioner: driverName,
    allowVolumeExpansion: true,
    volumeBindingMode: 'WaitForFirstConsumer',
  },
]
const claim = (name: string) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name },
  spec: { storageClassName: 'folders', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
})
const pod = (name: string, command: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    terminationGracePeriodSeconds: 1,
    restartPolicy: 'Never',
    securityContext: { fsGroup: 2000 },
    volumes: [
      { name: 'data', persistentVolumeClaim: { claimName: 'data' } },
      { name: 'own', csi: { driver: driverName } },
    ],
    containers: [
      {
        name: 'main',
        image,
        command: ['sh', '-c', `${command}; while true; do sleep 1; done`],
        volumeMounts: [
          { name: 'data', mountPath: '/data' },
          { name: 'own', mountPath: '/own' },
        ],
      },
    ],
  },
})

describe('volumes of a CSI driver, on Docker', () => {
  let cluster: TestCluster
  let folder: string
  let driver: ChildProcess

  const startDriver = async () => {
    driver = spawn(process.execPath, [driverProgram, driverName, folder, 'host-1'], { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise((resolve) => driver.stdout!.once('data', resolve))
  }
  const stopDriver = () =>
    new Promise((resolve) => {
      driver.once('exit', resolve)
      driver.kill('SIGKILL')
    })

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'binnacle-csi-'))
    await importShellImage(image)
    await startDriver()
    cluster = await startCluster(['--influxdb=none', '--node-name=n1', `--csi-endpoint=${driverName}=unix:${folder}/csi.sock`], 152)
    await create(...objects, claim('data'))
  })
  afterAll(async () => {
    await cluster.remove()
    await stopDriver()
    rmSync(folder, { recursive: true, force: true })
    await execute('docker', ['rmi', '-f', image])
  })

  const create = async (...list: object[]) => {
    const { stderr } = await cluster.kubectlWith(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: list }), 'create', '-f', '-')
    expect(stderr).toBe('')
  }
  const running = async (name: string) => {
    const { stdout, stderr } = await cluster.kubectl('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=30s')
    expect(stdout + stderr).toContain('condition met')
  }
  const field = async (what: string, path: string) => (await cluster.kubectl('get', ...what.split('/'), '-o', `jsonpath={${path}}`)).stdout
  const calls = () => readFileSync(join(folder, 'calls'), 'utf8').split('\n')
  /** What the driver has mounted for this cluster. */
  const mounts = () =>
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(cluster.dataDir) && line.includes(`${folder}/volumes`))
  const volumesOfDriver = () => readdirSync(join(folder, 'volumes'))
  const nothingMounted = () =>
    eventually('nothing is mounted or attached', async () =>
      mounts().length === 0 && (await field('volumeattachments', '.items')) === '[]' ? true : undefined,
    )

  it('are made for a claim, given to the pod and its group, and grow while it runs', async () => {
    await create(pod('writer', 'echo kept > /data/file; cat /own/pod > /data/own; id -G > /data/groups'))
    await running('writer')
    const spec = JSON.parse(await field('csinodes/n1', '.spec.drivers[0]')) as object
    expect(spec).toMatchObject({ name: driverName, nodeID: 'host-1', topologyKeys: ['topology.test/host'], allocatable: { count: 7 } })
    await cluster.kubectl('patch', 'pvc', 'data', '-p', '{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}')
    await eventually('the claim is larger', async () =>
      (await field('pvc/data', '.status.capacity.storage')) === '2Gi' ? true : undefined,
    )
    const [handle = ''] = volumesOfDriver().filter((name) => name.startsWith('pvc-'))
    expect(readFileSync(join(folder, 'sizes', handle), 'utf8')).toBe(String(2 * 1024 ** 3))
    expect(readFileSync(join(folder, 'volumes', handle, 'own'), 'utf8')).toBe('writer')
    expect(readFileSync(join(folder, 'volumes', handle, 'groups'), 'utf8')).toContain('2000')
  })

  it('are not given up by a pod while the driver is away, and once it is back nothing stays mounted', async () => {
    await stopDriver()
    await cluster.kubectl('delete', 'pod', 'writer', '--wait=false')
    await eventually('the container ends', async () =>
      (await field('pod/writer', '.status.containerStatuses[0].state.terminated.reason')) === '' ? undefined : true,
    )
    expect(mounts().length).toBeGreaterThan(0)
    await startDriver()
    await cluster.kubectl('wait', '--for=delete', 'pod/writer', '--timeout=30s')
    await nothingMounted()
  })

  it('are found again with their data after the agent was killed between staging and publishing', async () => {
    const before = calls().length
    writeFileSync(join(folder, 'hold-NodePublishVolume'), '')
    await create(pod('reader', 'cat /data/file'))
    await eventually('the volume is staged', async () =>
      calls()
        .slice(before)
        .some((line) => line.startsWith('NodePublishVolume pvc-'))
        ? true
        : undefined,
    )
    process.kill(cluster.pids()['node-0']!, 'SIGKILL')
    rmSync(join(folder, 'hold-NodePublishVolume'))
    await running('reader')
    expect((await cluster.kubectl('logs', 'reader')).stdout).toBe('kept\n')
    expect(mounts()).toHaveLength(3)
  })

  it('leave nothing behind when their pod is removed while the agent is away', async () => {
    const agent = cluster.pids()['node-0']!
    process.kill(agent, 'SIGSTOP')
    await cluster.kubectl('delete', 'pod', 'reader', '--force', '--grace-period=0')
    expect(mounts()).toHaveLength(3)
    process.kill(agent, 'SIGKILL')
    await nothingMounted()
    expect(existsSync(join(cluster.dataDir, 'nodes/n1/plugins/kubernetes.io/csi', driverName))).toBe(true)
    expect(readdirSync(join(cluster.dataDir, 'nodes/n1/plugins/kubernetes.io/csi', driverName))).toEqual([])
  })

  it('are deleted with their claim', async () => {
    expect(await cluster.kubectl('delete', 'pvc', 'data')).toMatchObject({ code: 0 })
    await eventually('the volume is gone', async () => (volumesOfDriver().length === 0 ? true : undefined))
    await eventually('its object is gone', async () => ((await field('pv', '.items')) === '[]' ? true : undefined))
  })
})
