import { expect, test } from 'vitest'
import { FakeClock } from '../lib/fake-clock.ts'
import { parseExposition } from './prometheus/strict-parser.ts'
import { renderResourceMetrics } from './prometheus/resource-metrics.ts'
import { createSimulatedSource } from './simulated.ts'
import type { UsageReport } from './usage.ts'

const second = 1_000_000_000

function reportAt(timeMs: number, cpuSeconds: number, changes: Partial<UsageReport> = {}): UsageReport {
  return {
    nodeName: 'sim-1',
    timeMs,
    startedAtMs: 0,
    memoryCapacityBytes: 1000,
    pods: [
      {
        name: 'web',
        namespace: 'shop',
        uid: 'u1',
        startedAtMs: 10,
        containers: [
          { name: 'a', startedAtMs: 20, cpuNanoseconds: cpuSeconds * second, workingSetBytes: 100 },
          { name: 'b', startedAtMs: 20, cpuNanoseconds: second, workingSetBytes: 50 },
        ],
      },
    ],
    ...changes,
  }
}

test('rates come from the last two reports, totals are sums', () => {
  let report = reportAt(10_000, 1)
  const source = createSimulatedSource({ report: () => report })
  expect(source.summary().pods[0]?.containers[0]?.cpu).toMatchObject({ usageCoreNanoSeconds: second, usageNanoCores: undefined })
  report = reportAt(20_000, 6)
  const { node, pods } = source.summary()
  expect(pods[0]?.podRef).toEqual({ name: 'web', namespace: 'shop', uid: 'u1' })
  expect(pods[0]?.containers.map(({ name, cpu, memory }) => [name, cpu?.usageNanoCores, memory?.workingSetBytes])).toEqual([
    ['a', second / 2, 100],
    ['b', 0, 50],
  ])
  expect(pods[0]?.cpu).toMatchObject({ usageNanoCores: second / 2, usageCoreNanoSeconds: 7 * second, time: '1970-01-01T00:00:20.000Z' })
  expect(node).toMatchObject({
    nodeName: 'sim-1',
    cpu: { usageNanoCores: second / 2, usageCoreNanoSeconds: 7 * second },
    memory: { workingSetBytes: 150, availableBytes: 850 },
  })
})

test('asking twice for the same report keeps rates and takes in nothing twice', () => {
  let report = reportAt(10_000, 1)
  const source = createSimulatedSource({ report: () => report })
  source.summary()
  report = reportAt(20_000, 6)
  const first = source.summary()
  expect(source.summary()).toEqual(first)
})

test('the node’s CPU time never goes back when a pod ends, and a restarted container starts over', () => {
  let report = reportAt(10_000, 100)
  const source = createSimulatedSource({ report: () => report })
  source.summary()
  report = reportAt(20_000, 100, { pods: [] })
  expect(source.summary().node.cpu?.usageCoreNanoSeconds).toBe(101 * second)
  const pod = reportAt(30_000, 2).pods[0]!
  report = reportAt(30_000, 2, {
    pods: [{ ...pod, containers: [{ name: 'a', startedAtMs: 25_000, cpuNanoseconds: 2 * second, workingSetBytes: 1 }] }],
  })
  const { node, pods } = source.summary()
  expect(node.cpu?.usageCoreNanoSeconds).toBe(103 * second)
  expect(pods[0]?.containers[0]?.cpu?.usageNanoCores).toBeUndefined()
})

test('the resource metrics of a simulated node are those of its summary', () => {
  const source = createSimulatedSource({ report: () => reportAt(10_000, 3) })
  const samples = parseExposition(renderResourceMetrics(source.summary()))
  expect(samples).toContainEqual({
    name: 'container_cpu_usage_seconds_total',
    labels: { container: 'a', namespace: 'shop', pod: 'web' },
    value: 3,
    timestampMs: 10_000,
  })
})

test('with a clock it takes reports in by itself', async () => {
  const clock = new FakeClock()
  const source = createSimulatedSource({ report: () => reportAt(clock.now(), 1), clock, capacity: 60 })
  const abort = new AbortController()
  const running = source.run(abort.signal)
  await clock.advance(5_000)
  expect(source.store.get('/')?.ring.count).toBe(6)
  abort.abort()
  await running
})
