import { afterEach, beforeEach, expect, test } from 'vitest'
import { parse } from 'yaml'
import { CoreV1ConfigMap, CoreV1Node, CoreV1Pod, PolicyV1PodDisruptionBudget } from '../../orchestrator/api/generated/kinds.ts'
import { createTestCluster } from '../../orchestrator/controllers/test-cluster.ts'
import type { TestCluster } from '../../orchestrator/controllers/test-cluster.ts'
import { createScheduler } from '../../orchestrator/scheduler/app.ts'
import { createClusterAutoscaler } from '../../orchestrator/autoscaler/app.ts'
import { createFakeProvider } from '../../orchestrator/autoscaler/fake-provider.ts'
import type { FakeProvider } from '../../orchestrator/autoscaler/fake-provider.ts'
import { testNode, testPod } from '../../orchestrator/autoscaler/fixtures.ts'
import { freshNode, toBeDeletedTaint } from '../../orchestrator/autoscaler/nodes.ts'

let cluster: TestCluster
let provider: FakeProvider
const minutes = (count: number) => cluster.clock.advance(count * 60_000)

beforeEach(async () => {
  cluster = createTestCluster()
  provider = createFakeProvider([{ id: 'g', minSize: 0, maxSize: 3, template: testNode('template', { group: 'g' }) }])
  provider.onDelete = async ({ metadata }) => {
    await cluster.client.delete(CoreV1Node, { name: metadata.name! })
  }
  // The fake server knows no evictions.
  cluster.transport.intercept(async ({ path, method }) => {
    const match = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/eviction$/.exec(path)
    if (match === null || method !== 'POST') return undefined
    await cluster.client.delete(CoreV1Pod, { namespace: match[1]!, name: match[2]! }, { gracePeriodSeconds: 0 })
    return {}
  })
})
afterEach(() => cluster.stop())

async function start(settings = {}): Promise<void> {
  const autoscaler = createClusterAutoscaler({ ...cluster, provider, settings })
  const scheduler = createScheduler(cluster)
  cluster.keep((signal) => autoscaler.run(signal))
  cluster.keep((signal) => scheduler.run(signal))
  await cluster.start()
  await cluster.clock.advance(20)
}
const addNode = (name: string, group?: string) => cluster.client.create(CoreV1Node, testNode(name, group === undefined ? {} : { group }))
/** What was asked for comes. */
async function deliver(): Promise<void> {
  const { items } = await cluster.client.list(CoreV1Node)
  const present = items.filter(({ metadata }) => metadata.labels?.['group'] === 'g').length
  for (let index = present; index < provider.sizes.get('g')!; index++) {
    await cluster.client.create(CoreV1Node, freshNode(provider.groups.get('g')!.template, `new-${index}`))
  }
}
const addPod = (...args: Parameters<typeof testPod>) => cluster.client.create(CoreV1Pod, testPod(...args))
const nodeOf = async (name: string) => (await cluster.client.get(CoreV1Pod, { namespace: 'default', name })).spec.nodeName
const nodeNames = async () => (await cluster.client.list(CoreV1Node)).items.map(({ metadata }) => metadata.name)
const status = async () => {
  const { data } = await cluster.client.get(CoreV1ConfigMap, { namespace: 'kube-system', name: 'cluster-autoscaler-status' })
  return parse(data!['status']!)
}

test('pods that fit nowhere get nodes, and the nodes go when nobody needs them any more', async () => {
  provider.sizes.set('g', 0)
  await addNode('fixed')
  await start()
  for (const name of ['a', 'b', 'c']) await addPod(name, '3')
  await cluster.clock.advance(5_000)
  expect(provider.calls).toEqual(['increase g 2'])
  expect((await cluster.eventTexts()).filter((text) => text.startsWith('TriggeredScaleUp'))).toEqual([
    'TriggeredScaleUp pod triggered scale-up: [{g 0->2 (max: 3)}]',
    'TriggeredScaleUp pod triggered scale-up: [{g 0->2 (max: 3)}]',
  ])
  expect((await status()).nodeGroups[0]).toMatchObject({ name: 'g', health: { cloudProviderTarget: 2 }, scaleUp: { status: 'InProgress' } })

  await deliver()
  await cluster.clock.advance(60_000)
  expect(new Set([await nodeOf('a'), await nodeOf('b'), await nodeOf('c')]).size).toBe(3)
  expect(provider.calls).toEqual(['increase g 2'])

  for (const name of ['a', 'b', 'c']) await cluster.client.delete(CoreV1Pod, { namespace: 'default', name }, { gracePeriodSeconds: 0 })
  await minutes(9)
  expect(provider.calls).toHaveLength(1)
  await minutes(4)
  expect(provider.calls.slice(1).toSorted()).toEqual(['delete g new-0', 'delete g new-1'])
  expect(await nodeNames()).toEqual(['fixed'])
  expect((await cluster.eventTexts()).join('\n')).toContain('ScaleDownEmpty Scale-down: removing empty node new-0')
})

test('a pod that no node of a group would help says why, and nothing is asked for', async () => {
  await addNode('fixed')
  await start()
  await addPod('huge', '64')
  await cluster.clock.advance(5_000)
  expect(provider.calls).toEqual([])
  expect(await cluster.eventTexts()).toContain("NotTriggerScaleUp pod didn't trigger scale-up: 1 Insufficient cpu")
})

