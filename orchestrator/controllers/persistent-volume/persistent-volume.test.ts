import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  CoreV1Node,
  CoreV1PersistentVolume,
  CoreV1PersistentVolumeClaim,
  CoreV1Pod,
  StorageV1StorageClass,
} from '../../api/generated/kinds.ts'
import { localDriver } from '../../api/persistent-volumes.ts'
import { createTestCluster, testNode } from '../test-cluster.ts'
import type { TestCluster } from '../test-cluster.ts'
import { createClaimController } from './claim.controller.ts'
import { createEphemeralVolumeController } from './ephemeral-volume.controller.ts'
import { createVolumeController } from './volume.controller.ts'

let cluster: TestCluster
beforeEach(async () => {
  cluster = createTestCluster()
  await cluster.client.create(CoreV1Node, testNode('a'))
  await cluster.start(createClaimController(cluster), createVolumeController(cluster), createEphemeralVolumeController(cluster))
})
afterEach(() => cluster.stop())

const storageClass = (more: Partial<StorageV1StorageClass> = {}): StorageV1StorageClass => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'local' },
  provisioner: localDriver,
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'WaitForFirstConsumer',
  allowVolumeExpansion: true,
  ...more,
})
const claim = (name: string, spec: Partial<NonNullable<CoreV1PersistentVolumeClaim['spec']>> = {}): CoreV1PersistentVolumeClaim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name, namespace: 'default', finalizers: ['kubernetes.io/pvc-protection'] },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
})
const volume = (
  name: string,
  storage: string,
  spec: Partial<NonNullable<CoreV1PersistentVolume['spec']>> = {},
): CoreV1PersistentVolume => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name, finalizers: ['kubernetes.io/pv-protection'], labels: { disk: name } },
  spec: {
    accessModes: ['ReadWriteOnce'],
    capacity: { storage },
    hostPath: { path: `/data/${name}` },
    persistentVolumeReclaimPolicy: 'Retain',
    ...spec,
  },
})
const pod = (name: string, claimName: string, nodeName?: string): CoreV1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: { containers: [], volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }], ...(nodeName === undefined ? {} : { nodeName }) },
})
const getClaim = async (name: string) => {
  await cluster.clock.advance(1_000)
  return cluster.client.get(CoreV1PersistentVolumeClaim, { namespace: 'default', name })
}
const getVolume = (name: string) => cluster.client.get(CoreV1PersistentVolume, { name })
const volumes = async () => {
  await cluster.clock.advance(1_000)
  return (await cluster.client.list(CoreV1PersistentVolume)).items
}

