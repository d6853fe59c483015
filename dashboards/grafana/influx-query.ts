import type { MetricName } from '../../aggregator/catalog.ts'

/** An InfluxQL target of a panel, with the fields that Grafana's InfluxDB data source reads. */
export interface InfluxTarget {
  readonly refId: string
  readonly datasource: { readonly type: 'influxdb'; readonly uid: string }
  readonly rawQuery: true
  readonly query: string
  readonly resultFormat: 'time_series' | 'table'
  readonly alias?: string
  /** Marks it for the dashboard builder; dropped when written as JSON. */
  _implementsDataqueryVariant(): void
}

/** What a query selects. All names are those of the metric catalogue and its tags. */
export interface InfluxQuery {
  readonly metric: MetricName
  /** Conditions beside the time range, e.g. `"type" = 'node'`. Variables that take several values are matched as `=~ /^$name$/`. */
  readonly where: readonly string[]
  readonly groupBy?: readonly string[]
  /** How the samples of one series in an interval become one. Default: mean. */
  readonly aggregate?: 'mean' | 'max' | 'last'
  /** Adds up the series, after each has been aggregated by itself: the only right way to a total. */
  readonly sumOver?: readonly string[]
  /** Multiplies the result, to get from the stored unit to the shown one. */
  readonly factor?: number
  readonly alias?: string
}

/** The data source variable that every panel, query and annotation uses. */
export const datasource = { type: 'influxdb', uid: '${datasource}' } as const

/** The InfluxQL text of a time series query, with Grafana's macros for range and interval. */
export function influxQl(query: InfluxQuery): string {
  const conditions = [...query.where, '$timeFilter'].join(' AND ')
  const inner = `${query.aggregate ?? 'mean'}("value")`
  const scale = query.factor === undefined ? '' : ` * ${query.factor}`
  const groups = (tags: readonly string[]) => ['time($__interval)', ...tags.map((tag) => `"${tag}"`)].join(', ')
  if (query.sumOver === undefined) {
    return `SELECT ${inner}${scale} FROM "${query.metric}" WHERE ${conditions} GROUP BY ${groups(query.groupBy ?? [])} fill(null)`
  }
  const subquery = `SELECT ${inner} AS "part" FROM "${query.metric}" WHERE ${conditions} GROUP BY ${groups([...query.sumOver, ...(query.groupBy ?? [])])}`
  return `SELECT sum("part")${scale} FROM (${subquery}) WHERE $timeFilter GROUP BY ${groups(query.groupBy ?? [])} fill(null)`
}

/** A target for the panel builders' `withTarget`. */
export function influxTarget(refId: string, query: InfluxQuery): { build(): InfluxTarget } {
  const target: InfluxTarget = {
    refId,
    datasource,
    rawQuery: true,
    query: influxQl(query),
    resultFormat: 'time_series',
    ...(query.alias === undefined ? {} : { alias: query.alias }),
    _implementsDataqueryVariant: () => {},
  }
  return { build: () => target }
}
