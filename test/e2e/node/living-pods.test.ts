import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually, execute, startCluster, type TestCluster } from '../../support/cluster.ts'
import { importShellImage } from './shell-image.ts'

const image = 'binnacle-test/shell:living'
const manifest = (name: string) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'main',
          image,
          command: ['sh', '-c', 'while true; do sleep 1; done'],
          resources: { requests: { cpu: '50m', memory: '16Mi' }, limits: { cpu: '100m', memory: '32Mi' } },
        },
      ],
    },
  })

describe('pods that change while they run, on Docker', () => {
  let cluster: TestCluster
  let folder: string

  beforeAll(async () => {
    await importShellImage(image)
    cluster = await startCluster(['--influxdb=none', '--node-name=n1'], 40)
    folder = join(cluster.dataDir, 'nodes/n1/manifests')
    await cluster.kubectlWith(manifest('web'), 'create', '-f', '-')
    await cluster.kubectl('wait', '--for=condition=Ready', 'pod/web', '--timeout=30s')
  })
  afterAll(async () => {
    await cluster.remove()
    await execute('docker', ['rmi', '-f', image])
  })
  const field = async (name: string, path: string) => (await cluster.kubectl('get', 'pod', name, '-o', `jsonpath={${path}}`)).stdout
  const becomes = (name: string, path: string, value: string) =>
    eventually(`${path} of ${name}`, async () => ((await field(name, path)) === value ? true : undefined))

  it('are looked into by an ephemeral container that sees their processes', async () => {
    const debug = await cluster.kubectl(
      'debug',
      'web',
      '-i',
      '--profile=general',
      `--image=${image}`,
      '--target=main',
      '--',
      'cat',
      '/proc/1/cmdline',
    )
    expect(debug.stdout).toContain('while true')
    await becomes('web', '.status.ephemeralContainerStatuses[0].state.terminated.reason', 'Completed')
  })

  it('get other limits without a restart', async () => {
    const resources = { requests: { cpu: '80m' }, limits: { cpu: '250m', memory: '64Mi' } }
    const patch = JSON.stringify({ spec: { containers: [{ name: 'main', resources }] } })
    const { stderr } = await cluster.kubectl('patch', 'pod', 'web', '--subresource=resize', '-p', patch)
    expect(stderr).toBe('')
    await becomes('web', '.status.containerStatuses[0].resources.limits.memory', '64Mi')
    const id = (await field('web', '.status.containerStatuses[0].containerID')).replace('docker://', '')
    const { stdout } = await execute('docker', ['inspect', id, '--format', '{{.HostConfig.CpuQuota}} {{.HostConfig.Memory}}'])
    expect(stdout.trim()).toBe('25000 67108864')
    expect(await field('web', '.status.containerStatuses[0].restartCount')).toBe('0')
  })

  it('come from a folder, come back into view when deleted, and end with their file', async () => {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'own.json'), manifest('own'))
    await becomes('own-n1', '.status.phase', 'Running')
    const before = await field('own-n1', '.metadata.uid')
    expect(await cluster.kubectl('delete', 'pod', 'own-n1', '--timeout=15s')).toMatchObject({ code: 0 })
    await eventually('a new mirror', async () => {
      const uid = await field('own-n1', '.metadata.uid')
      return uid === '' || uid === before ? undefined : uid
    })
    await becomes('own-n1', '.status.phase', 'Running')
    rmSync(join(folder, 'own.json'))
    await eventually('the end of the mirror', async () =>
      (await cluster.kubectl('get', 'pod', 'own-n1')).stderr.includes('not found') ? true : undefined,
    )
  })
})