test('a claim gets the smallest volume that fits, and both name each other', async () => {
  for (const [name, size] of [
    ['big', '10Gi'],
    ['small', '1Gi'],
    ['tiny', '500Mi'],
    ['middle', '2Gi'],
  ])
    await cluster.client.create(CoreV1PersistentVolume, volume(name!, size!))
  await cluster.clock.advance(1_000)
  expect((await getVolume('small')).status?.phase).toBe('Available')
  await cluster.client.create(CoreV1PersistentVolumeClaim, claim('data'))
  const bound = await getClaim('data')
  expect(bound.spec?.volumeName).toBe('small')
  expect(bound.status).toMatchObject({ phase: 'Bound', capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'] })
  expect(bound.metadata.annotations).toMatchObject({ 'pv.kubernetes.io/bind-completed': 'yes' })
  expect(await getVolume('small')).toMatchObject({
    status: { phase: 'Bound' },
    spec: { claimRef: { name: 'data', uid: bound.metadata.uid } },
  })
})

test.each([
  ['of another class', { storageClassName: 'fast' }],
  ['with other modes', { accessModes: ['ReadWriteMany'] }],
  ['chosen by other labels', { selector: { matchLabels: { disk: 'other' } } }],
  ['as a device', { volumeMode: 'Block' }],
  ['that is larger', { resources: { requests: { storage: '100Gi' } } }],
])('a claim %s does not get it, and an event says so', async (_, spec) => {
  await cluster.client.create(CoreV1PersistentVolume, volume('one', '10Gi'))
  await cluster.client.create(CoreV1PersistentVolumeClaim, claim('data', spec))
  expect((await getClaim('data')).status?.phase).toBe('Pending')
  expect((await cluster.eventTexts()).join()).toMatch(/no persistent volumes available|storageclass.storage.k8s.io "fast" not found/)
  await cluster.client.create(
    CoreV1PersistentVolume,
    volume('other', '200Gi', { accessModes: ['ReadWriteMany'], volumeMode: 'Block', storageClassName: 'fast' }),
  )
  expect((await getClaim('data')).status?.phase).toBe('Pending')
})

test('a volume that is reserved for a claim waits for it, and a claim that names a volume takes no other', async () => {
  await cluster.client.create(CoreV1PersistentVolume, volume('kept', '50Gi', { claimRef: { namespace: 'default', name: 'data' } }))
  await cluster.client.create(CoreV1PersistentVolume, volume('free', '1Gi'))
  await cluster.client.create(CoreV1PersistentVolumeClaim, claim('other'))
  expect((await getClaim('other')).spec?.volumeName).toBe('free')
  await cluster.client.create(CoreV1PersistentVolumeClaim, claim('data'))
  expect((await getClaim('data')).spec?.volumeName).toBe('kept')
  await cluster.client.create(CoreV1PersistentVolumeClaim, claim('named', { volumeName: 'later' }))
  expect((await getClaim('named')).status?.phase).toBe('Pending')
  await cluster.client.create(CoreV1PersistentVolume, volume('later', '1Gi'))
  expect((await getClaim('named')).status?.phase).toBe('Bound')
})

test('a claim of the local class waits for a pod with a node, and gets a folder there; the volume goes with the claim', async () => {
  await cluster.client.create(StorageV1StorageClass, storageClass())
  await cluster.client.create(CoreV1PersistentVolumeClaim, claim('data', { storageClassName: 'local' }))
  expect((await getClaim('data')).status?.phase).toBe('Pending')
  expect((await cluster.eventTexts()).join()).toContain('WaitForFirstConsumer waiting for first consumer to be created before binding')
  await cluster.client.create(CoreV1Pod, pod('user', 'data', 'a'))
  const bound = await getClaim('data')
  expect(bound.status?.phase).toBe('Bound')
  const [made] = await volumes()
  expect(made).toMatchObject({
    metadata: { name: `pvc-${bound.metadata.uid}` },
    spec: { csi: { driver: localDriver }, persistentVolumeReclaimPolicy: 'Delete', storageClassName: 'local' },
    status: { phase: 'Bound' },
  })
  expect(made!.spec?.nodeAffinity?.required?.nodeSelectorTerms).toEqual([
    { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['a'] }] },
  ])
  // In use: the deletion waits.
  await cluster.client.delete(CoreV1PersistentVolumeClaim, { namespace: 'default', name: 'data' })
  expect((await getClaim('data')).metadata.deletionTimestamp).toBeDefined()
  await cluster.client.delete(CoreV1Pod, { namespace: 'default', name: 'user' }, { gracePeriodSeconds: 0 })
  expect(await volumes()).toEqual([])
  expect((await cluster.client.list(CoreV1PersistentVolumeClaim)).items).toEqual([])
})

test('a larger request makes a folder larger at once', async () => {
  await cluster.client.create(StorageV1StorageClass, storageClass())
  await cluster.client.create(CoreV1PersistentVolumeClaim, claim('data', { storageClassName: 'local' }))
  await cluster.client.create(CoreV1Pod, pod('user', 'data', 'a'))
  await getClaim('data')
  const body = { spec: { resources: { requests: { storage: '5Gi' } } } }
  await cluster.client.patch(
    CoreV1PersistentVolumeClaim,
    { namespace: 'default', name: 'data' },
    { type: 'application/merge-patch+json', body },
  )
  expect((await getClaim('data')).status?.capacity).toEqual({ storage: '5Gi' })
})

