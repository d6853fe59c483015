import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeClock } from '../../../../lib/fake-clock.ts'
import { GrpcError, grpcStatus } from '../../../../lib/grpc.ts'
import { seededRandom } from '../../../../lib/random.ts'
import { CoreV1PersistentVolumeClaim } from '../../../api/generated/kinds.ts'
import type { CoreV1PersistentVolume, StorageV1CSIDriver } from '../../../api/generated/kinds.ts'
import { attachmentName, inUseName } from '../../../api/volume-attachments.ts'
import type { Client } from '../../../client/client.ts'
import { createFakeCsiDriver } from '../../../client/csi/fake-csi-driver.ts'
import type { FakeCsiDriver } from '../../../client/csi/fake-csi-driver.ts'
import { createFakeTransport } from '../../../client/fake-transport.ts'
import { createClient } from '../../../client/rest-client.ts'
import type { StorageSource } from '../../container/environment.ts'
import { testPod } from '../../pod/pod-fixtures.ts'
import { testSource, testTokens } from '../volume-fixtures.ts'
import { CsiVolumes } from './csi-volumes.ts'
import type { CsiVolumeInput } from './csi-volumes.ts'

const driverName = 'd.test'
const clock = new FakeClock()
let dataDir: string
let client: Client
let driver: FakeCsiDriver
let capabilities: string[]
let isRegistered: boolean
let volumes: CsiVolumes
let useChanges: number

/** Makes and removes folders where a real one mounts. */
const folderDriver = () =>
  createFakeCsiDriver(
    driverName,
    {},
    {
      NodePublishVolume: async ({ targetPath }) => {
        await mkdir(targetPath, { recursive: true })
        return {}
      },
      NodeUnpublishVolume: async ({ targetPath }) => {
        await rmdir(targetPath).catch(() => {})
        return {}
      },
      NodeExpandVolume: () => ({}),
    },
  )
const restart = () => {
  volumes = new CsiVolumes({
    client,
    dataDir,
    nodeName: 'n1',
    clock,
    plugins: { get: (name) => (isRegistered ? { name, endpoint: '', driver, capabilities: new Set(capabilities) } : undefined) },
    onUseChange: () => useChanges++,
  })
}

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'csi-'))
  client = createClient(createFakeTransport({ clock, random: seededRandom(1) }))
  driver = folderDriver()
  capabilities = ['STAGE_UNSTAGE_VOLUME']
  isRegistered = true
  useChanges = 0
  restart()
})
afterEach(() => rm(dataDir, { recursive: true }))

const csiDriver = (spec: StorageV1CSIDriver['spec']): StorageV1CSIDriver => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'CSIDriver',
  metadata: { name: driverName },
  spec,
})
const noAttach = csiDriver({ attachRequired: false })
const claim: CoreV1PersistentVolumeClaim = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'data', namespace: 'default' },
  spec: { volumeName: 'v' },
  status: { phase: 'Bound', capacity: { storage: '1Gi' } },
}
const volume = (more: Partial<CoreV1PersistentVolume['spec']> = {}): CoreV1PersistentVolume => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name: 'v' },
  spec: {
    accessModes: ['ReadWriteOnce'],
    capacity: { storage: '1Gi' },
    csi: { driver: driverName, volumeHandle: 'h', volumeAttributes: { a: 'b' } },
    ...more,
  },
})
const podDirectory = (uid: string) => join(dataDir, 'pods', uid)
const input = (
  uid: string,
  has: {
    readonly persistent?: CoreV1PersistentVolume
    readonly claim?: CoreV1PersistentVolumeClaim
    readonly spec?: object
  } & Partial<StorageSource> & {
      readonly object?: StorageV1CSIDriver
    } = {},
): CsiVolumeInput => ({
  pod: testPod(has.spec ?? {}, { uid }),
  facts: { hostIp: '', podIp: '', allocatable: {} },
  source: testSource({ driver: async () => has.object ?? noAttach, ...has }),
  tokens: testTokens(),
  podDirectory: podDirectory(uid),
  volume: { name: 'data', persistentVolumeClaim: { claimName: 'data' } },
  persistent: { volume: has.persistent ?? volume(), claim: has.claim ?? claim },
})
const inline = (uid: string, object: StorageV1CSIDriver): CsiVolumeInput => {
  const { persistent: _, ...rest } = input(uid, { object })
  return { ...rest, volume: { name: 'own', csi: { driver: driverName, volumeAttributes: { a: 'b' } } } }
}
const remove = (uid: string) => volumes.remove(uid, podDirectory(uid))
const methods = () => driver.calls.map((call) => call.split(' ')[0])
const staging = () => join(dataDir, 'plugins/kubernetes.io/csi', driverName)
const leftovers = async () =>
  (await Promise.all([staging(), join(dataDir, 'pods')].map((path) => readdir(path, { recursive: true }).catch(() => [])))).flat()

