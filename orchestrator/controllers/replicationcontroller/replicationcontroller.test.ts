import { afterEach, beforeEach, expect, test } from 'vitest'
import { CoreV1Pod, CoreV1ReplicationController } from '../../api/generated/kinds.ts'
import { forbidden } from '../../api/status-error.ts'
import { createTestCluster, finishDeletions, runPod } from '../test-cluster.ts'
import type { TestCluster } from '../test-cluster.ts'
import { createReplicationControllerController } from './replicationcontroller.controller.ts'

const rc = (replicas: number): CoreV1ReplicationController => ({
  apiVersion: 'v1',
  kind: 'ReplicationController',
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    replicas,
    selector: { app: 'web' },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
  },
})
const key = { namespace: 'default', name: 'web' }

let cluster: TestCluster

beforeEach(() => {
  cluster = createTestCluster()
})
afterEach(() => cluster.stop())

const start = () => cluster.start(createReplicationControllerController(cluster))

async function scale(replicas: number): Promise<void> {
  await cluster.client.patch(CoreV1ReplicationController, key, { type: 'application/merge-patch+json', body: { spec: { replicas } } })
  await cluster.clock.advance(100)
}

async function runAll(): Promise<void> {
  for (const pod of await cluster.pods()) await runPod(cluster.client, pod, { now: cluster.clock.now() })
  await cluster.clock.advance(100)
}

test('a controller of 3 gets 3 pods, named after it, owned by it, and reports them', async () => {
  await start()
  const owner = await cluster.client.create(CoreV1ReplicationController, rc(3))
  await cluster.clock.advance(100)
  const pods = await cluster.pods()
  expect(pods).toHaveLength(3)
  expect(pods[0]!.metadata.name).toMatch(/^web-[a-z0-9]{5}$/)
  expect(pods[0]!.metadata.ownerReferences).toEqual([
    { apiVersion: 'v1', kind: 'ReplicationController', name: 'web', uid: owner.metadata.uid, controller: true, blockOwnerDeletion: true },
  ])
  expect((await cluster.eventTexts()).filter((text) => text.startsWith('SuccessfulCreate Created pod: web-'))).toHaveLength(3)
  await runAll()
  expect((await cluster.client.get(CoreV1ReplicationController, key)).status).toEqual({
    replicas: 3,
    fullyLabeledReplicas: 3,
    readyReplicas: 3,
    availableReplicas: 3,
    observedGeneration: 1,
  })
})

test('a deleted pod is replaced at once, though it is still ending', async () => {
  await start()
  await cluster.client.create(CoreV1ReplicationController, rc(2))
  await cluster.clock.advance(100)
  await runAll()
  const [first] = await cluster.pods()
  await cluster.client.delete(CoreV1Pod, { namespace: 'default', name: first!.metadata.name! })
  await cluster.clock.advance(100)
  expect(await cluster.pods()).toHaveLength(2)
  expect((await cluster.client.list(CoreV1Pod)).items).toHaveLength(3)
  await finishDeletions(cluster.client)
  await cluster.clock.advance(100)
  expect((await cluster.client.list(CoreV1Pod)).items).toHaveLength(2)
})

test('scaled to 1 it keeps the pod that is ready', async () => {
  await start()
  await cluster.client.create(CoreV1ReplicationController, rc(3))
  await cluster.clock.advance(100)
  const pods = await cluster.pods()
  for (const [index, pod] of pods.entries()) await runPod(cluster.client, pod, { now: cluster.clock.now(), isReady: index === 1 })
  await scale(1)
  expect((await cluster.pods()).map(({ metadata }) => metadata.name)).toEqual([pods[1]!.metadata.name])
  expect((await cluster.eventTexts()).filter((text) => text.startsWith('SuccessfulDelete Deleted pod: web-'))).toHaveLength(2)
})

test('a failed pod is replaced', async () => {
  await start()
  await cluster.client.create(CoreV1ReplicationController, rc(1))
  await cluster.clock.advance(100)
  const [pod] = await cluster.pods()
  await cluster.client.updateStatus(CoreV1Pod, { ...pod!, status: { phase: 'Failed' } })
  await cluster.clock.advance(100)
  expect(await cluster.pods()).toHaveLength(2)
})

