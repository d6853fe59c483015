import { grafanaFiles } from '../../dashboards/grafana/provisioning.ts'
import type { DashboardJson } from '../../dashboards/grafana/lint.ts'

type Query = (text: string) => Promise<readonly { readonly values: unknown[][] }[]>

/**
 * Runs every query and variable of the dashboards the way Grafana sends them, over the last quarter of an hour. Gives what failed or came back
 * without a value, a sentence each.
 */
export async function runDashboardQueries(query: Query): Promise<string[]> {
  const files = grafanaFiles({ influxdbUrl: 'http://127.0.0.1:8086', database: 'k8s', resolutionSeconds: 5, dashboardsPath: '/x' })
  const problems: string[] = []
  let count = 0
  for (const [file, text] of files) {
    if (!file.endsWith('.json')) continue
    const dashboard = JSON.parse(text) as DashboardJson
    const targets = dashboard.panels.flatMap(({ title, targets }) => targets?.map((target) => [title, target.query] as const) ?? [])
    const variables = dashboard.templating.list
      .filter(({ type }) => type === 'query')
      .map(({ name, query }) => [`variable ${name}`, query!] as const)
    for (const [title, raw] of [...targets, ...variables]) {
      count++
      const problem = await tryQuery(query, expand(raw))
      if (problem !== undefined) problems.push(`${file}, ${title}: ${problem} (${raw})`)
    }
  }
  if (count < 20) problems.push(`only ${count} queries were found`)
  return problems
}

async function tryQuery(query: Query, text: string): Promise<string | undefined> {
  try {
    const series = await query(text)
    const hasValue = series.some(({ values }) => values.some((row) => row.slice(1).some((value) => value !== null)))
    return hasValue ? undefined : 'no value'
  } catch (error) {
    return (error as Error).message
  }
}

/** Macros and variables as Grafana fills them in: All is `.*`. */
function expand(text: string): string {
  return text
    .replaceAll('$timeFilter', 'time >= now() - 15m and time <= now()')
    .replaceAll('$__interval', '10s')
    .replaceAll(/\$(node|namespace|pod)\b/g, '.*')
}
