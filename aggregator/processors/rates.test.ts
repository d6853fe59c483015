import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { columnOf, metrics } from '../catalog.ts'
import { createEntity } from '../entity.ts'
import { createMetricSet } from '../metric-set.ts'
import type { MetricSet } from '../metric-set.ts'
import { createRates } from './rates.ts'

const rated = metrics.flatMap(({ name, rate, isLabelled }) => (rate === undefined || isLabelled === true ? [] : [columnOf(name)]))
const counters = metrics.flatMap(({ name, type, isLabelled }) => (type === 'cumulative' && isLabelled !== true ? [columnOf(name)] : []))
const readBytes = columnOf('disk/io_read_bytes')
const readRate = columnOf('disk/io_read_bytes_rate')
const share = columnOf('cpu/cfs_throttled_share')

/** One reading of a node: whatever a counter says, whenever it was measured, however often its container began anew. */
const reading = fc.record({
  count: fc.oneof(fc.nat(1e6), fc.double({ min: 0, max: 2 ** 64, noNaN: true })),
  measuredAt: fc.integer({ min: 0, max: 200_000 }),
  startedAt: fc.oneof(fc.constant(Number.NaN), fc.integer({ min: 0, max: 200_000 })),
  arrivesAfterMs: fc.integer({ min: 0, max: 20_000 }),
})

function toSet({ count, measuredAt, startedAt }: { count: number; measuredAt: number; startedAt: number }): MetricSet {
  const set = createMetricSet(createEntity('pod_container', 'c'), { startedAt })
  for (const column of counters) set.values[column] = count
  set.labelled.push({ column: readBytes, resource: 'all', value: count })
  Object.assign(set.measuredAt, { cpu: measuredAt, memory: measuredAt, network: measuredAt, disk: measuredAt })
  return set
}

describe('rates', () => {
  it('are never negative, infinite or wrapped, whatever a node says', () => {
    fc.assert(
      fc.property(fc.array(reading, { maxLength: 30 }), (readings) => {
        const rates = createRates({ holdMs: 15_000 })
        let timestamp = 0
        let most = 0
        for (const { arrivesAfterMs, ...known } of readings) {
          timestamp += arrivesAfterMs
          most = Math.max(most, known.count)
          const set = toSet(known)
          rates.process({ nodeName: 'n1', timestamp, sets: new Map([['c', set]]) })
          const found = [
            ...rated.map((column) => set.values[column]!),
            ...set.labelled.flatMap((entry) => (entry.column === readRate ? [entry.value] : [])),
          ]
          for (const rate of found.filter((value) => !Number.isNaN(value))) {
            expect(rate).toBeGreaterThanOrEqual(0)
            // All of a counter within a millisecond is the most that can have been.
            expect(rate).toBeLessThanOrEqual(most * 1000)
          }
          if (!Number.isNaN(set.values[share])) expect(set.values[share]).toBeLessThanOrEqual(1)
          if (set.cpu !== undefined) expect(set.cpu.windowMs).toBeGreaterThan(0)
        }
      }),
    )
  })

  it('of a steady counter are its pace, however unevenly it is read', () => {
    const gaps = fc.array(fc.integer({ min: 1, max: 14_000 }), { minLength: 2, maxLength: 20 })
    fc.assert(
      fc.property(gaps, fc.integer({ min: 0, max: 8000 }), (steps, millicores) => {
        const rates = createRates({ holdMs: 15_000 })
        let now = 1_000_000
        for (const [index, step] of steps.entries()) {
          now += step
          const set = toSet({ count: now * millicores * 1000, measuredAt: now, startedAt: 0 })
          rates.process({ nodeName: 'n1', timestamp: now, sets: new Map([['c', set]]) })
          const [rate, windowMs] = index === 0 ? [millicores, step] : [set.values[columnOf('cpu/usage_rate')]!, set.cpu!.windowMs]
          expect(rate).toBeCloseTo(millicores, 6)
          expect(windowMs).toBe(step)
        }
      }),
    )
  })
})
