import { grafanaFiles } from '../../dashboards/grafana/provisioning.ts'
import { panelsOf, type DashboardJson } from '../../dashboards/grafana/dashboard-json.ts'
import type { TierName } from '../../aggregator/influx/options.ts'
import type { SchemaName } from '../../aggregator/influx/schema.ts'

type Query = (statement: string) => Promise<readonly { readonly values: readonly (readonly unknown[])[] }[]>

/** One thing that a dashboard asks the database. */
export interface Asked {
  /** Dashboard and panel, variable or annotation. */
  readonly where: string
  readonly query: string
}

/** Every query, variable and annotation of every dashboard. */
export function dashboardQueries(schema: SchemaName, tier?: TierName): readonly Asked[] {
  const target = { influxdbUrl: 'http://127.0.0.1:8086', database: 'k8s', resolutionSeconds: 5, schema, dashboardsPath: '/x' }
  return [...grafanaFiles(tier === undefined ? target : { ...target, tier })]
    .filter(([file]) => file.endsWith('.json'))
    .flatMap(([, text]) => {
      const dashboard = JSON.parse(text) as DashboardJson
      const { list: annotations = [] } = dashboard.annotations
      return [
        ...panelsOf(dashboard).flatMap(({ title, targets = [] }) =>
          targets.map(({ refId, query }) => [`${title} ${refId}`, query] as const),
        ),
        ...annotations.map(({ name, target: { query } }) => [`annotation ${name}`, query] as const),
        ...dashboard.templating.list.filter(({ type }) => type === 'query').map(({ name, query }) => [`variable ${name}`, query!] as const),
      ].map(([what, query]) => ({ where: `${dashboard.title}, ${what}`, query }))
    })
}

/** Runs a query the way Grafana sends it, over the last quarter of an hour. Says what is wrong: an error, or an answer without a value. */
export async function tryQuery(query: Query, asked: Asked): Promise<string | undefined> {
  const text = expand(asked.query)
  try {
    const series = await query(text)
    const hasValue = series.some(({ values }) => values.some((row) => row.slice(1).some((value) => value !== null)))
    return hasValue ? undefined : `${asked.where}: no value (${text})`
  } catch (error) {
    return `${asked.where}: ${(error as Error).message} (${text})`
  }
}

/** Macros and variables as Grafana fills them in: All is `.*`. */
function expand(text: string): string {
  return text
    .replaceAll('$timeFilter', 'time >= now() - 15m and time <= now()')
    .replaceAll('$__interval', '2s')
    .replaceAll(/\$[a-z]+\b/g, '.*')
}
