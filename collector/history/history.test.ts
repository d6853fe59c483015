import { expect, test } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import type { Container } from '../container.ts'
import { ConditionWatch } from '../events/conditions.ts'
import { eventTypes } from '../events/event-log.ts'
import { column } from '../metrics.ts'
import { StatsStore } from '../stats-store.ts'
import { History } from './history.ts'

const startMs = Date.UTC(2026, 0, 1)

function setUp(maxBytes = 1e9, names = ['/a']) {
  const clock = new FakeClock(startMs)
  const store = new StatsStore({ capacity: 120, maxBytes: 1e9 })
  const conditions = new ConditionWatch({ clock, store, kernelLog: undefined })
  const history = new History({ clock, store, maxBytes, conditions })
  const containers = names.map((name) =>
    store.upsert(
      { name, id: name, aliases: [], namespace: '', labels: {}, image: '', createdMs: 0, startedMs: 0, hasNetwork: false },
      startMs,
    )!,
  )
  return { store, history, containers, container: containers[0]! }
}

/** One sample per second; `memory` is asked for each. */
function sample({ ring }: Container, second: number, memory: number): void {
  ring.begin(startMs + second * 1000, second * 1000)
  ring.set(column.memoryWorkingSet, memory)
  ring.set(column.cpuUsage, second * 5e8)
}

test('percentiles of hour and day are those of every sample, and say how much of the period they cover', () => {
  const { history, container } = setUp()
  for (let second = 0; second < 3 * 3600; second++) {
    sample(container, second, second % 1000 < 940 ? 100e6 : 900e6)
    if (second % 60 === 59) history.pass()
  }
  const own = history.of('/a')!
  const day = own.shape(container, 'memory_working_set_bytes', 'day')!
  expect(day.count).toBe(3 * 3600)
  expect(day.p90 / 100e6).toBeCloseTo(1, 1)
  expect(day.p95 / 900e6).toBeCloseTo(1, 1)
  expect(day.max / 900e6).toBeCloseTo(1, 1)
  expect(own.shape(container, 'cpu_usage_cores', 'hour')!.mean).toBeCloseTo(0.5, 2)
  expect(own.shape(container, 'memory_working_set_bytes', 'hour')!.count).toBeGreaterThanOrEqual(3600)
  expect(own.shape(container, 'memory_working_set_bytes', 'hour')!.count).toBeLessThanOrEqual(3900)
  expect(own.shape(container, 'memory_working_set_bytes', 'minute')).toMatchObject({ count: 60 })
  expect([own.percentComplete(container, 'minute'), own.percentComplete(container, 'hour'), own.percentComplete(container, 'day')]).toEqual(
    [100, 100, 12],
  )
})

test('zeros count like every other sample, also those before a figure was first above zero', () => {
  const { history, container } = setUp()
  for (let second = 0; second < 1200; second++) {
    sample(container, second, second < 900 ? 0 : 500)
    if (second === 600) {
      history.pass()
      expect(history.of('/a')!.shape(container, 'memory_working_set_bytes', 'hour')).toMatchObject({ count: 120, max: 0 })
    }
    if (second > 600) history.pass()
  }
  for (const period of ['hour', 'day'] as const) {
    const shape = history.of('/a')!.shape(container, 'memory_working_set_bytes', period)!
    // The first 481 samples had left the ring when the first pass came.
    expect(shape.count).toBe(1200 - 481)
    expect([shape.p50, Math.round(shape.p90 / 10)]).toEqual([0, 50])
  }
})

