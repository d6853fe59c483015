import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import type { CustomSample } from '../custom-metrics.ts'
import { CustomMetricsStore } from './custom-metrics-store.ts'
import type { ExpositionSample } from './exposition-reader.ts'

const gauge = (name: string, value: number, labels: Record<string, string> = {}): ExpositionSample => ({
  name,
  type: 'gauge',
  labels,
  value,
  timestamp: undefined,
})
const counter = (name: string, value: number, labels: Record<string, string> = {}): ExpositionSample => ({
  ...gauge(name, value, labels),
  type: 'counter',
})
const podOf = (pod: string, uid = `uid-${pod}`, namespace = 'default') => ({ namespace, pod, uid })

describe('the store of custom metrics', () => {
  let clock: FakeClock
  let store: CustomMetricsStore
  beforeEach(() => {
    clock = new FakeClock()
    store = new CustomMetricsStore({ holdMs: 45_000, maxSeries: 10, clock })
  })
  const put = (pod: Parameters<CustomMetricsStore['put']>[0], page: readonly ExpositionSample[]) => store.put(pod, page, clock.now())

  it('has gauges at once and counters as growth per second from the second page on', async () => {
    put(podOf('a'), [gauge('depth', 3), counter('requests_total', 100, { code: '200' })])
    expect(store.names()).toEqual(['depth'])
    await clock.advance(15_000)
    put(podOf('a'), [gauge('depth', 4), counter('requests_total', 130, { code: '200' }), counter('requests_total', 5, { code: '500' })])
    expect(store.names()).toEqual(['depth', 'requests_total'])
    expect(store.samples('requests_total', 'default')).toEqual([
      {
        name: 'requests_total',
        type: 'counter',
        namespace: 'default',
        pod: 'a',
        labels: { code: '200' },
        value: 2,
        windowMs: 15_000,
        timestamp: clock.now(),
      },
    ])
    expect(store.samples('depth', 'default').map(({ value }) => value)).toEqual([4])
  })

  it('gives a counter that fell no rate, and one again with the page after', async () => {
    const rates: number[][] = []
    for (const value of [100, 10, 40]) {
      put(podOf('a'), [counter('requests_total', value)])
      rates.push(store.samples('requests_total', 'default').map((sample) => sample.value))
      await clock.advance(15_000)
    }
    expect(rates).toEqual([[], [], [2]])
  })

  it('takes a pod of the same name for another one', async () => {
    put(podOf('a', 'one'), [counter('requests_total', 1)])
    await clock.advance(15_000)
    put(podOf('a', 'two'), [counter('requests_total', 100)])
    expect(store.samples('requests_total', 'default')).toEqual([])
    store.forget(podOf('a', 'one'))
    expect(store.stats()).toMatchObject({ pods: 1, series: 1 })
  })

  it('lets figures go that were not read for three rounds, and pods that left', async () => {
    put(podOf('a'), [gauge('depth', 1)])
    put(podOf('b', 'uid-b', 'other'), [gauge('depth', 2)])
    expect([store.samples('depth', 'default').length, store.samples('depth', 'other').length]).toEqual([1, 1])
    store.forget(podOf('b', 'uid-b', 'other'))
    await clock.advance(45_001)
    expect([store.names(), store.samples('depth', 'default'), store.samples('depth', 'other')]).toEqual([[], [], []])
  })

  it('takes the time that a page gives, and leaves out what is not about now', () => {
    const now = clock.now()
    const dated = (name: string, timestamp: number) => ({ ...gauge(name, 1), timestamp })
    put(podOf('a'), [dated('now', now - 2000), dated('old', now - 400_000), dated('ahead', now + 1e12)])
    expect(store.names()).toEqual(['now'])
    expect(store.samples('now', 'default')[0]!.timestamp).toBe(now - 2000)
  })

  it('hands every page on to the sinks', () => {
    const told: string[][] = []
    const sinks = [{ addCustomSamples: (samples: readonly CustomSample[]) => void told.push(samples.map(({ name }) => name)) }]
    const telling = new CustomMetricsStore({ holdMs: 45_000, maxSeries: 10, sinks, clock })
    telling.put(podOf('a'), [gauge('depth', 1), counter('requests_total', 1)], clock.now())
    expect(told).toEqual([['depth']])
  })

  it('leaves out what is no number', () => {
    put(podOf('a'), [gauge('a', Number.NaN), gauge('b', Infinity), counter('c', Number.NaN), gauge('d', 0)])
    expect(store.names()).toEqual(['d'])
  })

  it('holds its cap whatever comes', () => {
    const step = fc.record({ pod: fc.integer({ min: 0, max: 5 }), series: fc.integer({ min: 0, max: 15 }), leaves: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const bounded = new CustomMetricsStore({ holdMs: 45_000, maxSeries: 10, clock })
        const held = new Map<number, number>()
        for (const { pod, series, leaves } of steps) {
          const identity = podOf(`p${pod}`)
          held.delete(pod)
          if (leaves) bounded.forget(identity)
          else {
            const page = Array.from({ length: series }, (_, index) => gauge(`m${index}`, 1))
            held.set(pod, series - bounded.put(identity, page, clock.now()))
          }
          const total = [...held.values()].reduce((sum, count) => sum + count, 0)
          expect(bounded.stats().series).toBe(total)
          expect(total).toBeLessThanOrEqual(10)
        }
      }),
    )
  })
})
