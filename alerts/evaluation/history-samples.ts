import { findMetric } from '../../aggregator/catalog.ts'
import type { SeriesRequest } from '../../aggregator/influx/history.ts'
import { entityFilter } from '../rules/entity.ts'
import type { Aggregation, MetricSource } from '../rules/source.ts'
import type { RuleHistory } from './history.ts'
import type { RuleSeries, Samples } from './observe-metric.ts'
import { lookbackMs } from './reduce.ts'
import type { Span } from './reduce.ts'

/** A window is read in at most so many buckets. */
const maxBuckets = 300

/** So many series of so many buckets are what an answer may be. */
export const maxHistorySeries = 2000

/** What a bucket of samples becomes so that the aggregation over buckets is that over samples, or (of averages) nearly. */
const functions: Readonly<Record<Aggregation, SeriesRequest['function']>> = {
  avg: 'mean',
  max: 'max',
  min: 'min',
  last: 'last',
  sum: 'sum',
  count: 'count',
  increase: 'last',
  rate: 'last',
  change: 'last',
  change_percent: 'last',
}

export interface HistorySpan {
  /** The end of the window. */
  readonly at: number
  /** The least width of a bucket. */
  readonly bucketMs: number
  /** The text of a pod's labels, which InfluxDB does not have. */
  readonly podLabels: (entityKey: string) => string | undefined
}

/** What a rule on a long window reads. The window ends with the last bucket that is whole. */
export async function historySamples(
  history: RuleHistory,
  source: MetricSource,
  { at, bucketMs, podLabels }: HistorySpan,
): Promise<{ readonly span: Span; readonly samples: Samples }> {
  const width = bucketMs * Math.max(1, Math.ceil(source.windowMs / maxBuckets / bucketMs))
  const end = Math.floor(at / width) * width
  const since = end - Math.ceil(source.windowMs / width) * width
  const lookback = Math.ceil(lookbackMs / width) * width
  const read = async (metric: string): Promise<readonly RuleSeries[]> => {
    const { type, tags } = tagsOf(source)
    const request = { metric: historyMetric(metric), type, tags, since: since - lookback, until: end, bucketMs: width }
    const series = await history.series({ ...request, function: functions[source.aggregation], maxSeries: maxHistorySeries })
    return Object.keys(source.entity.podLabels).length === 0 ? series : series.map((one) => withPodLabels(one, podLabels))
  }
  const series = await read(source.metric)
  const samples = source.of === undefined ? { series } : { series, divisors: await read(source.of.metric) }
  return { span: { since, until: end - 1 }, samples }
}

/** What InfluxDB is asked for of an entity: its type and the labels that must be equal. */
export function tagsOf({ entity }: MetricSource): Pick<SeriesRequest, 'type' | 'tags'> {
  return { type: entity.type, tags: entityFilter(entity).labels ?? {} }
}

/** A metric as InfluxDB has it. */
export function historyMetric(name: string): SeriesRequest['metric'] {
  return findMetric(name) ?? { name, type: 'gauge', valueType: 'float' }
}

function withPodLabels(series: RuleSeries, podLabels: HistorySpan['podLabels']): RuleSeries {
  const { entity } = series
  const labels = podLabels(entity.key)
  return labels === undefined ? series : { ...series, entity: { ...entity, labels: { ...entity.labels, labels } } }
}
