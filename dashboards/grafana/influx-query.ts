import type { MetricName } from '../../aggregator/catalog.ts'
import type { TierName } from '../../aggregator/influx/options.ts'
import { placeOf, type SchemaName } from '../../aggregator/influx/schema.ts'
import type { EntityType } from '../../aggregator/window.ts'

/** How points lie in the database. */
export interface Layout {
  readonly schema: SchemaName
  /** Read instead of the points themselves: means of so long, kept for longer. Fields are called alike. */
  readonly tier?: TierName
}

/** A time series query as data; its names are typed by the metric catalogue, its text is made by `influxQl`. */
export interface MetricQuery {
  readonly metric: MetricName
  /** The entities whose points are read. Those of other types are in the same measurement. */
  readonly of: EntityType
  /** Conditions beside type, cluster and time. Variables are matched as `=~ /^$name$/`. */
  readonly where?: readonly string[]
  /** Tags with a line for each combination. Must tell every entity apart, else several would be averaged into one. */
  readonly per: readonly string[]
  /**
   * How the samples of one series in an interval become one: `mean` (the default) for gauges; of what only grows `rate` per second,
   * `increase` for how much in the interval, `last` for how much so far.
   */
  readonly aggregate?: 'mean' | 'last' | 'rate' | 'increase'
  /** Instead of a line each: adds up these entities (tags that tell them apart), after each was aggregated by itself. */
  readonly sumOver?: readonly string[]
  /** From the stored unit to the shown one. */
  readonly factor?: number
  readonly alias: string
}

interface Column<A> {
  readonly aggregate: A
  readonly title: string
}

/** A table: one row per entity, one column per metric, each the mean or the largest value over the range. */
export interface TableQuery {
  readonly metric: MetricName
  readonly of: EntityType
  readonly where?: readonly string[]
  readonly per: readonly string[]
  /** The first is a mean: the largest value alone would bring its own time instead of the range's. */
  readonly columns: readonly [Column<'mean'>, ...Column<'mean' | 'max'>[]]
  readonly factor?: number
}

const inCluster = '"cluster_name" =~ /^$cluster$/'
const tagList = (tags: readonly string[]) => tags.map((tag) => `, "${tag}"`).join('')
const byTags = (tags: readonly string[]) => (tags.length === 0 ? '' : ` GROUP BY ${tagList(tags).slice(2)}`)

/** Measurement and field of a metric, quoted. */
function place({ schema, tier }: Layout, name: string): { readonly from: string; readonly field: string } {
  const { measurement, field } = placeOf(schema, name)
  return { from: `${tier === undefined ? '' : `"${tier}".`}"${measurement}"`, field: `"${field}"` }
}

function conditionsOf({ of, where = [] }: Pick<MetricQuery, 'of' | 'where'>): string {
  return [`"type" = '${of}'`, inCluster, ...where].join(' AND ')
}

/** The InfluxQL text of a time series query, with Grafana's macros for range and interval. */
export function influxQl(layout: Layout, query: MetricQuery): string {
  const { aggregate = 'mean', per, sumOver, factor } = query
  const { from, field } = place(layout, query.metric)
  const scale = factor === undefined ? '' : ` * ${factor}`
  const where = `WHERE ${conditionsOf(query)} AND $timeFilter`
  const byTime = `GROUP BY time($__interval)${tagList(per)} fill(null)`
  if (aggregate === 'increase') {
    const steps = `SELECT non_negative_difference(${field}) AS "step" FROM ${from} ${where}${byTags([...per, ...(sumOver ?? [])])}`
    return `SELECT sum("step")${scale} FROM (${steps}) WHERE $timeFilter ${byTime}`
  }
  const one = aggregate === 'rate' ? `non_negative_derivative(last(${field}), 1s)` : `${aggregate}(${field})`
  if (sumOver === undefined) return `SELECT ${one}${scale} FROM ${from} ${where} ${byTime}`
  const parts = `SELECT ${one} AS "part" FROM ${from} ${where} GROUP BY time($__interval)${tagList([...per, ...sumOver])}`
  return `SELECT sum("part")${scale} FROM (${parts}) WHERE $timeFilter ${byTime}`
}

/** The InfluxQL text of a table's query: all columns have the time of the range's start, so that those of several metrics can be joined. */
export function tableQl(layout: Layout, query: TableQuery): string {
  const { from, field } = place(layout, query.metric)
  const scale = query.factor === undefined ? '' : ` * ${query.factor}`
  const columns = query.columns.map(({ aggregate, title }) => `${aggregate}(${field})${scale} AS "${title}"`)
  return `SELECT ${columns.join(', ')} FROM ${from} WHERE ${conditionsOf(query)} AND $timeFilter${byTags(query.per)}`
}

/** The InfluxQL text that lists the values of a tag. */
export function tagValuesQl(layout: Layout, query: Pick<MetricQuery, 'metric' | 'of' | 'where'> & { readonly tag: string }): string {
  const conditions = query.tag === 'cluster_name' ? `"type" = '${query.of}'` : conditionsOf(query)
  return `SHOW TAG VALUES FROM ${place(layout, query.metric).from} WITH KEY = "${query.tag}" WHERE ${conditions}`
}

/** The InfluxQL text of marks on charts: one wherever a counter grew, with the tags of `per` as columns. */
export function growthQl(layout: Layout, query: Pick<MetricQuery, 'metric' | 'of' | 'where' | 'per'>): string {
  const { from, field } = place(layout, query.metric)
  const steps = `SELECT non_negative_difference(${field}) AS "step" FROM ${from} WHERE ${conditionsOf(query)} AND $timeFilter${byTags(query.per)}`
  return `SELECT "step"${tagList(query.per)} FROM (${steps}) WHERE $timeFilter AND "step" > 0`
}
