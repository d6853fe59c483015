import { lstat, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../../lib/fake-clock.ts'
import { testContainer, testPod } from '../pod/pod-fixtures.ts'
import { writeAtomically } from './atomic-directory.ts'
import type { ContentInput } from './volume-content.ts'
import { noDrivers, testSource, testTokens } from './volume-fixtures.ts'
import { memoryVolumeBytes, VolumeManager } from './volume-manager.ts'

let directory: string
let volumes: VolumeManager
const clock = new FakeClock()

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'volumes-'))
  volumes = new VolumeManager({ dataDir: directory, clock, csi: noDrivers })
})
afterEach(() => rm(directory, { recursive: true }))

const files = (entries: Record<string, string>) =>
  new Map(Object.entries(entries).map(([path, text]) => [path, { content: Buffer.from(text), mode: 0o644 }]))
const input = (pod: ReturnType<typeof testPod>, data: Record<string, string> | undefined): ContentInput => ({
  pod,
  facts: { hostIp: '', podIp: '10.0.0.5', allocatable: {} },
  source: testSource({
    configMap: async () => (data === undefined ? undefined : { apiVersion: 'v1', kind: 'ConfigMap', metadata: {}, data }),
    secret: async () => ({ apiVersion: 'v1', kind: 'Secret', metadata: {}, data: { key: Buffer.from('s3').toString('base64') } }),
  }),
  tokens: testTokens(),
})

describe('an atomic directory', () => {
  it('changes all of its files by one link, and not at all where nothing changed', async () => {
    expect(await writeAtomically(directory, files({ a: '1', 'sub/b': '2', gone: 'x' }), 'g1')).toBe(true)
    expect(await readFile(join(directory, 'sub/b'), 'utf8')).toBe('2')
    expect(await writeAtomically(directory, files({ a: '1', 'sub/b': '2', gone: 'x' }), 'g2')).toBe(false)
    expect(await writeAtomically(directory, files({ a: '3', 'sub/b': '2' }), 'g3')).toBe(true)
    expect(await readFile(join(directory, 'a'), 'utf8')).toBe('3')
    expect((await readdir(directory)).sort()).toEqual(['..data', '..g3', 'a', 'sub'])
    expect((await lstat(join(directory, 'a'))).isSymbolicLink()).toBe(true)
  })

  it.each(['../x', '/etc/passwd', '..data', 'a/../../x', ''])('refuses the path "%s"', async (path) => {
    await expect(writeAtomically(directory, files({ [path]: 'x' }), 'g')).rejects.toThrow('file path')
  })
})

const plain = { environment: new Map<string, string>(), hasRecursiveReadOnly: false }