test('an idle node is drained: its pods go first, nothing new comes meanwhile', async () => {
  provider.sizes.set('g', 1)
  await addNode('fixed')
  await addNode('idle', 'g')
  await start()
  await addPod('p', '1', { nodeName: 'idle' })
  const taints: string[] = []
  provider.onDelete = async ({ metadata }) => {
    const node = await cluster.client.get(CoreV1Node, { name: metadata.name! })
    taints.push(...(node.spec.taints ?? []).map(({ key }) => key))
    await cluster.client.delete(CoreV1Node, { name: metadata.name! })
  }
  await minutes(12)
  expect(provider.calls).toEqual(['delete g idle'])
  expect(taints).toEqual([toBeDeletedTaint])
  expect(await cluster.pods()).toEqual([])
  expect(await cluster.eventTexts()).toContain('ScaleDown deleting pod for node scale down')
})

test('a pod that comes between the choice of a node and its mark is judged, too: the node stays, and so does the pod', async () => {
  provider.sizes.set('g', 1)
  await addNode('fixed')
  await addNode('idle', 'g')
  await start()
  let isIn = false
  cluster.transport.intercept(async ({ path, method }) => {
    if (method !== 'PATCH' || path !== '/api/v1/nodes/idle' || isIn) return undefined
    isIn = true
    const { ownerReferences: _, ...metadata } = testPod('late', '1').metadata
    await cluster.client.create(CoreV1Pod, { ...testPod('late', '1', { nodeName: 'idle' }), metadata })
    return undefined
  })
  await minutes(12)
  expect([isIn, provider.calls, await nodeOf('late')]).toEqual([true, [], 'idle'])
  expect((await cluster.client.get(CoreV1Node, { name: 'idle' })).spec.taints).toEqual([])
  expect((await cluster.eventTexts()).join('\n')).toContain('it is needed again: NotReplicated: default/late')
})

test('a pod that comes while a node is drained ends that, and is not evicted', async () => {
  provider.sizes.set('g', 1)
  await addNode('fixed')
  await addNode('idle', 'g')
  await start()
  await addPod('p', '1', { nodeName: 'idle' })
  cluster.transport.intercept(async ({ path, method }) => {
    if (method === 'POST' && path.endsWith('/pods/p/eviction')) await addPod('late', '1', { nodeName: 'idle' })
    return undefined
  })
  await minutes(11)
  expect([provider.calls, await nodeOf('late')]).toEqual([[], 'idle'])
  expect((await cluster.eventTexts()).join('\n')).toContain('a pod has come: default/late')
})

test('a node stays while a budget, an annotation or the minimum keeps it', async () => {
  provider.sizes.set('g', 1)
  await addNode('fixed')
  await addNode('kept', 'g')
  await cluster.client.create(PolicyV1PodDisruptionBudget, {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'b', namespace: 'default' },
    spec: { selector: {} },
    status: { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
  })
  await start()
  await addPod('p', '1', { nodeName: 'kept' })
  await minutes(30)
  expect(provider.calls).toEqual([])
})

test('a group that refuses rests; it is asked again when that is over', async () => {
  await addNode('fixed', undefined)
  await start()
  provider.refusal = 'out of quota'
  await addPod('p', '4')
  await addPod('q', '4')
  await cluster.clock.advance(5_000)
  expect(await cluster.eventTexts()).toContain('FailedToScaleUpGroup Scale-up failed for group g: out of quota')
  await minutes(1)
  expect((await status()).nodeGroups[0].scaleUp.status).toBe('Backoff')
  provider.refusal = undefined
  await minutes(3)
  expect(provider.calls).toEqual([])
  await minutes(2)
  expect(provider.calls).toEqual(['increase g 1'])
})

test('nodes that do not come are given up, and the group rests', async () => {
  await addNode('fixed')
  await start({ maxNodeProvisionMs: 120_000 })
  await addPod('p', '4')
  await addPod('q', '4')
  await minutes(3)
  expect(provider.calls).toEqual(['increase g 1', 'decrease g 1'])
  expect((await cluster.eventTexts()).join('\n')).toContain('nodes are not there after 120 s')
})

test('a node that has died is not waited for: others come in its place, and it goes after 20 minutes', async () => {
  provider.sizes.set('g', 1)
  await addNode('fixed')
  await addNode('dead', 'g')
  await start()
  await addPod('p', '4', { nodeName: 'fixed' })
  await minutes(5)
  // As the controller of nodes does it.
  const spec = { taints: [{ key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule' }] }
  const dead = await cluster.client.update(CoreV1Node, { ...(await cluster.client.get(CoreV1Node, { name: 'dead' })), spec })
  const lastTransitionTime = new Date(cluster.clock.now()).toISOString()
  const conditions = [{ type: 'Ready', status: 'Unknown', lastTransitionTime }]
  await cluster.client.updateStatus(CoreV1Node, { ...dead, status: { ...dead.status, conditions } })
  await addPod('q', '4')
  await minutes(1)
  expect(provider.calls).toEqual(['increase g 1'])
  await cluster.client.create(CoreV1Node, freshNode(provider.groups.get('g')!.template, 'new-1'))
  await minutes(18)
  expect(provider.calls).toHaveLength(1)
  await minutes(4)
  expect(provider.calls.slice(1)).toEqual(['delete g dead'])
})

test('a group below its minimum is filled up', async () => {
  provider.groups.set('g', { ...provider.groups.get('g')!, minSize: 2 })
  await start()
  expect(provider.calls).toEqual(['increase g 2'])
})

test('a mark that a killed autoscaler left is taken off', async () => {
  provider.sizes.set('g', 1)
  await cluster.client.create(CoreV1Node, {
    ...testNode('n', { group: 'g' }),
    spec: { taints: [{ key: toBeDeletedTaint, value: '1', effect: 'NoSchedule' }] },
  })
  await start()
  await cluster.clock.advance(100)
  expect((await cluster.client.get(CoreV1Node, { name: 'n' })).spec.taints).toEqual([])
})
