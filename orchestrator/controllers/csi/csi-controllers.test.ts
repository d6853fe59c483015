import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  CoreV1Node,
  CoreV1PersistentVolume,
  CoreV1PersistentVolumeClaim,
  CoreV1Pod,
  CoreV1Secret,
  StorageV1CSINode,
  StorageV1StorageClass,
  StorageV1VolumeAttachment,
} from '../../api/generated/kinds.ts'
import { createFakeCsiDriver } from '../../client/csi/fake-csi-driver.ts'
import type { FakeAnswers, FakeCsiDriver } from '../../client/csi/fake-csi-driver.ts'
import { createAttachDetachController, createAttachmentCleanupController } from '../attach-detach/attach-detach.controller.ts'
import { createClaimController } from '../persistent-volume/claim.controller.ts'
import { createVolumeController } from '../persistent-volume/volume.controller.ts'
import { createTestCluster, testNode } from '../test-cluster.ts'
import type { TestCluster } from '../test-cluster.ts'
import { csiControllersOf } from './csi-controllers.ts'
import { createCsiDrivers } from './csi-drivers.ts'

const driverName = 'd.test'
let cluster: TestCluster
let driver: FakeCsiDriver
let answers: { -readonly [K in keyof FakeAnswers]: FakeAnswers[K] }

const controller = ['CREATE_DELETE_VOLUME', 'PUBLISH_UNPUBLISH_VOLUME', 'EXPAND_VOLUME']

beforeEach(() => {
  cluster = createTestCluster()
  answers = {
    CreateVolume: ({ name, capacityRange }) => ({
      volume: {
        volumeId: `h-${name}`,
        capacityBytes: capacityRange.requiredBytes ?? 0,
        volumeContext: { a: 'b' },
        accessibleTopology: [{ segments: { zone: 'z1' } }],
      },
    }),
    ControllerPublishVolume: () => ({ publishContext: { device: 'sdb' } }),
    ControllerExpandVolume: ({ capacityRange }) => ({ capacityBytes: capacityRange.requiredBytes ?? 0, nodeExpansionRequired: true }),
  }
})
afterEach(() => cluster.stop())

/** Node `a` in zone z1 with the driver, a class `fast`, a claim `data`, and all controllers. */
async function start(capabilities: readonly string[] = controller, parameters: Record<string, string> = {}): Promise<void> {
  driver = createFakeCsiDriver(driverName, { plugin: ['VOLUME_ACCESSIBILITY_CONSTRAINTS'], controller: capabilities }, answers)
  const { client, informers } = cluster
  const node = testNode('a')
  await client.create(CoreV1Node, { ...node, metadata: { ...node.metadata, labels: { ...node.metadata.labels, zone: 'z1' } } })
  await client.create(StorageV1CSINode, {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSINode',
    metadata: { name: 'a' },
    spec: { drivers: [{ name: driverName, nodeID: 'id-a', topologyKeys: ['zone'] }] },
  })
  await client.create(StorageV1StorageClass, {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'fast' },
    provisioner: driverName,
    reclaimPolicy: 'Delete',
    allowVolumeExpansion: true,
    volumeBindingMode: 'WaitForFirstConsumer',
    parameters: { type: 'ssd', ...parameters },
  })
  await client.create(CoreV1PersistentVolumeClaim, {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data', namespace: 'default', finalizers: ['kubernetes.io/pvc-protection'] },
    spec: { storageClassName: 'fast', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  })
  const drivers = createCsiDrivers({ [driverName]: 'unix:/s' }, cluster.clock, () => driver)
  await cluster.start(
    createClaimController(cluster),
    createVolumeController(cluster),
    createAttachDetachController(cluster),
    createAttachmentCleanupController(cluster),
    ...csiControllersOf({ informers, drivers }),
  )
}

const usePod = async (name = 'user', node = 'a') => {
  await cluster.client.create(CoreV1Pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { nodeName: node, containers: [], volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] },
  })
  await cluster.clock.advance(100)
}
const removePod = async (name = 'user') => {
  await cluster.client.delete(CoreV1Pod, { namespace: 'default', name }, { gracePeriodSeconds: 0 })
  await cluster.clock.advance(100)
}
const removeClaim = async () => {
  await cluster.client.delete(CoreV1PersistentVolumeClaim, { namespace: 'default', name: 'data' })
  await cluster.clock.advance(100)
}
const getClaim = () => cluster.client.get(CoreV1PersistentVolumeClaim, { namespace: 'default', name: 'data' })
const volumes = async () => (await cluster.client.list(CoreV1PersistentVolume)).items
const attachments = async () => (await cluster.client.list(StorageV1VolumeAttachment)).items
const handle = async () => `h-pvc-${(await getClaim()).metadata.uid}`

