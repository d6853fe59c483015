import { findMetric } from '../../aggregator/catalog.ts'
import type { Series } from '../../aggregator/window.ts'
import { entityLabels, identityLabels, resourceLabel, selects } from '../rules/entity.ts'
import type { Combination, ForecastMethod, MembersMethod, MetricSource, OutlierMethod, Side } from '../rules/source.ts'
import { holds } from '../rules/threshold.ts'
import { formatLabels, labelsKey } from '../state/labels.ts'
import type { Labels } from '../state/labels.ts'
import type { SeriesValue } from './observation.ts'
import { reduceSeries, sliceOf } from './reduce.ts'
import type { Reduced, Span } from './reduce.ts'
import { fitLine, scoreOf, spreadOf } from './statistics.ts'

/** Samples of a metric that a rule reads. Of pods' own metrics, the labels that are not the pod's: the entity has them, too. */
export interface RuleSeries extends Series {
  readonly ownLabels?: Labels
}

/** What the rule reads inside a span, or a little before it. */
export interface Samples {
  readonly series: Iterable<RuleSeries>
  /** Of the metric that is divided by. */
  readonly divisors?: Iterable<RuleSeries>
}

interface Member extends Reduced {
  readonly series: RuleSeries
  /** `value / divisor`, or the value itself. */
  readonly ratio: number
  readonly divisor?: number
}

/** More hours than in ten years are as good as never. */
const maxHours = 87_600
/** Names that an explanation lists. */
const maxNamed = 5

/** The values of a rule's series. For a rule on absence: the series that are there. A baseline's scores come later. */
export function observeMetric(source: MetricSource, samples: Samples, span: Span): SeriesValue[] {
  const { method, of, groupBy } = source
  if (of !== undefined && groupBy !== undefined && samples.divisors !== undefined && isCustom(source.metric)) {
    const others = readMembers({ ...source, metric: of.metric }, samples.divisors, undefined, span)
    return shareGroups(groupBy, readMembers(source, samples.series, undefined, span), others)
  }
  const divisors = samples.divisors === undefined ? undefined : readDivisors(source, samples.divisors, span)
  const members = readMembers(source, samples.series, divisors, span)
  if (method?.kind === 'outlier') return [...groupsOf(members, source.groupBy ?? [])].flatMap((group) => scorePeers(source, method, group))
  if (method?.kind === 'members')
    return [...groupsOf(members, source.groupBy ?? [])].flatMap((group) => countMembers(source, method, group))
  if (source.groupBy === undefined) return members.map((member) => valueOf(member, labelsOf(source, member.series), member.ratio))
  return [...groupsOf(members, source.groupBy)].map((group) => combine(source.combination, group, groupLabels(group[0]!, source.groupBy!)))
}

function isCustom(metric: string): boolean {
  return findMetric(metric) === undefined
}

function readMembers(
  source: MetricSource,
  series: Iterable<RuleSeries>,
  divisors: ReadonlyMap<string, number> | undefined,
  span: Span,
): Member[] {
  const isCumulative = findMetric(source.metric)?.type === 'cumulative'
  const { method } = source
  const members: Member[] = []
  for (const one of series) {
    if (!selects(source.entity, one.entity, one.resource)) continue
    const divisor = divisors?.get(seriesKey(one))
    // Without a limit (or whatever it is a share of) there is no share.
    if (divisors !== undefined && !(divisor !== undefined && divisor !== 0)) continue
    const reduced =
      method?.kind === 'forecast' ? forecast(method, one, span, divisor ?? 1) : reduceSeries(source.aggregation, one, span, isCumulative)
    if (reduced === undefined) continue
    const isShare = divisor !== undefined && method?.kind !== 'forecast'
    members.push({ series: one, ...reduced, ratio: isShare ? reduced.value / divisor : reduced.value, ...(isShare && { divisor }) })
  }
  return members
}

function readDivisors(source: MetricSource, series: Iterable<RuleSeries>, span: Span): Map<string, number> {
  const { metric, isLast } = source.of!
  const isCumulative = findMetric(metric)?.type === 'cumulative'
  const aggregation = isLast || source.method?.kind === 'forecast' || !isAdditive.has(source.aggregation) ? 'last' : source.aggregation
  const divisors = new Map<string, number>()
  for (const one of series) {
    // What a thing may have is true for as long as nobody says otherwise: the newest sample counts, be it from before the span.
    const value = aggregation === 'last' ? one.values.at(-1) : reduceSeries(aggregation, one, span, isCumulative)?.value
    if (value !== undefined) divisors.set(seriesKey(one), value)
  }
  return divisors
}

/** Aggregations of which the other metric of a share has the same. */
const isAdditive: ReadonlySet<string> = new Set(['avg', 'max', 'min', 'sum', 'increase', 'rate'])

/** The share of sums, group by group: the labels of the two metrics need not be the same. */
function shareGroups(names: readonly string[], members: readonly Member[], others: readonly Member[]): SeriesValue[] {
  const sums = new Map([...groupsOf(others, names)].map((group) => [labelsKey(groupLabels(group[0]!, names)), sumOf(group)]))
  return [...groupsOf(members, names)].flatMap((group) => {
    const labels = groupLabels(group[0]!, names)
    const divisor = sums.get(labelsKey(labels))
    if (divisor === undefined || divisor === 0) return []
    const whole = combine('sum', group, labels)
    return [{ ...whole, value: whole.value / divisor }]
  })
}