test('a volume is staged once for the node and published to each pod; the last one takes the staging with it', async () => {
  const { path } = await volumes.publish(input('p1'))
  expect(path).toBe(join(podDirectory('p1'), 'volumes/kubernetes.io~csi/v/mount'))
  await volumes.publish(input('p2'))
  await volumes.publish(input('p2'))
  expect(methods()).toEqual(['NodeStageVolume', 'NodePublishVolume', 'NodePublishVolume'])
  await remove('p1')
  expect(methods().slice(3)).toEqual(['NodeUnpublishVolume'])
  await remove('p2')
  expect(methods().slice(4)).toEqual(['NodeUnpublishVolume', 'NodeUnstageVolume'])
  expect((await leftovers()).filter((each) => !/^(p[12](\/volumes(\/kubernetes.io~csi)?)?)$/.test(each))).toEqual([])
})

test('another agent undoes what one has begun, also where a driver was cut off in the middle', async () => {
  const whole = driver
  driver = {
    ...driver,
    call: (method, request) => (method === 'NodePublishVolume' ? Promise.reject(new Error('killed')) : whole.call(method, request)),
  }
  await expect(volumes.publish(input('p1'))).rejects.toThrow('killed')
  driver = folderDriver()
  restart()
  await remove('p1')
  expect(methods()).toEqual(['NodeUnpublishVolume', 'NodeUnstageVolume'])
  expect(await readdir(staging())).toEqual([])
})

test('without its driver nothing is forgotten; with it everything goes', async () => {
  await volumes.publish(input('p1'))
  isRegistered = false
  await expect(remove('p1')).rejects.toThrow(`driver name ${driverName} not found in the list of registered CSI drivers`)
  isRegistered = true
  await remove('p1')
  expect(methods().slice(2)).toEqual(['NodeUnpublishVolume', 'NodeUnstageVolume'])
})

test.each(['NodeUnpublishVolume', 'NodeUnstageVolume'] as const)(
  'a clean-up that fails in %s is whole when it is tried again',
  async (failing) => {
    const whole = driver
    await volumes.publish(input('p1'))
    await volumes.publish(inline('p1', csiDriver({ attachRequired: false, volumeLifecycleModes: ['Ephemeral'] })))
    driver = {
      ...driver,
      call: (method, request) =>
        method === failing && (request as { volumeId?: string }).volumeId?.startsWith('csi-') !== true
          ? Promise.reject(new Error('device is busy'))
          : whole.call(method, request),
    }
    for (const attempt of ['once', 'twice']) await expect(remove('p1'), attempt).rejects.toThrow('device is busy')
    expect(await readdir(join(podDirectory('p1'), 'volumes/kubernetes.io~csi'))).toEqual(['v'])
    driver = whole
    // Somebody else may want the volume meanwhile.
    await volumes.publish(input('p2'))
    await remove('p1')
    expect(methods()).not.toContain('NodeUnstageVolume')
    await remove('p2')
    expect(methods().at(-1)).toBe('NodeUnstageVolume')
    expect((await leftovers()).filter((each) => !/^(p[12](\/volumes(\/kubernetes.io~csi)?)?)$/.test(each))).toEqual([])
  },
)

