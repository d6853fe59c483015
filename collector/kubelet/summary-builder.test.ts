import { expect, test } from 'vitest'
import type { Container, ContainerDescription } from '../container.ts'
import { column } from '../metrics.ts'
import { StatsStore } from '../stats-store.ts'
import { buildSummary } from './summary-builder.ts'

const uid = '3a5d0f1e-8f0b-4f5c-9f7a-0123456789ab'
const facts = { nodeName: 'n', bootedAtMs: 0, memoryCapacityBytes: 1000, swapCapacityBytes: 100 }

function add(store: StatsStore, changes: Partial<ContainerDescription> & { readonly name: string }): Container {
  const description = {
    id: '',
    aliases: [],
    namespace: '',
    labels: {},
    image: '',
    createdMs: 0,
    startedMs: 0,
    hasNetwork: false,
    ...changes,
  }
  const container = store.upsert(description, 0)!
  container.ring.begin(1000, 1000)
  container.ring.set(column.cpuUsage, 5)
  container.ring.set(column.memoryUsage, 50)
  container.ring.set(column.memoryWorkingSet, 40)
  container.ring.set(column.memorySwap, 3)
  return container
}

function pressure({ ring }: Container, total: number): void {
  ring.set(column.cpuPressureSome, total)
  ring.set(column.memoryPressureSome, total + 1)
  ring.set(column.ioPressureSome, total + 2)
}

const pod = { name: 'web', namespace: 'shop', uid, container: 'app', isSandbox: false }

test.each([
  `/kubepods/burstable/pod${uid}`,
  `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid.replaceAll('-', '_')}.slice`,
])('pressure of a pod is that of its own cgroup %s, that of a container its own', (name) => {
  const store = new StatsStore({ capacity: 2, maxBytes: 1e7 })
  pressure(add(store, { name }), 10)
  pressure(add(store, { name: `${name}/c`, id: 'c', pod }), 20)
  pressure(add(store, { name: '/' }), 30)
  const { node, pods } = buildSummary(store, facts, 2000)
  const total = (some: number) => ({ psi: { some: { total: some } } })
  expect(node.io).toMatchObject(total(32))
  expect(pods).toMatchObject([{ cpu: total(10), memory: total(11), io: total(12), containers: [{ io: total(22) }] }])
})

test('without pressure and without a cgroup of the pod there is none in the summary', () => {
  const store = new StatsStore({ capacity: 2, maxBytes: 1e7 })
  add(store, { name: '/docker/c', id: 'c', pod })
  const [only] = buildSummary(store, facts, 2000).pods
  expect(only?.io).toBeUndefined()
  expect(only?.cpu).not.toHaveProperty('psi.some')
  expect(only?.containers[0]?.io).toBeUndefined()
})

test.each([
  ['alone on cgroup v2', true, 10, 100, 7],
  ['together with memory on cgroup v1', false, 110, 100, 7],
  ['not at all', false, undefined, 100, undefined],
  ['together with memory that has no limit', false, 110, undefined, undefined],
])('swap that is limited %s: what is left of it', (_, hasSwapAlone, swapLimitBytes, memoryLimitBytes, left) => {
  const store = new StatsStore({ capacity: 2, maxBytes: 1e7 })
  const container = add(store, { name: '/docker/c', id: 'c', pod })
  container.spec.swapLimitBytes = swapLimitBytes
  container.spec.memoryLimitBytes = memoryLimitBytes
  const [only] = buildSummary(store, { ...facts, hasSwapAlone }, 2000).pods
  expect(only?.containers[0]?.swap).toMatchObject({ swapUsageBytes: 3, swapAvailableBytes: left })
  expect(only?.swap?.swapAvailableBytes).toBe(left)
})

test('a node that shares its machine uses nothing before it has a pod, and an unknown amount while its cgroup cannot be read', () => {
  const store = new StatsStore({ capacity: 2, maxBytes: 1e7 })
  const shared = { ...facts, nodeCgroups: ['/node', '/other'] }
  expect(buildSummary(store, shared, 2000).node).toMatchObject({ cpu: { usageCoreNanoSeconds: 0 }, memory: { workingSetBytes: 0 } })
  add(store, { name: '/docker/c', id: 'c', pod })
  const { node } = buildSummary(store, shared, 2000)
  expect([node.cpu, node.memory]).toEqual([undefined, undefined])
  add(store, { name: '/node' })
  expect(buildSummary(store, shared, 2000).node).toMatchObject({ cpu: { usageCoreNanoSeconds: 5 }, memory: { workingSetBytes: 40 } })
})