test('a claim gets a volume of the driver where its pod is, with nothing of the class that is not for the driver', async () => {
  await start(controller, { 'csi.storage.k8s.io/fstype': 'xfs' })
  expect(driver.calls).toEqual([])
  await usePod()
  const request = driver.requests.find(({ method }) => method === 'CreateVolume')?.request
  expect(request).toEqual({
    name: `pvc-${(await getClaim()).metadata.uid}`,
    capacityRange: { requiredBytes: 1024 ** 3 },
    volumeCapabilities: [{ mount: { fsType: 'xfs', mountFlags: [] }, accessMode: { mode: 'SINGLE_NODE_WRITER' } }],
    parameters: { type: 'ssd' },
    secrets: {},
    accessibilityRequirements: { requisite: [{ segments: { zone: 'z1' } }], preferred: [{ segments: { zone: 'z1' } }] },
  })
  const [volume] = await volumes()
  expect(volume?.spec).toMatchObject({
    capacity: { storage: '1Gi' },
    csi: { driver: driverName, volumeHandle: await handle(), fsType: 'xfs', volumeAttributes: { a: 'b' } },
    nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['z1'] }] }] } },
  })
  expect((await getClaim()).status?.phase).toBe('Bound')
})

test('a driver that fails is told of and asked again, for the same volume', async () => {
  const create = answers.CreateVolume!
  let failures = 2
  answers.CreateVolume = (request) => {
    if (failures-- > 0) throw new Error('no space')
    return create(request)
  }
  await start()
  await usePod()
  expect((await cluster.eventTexts()).join()).toContain('ProvisioningFailed failed to provision volume with StorageClass "fast": no space')
  await cluster.clock.advance(60_000)
  expect(await volumes()).toHaveLength(1)
  expect(new Set(driver.calls.filter((call) => call.startsWith('CreateVolume'))).size).toBe(1)
})

test('secrets are found by the names that the class gives them', async () => {
  await cluster.client.create(CoreV1Secret, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'for-data', namespace: 'default' },
    data: { key: Buffer.from('s3').toString('base64') },
  })
  const names = (use: string) => ({
    [`csi.storage.k8s.io/${use}-secret-name`]: 'for-${pvc.name}',
    [`csi.storage.k8s.io/${use}-secret-namespace`]: '${pvc.namespace}',
  })
  await start(controller, { ...names('provisioner'), ...names('node-publish'), ...names('controller-publish') })
  await usePod()
  expect(driver.requests.find(({ method }) => method === 'CreateVolume')?.request).toMatchObject({ secrets: { key: 's3' } })
  expect(driver.requests.find(({ method }) => method === 'ControllerPublishVolume')?.request).toMatchObject({ secrets: { key: 's3' } })
  expect((await volumes())[0]?.spec.csi?.nodePublishSecretRef).toEqual({ name: 'for-data', namespace: 'default' })
  await removePod()
  await removeClaim()
  expect(driver.requests.find(({ method }) => method === 'DeleteVolume')?.request).toMatchObject({ secrets: { key: 's3' } })
})

test('a volume is attached where a pod uses it, and detached when none does', async () => {
  await start()
  await usePod()
  const [attachment] = await attachments()
  expect(attachment).toMatchObject({
    spec: { attacher: driverName, nodeName: 'a' },
    status: { attached: true, attachmentMetadata: { device: 'sdb' } },
  })
  expect(driver.requests.find(({ method }) => method === 'ControllerPublishVolume')?.request).toMatchObject({ nodeId: 'id-a' })
  await removePod()
  expect(await attachments()).toEqual([])
  expect(driver.calls.at(-1)).toBe(`ControllerUnpublishVolume ${await handle()}`)
})

test('a driver with nothing to attach is not asked', async () => {
  await start(['CREATE_DELETE_VOLUME'])
  await usePod()
  expect((await attachments())[0]?.status?.attached).toBe(true)
  expect(driver.calls.filter((call) => call.startsWith('ControllerPublish'))).toEqual([])
})

