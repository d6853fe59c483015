import { afterEach, beforeEach, expect, test } from 'vitest'
import { toTimestamp } from '../../../lib/clock.ts'
import { AppsV1ControllerRevision, AppsV1DaemonSet, CoreV1Node, CoreV1Pod } from '../../api/generated/kinds.ts'
import { createTestCluster, finishDeletions, runPod, testNode } from '../test-cluster.ts'
import type { TestCluster } from '../test-cluster.ts'
import { createDaemonSetController } from './daemonset.controller.ts'
import { nodeOf } from './daemonset.plan.ts'

const key = { namespace: 'default', name: 'agent' }
const daemonSet = (more: Partial<AppsV1DaemonSet['spec']> = {}): AppsV1DaemonSet => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: key,
  spec: {
    selector: { matchLabels: { app: 'agent' } },
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
    template: { metadata: { labels: { app: 'agent' } }, spec: { containers: [{ name: 'agent', image: 'agent:1' }] } },
    ...more,
  },
})

let cluster: TestCluster

beforeEach(async () => {
  cluster = createTestCluster()
  for (const name of ['a', 'b', 'c'])
    await cluster.client.create(CoreV1Node, testNode(name, { metadata: { name, labels: { disk: name === 'c' ? 'hdd' : 'ssd' } } }))
  await cluster.start(createDaemonSetController(cluster))
})
afterEach(() => cluster.stop())

/** One round: pods start on the node that they are meant for, leaving ones end, a second passes. Answers how many nodes had a running pod. */
async function round(): Promise<number> {
  for (const pod of await cluster.pods()) {
    if (pod.status?.phase === undefined || pod.status.phase === 'Pending') {
      await runPod(cluster.client, pod, { now: cluster.clock.now(), node: nodeOf(pod)! })
    }
  }
  await finishDeletions(cluster.client)
  await cluster.clock.advance(1_000)
  const running = (await cluster.pods()).filter(({ status }) => status?.phase === 'Running')
  return new Set(running.map(nodeOf)).size
}
async function rounds(count: number): Promise<number> {
  let fewest = Infinity
  for (let at = 0; at < count; at++) fewest = Math.min(fewest, await round())
  return fewest
}

const nodes = async () => (await cluster.pods()).map((pod) => nodeOf(pod)!).toSorted()
const images = async () => (await cluster.pods()).map(({ spec }) => spec.containers[0]!.image!)
const status = async () => (await cluster.client.get(AppsV1DaemonSet, key)).status!
const patch = (spec: object) => cluster.client.patch(AppsV1DaemonSet, key, { type: 'application/merge-patch+json', body: { spec } })
const setImage = (image: string) => patch({ template: { spec: { containers: [{ name: 'agent', image }] } } })

