import { describe, expect, it } from 'vitest'
import { FakeClock } from '../lib/fake-clock.ts'
import { metrics } from './catalog.ts'
import { MemoryWindow } from './memory-window.ts'
import type { Batch } from './metric-set.ts'
import { selfRows } from './self-catalog.ts'
import { renderSelfMetrics } from './self-metrics.ts'
import type { SelfReport } from './self-metrics.ts'
import { SelfMonitor } from './self-monitor.ts'
import { initialHealth } from './sources/source-health.ts'
import { StageTimes } from './stage-times.ts'

const runtime = { cpuMillicores: 12.5, rssBytes: 9e7, heapUsedBytes: 4e7, loopDelayMs: { mean: 0.1, p99: 2, max: 30 } }
const sinkStats = {
  accepted: 100,
  restored: 0,
  delivered: 80,
  waiting: 15,
  lost: { parse: 3, 'spool full': 2 },
  spooled: 10,
  spoolBytes: 2048,
  requests: 7,
  failedRequests: 1,
  isHealthy: false,
  lastError: 'away',
}

function createReport(nodes: number, now: number): SelfReport {
  const sources = Array.from({ length: nodes }, (_, index) => ({
    ...initialHealth,
    node: `n${index}`,
    endpoint: 'summary' as const,
    isHealthy: index > 0,
    lastSuccess: now - index * 100,
    lastDurationMs: index,
    lastLatenessMs: 1,
  }))
  return {
    sources,
    pods: [],
    events: undefined,
    customWindow: { series: 3, bytes: 900, maxBytes: 4000, refused: 1 },
    window: {
      entities: 5,
      bytes: 1000,
      maxBytes: 5000,
      samples: 77,
      blocksDropped: 1,
      setsRefused: 2,
      lastRefusal: undefined,
      layouts: 3,
      oldest: undefined,
    },
    sinks: [{ name: 'influxdb', stats: sinkStats }],
    nodesKnown: nodes + 1,
    outcomes: new Map([
      ['ok', 40],
      ['tls', 2],
    ]),
    stages: new Map([['process', 12.5]]),
    batches: { node: 42, totals: 6 },
    members: 1,
    runtime,
    now,
  }
}

function createMonitor(nodes: number): { readonly clock: FakeClock; readonly monitor: SelfMonitor; readonly batches: Batch[] } {
  const clock = new FakeClock()
  const batches: Batch[] = []
  const monitor = new SelfMonitor({
    name: 'm1',
    report: () => createReport(nodes, clock.now()),
    probe: { read: () => runtime, stop: () => {} },
    deliver: (batch) => void batches.push(batch),
    intervalMs: 5000,
    clock,
  })
  return { clock, monitor, batches }
}

describe('what the aggregator says of itself', () => {
  it('is sampled once per interval until it stops', async () => {
    const { clock, monitor, batches } = createMonitor(3)
    monitor.start()
    await clock.advance(15_000)
    expect(batches).toHaveLength(3)
    monitor.stop()
    await clock.advance(15_000)
    expect(batches).toHaveLength(3)
  })

  it('is in the memory window like the figures of any other entity', () => {
    const window = new MemoryWindow({ windowMs: 60_000, maxBytes: 1 << 20 })
    window.add(createMonitor(3).monitor.sample())
    expect([...window.entities({ type: 'monitor' })]).toMatchObject([
      { key: 'monitor:m1', labels: { type: 'monitor', monitor_name: 'm1' } },
    ])
    const valuesOf = (metric: string) =>
      Object.fromEntries([...window.series(metric, { key: 'monitor:m1' })].map(({ resource = '', values }) => [resource, values[0]]))
    expect(valuesOf('monitor/nodes')).toEqual({ known: 4, owned: 3, healthy: 2, failing: 1 })
    expect(valuesOf('monitor/scrapes')).toEqual({ ok: 40, tls: 2 })
    expect(valuesOf('monitor/freshness')).toEqual({ median: 100, max: 200 })
    expect(valuesOf('monitor/points')).toEqual({ encoded: 100, written: 80, rejected: 3, dropped: 2 })
    expect(valuesOf('monitor/sink_up')).toEqual({ influxdb: 0 })
    expect(valuesOf('monitor/event_loop_delay')).toEqual({ mean: 0.1, p99: 2, max: 30 })
  })

  it('has a value for every row of its catalogue, and as many series for a thousand nodes as for three', () => {
    const few = [...createMonitor(3).monitor.sample().sets.values()][0]!
    const many = [...createMonitor(1000).monitor.sample().sets.values()][0]!
    const series = ({ values, labelled }: typeof few) =>
      [
        ...[...values.keys()].filter((column) => !Number.isNaN(values[column])).map((column) => metrics[column]!.name),
        ...labelled.map(({ column, resource }) => `${metrics[column]!.name} ${resource}`),
      ].sort()
    expect(series(many)).toEqual(series(few))
    const names = new Set(series(few).map((name) => name.split(' ')[0]))
    expect(selfRows.map(({ name }) => name).filter((name) => !names.has(name))).toEqual([])
  })

  it('is served in the text of Prometheus', () => {
    const text = renderSelfMetrics(createReport(2, 1000))
    expect(text).toContain('binnacle_aggregator_scrapes_total{outcome="tls"} 2\n')
    expect(text).toContain('binnacle_aggregator_stage_duration_seconds_total{stage="process"} 0.0125\n')
    expect(text).toContain('binnacle_aggregator_event_loop_delay_seconds{statistic="max"} 0.03\n')
    expect(text).toContain('process_resident_memory_bytes 90000000\n')
  })

  it('counts the time of a stage also when its work throws', () => {
    const clock = new FakeClock()
    let elapsed = 0
    clock.monotonic = () => (elapsed += 5)
    const stages = new StageTimes(clock)
    expect(stages.measure('read', () => 'text')).toBe('text')
    expect(() =>
      stages.measure('read', () => {
        throw new Error('broken')
      }),
    ).toThrow('broken')
    expect(stages.totals().get('read')).toBe(10)
  })
})