test('what goes wrong with attaching is told to the pod that waits, and tried again', async () => {
  let isBroken = true
  answers.ControllerPublishVolume = () => {
    if (isBroken) throw new Error('disk on fire')
    return { publishContext: {} }
  }
  await start()
  await usePod()
  expect((await attachments())[0]?.status).toMatchObject({ attached: false, attachError: { message: 'disk on fire' } })
  expect((await cluster.eventTexts()).join()).toMatch(/FailedAttachVolume AttachVolume.Attach failed for volume "pvc-\S+" : disk on fire/)
  isBroken = false
  await cluster.clock.advance(60_000)
  expect((await attachments())[0]?.status).toEqual({ attached: true })
})

test('a volume that one node has exclusively is not attached to a second one before it is free', async () => {
  await start()
  await usePod()
  await cluster.client.create(CoreV1Node, testNode('b'))
  await usePod('second', 'b')
  expect((await attachments()).map(({ spec }) => spec.nodeName)).toEqual(['a'])
  expect((await cluster.eventTexts()).join()).toMatch(
    /FailedAttachVolume Multi-Attach error for volume "\S+" Volume is already used by pod\(s\) user/,
  )
  await removePod()
  expect((await attachments()).map(({ spec }) => spec.nodeName)).toEqual(['b'])
})

test('a larger claim enlarges the volume, and the claim is told when its node has done the rest', async () => {
  await start()
  await usePod()
  const body = { spec: { resources: { requests: { storage: '3Gi' } } } }
  await cluster.client.patch(
    CoreV1PersistentVolumeClaim,
    { namespace: 'default', name: 'data' },
    { type: 'application/merge-patch+json', body },
  )
  await cluster.clock.advance(100)
  expect((await volumes())[0]?.spec.capacity).toEqual({ storage: '3Gi' })
  expect((await getClaim()).status).toMatchObject({
    capacity: { storage: '1Gi' },
    allocatedResources: { storage: '3Gi' },
    allocatedResourceStatuses: { storage: 'NodeResizePending' },
    conditions: [{ type: 'FileSystemResizePending', status: 'True' }],
  })
})

test('a volume that needs nothing of its node is larger at once', async () => {
  answers.ControllerExpandVolume = () => ({ capacityBytes: 4 * 1024 ** 3 })
  await start()
  await usePod()
  const body = { spec: { resources: { requests: { storage: '3Gi' } } } }
  await cluster.client.patch(
    CoreV1PersistentVolumeClaim,
    { namespace: 'default', name: 'data' },
    { type: 'application/merge-patch+json', body },
  )
  await cluster.clock.advance(100)
  expect((await getClaim()).status).toMatchObject({ capacity: { storage: '4Gi' }, phase: 'Bound' })
  expect((await getClaim()).status?.conditions ?? []).toEqual([])
})

test('a volume goes with its claim once it is detached, and its object only after the driver has deleted it', async () => {
  let isBroken = true
  answers.DeleteVolume = () => {
    if (isBroken) throw new Error('busy')
    return {}
  }
  await start()
  await usePod()
  await removePod()
  await removeClaim()
  expect((await volumes()).map(({ status }) => status?.phase)).toEqual(['Released'])
  expect((await cluster.eventTexts()).join()).toContain('VolumeFailedDelete busy')
  isBroken = false
  await cluster.clock.advance(60_000)
  expect(await volumes()).toEqual([])
})

test('a volume whose policy is Retain is never deleted', async () => {
  await start()
  await usePod()
  const [{ metadata }] = (await volumes()) as [CoreV1PersistentVolume]
  const body = { spec: { persistentVolumeReclaimPolicy: 'Retain' } }
  await cluster.client.patch(CoreV1PersistentVolume, { name: metadata.name! }, { type: 'application/merge-patch+json', body })
  await removePod()
  await removeClaim()
  expect((await volumes()).map(({ status }) => status?.phase)).toEqual(['Released'])
  await cluster.client.delete(CoreV1PersistentVolume, { name: metadata.name! })
  await cluster.clock.advance(100)
  expect(await volumes()).toEqual([])
  expect(driver.calls.some((call) => call.startsWith('DeleteVolume'))).toBe(false)
})
