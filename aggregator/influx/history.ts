import type { InfluxDB } from 'influx'
import type { Clock } from '../../lib/clock.ts'
import type { MetricName } from '../catalog.ts'
import { storedTagValue } from '../../lib/line-writer.ts'
import { runStatement } from './database.ts'
import type { InfluxSettings } from './options.ts'

/** Whose points are asked for, and when, ms, both ends inclusive. */
export interface HistoryRequest {
  readonly metric: MetricName
  readonly tags: Readonly<Record<string, string>>
  readonly since: number
  readonly until: number
}

/** One row of an answer: its time, then the values of the selected columns; null where there is none. */
export type HistoryRow = readonly [timestamp: number, ...values: (number | null)[]]

/** Functions of InfluxQL over the points of a bucket. */
export type HistoryFunction = 'mean' | 'max' | 'min' | 'median' | 'count' | 'percentile50' | 'percentile95' | 'percentile99'

/** More points than this are no answer that anybody reads. */
const maxRows = 100_000

/** Reads what InfluxDB holds. Values from outside go in as bound parameters, never as text of a statement. */
export class InfluxHistory {
  readonly #driver: InfluxDB
  readonly #policy: string
  readonly #clock: Clock

  constructor(options: { readonly driver: InfluxDB; readonly settings: InfluxSettings; readonly clock: Clock }) {
    this.#driver = options.driver
    this.#policy = options.settings.policy
    this.#clock = options.clock
  }

  /** Every point of one entity and metric, oldest first, at most 100,000. */
  points(request: HistoryRequest): Promise<readonly HistoryRow[]> {
    return this.#select('value', request, `ORDER BY time ASC LIMIT ${maxRows}`)
  }

  /** The functions' values per bucket of `bucketMs`, or over the whole range as one row. */
  buckets(request: HistoryRequest, functions: readonly HistoryFunction[], bucketMs: number | undefined): Promise<readonly HistoryRow[]> {
    const columns = functions.map((name) => `${selectors[name]} AS ${name}`).join(', ')
    return this.#select(columns, request, bucketMs === undefined ? '' : `GROUP BY time(${Math.round(bucketMs)}ms) fill(none)`)
  }

  async #select(columns: string, { metric, tags, since, until }: HistoryRequest, rest: string): Promise<readonly HistoryRow[]> {
    const names = Object.keys(tags)
    const conditions = names.map((name, index) => `"${name}" = $tag${index}`).join(' AND ')
    const statement =
      `SELECT ${columns} FROM "${this.#policy}"."${metric}" WHERE ${conditions} ` +
      `AND time >= ${Math.round(since)}ms AND time <= ${Math.round(until)}ms ${rest}`
    const placeholders = Object.fromEntries(names.map((name, index) => [`tag${index}`, storedTagValue(name, tags[name]!)]))
    const [series] = await runStatement(this.#driver, statement, { clock: this.#clock, parameters: placeholders })
    return (series?.values ?? []) as readonly HistoryRow[]
  }
}

const selectors: Readonly<Record<HistoryFunction, string>> = {
  mean: 'mean(value)',
  max: 'max(value)',
  min: 'min(value)',
  median: 'median(value)',
  count: 'count(value)',
  percentile50: 'percentile(value, 50)',
  percentile95: 'percentile(value, 95)',
  percentile99: 'percentile(value, 99)',
}
