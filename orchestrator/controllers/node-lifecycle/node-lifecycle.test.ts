import { afterEach, beforeEach, expect, test } from 'vitest'
import { toMicroTimestamp } from '../../../lib/clock.ts'
import { CoordinationV1Lease, CoreV1Node, CoreV1Pod } from '../../api/generated/kinds.ts'
import type { CoreV1Toleration } from '../../api/generated/kinds.ts'
import { createPodGarbageCollector } from '../pod-garbage-collector/pod-garbage-collector.controller.ts'
import { createTaintEvictionController } from '../taint-eviction/taint-eviction.controller.ts'
import { createTestCluster, runPod, testNode } from '../test-cluster.ts'
import type { TestCluster } from '../test-cluster.ts'
import { createNodeLifecycleController } from './node-lifecycle.controller.ts'

let cluster: TestCluster

beforeEach(async () => {
  cluster = createTestCluster()
  await cluster.start(createNodeLifecycleController(cluster), createTaintEvictionController(cluster), createPodGarbageCollector(cluster))
  await cluster.client.create(CoreV1Node, testNode('node-1'))
  const metadata = { name: 'node-1', namespace: 'kube-node-lease' }
  await cluster.client.create(CoordinationV1Lease, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata,
    spec: { renewTime: toMicroTimestamp(cluster.clock.now()) },
  })
  const node = await cluster.client.get(CoreV1Node, { name: 'node-1' })
  await cluster.client.updateStatus(CoreV1Node, { ...node, status: testNode('node-1').status! })
  await cluster.clock.advance(100)
})
afterEach(() => cluster.stop())

/** Lets time pass with the node renewing its Lease every ten seconds. */
async function renew(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 10_000) {
    await cluster.client.patch(
      CoordinationV1Lease,
      { namespace: 'kube-node-lease', name: 'node-1' },
      { type: 'application/merge-patch+json', body: { spec: { renewTime: toMicroTimestamp(cluster.clock.now()) } } },
    )
    await cluster.clock.advance(10_000)
  }
}

async function addPod(name: string, tolerations: CoreV1Toleration[] = []): Promise<void> {
  const pod = await cluster.client.create(CoreV1Pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { nodeName: 'node-1', tolerations, containers: [{ name: 'c', image: 'i' }] },
  })
  await runPod(cluster.client, pod, { now: cluster.clock.now() })
}

const node = () => cluster.client.get(CoreV1Node, { name: 'node-1' })
const ready = async () => (await node()).status?.conditions?.find(({ type }) => type === 'Ready')
const taints = async () => ((await node()).spec?.taints ?? []).map(({ key, effect }) => `${key}:${effect}`)
const names = async () => (await cluster.pods()).map(({ metadata }) => metadata.name)
const isEnding = async (name: string) => !(await names()).includes(name)

test('a node that renews its Lease stays ready', async () => {
  await renew(120_000)
  expect((await ready())?.status).toBe('True')
  expect(await taints()).toEqual([])
})