test('a matching pod without a controller is adopted, and one whose labels change is released and replaced', async () => {
  await cluster.client.create(CoreV1Pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'stray', namespace: 'default', labels: { app: 'web' } },
    spec: { containers: [{ name: 'web', image: 'web:1' }] },
  })
  await start()
  const owner = await cluster.client.create(CoreV1ReplicationController, rc(1))
  await cluster.clock.advance(100)
  const [stray, ...others] = await cluster.pods()
  expect(others).toEqual([])
  expect(stray!.metadata.ownerReferences?.[0]?.uid).toBe(owner.metadata.uid)
  await cluster.client.patch(
    CoreV1Pod,
    { namespace: 'default', name: 'stray' },
    { type: 'application/merge-patch+json', body: { metadata: { labels: { app: 'debug' } } } },
  )
  await cluster.clock.advance(100)
  const released = await cluster.client.get(CoreV1Pod, { namespace: 'default', name: 'stray' })
  expect(released.metadata.ownerReferences ?? []).toEqual([])
  expect(await cluster.pods()).toHaveLength(2)
})

test('a refusal is reported as ReplicaFailure and an event, tried again with backoff, and cleared on success', async () => {
  await start()
  cluster.transport.intercept(async ({ method, path }) => {
    if (method === 'POST' && path.endsWith('/pods')) throw forbidden({ group: '', plural: 'pods' }, 'web', 'exceeded quota: small')
  })
  await cluster.client.create(CoreV1ReplicationController, rc(4))
  await cluster.clock.advance(1)
  const { status } = await cluster.client.get(CoreV1ReplicationController, key)
  expect(status?.conditions).toMatchObject([
    { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'pods "web" is forbidden: exceeded quota: small' },
  ])
  expect((await cluster.eventTexts())[0]).toMatch(/^FailedCreate Error creating: pods "web" is forbidden: exceeded quota: small/)
  const attempts = cluster.transport.requests.filter(({ method, path }) => method === 'POST' && path.endsWith('/pods')).length
  expect(attempts).toBeLessThan(4)
  cluster.transport.intercept(undefined)
  await cluster.clock.advance(10_000)
  expect(await cluster.pods()).toHaveLength(4)
  expect((await cluster.client.get(CoreV1ReplicationController, key)).status?.conditions).toBeUndefined()
})

test('pods become available minReadySeconds after they are ready', async () => {
  await start()
  const { spec, ...rest } = rc(1)
  await cluster.client.create(CoreV1ReplicationController, { ...rest, spec: { ...spec, minReadySeconds: 10 } })
  await cluster.clock.advance(100)
  await runAll()
  await cluster.clock.advance(5_000)
  expect((await cluster.client.get(CoreV1ReplicationController, key)).status?.availableReplicas).toBeUndefined()
  await cluster.clock.advance(6_000)
  expect((await cluster.client.get(CoreV1ReplicationController, key)).status?.availableReplicas).toBe(1)
})

test('a controller that is being deleted creates nothing', async () => {
  await start()
  const owner = rc(2)
  await cluster.client.create(CoreV1ReplicationController, { ...owner, metadata: { ...owner.metadata, finalizers: ['example.com/hold'] } })
  await cluster.clock.advance(100)
  await cluster.client.delete(CoreV1ReplicationController, key)
  for (const pod of await cluster.pods()) await cluster.client.delete(CoreV1Pod, { namespace: 'default', name: pod.metadata.name! })
  await cluster.clock.advance(1_000)
  expect(await cluster.pods()).toEqual([])
})

test('the number holds over broken watches and forgotten history', async () => {
  await start()
  await cluster.client.create(CoreV1ReplicationController, rc(3))
  for (let round = 0; round < 20; round++) {
    cluster.transport.breakWatches()
    if (round % 5 === 0) cluster.transport.compact()
    const [pod] = await cluster.pods()
    if (pod !== undefined) await cluster.client.delete(CoreV1Pod, { namespace: 'default', name: pod.metadata.name! })
    await cluster.clock.advance(3_000)
  }
  await cluster.clock.advance(60_000)
  expect(await cluster.pods()).toHaveLength(3)
})
