import { afterEach, beforeEach, expect, test } from 'vitest'
import { AppsV1ControllerRevision, AppsV1StatefulSet, CoreV1PersistentVolumeClaim, CoreV1Pod } from '../../api/generated/kinds.ts'
import { createTestCluster, finishDeletions, runPod } from '../test-cluster.ts'
import type { TestCluster } from '../test-cluster.ts'
import { createStatefulSetController } from './statefulset.controller.ts'

const key = { namespace: 'default', name: 'db' }
const statefulSet = (more: Partial<AppsV1StatefulSet['spec']> = {}): AppsV1StatefulSet => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: key,
  spec: {
    replicas: 3,
    serviceName: 'db',
    selector: { matchLabels: { app: 'db' } },
    podManagementPolicy: 'OrderedReady',
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
    template: { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'db', image: 'db:1' }] } },
    volumeClaimTemplates: [
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      },
    ],
    ...more,
  },
})

let cluster: TestCluster
/** Images whose pods never become ready. */
let broken: Set<string>

beforeEach(async () => {
  broken = new Set()
  cluster = createTestCluster()
  await cluster.start(createStatefulSetController(cluster))
})
afterEach(() => cluster.stop())

/** One round: node agents start what is there and end what is leaving, then a second passes. */
async function round(): Promise<void> {
  for (const pod of await cluster.pods()) {
    const isReady = !broken.has(pod.spec.containers[0]!.image!)
    if (pod.status?.phase !== 'Running') await runPod(cluster.client, pod, { now: cluster.clock.now(), isReady })
  }
  await finishDeletions(cluster.client)
  await cluster.clock.advance(1_000)
}
async function rounds(count: number): Promise<void> {
  for (let at = 0; at < count; at++) await round()
}

const names = async () => (await cluster.pods()).map(({ metadata }) => metadata.name!).toSorted()
const images = async () =>
  Object.fromEntries((await cluster.pods()).map(({ metadata, spec }) => [metadata.name, spec.containers[0]!.image]))
const status = async () => (await cluster.client.get(AppsV1StatefulSet, key)).status!
const patch = (spec: object) => cluster.client.patch(AppsV1StatefulSet, key, { type: 'application/merge-patch+json', body: { spec } })
const setImage = (image: string) => patch({ template: { spec: { containers: [{ name: 'db', image }] } } })
const claims = async () => (await cluster.client.list(CoreV1PersistentVolumeClaim)).items

test('pods come one after the other, each with its name, host name, labels and claim', async () => {
  await cluster.client.create(AppsV1StatefulSet, statefulSet())
  await cluster.clock.advance(1_000)
  expect(await names()).toEqual(['db-0'])
  await round()
  expect(await names()).toEqual(['db-0', 'db-1'])
  await rounds(3)
  expect(await names()).toEqual(['db-0', 'db-1', 'db-2'])
  const pod = await cluster.client.get(CoreV1Pod, { namespace: 'default', name: 'db-2' })
  expect(pod.spec).toMatchObject({
    hostname: 'db-2',
    subdomain: 'db',
    volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data-db-2' } }],
  })
  expect(pod.metadata.labels).toMatchObject({
    app: 'db',
    'statefulset.kubernetes.io/pod-name': 'db-2',
    'apps.kubernetes.io/pod-index': '2',
    'controller-revision-hash': (await status()).updateRevision,
  })
  expect((await claims()).map(({ metadata }) => metadata.name!).toSorted()).toEqual(['data-db-0', 'data-db-1', 'data-db-2'])
  expect(await status()).toMatchObject({ replicas: 3, readyReplicas: 3, availableReplicas: 3, currentReplicas: 3, updatedReplicas: 3 })
})

test('Parallel makes all pods at once', async () => {
  await cluster.client.create(AppsV1StatefulSet, statefulSet({ podManagementPolicy: 'Parallel' }))
  await cluster.clock.advance(1_000)
  expect(await names()).toEqual(['db-0', 'db-1', 'db-2'])
})

test('a pod that is lost comes back under its name, with its claim, and only when the old one is gone', async () => {
  await cluster.client.create(AppsV1StatefulSet, statefulSet())
  await rounds(4)
  const before = await cluster.client.get(CoreV1Pod, { namespace: 'default', name: 'db-1' })
  await cluster.client.delete(CoreV1Pod, { namespace: 'default', name: 'db-1' })
  await cluster.clock.advance(60_000)
  const leaving = await cluster.client.get(CoreV1Pod, { namespace: 'default', name: 'db-1' })
  expect(leaving.metadata.uid).toBe(before.metadata.uid)
  await rounds(2)
  const after = await cluster.client.get(CoreV1Pod, { namespace: 'default', name: 'db-1' })
  expect(after.metadata.uid).not.toBe(before.metadata.uid)
  expect(after.spec.volumes).toEqual(before.spec.volumes)
})

test('scaling down takes the highest first, one at a time, and keeps the claims', async () => {
  await cluster.client.create(AppsV1StatefulSet, statefulSet())
  await rounds(4)
  await patch({ replicas: 1 })
  await cluster.clock.advance(1_000)
  expect(await names()).toEqual(['db-0', 'db-1'])
  await rounds(3)
  expect(await names()).toEqual(['db-0'])
  expect(await claims()).toHaveLength(3)
})

