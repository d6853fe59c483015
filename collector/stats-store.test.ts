import { expect, test } from 'vitest'
import type { ContainerDescription } from './container.ts'
import { column } from './metrics.ts'
import { oomKills, StatsStore } from './stats-store.ts'

const describe = (name: string, changes: Partial<ContainerDescription> = {}): ContainerDescription => ({
  name,
  id: name,
  aliases: [name],
  namespace: 'docker',
  labels: {},
  image: '',
  createdMs: 0,
  startedMs: 0,
  hasNetwork: true,
  ...changes,
})
const pod = { name: 'web', namespace: 'shop', uid: 'u1', container: 'app', isSandbox: false }

test('OOM kills go on counting when a pod’s container is made anew', () => {
  const store = new StatsStore({ capacity: 2, maxBytes: 1e6 })
  const first = store.upsert(describe('/a', { pod }), 0)!
  first.ring.begin(1, 1)
  first.ring.set(column.memoryOomKills, 2)
  store.remove('/a', 1)
  const second = store.upsert(describe('/b', { pod }), 2)!
  expect(oomKills(second)).toBe(2)
  second.ring.begin(2, 2)
  second.ring.set(column.memoryOomKills, 1)
  expect(oomKills(second)).toBe(3)
})

test('a kill that took the cgroup with it counts by the runtime’s report, and never twice', () => {
  const store = new StatsStore({ capacity: 2, maxBytes: 1e6 })
  const container = store.upsert(describe('/a'), 0)!
  store.reportOom('/a', 1)
  expect(oomKills(container)).toBe(1)
  container.ring.begin(1, 1)
  container.ring.set(column.memoryOomKills, 1)
  expect(oomKills(container)).toBe(1)
})

test('at the cap of bytes further containers are refused and counted, known ones go on', () => {
  const store = new StatsStore({ capacity: 100, maxBytes: 3000 })
  expect(store.upsert(describe('/a'), 0)).toBeDefined()
  expect(store.upsert(describe('/b'), 0)).toBeDefined()
  expect(store.upsert(describe('/c'), 0)).toBeUndefined()
  expect(store.upsert(describe('/a', { image: 'new' }), 0)?.description.image).toBe('new')
  expect([store.size, store.refused]).toEqual([2, 1])
})

test('births, deaths and OOMs are remembered, bounded', () => {
  const store = new StatsStore({ capacity: 2, maxBytes: 1e9 })
  for (let index = 0; index < 3000; index++) {
    store.upsert(describe('/a'), index)
    store.remove('/a', index)
  }
  expect(store.events()).toHaveLength(4096)
  expect(store.events().at(-1)).toEqual({ containerName: '/a', timestampMs: 2999, type: 'containerDeletion' })
})
