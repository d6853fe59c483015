import { expect, test } from 'vitest'
import type { ContainerDescription } from './container.ts'
import { eventTypes } from './events/event-log.ts'
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

const typesOf = (store: StatsStore) => store.events.list(new Set(eventTypes)).map(({ type, data }) => [type, data])

test('a container’s life is told: start, exit with its code, deletion, restart', () => {
  const store = new StatsStore({ capacity: 2, maxBytes: 1e6 })
  store.upsert(describe('/a', { id: 'x1', aliases: ['web'], startedMs: 1000 }), 1500)
  store.reportExit('x1', 2000, 137)
  store.remove('/a', 2001)
  store.upsert(describe('/b', { id: 'x2', aliases: ['web'], startedMs: 3000 }), 3100)
  expect(typesOf(store)).toEqual([
    ['containerCreation', {}],
    ['start', {}],
    ['exit', { exit: { exit_code: 137 } }],
    ['containerDeletion', { container_deletion: { exit_code: 137 } }],
    ['containerCreation', {}],
    ['restart', { restart: { count: 1, last_exit_code: 137 } }],
  ])
})

test('an exit that the runtime reports after the cgroup is gone is told all the same', () => {
  const store = new StatsStore({ capacity: 2, maxBytes: 1e6 })
  store.upsert(describe('/a', { id: 'x1' }), 1e6)
  store.remove('/a', 1e6)
  store.reportExit('x1', 1e6, 3)
  store.reportExit('unknown', 1e6, 4)
  expect(typesOf(store).at(-1)).toEqual(['exit', { exit: { exit_code: 3 } }])
})

test('containers that ran before the collector did are created and not started', () => {
  const store = new StatsStore({ capacity: 2, maxBytes: 1e6 })
  store.upsert(describe('/a', { startedMs: 0 }), 1e6)
  store.upsert(describe('/cgroup', { id: '', startedMs: 1e6 }), 1e6)
  expect(typesOf(store)).toEqual([
    ['containerCreation', {}],
    ['containerCreation', {}],
  ])
})