test('a silent node is Unknown after 40 s, tainted as unreachable, and its pods are not ready', async () => {
  await addPod('p', [{ operator: 'Exists' }])
  await cluster.clock.advance(39_000)
  expect((await ready())?.status).toBe('True')
  await cluster.clock.advance(2_000)
  expect(await ready()).toMatchObject({ status: 'Unknown', reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' })
  expect((await taints()).toSorted()).toEqual(['node.kubernetes.io/unreachable:NoExecute', 'node.kubernetes.io/unreachable:NoSchedule'])
  const pod = await cluster.client.get(CoreV1Pod, { namespace: 'default', name: 'p' })
  expect(pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('False')
  expect(await cluster.eventTexts()).toContain('NodeNotReady Node node-1 status is now: NodeNotReady')
})

test('a node that comes back loses its taints, and pods that could wait were not removed', async () => {
  await addPod('patient', [{ key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }])
  await cluster.clock.advance(60_000)
  const current = await node()
  await cluster.client.updateStatus(CoreV1Node, { ...current, status: testNode('node-1').status! })
  await renew(60_000)
  expect(await taints()).toEqual([])
  expect(await names()).toEqual(['patient'])
})

test('pods leave an unreachable node after their tolerationSeconds, at once without a toleration', async () => {
  const unreachable = { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' }
  await addPod('plain')
  await addPod('patient', [{ ...unreachable, tolerationSeconds: 300 }])
  await addPod('tied', [unreachable])
  await cluster.clock.advance(45_000)
  expect(await isEnding('plain')).toBe(true)
  expect(await isEnding('patient')).toBe(false)
  await cluster.clock.advance(300_000)
  expect(await isEnding('patient')).toBe(true)
  expect(await isEnding('tied')).toBe(false)
  expect(await cluster.eventTexts()).toContain('TaintManagerEviction Marking for deletion Pod default/plain')
})

test.each([
  {
    name: 'a node that reports itself not ready',
    conditions: [{ type: 'Ready', status: 'False' }],
    expected: ['node.kubernetes.io/not-ready:NoExecute', 'node.kubernetes.io/not-ready:NoSchedule'],
  },
  {
    name: 'pressure',
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'DiskPressure', status: 'True' },
    ],
    expected: ['node.kubernetes.io/disk-pressure:NoSchedule'],
  },
])('$name is tainted so', async ({ conditions, expected }) => {
  const current = await node()
  await cluster.client.updateStatus(CoreV1Node, { ...current, status: { ...current.status, conditions } })
  await cluster.clock.advance(100)
  expect((await taints()).toSorted()).toEqual(expected)
})

test('cordoning taints, and taints of users stay', async () => {
  const body = { spec: { unschedulable: true, taints: [{ key: 'mine', effect: 'NoExecute' }] } }
  await cluster.client.patch(CoreV1Node, { name: 'node-1' }, { type: 'application/merge-patch+json', body })
  await renew(10_000)
  expect((await taints()).toSorted()).toEqual(['mine:NoExecute', 'node.kubernetes.io/unschedulable:NoSchedule'])
  await cluster.client.patch(
    CoreV1Node,
    { name: 'node-1' },
    { type: 'application/merge-patch+json', body: { spec: { unschedulable: null } } },
  )
  await renew(10_000)
  expect(await taints()).toEqual(['mine:NoExecute'])
})

test('pods of a node that is gone for 40 s are removed', async () => {
  await addPod('p', [{ operator: 'Exists' }])
  await cluster.client.delete(CoreV1Node, { name: 'node-1' })
  await cluster.clock.advance(39_000)
  expect(await names()).toEqual(['p'])
  await cluster.clock.advance(3_000)
  expect((await cluster.client.list(CoreV1Pod)).items).toEqual([])
})

test('pods that end on a node which is out of service go at once; on one that is only unreachable, or ready, they wait for their agent', async () => {
  const taint = { key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' }
  await addPod('stateful-0')
  await cluster.clock.advance(45_000)
  const before = await cluster.client.list(CoreV1Pod)
  expect(before.items.map(({ metadata }) => [metadata.name, metadata.deletionTimestamp === undefined])).toEqual([['stateful-0', false]])
  const all = [...((await node()).spec?.taints ?? []), taint]
  await cluster.client.patch(CoreV1Node, { name: 'node-1' }, { type: 'application/merge-patch+json', body: { spec: { taints: all } } })
  await cluster.clock.advance(1000)
  expect((await cluster.client.list(CoreV1Pod)).items).toEqual([])
})

test('the out-of-service taint alone removes nothing from a node that is ready', async () => {
  await addPod('p', [{ operator: 'Exists' }])
  await cluster.client.patch(
    CoreV1Node,
    { name: 'node-1' },
    {
      type: 'application/merge-patch+json',
      body: { spec: { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] } },
    },
  )
  await cluster.client.delete(CoreV1Pod, { namespace: 'default', name: 'p' })
  await renew(10_000)
  expect((await cluster.client.list(CoreV1Pod)).items).toHaveLength(1)
})