test('a driver that can says how full a volume is; another says nothing, and nobody of what it has not mounted', async () => {
  const { path } = await volumes.publish(input('p1'))
  const usage = [
    { unit: 'BYTES', total: 100, used: 40, available: 60 },
    { unit: 'INODES', total: 10, used: 1 },
  ]
  driver = createFakeCsiDriver(driverName, {}, { NodeGetVolumeStats: () => ({ usage }) })
  expect(await volumes.figuresOf(podDirectory('p1'), path)).toBeUndefined()
  capabilities.push('GET_VOLUME_STATS')
  expect(await volumes.figuresOf(podDirectory('p1'), path)).toEqual({
    capacityBytes: 100,
    usedBytes: 40,
    availableBytes: 60,
    inodes: 10,
    inodesUsed: 1,
    inodesFree: 0,
  })
  const [folder] = await readdir(staging())
  expect(driver.requests).toEqual([
    {
      method: 'NodeGetVolumeStats',
      request: { volumeId: 'h', volumePath: path, stagingTargetPath: join(staging(), folder!, 'globalmount') },
    },
  ])
  expect(await volumes.figuresOf(podDirectory('p1'), dataDir)).toBe('not-mounted')
  isRegistered = false
  expect(await volumes.figuresOf(podDirectory('p1'), path)).toBeUndefined()
})

test('a driver that knows a volume no longer has nothing of it mounted', async () => {
  await volumes.publish(input('p1'))
  driver = createFakeCsiDriver(
    driverName,
    {},
    {
      NodeUnpublishVolume: () => {
        throw new GrpcError(grpcStatus.notFound, 'who?')
      },
    },
  )
  await rmdir(join(podDirectory('p1'), 'volumes/kubernetes.io~csi/v/mount'))
  await remove('p1')
  expect(methods()).toEqual(['NodeUnpublishVolume', 'NodeUnstageVolume'])
})

test('data that a driver leaves where it was mounted is never removed', async () => {
  await volumes.publish(input('p1'))
  const file = join(podDirectory('p1'), 'volumes/kubernetes.io~csi/v/mount/precious')
  await writeFile(file, 'data')
  await expect(remove('p1')).rejects.toMatchObject({ code: 'ENOTEMPTY' })
  expect(await readFile(file, 'utf8')).toBe('data')
})

test('a volume that has to be attached waits for it, is told how, and is said to be in use', async () => {
  const object = csiDriver({})
  await expect(volumes.publish(input('p1', { object }))).rejects.toThrow('is not attached to the node yet')
  expect(driver.calls).toEqual([])
  const attachment: StorageSource['attachment'] = async (name) =>
    name === attachmentName('h', driverName, 'n1')
      ? {
          apiVersion: '',
          kind: '',
          metadata: { name },
          spec: { attacher: driverName, nodeName: 'n1', source: {} },
          status: { attached: true, attachmentMetadata: { device: 'sdb' } },
        }
      : undefined
  await volumes.publish(input('p1', { object, attachment }))
  expect(driver.requests[0]?.request).toMatchObject({ publishContext: { device: 'sdb' } })
  expect(volumes.volumesInUse).toEqual([inUseName('h', driverName)])
  await remove('p1')
  expect(volumes.volumesInUse).toEqual([])
  expect(useChanges).toBe(2)
})