test('a rolling update goes from the highest ordinal down, waits for each, and makes the revision current', async () => {
  await cluster.client.create(AppsV1StatefulSet, statefulSet())
  await rounds(4)
  const { currentRevision: first } = await status()
  await setImage('db:2')
  await cluster.clock.advance(1_000)
  expect(await names()).toEqual(['db-0', 'db-1'])
  await rounds(2)
  expect(await images()).toMatchObject({ 'db-0': 'db:1', 'db-2': 'db:2' })
  expect(await status()).toMatchObject({ currentRevision: first })
  await rounds(6)
  expect(await images()).toEqual({ 'db-0': 'db:2', 'db-1': 'db:2', 'db-2': 'db:2' })
  const { currentRevision, updateRevision } = await status()
  expect(currentRevision).toBe(updateRevision)
  expect(currentRevision).not.toBe(first)
})

test('the partition keeps pods below it at the old revision, also when they are made anew', async () => {
  await cluster.client.create(
    AppsV1StatefulSet,
    statefulSet({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } }),
  )
  await rounds(4)
  await setImage('db:2')
  await rounds(5)
  expect(await images()).toEqual({ 'db-0': 'db:1', 'db-1': 'db:1', 'db-2': 'db:2' })
  await cluster.client.delete(CoreV1Pod, { namespace: 'default', name: 'db-0' })
  await rounds(3)
  expect(await images()).toMatchObject({ 'db-0': 'db:1' })
})

test('a bad revision stops at its first pod, and going back to the template before heals it', async () => {
  broken.add('db:bad')
  await cluster.client.create(AppsV1StatefulSet, statefulSet())
  await rounds(4)
  await setImage('db:bad')
  await rounds(8)
  expect(await images()).toEqual({ 'db-0': 'db:1', 'db-1': 'db:1', 'db-2': 'db:bad' })
  const { currentRevision } = await status()
  await setImage('db:1')
  await rounds(5)
  expect(await images()).toEqual({ 'db-0': 'db:1', 'db-1': 'db:1', 'db-2': 'db:1' })
  const revisions = (await cluster.client.list(AppsV1ControllerRevision)).items
  expect(revisions.map(({ metadata, revision }) => [metadata.name, revision])).toContainEqual([currentRevision, 3])
})

test('a set whose first pod never becomes ready leaves its bad revision without help', async () => {
  broken.add('db:bad')
  const template = { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'db', image: 'db:bad' }] } }
  await cluster.client.create(AppsV1StatefulSet, statefulSet({ template }))
  await rounds(3)
  expect(await names()).toEqual(['db-0'])
  await setImage('db:1')
  await rounds(6)
  expect(await images()).toEqual({ 'db-0': 'db:1', 'db-1': 'db:1', 'db-2': 'db:1' })
})

test('OnDelete replaces a pod only when somebody deletes it', async () => {
  await cluster.client.create(AppsV1StatefulSet, statefulSet({ updateStrategy: { type: 'OnDelete' } }))
  await rounds(4)
  await setImage('db:2')
  await rounds(3)
  expect(new Set(Object.values(await images()))).toEqual(new Set(['db:1']))
  await cluster.client.delete(CoreV1Pod, { namespace: 'default', name: 'db-1' })
  await rounds(2)
  expect(await images()).toEqual({ 'db-0': 'db:1', 'db-1': 'db:2', 'db-2': 'db:1' })
})

test('maxUnavailable lets as many pods go at once', async () => {
  const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { partition: 0, maxUnavailable: 2 } }
  await cluster.client.create(AppsV1StatefulSet, statefulSet({ updateStrategy, podManagementPolicy: 'Parallel' }))
  await rounds(4)
  await setImage('db:2')
  await cluster.clock.advance(1_000)
  expect(await names()).toEqual(['db-0'])
})

test('claims follow the retention policy', async () => {
  await cluster.client.create(
    AppsV1StatefulSet,
    statefulSet({ persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Delete' } }),
  )
  await rounds(4)
  const owners = async () =>
    Object.fromEntries(
      (await claims()).map(({ metadata }) => [metadata.name, metadata.ownerReferences?.map(({ kind, name }) => `${kind} ${name}`)]),
    )
  expect(await owners()).toEqual({
    'data-db-0': ['StatefulSet db'],
    'data-db-1': ['StatefulSet db'],
    'data-db-2': ['StatefulSet db'],
  })
  await patch({ replicas: 2 })
  await cluster.clock.advance(1_000)
  expect(await owners()).toMatchObject({ 'data-db-1': ['StatefulSet db'], 'data-db-2': ['Pod db-2'] })
})

test('old revisions go beyond the history limit, never the one that pods are of', async () => {
  await cluster.client.create(AppsV1StatefulSet, statefulSet({ revisionHistoryLimit: 1 }))
  await rounds(4)
  for (const image of ['db:2', 'db:3', 'db:4']) {
    await setImage(image)
    await rounds(9)
  }
  expect((await cluster.client.list(AppsV1ControllerRevision)).items.map(({ revision }) => revision).toSorted((a, b) => a - b)).toEqual([
    3, 4,
  ])
})

test('ordinals start where they are told to', async () => {
  await cluster.client.create(AppsV1StatefulSet, statefulSet({ ordinals: { start: 5 }, replicas: 2 }))
  await rounds(4)
  expect(await names()).toEqual(['db-5', 'db-6'])
})
