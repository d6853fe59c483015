import { findMetric } from '../../aggregator/catalog.ts'
import type { MetricWindow, Series } from '../../aggregator/window.ts'
import { entityFilter, entityLabels, identityLabels, resourceLabel, selects } from '../rules/entity.ts'
import type { Aggregation, Combination, Rule } from '../rules/rule.ts'
import { labelsKey } from '../state/labels.ts'
import type { Labels } from '../state/labels.ts'
import type { SeriesValue } from './evaluation.plan.ts'

/** What growth over a window is counted from: the last sample before it, if it is not older than this. */
const lookbackMs = 60_000

/** A window counts as covered when its first sample is at most this share of it late. */
const coverageTolerance = 0.1

/** The span of samples that an evaluation reads, both ends inclusive. */
export interface Span {
  readonly since: number
  readonly until: number
}

/** The window that ends with the last closed bucket: what lies in the open one may be half there, so it is left out. */
export function closedSpan(now: number, windowMs: number, bucketMs: number): Span {
  const until = Math.floor(now / bucketMs) * bucketMs - 1
  return { since: until - windowMs + 1, until }
}

interface Sample {
  readonly value: number
  readonly sampledAt: number
  readonly isCovered: boolean
}

interface Member extends Sample {
  readonly labels: Labels
  readonly divisor?: number
}

/** The values of a rule's series, read from the memory window. For a rule on absence: the series that are there. */
export function observe(rule: Rule, window: MetricWindow, span: Span): SeriesValue[] {
  const isCumulative = findMetric(rule.metric)?.type === 'cumulative'
  const divisors = rule.of === undefined ? undefined : readDivisors(rule, window, span)
  const labelNames = rule.groupBy ?? [...identityLabels(rule.entity.type), resourceLabel]
  const members: Member[] = []
  for (const series of window.series(rule.metric, entityFilter(rule.entity), { since: span.since - lookbackMs, until: span.until })) {
    if (!selects(rule.entity, series.entity)) continue
    const sample = aggregate(rule.aggregation, series, span, isCumulative)
    if (sample === undefined) continue
    const divisor = divisors?.get(seriesKey(series))
    // Without a limit (or whatever it is a share of) there is no share.
    if (divisors !== undefined && !(divisor !== undefined && divisor > 0)) continue
    const labels = entityLabels(series.entity, labelNames, series.resource)
    members.push({ ...sample, labels, ...(divisor !== undefined && { divisor }) })
  }
  const groups = Map.groupBy(members, (member) => labelsKey(member.labels))
  return [...groups.values()].map((group) => combine(rule.combination, group))
}

/** One value of the samples of one series inside the span, or `undefined` where there are too few. */
function aggregate(aggregation: Aggregation, series: Series, span: Span, isCumulative: boolean): Sample | undefined {
  const { timestamps, values } = series
  let start = 0
  while (start < timestamps.length && timestamps[start]! < span.since) start++
  let end = timestamps.length
  while (end > start && timestamps[end - 1]! > span.until) end--
  if (end === start) return undefined
  const inside = values.subarray(start, end)
  const tolerance = (span.until - span.since) * coverageTolerance
  const rest = { sampledAt: timestamps[end - 1]!, isCovered: start > 0 || timestamps[start]! <= span.since + tolerance }
  if (aggregation !== 'increase' && aggregation !== 'rate') return { value: reduce(aggregation, inside), ...rest }
  const from = Math.max(start - 1, 0)
  const growth = isCumulative ? countGrowth(values.subarray(from, end)) : values[end - 1]! - values[from]!
  if (aggregation === 'increase') return { value: growth, ...rest }
  const seconds = (timestamps[end - 1]! - timestamps[from]!) / 1000
  return seconds > 0 ? { value: growth / seconds, ...rest } : undefined
}

function reduce(aggregation: 'avg' | 'max' | 'min' | 'last' | 'sum', values: Float64Array): number {
  if (aggregation === 'last') return values[values.length - 1]!
  let sum = 0
  let max = -Infinity
  let min = Infinity
  for (const value of values) {
    sum += value
    if (value > max) max = value
    if (value < min) min = value
  }
  return { avg: sum / values.length, max, min, sum }[aggregation]
}

/** Growth of a counter that starts again at zero now and then. */
function countGrowth(values: Float64Array): number {
  let growth = 0
  for (let index = 1; index < values.length; index++) {
    const delta = values[index]! - values[index - 1]!
    growth += delta >= 0 ? delta : values[index]!
  }
  return growth
}

function readDivisors(rule: Rule, window: MetricWindow, span: Span): Map<string, number> {
  const divisors = new Map<string, number>()
  for (const series of window.series(rule.of!, entityFilter(rule.entity), { since: span.since - lookbackMs, until: span.until })) {
    const last = series.values.at(-1)
    if (last !== undefined) divisors.set(seriesKey(series), last)
  }
  return divisors
}

function seriesKey(series: Series): string {
  return `${series.entity.key}\0${series.resource ?? ''}`
}

/** Shares are combined as a share of the sums where the combination is a sum, else member by member. */
function combine(combination: Combination, group: readonly Member[]): SeriesValue {
  const isShareOfSums = combination === 'sum' && group[0]!.divisor !== undefined
  const numbers = group.map((member) => (isShareOfSums ? member.value : member.value / (member.divisor ?? 1)))
  const sum = numbers.reduce((total, value) => total + value, 0)
  const divisor = isShareOfSums ? group.reduce((total, member) => total + member.divisor!, 0) : 1
  const value = {
    sum: () => sum / divisor,
    avg: () => sum / numbers.length,
    max: () => numbers.reduce((left, right) => Math.max(left, right)),
    min: () => numbers.reduce((left, right) => Math.min(left, right)),
    count: () => numbers.length,
  }[combination]()
  return {
    labels: group[0]!.labels,
    value,
    sampledAt: group.reduce((newest, member) => Math.max(newest, member.sampledAt), 0),
    isCovered: group.every((member) => member.isCovered),
  }
}
