import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { columnOf } from './catalog.ts'
import type { MetricName } from './catalog.ts'
import { createEntity } from './entity.ts'
import { MemoryWindow } from './memory-window.ts'
import { createMetricSet } from './metric-set.ts'
import type { Batch } from './metric-set.ts'

const start = Date.UTC(2030, 0, 1)
const at = (second: number) => start + second * 1000

interface Sample {
  readonly key?: string
  readonly values: Partial<Record<MetricName, number>>
  readonly labels?: Readonly<Record<string, string>>
  readonly disks?: Readonly<Record<string, number>>
}

function batch(second: number, ...samples: readonly Sample[]): Batch {
  const sets = samples.map(({ key = 'p1', values, labels = {}, disks = {} }) => {
    const set = createMetricSet(createEntity('pod', key, { pod_name: key, ...labels }))
    for (const [name, value] of Object.entries(values)) set.values[columnOf(name as MetricName)] = value
    for (const [resource, value] of Object.entries(disks)) set.labelled.push({ column: columnOf('filesystem/usage'), resource, value })
    return set
  })
  return { nodeName: 'n1', timestamp: at(second), sets: new Map(sets.map((set) => [set.entity.key, set])) }
}

const create = (options: Partial<ConstructorParameters<typeof MemoryWindow>[0]> = {}) =>
  new MemoryWindow({ windowMs: 3_600_000, maxBytes: 1 << 24, ...options })