describe('the volumes of a pod', () => {
  const pod = testPod({
    containers: [
      testContainer('main', {
        volumeMounts: [
          { name: 'config', mountPath: '/etc/app' },
          { name: 'empty', mountPath: '/data', subPath: 'part' },
        ],
      }),
    ],
    volumes: [
      { name: 'config', configMap: { name: 'c', items: [{ key: 'k', path: 'dir/file', mode: 0o600 }] } },
      { name: 'empty', emptyDir: {} },
      {
        name: 'all',
        projected: {
          sources: [
            { serviceAccountToken: { path: 'token' } },
            { configMap: { name: 'kube-root-ca.crt' } },
            { downwardAPI: { items: [{ path: 'ns', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
          ],
        },
      },
    ],
  })

  it('hold what the pod refers to, until the token is due', async () => {
    expect(await volumes.prepare(input(pod, { k: 'v' }))).toEqual({ refreshAtMs: 4_000 })
    const root = join(volumes.podDirectory('uid-1'), 'volumes')
    expect(await readFile(join(root, 'kubernetes.io~configmap/config/dir/file'), 'utf8')).toBe('v')
    expect(await readFile(join(root, 'kubernetes.io~projected/all/token'), 'utf8')).toBe('jwt')
    expect(await readFile(join(root, 'kubernetes.io~projected/all/ns'), 'utf8')).toBe('default')
  })

  it.each([
    ['anybody may read one of an unknown user', {}, {}, '0:0 644'],
    ['only the user whom all containers have', { securityContext: { runAsUser: 7 } }, {}, '7:0 600'],
    ['and the group of the pod', { securityContext: { runAsUser: 7, fsGroup: 8 } }, {}, '7:8 640'],
    ['anybody where users differ', { securityContext: { runAsUser: 7 } }, { securityContext: { runAsUser: 9 } }, '0:0 644'],
  ])('keep tokens from others: %s', async (_, spec, own, expected) => {
    const containers = [testContainer('main'), testContainer('other', own)]
    await volumes.prepare(input({ ...pod, spec: { ...pod.spec, ...spec, containers } }, { k: 'v' }))
    const { uid, gid, mode } = await stat(join(volumes.podDirectory('uid-1'), 'volumes/kubernetes.io~projected/all/token'))
    expect(`${uid}:${gid} ${(mode & 0o777).toString(8)}`).toBe(expected)
  })

  it('follow their sources', async () => {
    await volumes.prepare(input(pod, { k: 'v' }))
    await volumes.prepare(input(pod, { k: 'w' }))
    expect(await readFile(join(volumes.podDirectory('uid-1'), 'volumes/kubernetes.io~configmap/config/dir/file'), 'utf8')).toBe('w')
  })

  it('are mounted by path, parts of them too', async () => {
    await volumes.prepare(input(pod, { k: 'v' }))
    const mounts = await volumes.mountsOf(pod, pod.spec.containers[0]!, plain)
    expect(mounts.map(({ containerPath, isReadOnly }) => [containerPath, isReadOnly])).toEqual([
      ['/etc/app', true],
      ['/data', false],
    ])
    expect(mounts[1]!.hostPath).toMatch(/empty\/part$/)
  })

  it('are read-only with what is below them as far as the runtime can', async () => {
    const mountsOf = async (recursiveReadOnly: string, hasRecursiveReadOnly: boolean) => {
      const container = testContainer('main', { volumeMounts: [{ name: 'empty', mountPath: '/data', readOnly: true, recursiveReadOnly }] })
      const [mount] = await volumes.mountsOf(pod, container, { ...plain, hasRecursiveReadOnly })
      return mount!.isRecursivelyReadOnly
    }
    await volumes.prepare(input(pod, { k: 'v' }))
    expect(await mountsOf('Enabled', true)).toBe(true)
    expect(await mountsOf('IfPossible', true)).toBe(true)
    expect(await mountsOf('IfPossible', false)).toBeUndefined()
    expect(await mountsOf('Disabled', true)).toBeUndefined()
    await expect(mountsOf('Enabled', false)).rejects.toThrow('volume "empty" requested recursive read-only mode, but it is not supported')
  })

  it.each([
    [{}, {}, 8e9],
    [{ sizeLimit: '1M' }, {}, 1e6],
    [{ sizeLimit: '1M' }, { memory: '500k' }, 5e5],
    [{ sizeLimit: '1T' }, {}, 8e9],
  ])('in memory are no larger than volume %o, pod %o and node allow', (emptyDir, limits, bytes) => {
    const volume = { name: 'x', emptyDir: { medium: 'Memory', ...emptyDir } }
    expect(memoryVolumeBytes(testPod({ containers: [testContainer('main', { resources: { limits } })] }), volume, 8e9)).toBe(bytes)
  })

  it('do not let a link lead out of them', async () => {
    await volumes.prepare(input(pod, { k: 'v' }))
    await symlink('/etc', join(volumes.podDirectory('uid-1'), 'volumes/kubernetes.io~empty-dir/empty/part'))
    await expect(volumes.mountsOf(pod, pod.spec.containers[0]!, plain)).rejects.toThrow('leads out of volume "empty"')
  })

  it.each([
    [{ name: 'x', configMap: { name: 'c' } }, 'MountVolume.SetUp failed for volume "x" : configmap "undefined" not found'],
    [{ name: 'x', persistentVolumeClaim: { claimName: 'data' } }, 'persistentvolumeclaim "data" not found'],
    [{ name: 'x', gcePersistentDisk: { pdName: 'd' } }, 'driver name pd.csi.storage.gke.io not found'],
    [{ name: 'x', rbd: { image: 'i', monitors: ['m'] } }, 'driver name rbd.csi.ceph.com not found'],
    [{ name: 'x', csi: { driver: 'd.example.com' } }, 'driver name d.example.com not found'],
    [{ name: 'x', image: { reference: 'r' } }, 'no volume plugin matched: image'],
    [
      { name: 'x', hostPath: { path: '/nowhere/at/all', type: 'Directory' } },
      'hostPath type check failed: /nowhere/at/all is not a directory',
    ],
    [{ name: 'x', secret: { secretName: 's', items: [{ key: 'nope', path: 'p' }] } }, 'references non-existent secret key: nope'],
  ])('that cannot be had are named: %o', async (volume, message) => {
    await expect(volumes.prepare(input(testPod({ volumes: [volume] }), undefined))).rejects.toThrow(message.replace('"undefined"', '"c"'))
  })

  it('tell how full they are where they can be written to', async () => {
    await volumes.prepare(input(pod, { k: 'v' }))
    const [config, empty] = pod.spec.volumes!
    await writeFile(join(volumes.podDirectory('uid-1'), 'volumes/kubernetes.io~empty-dir/empty/file'), Buffer.alloc(100_000))
    const figures = (await volumes.figuresOf(pod, empty!))!
    expect(figures.usedBytes).toBeGreaterThanOrEqual(100_000)
    expect(figures.usedBytes).toBeLessThan(200_000)
    expect(figures.capacityBytes).toBeGreaterThan(figures.availableBytes!)
    expect(figures).toHaveProperty('inodesFree')
    expect(await volumes.figuresOf(pod, config!)).toBeUndefined()
  })

  it('go with the pod', async () => {
    await volumes.prepare(input(pod, { k: 'v' }))
    await volumes.remove('uid-1')
    await volumes.remove('uid-1')
    expect(await volumes.list()).toEqual([])
  })
})