test('every node has one pod, bound to it through the scheduler, and a new node gets its own', async () => {
  await cluster.client.create(AppsV1DaemonSet, daemonSet())
  await rounds(2)
  expect(await nodes()).toEqual(['a', 'b', 'c'])
  const [pod] = await cluster.pods()
  expect(pod!.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms).toHaveLength(1)
  expect(pod!.spec.tolerations).toContainEqual({ key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' })
  expect(await status()).toMatchObject({
    desiredNumberScheduled: 3,
    currentNumberScheduled: 3,
    numberReady: 3,
    numberAvailable: 3,
    updatedNumberScheduled: 3,
  })
  await cluster.client.create(CoreV1Node, testNode('d'))
  await rounds(2)
  expect(await nodes()).toEqual(['a', 'b', 'c', 'd'])
})

test('a node selector chooses nodes, and a changed label moves the pods', async () => {
  const template = daemonSet().spec.template
  await cluster.client.create(
    AppsV1DaemonSet,
    daemonSet({ template: { ...template, spec: { ...template.spec!, nodeSelector: { disk: 'ssd' } } } }),
  )
  await rounds(2)
  expect(await nodes()).toEqual(['a', 'b'])
  const relabel = (name: string, disk: string) =>
    cluster.client.patch(CoreV1Node, { name }, { type: 'application/merge-patch+json', body: { metadata: { labels: { disk } } } })
  await relabel('c', 'ssd')
  await relabel('a', 'hdd')
  await rounds(2)
  expect(await nodes()).toEqual(['b', 'c'])
})

test('a tainted node gets no pod; one with NoSchedule keeps the pod that it has, one with NoExecute does not', async () => {
  await cluster.client.create(AppsV1DaemonSet, daemonSet())
  await rounds(2)
  const taint = (name: string, effect: string) =>
    cluster.client.patch(
      CoreV1Node,
      { name },
      { type: 'application/merge-patch+json', body: { spec: { taints: [{ key: 'own', effect }] } } },
    )
  await taint('a', 'NoSchedule')
  await taint('b', 'NoExecute')
  await rounds(2)
  expect(await nodes()).toEqual(['a', 'c'])
  expect(await status()).toMatchObject({ desiredNumberScheduled: 1, numberMisscheduled: 1 })
})

test('cordoned and silent nodes keep theirs', async () => {
  await cluster.client.patch(
    CoreV1Node,
    { name: 'a' },
    {
      type: 'application/merge-patch+json',
      body: {
        spec: {
          taints: [
            { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' },
            { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' },
          ],
        },
      },
    },
  )
  await cluster.client.create(AppsV1DaemonSet, daemonSet())
  await rounds(2)
  expect(await nodes()).toEqual(['a', 'b', 'c'])
})

test('a rolling update leaves at most maxUnavailable nodes without a working pod', async () => {
  await cluster.client.create(AppsV1DaemonSet, daemonSet())
  await rounds(2)
  await setImage('agent:2')
  expect(await rounds(10)).toBe(2)
  expect(await images()).toEqual(['agent:2', 'agent:2', 'agent:2'])
  expect(await status()).toMatchObject({ updatedNumberScheduled: 3, numberAvailable: 3 })
})

test('a surge never leaves a node without one', async () => {
  await cluster.client.create(
    AppsV1DaemonSet,
    daemonSet({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } } }),
  )
  await rounds(2)
  await setImage('agent:2')
  expect(await rounds(10)).toBe(3)
  expect(await images()).toEqual(['agent:2', 'agent:2', 'agent:2'])
})

test('OnDelete waits for somebody to delete a pod', async () => {
  await cluster.client.create(AppsV1DaemonSet, daemonSet({ updateStrategy: { type: 'OnDelete' } }))
  await rounds(2)
  await setImage('agent:2')
  await rounds(3)
  expect(await images()).toEqual(['agent:1', 'agent:1', 'agent:1'])
  const [pod] = await cluster.pods()
  await cluster.client.delete(CoreV1Pod, { namespace: 'default', name: pod!.metadata.name! })
  await rounds(3)
  expect((await images()).toSorted()).toEqual(['agent:1', 'agent:1', 'agent:2'])
})

test('a failed pod is replaced at once, and again and again with growing delays', async () => {
  await cluster.client.create(AppsV1DaemonSet, daemonSet())
  await rounds(2)
  const fail = async () => {
    const pod = (await cluster.pods()).find((candidate) => nodeOf(candidate) === 'a')!
    await cluster.client.updateStatus(CoreV1Pod, { ...pod, status: { phase: 'Failed', startTime: toTimestamp(cluster.clock.now()) } })
    const { uid } = pod.metadata
    let seconds = 0
    while ((await cluster.pods()).some(({ metadata }) => metadata.uid === uid) && seconds++ < 100) await cluster.clock.advance(1_000)
    await rounds(2)
    return seconds
  }
  const delays = [await fail(), await fail(), await fail(), await fail()]
  expect(delays[0]).toBeLessThanOrEqual(1)
  expect(delays[3]).toBeGreaterThan(delays[1]!)
  expect(await nodes()).toEqual(['a', 'b', 'c'])
})

test('going back to an older template raises its revision', async () => {
  await cluster.client.create(AppsV1DaemonSet, daemonSet())
  await rounds(2)
  for (const image of ['agent:2', 'agent:1']) {
    await setImage(image)
    await rounds(8)
  }
  const revisions = (await cluster.client.list(AppsV1ControllerRevision)).items
  expect(revisions.map(({ revision }) => revision).toSorted((a, b) => a - b)).toEqual([2, 3])
  expect(await images()).toEqual(['agent:1', 'agent:1', 'agent:1'])
})