/** When the line through the samples reaches the value: hours from the last sample, at most 87,600. */
function forecast(method: ForecastMethod, series: RuleSeries, span: Span, divisor: number): Reduced | undefined {
  const slice = sliceOf(series, span)
  if (slice === undefined || !slice.isCovered) return undefined
  const line = fitLine(series.timestamps.subarray(slice.start, slice.end), series.values.subarray(slice.start, slice.end))
  if (line === undefined) return undefined
  const target = method.reaches.value * divisor
  const isReached = holds(method.reaches, series.values[slice.end - 1]!)
  const hours = isReached && divisor === 1 ? 0 : hoursUntil(line.end, line.slope, target, method.reaches.comparison.startsWith('>'))
  return { value: hours, sampledAt: series.timestamps[slice.end - 1]!, isCovered: true }
}

function hoursUntil(from: number, slope: number, target: number, isRising: boolean): number {
  const distance = isRising ? target - from : from - target
  if (distance <= 0) return 0
  const speed = isRising ? slope : -slope
  return speed <= 0 ? maxHours : Math.min(maxHours, distance / speed / 3_600_000)
}

function countMembers(source: MetricSource, method: MembersMethod, group: readonly Member[]): SeriesValue[] {
  if (group.length < method.minMembers) return []
  const matching = group.filter((member) => holds(method.threshold, member.ratio))
  const value = method.isShare ? matching.length / group.length : matching.length
  const names = matching.slice(0, maxNamed).map((member) => formatLabels(labelsOf(source, member.series)))
  const rest = matching.length > maxNamed ? ` and ${matching.length - maxNamed} more` : ''
  const details = {
    matching: matching.length,
    members: group.length,
    explanation: `${matching.length} of ${group.length}${names.length === 0 ? '' : `: ${names.join(', ')}${rest}`}`,
  }
  return [{ ...valueOf(newestOf(group), groupLabels(group[0]!, source.groupBy ?? []), value), details }]
}

function scorePeers(source: MetricSource, method: OutlierMethod, group: readonly Member[]): SeriesValue[] {
  if (group.length < method.minMembers) return []
  const spread = spreadOf(Float64Array.from(group, (member) => member.ratio))
  return group.map((member) => {
    const score = towards(method.side, scoreOf(member.ratio, spread, method.minDeviation))
    const details = explainScore(member.ratio, score, spread, `the median of ${group.length} peers`)
    return { ...valueOf(member, labelsOf(source, member.series), score), details }
  })
}

/** The score as its side counts it. */
export function towards(side: Side, score: number): number {
  if (side === 'above') return score
  return side === 'below' ? 0 - score : Math.abs(score)
}

/** What is told of a score: observed, expected, deviation, score. */
export function explainScore(observed: number, score: number, spread: { median: number; deviation: number }, what: string) {
  const { median: expected, deviation } = spread
  const explanation = `observed ${short(observed)}, expected ${short(expected)} ± ${short(deviation)} (${what}), score ${short(score)}`
  return { observed, expected, deviation, score, explanation }
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)))
}

/** Shares are combined as a share of the sums where the combination is a sum, else member by member. */
function combine(combination: Combination, group: readonly Member[], labels: Labels): SeriesValue {
  let sum = 0
  let values = 0
  let divisors = 0
  let [max, min, sampledAt, isCovered] = [-Infinity, Infinity, 0, true]
  for (const member of group) {
    sum += member.ratio
    values += member.value
    divisors += member.divisor ?? 0
    max = Math.max(max, member.ratio)
    min = Math.min(min, member.ratio)
    sampledAt = Math.max(sampledAt, member.sampledAt)
    isCovered &&= member.isCovered
  }
  const total = group[0]!.divisor === undefined ? sum : values / divisors
  const value = { sum: total, avg: sum / group.length, max, min, count: group.length }[combination]
  return { labels, value, sampledAt, isCovered }
}

function sumOf(group: readonly Member[]): number {
  return group.reduce((total, member) => total + member.value, 0)
}

function newestOf(group: readonly Member[]): Member {
  const newest = group.reduce((best, member) => (member.sampledAt > best.sampledAt ? member : best))
  return { ...newest, isCovered: group.every((member) => member.isCovered) }
}

function valueOf({ sampledAt, isCovered }: Member, labels: Labels, value: number): SeriesValue {
  return { labels, value, sampledAt, isCovered }
}

function groupsOf(members: readonly Member[], names: readonly string[]): Iterable<Member[]> {
  if (names.length === 0) return members.length === 0 ? [] : [[...members]]
  return Map.groupBy(members, (member) => labelsKey(groupLabels(member, names))).values()
}

function groupLabels({ series }: Member, names: readonly string[]): Labels {
  return entityLabels(series.entity, names, series.resource)
}

/** The labels of one series by itself; those of what pods export beside those of the pod. */
function labelsOf(source: MetricSource, series: RuleSeries): Labels {
  const labels = entityLabels(series.entity, ownNames(source), series.resource)
  return series.ownLabels === undefined ? labels : { ...series.ownLabels, ...labels }
}

const namesByType = new Map<string, readonly string[]>()

function ownNames({ entity }: MetricSource): readonly string[] {
  const known = namesByType.get(entity.type)
  if (known !== undefined) return known
  const names = [...identityLabels(entity.type), resourceLabel]
  namesByType.set(entity.type, names)
  return names
}

function seriesKey({ entity, resource, ownLabels }: RuleSeries): string {
  const key = resource === undefined ? entity.key : `${entity.key}\0${resource}`
  return ownLabels === undefined ? key : `${key}\0${labelsKey(ownLabels)}`
}
