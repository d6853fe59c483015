import type { CustomSeries, CustomWindow, PodName } from '../../aggregator/custom-window.ts'
import type { SeriesRequest } from '../../aggregator/influx/history.ts'
import type { InfluxSeries } from '../../aggregator/influx/database.ts'
import type { Entity, EntityFilter, MetricWindow, Series } from '../../aggregator/window.ts'
import type { RuleHistory, SelectRequest } from '../evaluation/history.ts'
import type { RuleSeries } from '../evaluation/observe-metric.ts'
import { customPrefix } from '../rules/source-fields.ts'

interface Range {
  readonly since?: number
  readonly until?: number
}

/** Samples that are all there from the beginning: rules read them as if they came from the memory window, from pods, or from InfluxDB. */
export class RecordedData implements MetricWindow, RuleHistory, Pick<CustomWindow, 'everywhere'> {
  readonly #byMetric: ReadonlyMap<string, readonly RuleSeries[]>
  readonly #entities: ReadonlyMap<string, Entity>
  readonly #answer: (request: SelectRequest) => readonly InfluxSeries[]

  /** `answer` is what a query comes to; absent: there is nothing to ask. */
  constructor(series: readonly RuleSeries[], answer?: (request: SelectRequest) => readonly InfluxSeries[]) {
    this.#byMetric = Map.groupBy(series, ({ metric }) => metric)
    this.#entities = new Map(series.map(({ entity }) => [entity.key, entity]))
    this.#answer =
      answer ??
      (() => {
        throw new Error('there is no InfluxDB to ask')
      })
  }

  *entities(filter: EntityFilter): Iterable<Entity> {
    const candidates = filter.key === undefined ? this.#entities.values() : [this.#entities.get(filter.key)]
    for (const entity of candidates) if (entity !== undefined && matches(filter, entity)) yield entity
  }

  series(metric: string, filter: EntityFilter, range?: Range): Iterable<Series>
  series(request: SeriesRequest): Promise<readonly RuleSeries[]>
  series(what: string | SeriesRequest, filter: EntityFilter = {}, range: Range = {}): Iterable<Series> | Promise<readonly RuleSeries[]> {
    return typeof what === 'string' ? this.#read(what, filter, range) : this.#readBuckets(what)
  }

  latest(metric: string, entityKey: string): { readonly timestamp: number; readonly value: number } | undefined {
    const found = this.#byMetric.get(metric)?.find(({ entity }) => entity.key === entityKey)
    const [timestamp, value] = [found?.timestamps.at(-1), found?.values.at(-1)]
    return timestamp === undefined || value === undefined ? undefined : { timestamp, value }
  }

  onBatch(): () => void {
    return () => {}
  }

  *everywhere(name: string, range: Range = {}): Iterable<CustomSeries & { readonly pod: PodName }> {
    for (const { entity, ownLabels = {}, ...samples } of this.#read(`${customPrefix}${name}`, {}, range)) {
      const pod = { namespace: entity.labels['namespace_name'] ?? '', pod: entity.labels['pod_name'] ?? '' }
      yield { pod, labels: ownLabels, timestamps: samples.timestamps, values: samples.values }
    }
  }

  async select(request: SelectRequest): Promise<readonly InfluxSeries[]> {
    return Promise.resolve(this.#answer(request))
  }

  *#read(metric: string, filter: EntityFilter, { since = -Infinity, until = Infinity }: Range): Iterable<RuleSeries> {
    for (const series of this.#byMetric.get(metric) ?? []) {
      if (!matches(filter, series.entity)) continue
      const from = lowerBound(series.timestamps, since)
      const to = lowerBound(series.timestamps, until + 1)
      if (from < to) yield { ...series, timestamps: series.timestamps.subarray(from, to), values: series.values.subarray(from, to) }
    }
  }

  async #readBuckets(request: SeriesRequest): Promise<readonly RuleSeries[]> {
    const filter = { type: request.type, labels: request.tags }
    const found = [...this.#read(request.metric.name, filter, { since: request.since, until: request.until - 1 })]
    return Promise.resolve(found.map((series) => bucketize(series, request)))
  }
}

function bucketize(series: RuleSeries, { bucketMs, function: name }: SeriesRequest): RuleSeries {
  const timestamps: number[] = []
  const values: number[] = []
  let from = 0
  while (from < series.timestamps.length) {
    const bucket = Math.floor(series.timestamps[from]! / bucketMs) * bucketMs
    let to = from
    while (to < series.timestamps.length && series.timestamps[to]! < bucket + bucketMs) to++
    timestamps.push(bucket)
    values.push(fold(series.values.subarray(from, to), name))
    from = to
  }
  return { ...series, timestamps: Float64Array.from(timestamps), values: Float64Array.from(values) }
}

function fold(values: Float64Array, name: SeriesRequest['function']): number {
  const sum = () => values.reduce((total, value) => total + value, 0)
  switch (name) {
    case 'mean':
      return sum() / values.length
    case 'sum':
      return sum()
    case 'count':
      return values.length
    case 'last':
      return values.at(-1)!
    default:
      return values.reduce((left, right) => Math[name](left, right))
  }
}

/** The first index whose time is not before `time`. */
function lowerBound(timestamps: Float64Array, time: number): number {
  let [low, high] = [0, timestamps.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (timestamps[middle]! < time) low = middle + 1
    else high = middle
  }
  return low
}

function matches(filter: EntityFilter, entity: Entity): boolean {
  if (filter.type !== undefined && filter.type !== entity.type) return false
  if (filter.key !== undefined && filter.key !== entity.key) return false
  return Object.entries(filter.labels ?? {}).every(([name, value]) => entity.labels[name] === value)
}