test('a span comes from the samples, the last hour or the day, whichever reaches back far enough', () => {
  const { history, container } = setUp()
  for (let second = 0; second < 2 * 3600; second++) {
    sample(container, second, second < 3600 ? 1000 : 2000)
    if (second % 60 === 59) history.pass()
  }
  const own = history.of('/a')!
  const endMs = startMs + 2 * 3600_000
  const names = ['memory_working_set_bytes'] as const
  const minute = own.span(container, { startMs: endMs - 60_000, endMs, names })
  expect([minute.resolutionMs, minute.stepMs]).toEqual([0, 1000])
  const hour = own.span(container, { startMs: endMs - 1800_000, endMs, names })
  expect([hour.resolutionMs, hour.stepMs]).toEqual([10_000, 10_000])
  const day = own.span(container, { startMs, endMs, stepMs: 600_000, names })
  expect([day.resolutionMs, day.stepMs]).toEqual([60_000, 600_000])
  const { mean } = day.figures.memory_working_set_bytes!
  expect(mean[0]! / 1000).toBeCloseTo(1, 2)
  expect(mean.at(-2)! / 2000).toBeCloseTo(1, 2)
  expect(mean.at(-1)).toBeNull()
  expect(own.span(container, { startMs: startMs - 30 * 86400_000, endMs }).times.length).toBeLessThanOrEqual(1501)
})

test('the cap is held: the largest lose their day first, then their past, and it is counted', () => {
  const names = Array.from({ length: 20 }, (_, index) => `/c${index}`)
  const maxBytes = 200_000
  const { history, containers } = setUp(maxBytes, names)
  for (let second = 0; second < 3600; second += 10) {
    for (const container of containers) sample(container, second, second + 1)
    history.pass()
    expect(history.bytes).toBeLessThanOrEqual(maxBytes)
  }
  expect(history.evictions).toBeGreaterThan(0)
})

test('a history goes with its container', () => {
  const { history, store, container } = setUp()
  sample(container, 0, 1)
  history.pass()
  expect(history.of('/a')).toBeDefined()
  store.remove('/a', startMs)
  history.pass()
  expect(history.of('/a')).toBeUndefined()
  expect(history.bytes).toBe(0)
})

test('a day of one container whose every figure moves all the time stays below the stated 500 KB', () => {
  const { history, container } = setUp()
  for (let second = 0; second < 86_400; second += 10) {
    const { ring } = container
    ring.begin(startMs + second * 1000, second * 1000)
    for (const index of Object.values(column)) ring.set(index, second * 1e6 * (1 + 0.5 * Math.sin(second)))
    history.pass()
  }
  expect(history.bytes).toBeLessThan(500_000)
})

test('limits that change, throttling that begins and ends, and kills are told', async () => {
  const clock = new FakeClock(startMs)
  const store = new StatsStore({ capacity: 120, maxBytes: 1e9 })
  const watch = new ConditionWatch({ clock, store, kernelLog: undefined })
  const description = {
    name: '/a',
    id: 'a',
    aliases: [],
    namespace: '',
    labels: {},
    image: '',
    createdMs: 0,
    startedMs: 0,
    hasNetwork: false,
  }
  const container = store.upsert(description, startMs)!
  let throttledPeriods = 0
  const run = async (seconds: number, throttled: number) => {
    for (let index = 0; index < seconds; index++) {
      const { ring } = container
      ring.begin(clock.now(), clock.monotonic())
      throttledPeriods += throttled
      ring.set(column.cfsPeriods, (clock.now() - startMs) / 100)
      ring.set(column.cfsThrottledPeriods, throttledPeriods)
      ring.set(column.memoryOomKills, clock.now() - startMs > 45_000 ? 1 : 0)
      watch.look(container)
      watch.finishPass()
      await clock.advance(1000)
    }
  }
  watch.look(container)
  container.spec.memoryLimitBytes = 100
  await run(20, 0)
  container.spec.memoryLimitBytes = undefined
  await run(20, 5)
  await run(20, 0)
  const told = store.events.list(new Set(eventTypes.slice(2))).map(({ type, data }) => [type, data.limit_change ?? data.threshold?.state])
  expect(told).toEqual([
    ['limitChange', { field: 'memory.limit', from: 100, to: null }],
    ['throttling', 'begin'],
    ['oomKill', undefined],
    ['throttling', 'end'],
  ])
})
