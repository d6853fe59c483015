import { matchesLabels } from '../../orchestrator/api/labels.ts'
import type { LabelSelector } from '../../orchestrator/api/labels.ts'
import { unavailable } from '../../orchestrator/api/status-error.ts'
import type { Clock } from '../../lib/clock.ts'
import { ExpiringCache } from './expiring-cache.ts'
import type { Aggregation, ExternalMetric } from './external-metrics.ts'
import { namespacePlaceholder } from './external-metrics.ts'
import type { ReadingsSource } from './readings.ts'

/** One series of an answer of InfluxDB; times in ms. */
export interface InfluxSeries {
  readonly tags?: Readonly<Record<string, string>>
  readonly columns: readonly string[]
  readonly values: readonly (readonly unknown[])[]
}

/** Asks InfluxDB one SELECT with values for its placeholders. Rejects with what is wrong. */
export type InfluxQuery = (statement: string, placeholders: Readonly<Record<string, string>>) => Promise<readonly InfluxSeries[]>

/** One value of an external metric. */
export interface ExternalValue {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  /** ms since the epoch. */
  readonly timestamp: number
}

export interface ExternalValuesOptions {
  readonly metrics: readonly ExternalMetric[]
  readonly readings: ReadingsSource
  /** Absent: there is no InfluxDB, and metrics that ask it say so. */
  readonly query: InfluxQuery | undefined
  readonly clock: Clock
}

const maxValues = 1000
const maxCached = 4096
/** The values of the configured external metrics, each asked for at most once per its cache time. */
export class ExternalValues {
  readonly #options: ExternalValuesOptions
  readonly #metrics: ReadonlyMap<string, ExternalMetric>
  readonly #answers: ExpiringCache<{ readonly values: readonly ExternalValue[]; readonly cacheMs: number }>

  constructor(options: ExternalValuesOptions) {
    this.#options = options
    this.#metrics = new Map(options.metrics.map((metric) => [metric.name, metric]))
    this.#answers = new ExpiringCache({ clock: options.clock, ttlMs: ({ cacheMs }) => cacheMs, maxEntries: maxCached })
  }

  /** Sorted. */
  names(): readonly string[] {
    return [...this.#metrics.keys()].sort()
  }

  /**
   * The values whose labels match; `undefined` when there is no such metric for the namespace. Rejects with a ServiceUnavailable that says
   * what is wrong when they cannot be had in time.
   */
  async read(name: string, namespace: string, selector: LabelSelector): Promise<readonly ExternalValue[] | undefined> {
    const metric = this.#metrics.get(name)
    if (metric === undefined || (metric.namespaces.length > 0 && !metric.namespaces.includes(namespace))) return undefined
    const key = metric.source.type === 'influxql' && metric.source.usesNamespace ? `${name}/${namespace}` : name
    const { values } = await this.#answers.get(key, async () => ({
      values: await this.#load(metric, namespace),
      cacheMs: metric.cacheMs,
    }))
    return values.filter(({ labels }) => matchesLabels(selector, labels))
  }

  async #load(metric: ExternalMetric, namespace: string): Promise<readonly ExternalValue[]> {
    const { source, emptyValue } = metric
    const values = source.type === 'catalogue' ? await this.#readCatalogue(source) : await this.#ask(metric, source, namespace)
    if (values.length > 0 || emptyValue === undefined) return values.slice(0, maxValues)
    return [{ labels: {}, value: emptyValue, timestamp: this.#options.clock.now() }]
  }

  async #readCatalogue({
    row,
    entity,
    labels,
    aggregation,
  }: Extract<ExternalMetric['source'], { type: 'catalogue' }>): Promise<readonly ExternalValue[]> {
    const readings = await this.#options.readings({ source: 'catalogue', metric: row.name, type: entity, labels })
    const found = readings.map(({ labels: names, series, value, timestamp }) => ({ labels: { ...names, ...series }, value, timestamp }))
    return aggregation === 'each' || found.length === 0 ? found : [aggregate(found, aggregation)]
  }

  async #ask(
    { name, timeoutMs }: ExternalMetric,
    source: Extract<ExternalMetric['source'], { type: 'influxql' }>,
    namespace: string,
  ): Promise<readonly ExternalValue[]> {
    const { query, clock } = this.#options
    const settled = new AbortController()
    try {
      if (query === undefined) throw new Error('there is no InfluxDB to ask')
      const late = clock.sleep(timeoutMs, settled.signal).then((): never => {
        throw new Error(`InfluxDB did not answer within ${timeoutMs} ms`)
      })
      late.catch(() => {})
      const placeholders: Record<string, string> = source.usesNamespace ? { [namespacePlaceholder]: namespace } : {}
      const series = await Promise.race([query(source.query, placeholders), late])
      return series.flatMap((one) => readSeries(one, source.column, clock.now()))
    } catch (error) {
      throw unavailable(`external metric ${JSON.stringify(name)}: ${(error as Error).message}`)
    } finally {
      settled.abort()
    }
  }
}

function aggregate(values: readonly ExternalValue[], aggregation: Exclude<Aggregation, 'each'>): ExternalValue {
  const numbers = values.map(({ value }) => value)
  const sum = numbers.reduce((total, value) => total + value, 0)
  const results = {
    sum,
    mean: sum / numbers.length,
    count: numbers.length,
    max: numbers.reduce((most, value) => Math.max(most, value), -Infinity),
    min: numbers.reduce((least, value) => Math.min(least, value), Infinity),
  }
  const timestamp = values.reduce((first, value) => Math.min(first, value.timestamp), Infinity)
  return { labels: {}, value: results[aggregation], timestamp }
}

/** The newest value of a series that is a number; none where there is no such. */
function readSeries({ columns, values, tags = {} }: InfluxSeries, wanted: string | undefined, now: number): readonly ExternalValue[] {
  const candidates = columns.filter((column) => column !== 'time')
  const name = wanted ?? (candidates.length === 1 ? candidates[0]! : undefined)
  if (name === undefined) throw new Error(`the query gives several columns (${candidates.join(', ')}); name one with "column"`)
  const column = columns.indexOf(name)
  if (column < 0) throw new Error(`the query gives no column ${JSON.stringify(name)}; it gives ${candidates.join(', ')}`)
  const time = columns.indexOf('time')
  let newest: { readonly value: number; readonly timestamp: number } | undefined
  for (const row of values) {
    const value = row[column]
    const timestamp = Number(row[time] ?? 0)
    if (value !== null && typeof value !== 'number') throw new Error(`column ${JSON.stringify(name)} is no number`)
    if (value !== null && (newest === undefined || timestamp >= newest.timestamp)) newest = { value, timestamp }
  }
  // Functions over a whole range have no time of their own.
  return newest === undefined ? [] : [{ labels: tags, value: newest.value, timestamp: newest.timestamp > 0 ? newest.timestamp : now }]
}