describe('the memory window', () => {
  it('gives samples back oldest first, to the last digit, over many blocks', () => {
    const window = create()
    for (let second = 0; second < 700; second += 5) window.add(batch(second, { values: { 'cpu/usage_rate': second / 7, uptime: second } }))
    const [series] = window.series('cpu/usage_rate', { type: 'pod' })
    expect(Array.from(series!.timestamps)).toEqual(Array.from({ length: 140 }, (_, index) => at(index * 5)))
    expect(series!.values[139]).toBe(695 / 7)
    expect(window.latest('uptime', 'p1')).toEqual({ timestamp: at(695), value: 695 })
  })

  it('narrows to a range whose ends are inclusive', () => {
    const window = create()
    for (let second = 0; second < 100; second += 10) window.add(batch(second, { values: { uptime: second } }))
    const [series] = window.series('uptime', { key: 'p1' }, { since: at(20), until: at(40) })
    expect(Array.from(series!.values)).toEqual([20, 30, 40])
  })

  it('has no sample where there was none, and gains metrics on the way', () => {
    const window = create()
    window.add(batch(0, { values: { uptime: 0 } }))
    window.add(batch(5, { values: { uptime: 5, 'cpu/usage_rate': 0 } }))
    window.add(batch(10, { values: { 'cpu/usage_rate': 1 } }))
    const valuesOf = (name: MetricName) => [...window.series(name, {})].map(({ values }) => Array.from(values))
    expect(valuesOf('uptime')).toEqual([[0, 5]])
    expect(valuesOf('cpu/usage_rate')).toEqual([[0, 1]])
    expect(valuesOf('memory/usage')).toEqual([])
    expect(window.latest('uptime', 'p1')).toEqual({ timestamp: at(5), value: 5 })
  })

  it('keeps a series per resource of a labelled metric', () => {
    const window = create()
    window.add(batch(0, { values: {}, disks: { '/': 1 } }))
    window.add(batch(5, { values: {}, disks: { '/': 2, logs: 3 } }))
    const series = [...window.series('filesystem/usage', {})].map(({ resource, values }) => [resource, Array.from(values)])
    expect(series).toEqual([
      ['/', [1, 2]],
      ['logs', [3]],
    ])
  })

  it('finds entities by type, key and labels', () => {
    const window = create()
    window.add(
      batch(
        0,
        { key: 'p1', values: { uptime: 1 }, labels: { namespace_name: 'a' } },
        { key: 'p2', values: { uptime: 1 }, labels: { namespace_name: 'b' } },
      ),
    )
    const keys = (filter: Parameters<MemoryWindow['entities']>[0]) => [...window.entities(filter)].map(({ key }) => key)
    expect(keys({})).toEqual(['p1', 'p2'])
    expect(keys({ type: 'pod', labels: { namespace_name: 'b' } })).toEqual(['p2'])
    expect(keys({ key: 'p1', labels: { namespace_name: 'b' } })).toEqual([])
    expect(keys({ type: 'node' })).toEqual([])
  })

  it('lets go of samples and entities that have left the window', () => {
    const window = create({ windowMs: 600_000 })
    for (let second = 0; second < 3000; second += 5) {
      window.add(
        batch(second, { key: 'lasting', values: { uptime: second } }, ...(second < 300 ? [{ key: 'gone', values: { uptime: 1 } }] : [])),
      )
    }
    expect([...window.entities({})].map(({ key }) => key)).toEqual(['lasting'])
    const [series] = window.series('uptime', {})
    expect(series!.timestamps[0]).toBeGreaterThanOrEqual(at(3000 - 600 - 150 - 5))
    const { bytes, entities } = window.stats()
    expect(entities).toBe(1)
    expect(bytes).toBeLessThan(12_000)
  })

  it('holds its memory cap by dropping the oldest samples of all', () => {
    const window = create({ maxBytes: 30_000 })
    for (let second = 0; second < 36_000; second += 5) {
      window.add(batch(second, { key: 'a', values: { uptime: second, 'cpu/usage': second } }, { key: 'b', values: { uptime: second } }))
      expect(window.stats().bytes).toBeLessThanOrEqual(30_000)
    }
    expect(window.stats()).toMatchObject({ entities: 2, setsRefused: 0 })
    expect(window.stats().blocksDropped).toBeGreaterThan(0)
    for (const key of ['a', 'b']) expect(window.latest('uptime', key)!.timestamp).toBe(at(35_995))
  })

  it('refuses entities that there is no room for, and counts them', () => {
    const window = create({ maxBytes: 10_000 })
    const samples = Array.from({ length: 20 }, (_, index) => ({ key: `p${index}`, values: { uptime: 1 } }))
    for (let second = 0; second < 300; second += 5) window.add(batch(second, ...samples))
    expect(window.stats().bytes).toBeLessThanOrEqual(10_000)
    expect(window.stats().setsRefused).toBeGreaterThan(0)
    expect(window.latest('uptime', 'p0')!.timestamp).toBe(at(295))
  })

  it('holds more entities with shorter memories where there are many', () => {
    const maxBytes = 500_000
    const window = create({ maxBytes })
    for (let round = 0; round < 40; round++) {
      const samples = Array.from({ length: 180 }, (_, index) => ({
        key: `p${index}`,
        values: { uptime: round },
        disks: { a: 1, b: 2, c: 3 },
      }))
      window.add(batch(round * 5, ...samples))
    }
    // In blocks of twelve samples, of which a new one is begun before the old one goes, 159 would fit.
    expect(window.stats().entities).toBe(180)
    expect(window.stats().bytes).toBeLessThanOrEqual(maxBytes)
    for (const { values } of window.series('uptime', {})) expect(values.at(-1)).toBe(39)
  })

  it('says once per window that it is full', () => {
    const told: number[] = []
    const window = create({ maxBytes: 20_000, windowMs: 60_000, onFull: ({ entities }) => told.push(entities) })
    const samples = Array.from({ length: 30 }, (_, index) => ({ key: `p${index}`, values: { uptime: 1 } }))
    for (let second = 0; second < 90; second += 5) window.add(batch(second, ...samples))
    expect(told).toHaveLength(2)
    expect(window.stats()).toMatchObject({ entities: told[0], lastRefusal: at(85) })
  })

  it('keeps nothing of what is gone, also where every entity had resources of its own', () => {
    const window = create({ windowMs: 60_000 })
    for (let round = 0; round < 200; round++) {
      window.add(batch(round * 5, { key: `p${round}`, values: { uptime: 1 }, disks: { [`Volume:token-${round}`]: 1 } }))
    }
    const { layouts, entities } = window.stats()
    expect([entities, layouts]).toEqual([13, 13])
    window.add(batch(5000, { values: { uptime: 1 } }))
    expect(window.stats()).toMatchObject({ entities: 1, layouts: 1 })
  })

  it('gives room to who lives when the one that held it is gone', () => {
    const window = create({ maxBytes: 6000 })
    window.add(batch(0, { key: 'gone', values: { uptime: 1 } }))
    window.add(batch(5, { key: 'new', values: { uptime: 1 } }))
    window.add(batch(300, { key: 'new', values: { uptime: 2 } }, { key: 'newer', values: { uptime: 2 } }))
    expect([...window.entities({})].map(({ key }) => key).sort()).toEqual(['new', 'newer'].slice(0, window.stats().entities))
    expect(window.latest('uptime', 'gone')).toBeUndefined()
  })

  it('holds its cap, and what is left is what was written last, whatever comes', () => {
    const step = fc.record({
      keys: fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { maxLength: 12 }),
      gap: fc.integer({ min: 1, max: 400 }),
      metrics: fc.subarray(['cpu/usage_rate', 'memory/usage', 'memory/rss', 'network/rx_rate'] as const, { minLength: 1 }),
      disks: fc.subarray(['a', 'b', 'c']),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const window = create({ maxBytes: 40_000, windowMs: 600_000 })
        const written = new Map<string, number[]>()
        let second = 0
        for (const { keys, gap, metrics, disks } of steps) {
          second += gap
          const values = Object.fromEntries(metrics.map((name) => [name, second]))
          const samples = keys.map((index) => ({
            key: `p${index}`,
            values,
            disks: Object.fromEntries(disks.map((disk) => [disk, second])),
          }))
          const kept = new Set<string>()
          const unsubscribe = window.onBatch(({ entityKeys }) => entityKeys.forEach((key) => kept.add(key)))
          window.add(batch(second, ...samples))
          unsubscribe()
          for (const key of kept) if (values['memory/usage'] !== undefined) written.set(key, [...(written.get(key) ?? []), second])
          const { bytes, maxBytes } = window.stats()
          expect(bytes).toBeLessThanOrEqual(maxBytes)
          expect(bytes).toBeGreaterThanOrEqual(0)
        }
        for (const { entity, timestamps, values } of window.series('memory/usage', {})) {
          const expected = written.get(entity.key)!.slice(-values.length)
          expect([...values]).toEqual(expected)
          expect([...timestamps]).toEqual(expected.map(at))
        }
      }),
    )
  })

  it('tells its listeners of each batch until they leave', () => {
    const window = create()
    const heard: object[] = []
    const unsubscribe = window.onBatch((news) => heard.push(news))
    window.add(batch(0, { values: { uptime: 1 } }))
    unsubscribe()
    window.add(batch(5, { values: { uptime: 1 } }))
    expect(heard).toEqual([{ timestamp: at(0), entityKeys: ['p1'] }])
  })
})
