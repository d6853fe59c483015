import type { Clock } from '../../lib/clock.ts'
import { formatDuration } from '../../lib/duration.ts'
import { historyMetric, tagsOf } from '../evaluation/history-samples.ts'
import type { RuleHistory } from '../evaluation/history.ts'
import type { RuleSeries } from '../evaluation/observe-metric.ts'
import { Observer } from '../evaluation/observer.ts'
import type { ObserverOptions } from '../evaluation/observer.ts'
import { lookbackMs } from '../evaluation/reduce.ts'
import type { Rule } from '../rules/rule.ts'
import type { MetricSource } from '../rules/source.ts'
import { RecordedData } from './recorded-data.ts'
import { simulate } from './simulation.ts'
import type { Simulation, SimulationRange } from './simulation.ts'

/** Thrown where a rule cannot be tried; the message says why and what is allowed. */
export class BacktestError extends Error {
  readonly code = 'EBACKTEST'
}

/** What a trial may cost. */
const maxEvaluations = 20_000
const maxQueries = 500
const maxSamples = 1_000_000
const maxAlerts = 1000
const maxDurationMs = 20_000

/** How late samples may be in InfluxDB. */
const settledMs = 5000

export interface BacktestOptions extends Omit<ObserverOptions, 'bucketMs'> {
  readonly clock: Clock
  /** The resolution of what is stored. */
  readonly bucketMs: number
}

/** What was tried, on what. */
export interface BacktestResult extends Simulation {
  readonly source: 'memory' | 'influxdb'
  /** Series that the rule's metric has in the range; absent for events and queries, and for figures of the memory window. */
  readonly series?: number
}

/**
 * Says when a rule would have fired over what is stored: over the memory window where the range lies within it, else over InfluxDB, which is read
 * once for the whole range. Bounded in evaluations, samples, alerts and time; throws `BacktestError` where more would be needed.
 */
export async function backtest(rule: Rule, range: SimulationRange, options: BacktestOptions): Promise<BacktestResult> {
  const { clock } = options
  const evaluations = (range.until - range.since) / range.intervalMs
  const isEachAsked = rule.source.kind === 'query'
  const most = isEachAsked ? maxQueries : maxEvaluations
  if (evaluations > most) {
    const interval = formatDuration(Math.ceil((range.until - range.since) / most / 1000) * 1000)
    throw new BacktestError(
      `the range has ${Math.round(evaluations)} evaluations; at most ${most} are allowed: a shorter range, or an interval from ${interval} on`,
    )
  }
  const limits = { maxAlerts, maxDurationMs, monotonic: () => clock.monotonic() }
  const { observer, ...found } = await prepare(rule, range, options)
  return { ...(await simulate(rule, observer, range, limits)), ...found }
}

async function prepare(rule: Rule, range: SimulationRange, options: BacktestOptions) {
  const { source } = rule
  const { windowMs, clock, history } = options
  const isRecent = range.since - source.windowMs - lookbackMs >= clock.now() - windowMs
  const isHistoric = source.kind === 'query' || (source.kind === 'metric' && !isRecent)
  const reach = new Date(clock.now() - windowMs + source.windowMs + lookbackMs).toISOString()
  if (isHistoric && history === undefined) {
    throw new BacktestError(`there is no InfluxDB, and the memory window holds what this rule needs from ${reach} on`)
  }
  if (source.kind === 'query') return { observer: new Observer(options), source: 'influxdb' as const }
  if (isRecent) return { observer: new Observer(options), source: 'memory' as const }
  if (source.kind === 'events')
    throw new BacktestError(`events are kept for ${formatDuration(windowMs)} only: this rule can be tried from ${reach} on`)
  const data = await readRange(source, range, { ...options, history: history! })
  const observer = new Observer({
    ...options,
    window: data.recorded,
    customWindow: data.recorded,
    windowMs: Infinity,
    bucketMs: data.bucketMs,
    collectedSince: -Infinity,
  })
  return { observer, source: 'influxdb' as const, series: data.series }
}

async function readRange(source: MetricSource, range: SimulationRange, options: BacktestOptions & { readonly history: RuleHistory }) {
  const { history, clock, bucketMs } = options
  const since = Math.floor((range.since - source.windowMs - lookbackMs) / bucketMs) * bucketMs
  const until = Math.floor(Math.min(range.until, clock.now() - settledMs) / bucketMs) * bucketMs
  const buckets = Math.max(1, (until - since) / bucketMs)
  const maxSeries = Math.floor(maxSamples / buckets)
  if (maxSeries < 1)
    throw new BacktestError(`a series has ${buckets} samples in the range; at most ${maxSamples} are allowed: a shorter range`)
  const read = async (metric: string): Promise<readonly RuleSeries[]> =>
    history.series({ metric: historyMetric(metric), ...tagsOf(source), since, until, bucketMs, function: 'last', maxSeries })
  const series = await read(source.metric)
  const divisors = source.of === undefined ? [] : await read(source.of.metric)
  return { recorded: new RecordedData([...series, ...divisors]), series: series.length, bucketMs }
}