test('a driver is told of the pod, with a token, where its object asks for it', async () => {
  const object = csiDriver({ attachRequired: false, podInfoOnMount: true, tokenRequests: [{ audience: 'vault' }], requiresRepublish: true })
  const { refreshAtMs } = await volumes.publish(input('p1', { object }))
  expect(refreshAtMs).toBe(clock.now() + 60_000)
  expect(driver.requests.at(-1)?.request).toMatchObject({
    volumeContext: {
      a: 'b',
      'csi.storage.k8s.io/pod.name': 'web',
      'csi.storage.k8s.io/pod.namespace': 'default',
      'csi.storage.k8s.io/pod.uid': 'p1',
      'csi.storage.k8s.io/serviceAccount.name': 'default',
      'csi.storage.k8s.io/ephemeral': 'false',
      'csi.storage.k8s.io/serviceAccount.tokens': '{"vault":{"token":"jwt","expirationTimestamp":"1970-01-01T00:00:05Z"}}',
    },
  })
  await volumes.publish(input('p1', { object }))
  expect(methods().filter((method) => method === 'NodePublishVolume')).toHaveLength(2)
})

test('a volume in a pod is only published, and only by a driver that says it can', async () => {
  await expect(volumes.publish(inline('p1', noAttach))).rejects.toThrow(
    `volume mode "Ephemeral" not supported by driver ${driverName} (only supports ["Persistent"])`,
  )
  await volumes.publish(inline('p1', csiDriver({ volumeLifecycleModes: ['Ephemeral'] })))
  await remove('p1')
  expect(methods()).toEqual(['NodePublishVolume', 'NodeUnpublishVolume'])
  expect(driver.calls[0]).toMatch(/ csi-[0-9a-f]{64}$/)
})

test('a raw device is published as a file of the pod', async () => {
  const { path } = await volumes.publish(input('p1', { persistent: volume({ volumeMode: 'Block' }) }))
  expect(path).toBe(join(dataDir, 'plugins/kubernetes.io/csi/volumeDevices/publish/v/p1'))
  expect(driver.requests.at(-1)?.request).toMatchObject({ targetPath: path, volumeCapability: { block: {} } })
  await remove('p1')
  expect(existsSync(path)).toBe(false)
})

test.each([
  ['by a driver that can, itself', ['VOLUME_MOUNT_GROUP'], 'File', '2000', 0],
  ['by the node otherwise', [], 'File', undefined, 2000],
  ['by nobody where the driver says so', [], 'None', undefined, 0],
  ['by nobody where it has no file system of its own', [], 'ReadWriteOnceWithFSType', undefined, 0],
])('files are given to the pod’s group %s', async (_, more, fsGroupPolicy, volumeMountGroup, gid) => {
  capabilities = more
  const object = csiDriver({ attachRequired: false, fsGroupPolicy })
  const { path } = await volumes.publish(input('p1', { object, spec: { securityContext: { fsGroup: 2000 } } }))
  expect(driver.requests.at(-1)?.request).toMatchObject({
    volumeCapability: { mount: volumeMountGroup === undefined ? {} : { volumeMountGroup } },
  })
  expect((await stat(path)).gid).toBe(gid)
})

test('a volume that has grown grows on the node, and its claim is told', async () => {
  capabilities = ['EXPAND_VOLUME']
  const pending = await client.create(CoreV1PersistentVolumeClaim, {
    ...claim,
    status: {
      ...claim.status,
      conditions: [{ type: 'FileSystemResizePending', status: 'True' }],
      allocatedResourceStatuses: { storage: 'NodeResizePending' },
    },
  })
  await volumes.publish(input('p1', { persistent: volume({ capacity: { storage: '2Gi' } }), claim: pending as never }))
  expect(driver.requests.at(-1)).toMatchObject({ method: 'NodeExpandVolume', request: { capacityRange: { requiredBytes: 2 * 1024 ** 3 } } })
  const { status } = await client.get(CoreV1PersistentVolumeClaim, { namespace: 'default', name: 'data' })
  expect(status).toEqual({ phase: 'Bound', capacity: { storage: '2Gi' }, conditions: [] })
})