test('a retained volume stays, with its data, when its claim goes', async () => {
  await cluster.client.create(CoreV1PersistentVolume, volume('kept', '1Gi'))
  await cluster.client.create(CoreV1PersistentVolumeClaim, claim('data'))
  await getClaim('data')
  await cluster.client.delete(CoreV1PersistentVolumeClaim, { namespace: 'default', name: 'data' })
  expect((await volumes()).map(({ status }) => status?.phase)).toEqual(['Released'])
  await cluster.client.create(CoreV1PersistentVolumeClaim, claim('next'))
  expect((await getClaim('next')).status?.phase).toBe('Pending')
})

test('a claim whose volume is gone is lost, and a volume in use is not removed', async () => {
  await cluster.client.create(CoreV1PersistentVolume, volume('kept', '1Gi'))
  await cluster.client.create(CoreV1PersistentVolumeClaim, claim('data'))
  await getClaim('data')
  await cluster.client.delete(CoreV1PersistentVolume, { name: 'kept' })
  expect((await volumes())[0]?.metadata.deletionTimestamp).toBeDefined()
  const body = { metadata: { finalizers: null } }
  await cluster.client.patch(CoreV1PersistentVolume, { name: 'kept' }, { type: 'application/merge-patch+json', body })
  expect((await getClaim('data')).status?.phase).toBe('Lost')
  expect((await cluster.eventTexts()).join()).toContain('ClaimLost')
})

test('a provisioner outside is asked for by annotations, with the node that was chosen', async () => {
  await cluster.client.create(StorageV1StorageClass, storageClass({ provisioner: 'ebs.csi.aws.com' }))
  await cluster.client.create(CoreV1PersistentVolumeClaim, claim('data', { storageClassName: 'local' }))
  await cluster.client.create(CoreV1Pod, pod('user', 'data', 'a'))
  expect((await getClaim('data')).metadata.annotations).toMatchObject({
    'volume.kubernetes.io/storage-provisioner': 'ebs.csi.aws.com',
    'volume.kubernetes.io/selected-node': 'a',
  })
  expect((await cluster.eventTexts()).join()).toContain(
    "ExternalProvisioning Waiting for a volume to be created either by the external provisioner 'ebs.csi.aws.com'",
  )
})

test('a class of a provisioner that was once built in asks for its successor', async () => {
  await cluster.client.create(StorageV1StorageClass, {
    ...storageClass({ provisioner: 'kubernetes.io/gce-pd' }),
    volumeBindingMode: 'Immediate',
  })
  await cluster.client.create(CoreV1PersistentVolumeClaim, claim('data', { storageClassName: 'local' }))
  expect((await getClaim('data')).metadata.annotations).toMatchObject({
    'volume.kubernetes.io/storage-provisioner': 'pd.csi.storage.gke.io',
  })
})

test('an ephemeral volume gets a claim of the pod, and nobody else’s', async () => {
  const template = { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } }
  const scratch = (name: string): CoreV1Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { containers: [], volumes: [{ name: 'scratch', ephemeral: { volumeClaimTemplate: template } }] },
  })
  await cluster.client.create(CoreV1PersistentVolumeClaim, claim('taken-scratch'))
  await cluster.client.create(CoreV1Pod, scratch('taken'))
  const own = await cluster.client.create(CoreV1Pod, scratch('own'))
  expect((await getClaim('own-scratch')).metadata.ownerReferences).toMatchObject([{ kind: 'Pod', uid: own.metadata.uid, controller: true }])
  expect((await getClaim('taken-scratch')).metadata.ownerReferences ?? []).toEqual([])
  expect((await cluster.eventTexts()).join()).toContain('(pod is not owner)')
})
