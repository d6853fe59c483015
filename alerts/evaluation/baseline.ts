import type { BaselineMethod, MetricSource } from '../rules/source.ts'
import { labelsKey } from '../state/labels.ts'
import { historyMetric, maxHistorySeries, tagsOf } from './history-samples.ts'
import type { RuleHistory } from './history.ts'
import type { SeriesValue } from './observation.ts'
import { explainScore, observeMetric, towards } from './observe-metric.ts'
import type { RuleSeries } from './observe-metric.ts'
import { scoreOf, spreadOf } from './statistics.ts'
import type { Spread } from './statistics.ts'

const hourMs = 3_600_000
const weekMs = 604_800_000

/** An hour of history is read in twelve parts. */
const partMs = 300_000

/** What is usual for the series of a rule in one hour of the week. */
interface Reference {
  readonly hour: number
  readonly spreads: ReadonlyMap<string, Spread & { readonly weeks: number; readonly count: number }>
}

export interface BaselineRequest {
  readonly source: MetricSource
  readonly method: BaselineMethod
  readonly at: number
}

/** Aggregations whose value over five minutes is comparable with that over the rule's window. */
const parts: Readonly<Record<string, 'mean' | 'max' | 'min' | 'last'>> = { max: 'max', min: 'min', rate: 'last' }

/**
 * Compares values with those of the same hour of the week before: median and deviation over the five-minute values of that hour in each of
 * the weeks. What an hour is compared with is read once and kept until the hour is over. A series with too few weeks has no score.
 */
export class BaselineReader {
  readonly #history: RuleHistory
  /** By the source itself: a rule that was written anew is compared anew. */
  readonly #references = new WeakMap<MetricSource, Reference>()

  constructor(history: RuleHistory) {
    this.#history = history
  }

  /** The scores of values. */
  async score(request: BaselineRequest, values: readonly SeriesValue[]): Promise<SeriesValue[]> {
    const { method } = request
    const { spreads } = await this.#referenceFor(request)
    return values.flatMap((value) => {
      const spread = spreads.get(labelsKey(value.labels))
      if (spread === undefined || spread.weeks < method.minWeeks) return []
      const score = towards(method.side, scoreOf(value.value, spread, method.minDeviation))
      const what = `the median of ${spread.count} values of this hour in ${spread.weeks} weeks`
      return [{ ...value, value: score, details: { ...explainScore(value.value, score, spread, what), weeks: spread.weeks } }]
    })
  }

  async #referenceFor(request: BaselineRequest): Promise<Reference> {
    const hour = Math.floor(request.at / hourMs) * hourMs
    const known = this.#references.get(request.source)
    if (known?.hour === hour) return known
    const { weeks } = request.method
    const found = await Promise.all(
      Array.from({ length: weeks }, (_, index) => this.#readWeek(request.source, hour - (index + 1) * weekMs)),
    )
    const reference = { hour, spreads: summarize(found) }
    this.#references.set(request.source, reference)
    return reference
  }

  /** The rule's values in each part of the hour that begins at `hour`. */
  async #readWeek(source: MetricSource, hour: number): Promise<ReadonlyMap<string, readonly number[]>> {
    const values = new Map<string, number[]>()
    const read = (metric: string): Promise<readonly RuleSeries[]> =>
      this.#history.series({
        ...tagsOf(source),
        metric: historyMetric(metric),
        since: hour - partMs,
        until: hour + hourMs,
        bucketMs: partMs,
        function: parts[source.aggregation] ?? 'mean',
        maxSeries: maxHistorySeries,
      })
    const [series, divisors] = await Promise.all([read(source.metric), source.of === undefined ? undefined : read(source.of.metric)])
    for (let since = hour; since < hour + hourMs; since += partMs) {
      const samples = divisors === undefined ? { series } : { series, divisors }
      for (const { labels, value } of observeMetric(source, samples, { since, until: since + partMs - 1 })) {
        const key = labelsKey(labels)
        const known = values.get(key)
        if (known === undefined) values.set(key, [value])
        else known.push(value)
      }
    }
    return values
  }
}

function summarize(weeks: readonly ReadonlyMap<string, readonly number[]>[]): Reference['spreads'] {
  const keys = new Set(weeks.flatMap((week) => [...week.keys()]))
  const entries = [...keys].map((key) => {
    const found = weeks.map((week) => week.get(key)).filter((values) => values !== undefined)
    const all = Float64Array.from(found.flat())
    return [key, { ...spreadOf(all), weeks: found.length, count: all.length }] as const
  })
  return new Map(entries)
}
