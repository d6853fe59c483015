import { expect, test } from 'vitest'
import type { ContainerSpec } from './container.ts'
import { column } from './metrics.ts'
import { nearestLimits } from './nearest-limits.ts'
import { StatsStore } from './stats-store.ts'

function tree(specs: Readonly<Record<string, Partial<ContainerSpec> & { usage?: number }>>): StatsStore {
  const store = new StatsStore({ capacity: 2, maxBytes: 1e7 })
  for (const [name, { usage = 0, ...spec }] of Object.entries(specs)) {
    const described = { name, id: '', aliases: [], namespace: '', labels: {}, image: '', createdMs: 0, startedMs: 0, hasNetwork: false }
    const container = store.upsert(described, 0)!
    Object.assign(container.spec, spec)
    container.ring.begin(0, 0)
    container.ring.set(column.memoryUsage, usage)
  }
  return store
}

test('a pod that is tighter than its container bounds it', () => {
  const store = tree({
    '/': { memoryLimitBytes: 1000, usage: 400 },
    '/kubepods': { memoryLimitBytes: 900, usage: 300 },
    '/kubepods/pod1': { memoryLimitBytes: 100, cpuQuotaUs: 50_000, cpuPeriodUs: 100_000, usage: 80 },
    '/kubepods/pod1/a': { memoryLimitBytes: 200, cpuQuotaUs: 200_000, cpuPeriodUs: 100_000, usage: 50 },
  })
  expect(nearestLimits(store.get('/kubepods/pod1/a')!, store, 4)).toEqual({
    memory: { bytes: 100, freeBytes: 20, of: '/kubepods/pod1' },
    cpu: { cores: 0.5, of: '/kubepods/pod1' },
  })
})

test('a larger limit above can have less left', () => {
  const store = tree({ '/': { memoryLimitBytes: 1000, usage: 990 }, '/a': { memoryLimitBytes: 100, usage: 10 } })
  expect(nearestLimits(store.get('/a')!, store, 2)).toEqual({
    memory: { bytes: 100, freeBytes: 10, of: '/a' },
    cpu: { cores: 2, of: '/' },
  })
})

test('v1 writes -1 for no quota, and cgroups between may be unknown', () => {
  const store = tree({ '/': { memoryLimitBytes: 1000 }, '/x/y/a': { cpuQuotaUs: -1, cpuPeriodUs: 100_000 } })
  expect(nearestLimits(store.get('/x/y/a')!, store, 2)).toMatchObject({ memory: { bytes: 1000, of: '/' }, cpu: { cores: 2, of: '/' } })
})
