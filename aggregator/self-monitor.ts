import type { Clock, Timer } from '../lib/clock.ts'
import { columnOf } from './catalog.ts'
import type { MetricName } from './catalog.ts'
import { createEntity, entityKeys } from './entity.ts'
import { createMetricSet } from './metric-set.ts'
import type { Batch, MetricSet } from './metric-set.ts'
import type { RuntimeProbe, RuntimeReading } from './runtime-probe.ts'
import type { SelfMetricName } from './self-catalog.ts'
import type { SelfReport } from './self-metrics.ts'

export interface SelfMonitorOptions {
  /** Tells this aggregator from others; the tag `monitor_name`. */
  readonly name: string
  readonly report: () => SelfReport
  readonly probe: RuntimeProbe
  /** Takes in what was sampled, like any other batch. */
  readonly deliver: (batch: Batch) => void
  readonly intervalMs: number
  readonly clock: Clock
}

/**
 * Makes samples of the aggregator's own figures, so that window, InfluxDB, alerts and dashboards have them like those of any other entity.
 * The number of series is bounded: none is per node or pod.
 */
export class SelfMonitor {
  readonly #options: SelfMonitorOptions
  readonly #startedAt: number
  #timer: Timer | undefined
  #runtime: RuntimeReading | undefined

  constructor(options: SelfMonitorOptions) {
    this.#options = options
    this.#startedAt = options.clock.monotonic()
  }

  start(): void {
    this.#timer = this.#options.clock.setTimer(this.#options.intervalMs, () => {
      this.start()
      this.#options.deliver(this.sample())
    })
  }

  stop(): void {
    this.#timer?.cancel()
    this.#options.probe.stop()
  }

  /** What the process used when it was last sampled. */
  get runtime(): RuntimeReading | undefined {
    return this.#runtime
  }

  /** A batch with the one set of this aggregator. */
  sample(): Batch {
    const { name, clock, report, probe } = this.#options
    const key = entityKeys.monitor(name)
    const set = createMetricSet(createEntity('monitor', key, { monitor_name: name }))
    this.#runtime = probe.read()
    put(set, 'monitor/uptime', clock.monotonic() - this.#startedAt)
    fillRuntime(set, this.#runtime)
    const figures = report()
    fillSources(set, figures)
    fillSinks(set, figures)
    fillWindow(set, figures)
    return { nodeName: undefined, timestamp: clock.now(), sets: new Map([[key, set]]) }
  }
}

function put(set: MetricSet, name: SelfMetricName, value: number): void {
  set.values[columnOf(name satisfies MetricName)] = value
}

function putLabelled(set: MetricSet, name: SelfMetricName, values: Readonly<Record<string, number | undefined>>): void {
  const column = columnOf(name satisfies MetricName)
  for (const [resource, value] of Object.entries(values)) if (value !== undefined) set.labelled.push({ column, resource, value })
}

function fillRuntime(set: MetricSet, { cpuMillicores, rssBytes, heapUsedBytes, loopDelayMs }: RuntimeReading): void {
  put(set, 'monitor/cpu_usage_rate', cpuMillicores)
  put(set, 'monitor/memory_rss', rssBytes)
  put(set, 'monitor/heap_used', heapUsedBytes)
  putLabelled(set, 'monitor/event_loop_delay', { ...loopDelayMs })
}

function fillSources(set: MetricSet, { sources, nodesKnown, outcomes, stages, batches, members, now }: SelfReport): void {
  const healthy = sources.filter(({ isHealthy }) => isHealthy).length
  putLabelled(set, 'monitor/nodes', { known: nodesKnown, owned: sources.length, healthy, failing: sources.length - healthy })
  putLabelled(set, 'monitor/scrapes', Object.fromEntries(outcomes))
  const durations = sorted(sources.map(({ lastDurationMs }) => lastDurationMs))
  putLabelled(set, 'monitor/scrape_duration', { median: rank(durations, 0.5), p99: rank(durations, 0.99), max: durations.at(-1) })
  const ages = sorted(sources.map(({ lastSuccess }) => (lastSuccess === undefined ? undefined : now - lastSuccess)))
  putLabelled(set, 'monitor/freshness', { median: rank(ages, 0.5), max: ages.at(-1) })
  const delays = sorted(sources.map(({ lastLatenessMs }) => lastLatenessMs))
  putLabelled(set, 'monitor/lateness', { median: rank(delays, 0.5), max: delays.at(-1) })
  putLabelled(set, 'monitor/stage_duration', Object.fromEntries(stages))
  putLabelled(set, 'monitor/batches', { ...batches })
  put(set, 'monitor/members', members)
}

/** What the destination refused, as against what was lost on this side. */
const refusals = new Set(['parse', 'field-type', 'retention', 'series-limit', 'too-large', 'other', 'rejected'])

function fillSinks(set: MetricSet, { sinks }: SelfReport): void {
  if (sinks.length === 0) return
  const total = { encoded: 0, written: 0, rejected: 0, dropped: 0, spool: 0, spoolBytes: 0, sent: 0, failed: 0 }
  for (const { stats } of sinks) {
    total.encoded += stats.accepted
    total.written += stats.delivered
    for (const [reason, count] of Object.entries(stats.lost)) total[refusals.has(reason) ? 'rejected' : 'dropped'] += count
    total.spool += stats.spooled
    total.spoolBytes += stats.spoolBytes
    total.sent += stats.requests
    total.failed += stats.failedRequests
  }
  const { encoded, written, rejected, dropped, spool, spoolBytes, sent, failed } = total
  putLabelled(set, 'monitor/points', { encoded, written, rejected, dropped })
  putLabelled(set, 'monitor/points_waiting', { spool })
  put(set, 'monitor/spool_bytes', spoolBytes)
  putLabelled(set, 'monitor/writes', { sent, failed })
  putLabelled(set, 'monitor/sink_up', Object.fromEntries(sinks.map(({ name, stats }) => [name, Number(stats.isHealthy)])))
}

function fillWindow(set: MetricSet, { window }: SelfReport): void {
  put(set, 'monitor/window_entities', window.entities)
  put(set, 'monitor/window_bytes', window.bytes)
  put(set, 'monitor/window_limit', window.maxBytes)
  put(set, 'monitor/window_samples', window.samples)
  putLabelled(set, 'monitor/window_lost', { blocks: window.blocksDropped, sets: window.setsRefused })
}

function sorted(values: readonly (number | undefined)[]): readonly number[] {
  return values.filter((value) => value !== undefined).sort((a, b) => a - b)
}

/** The value at `share` of sorted values. */
function rank(values: readonly number[], share: number): number | undefined {
  return values[Math.min(values.length - 1, Math.floor(share * values.length))]
}
