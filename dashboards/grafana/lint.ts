import { findMetric } from '../../aggregator/catalog.ts'

/** A dashboard as its JSON file has it, as far as the rules look. */
export interface DashboardJson {
  readonly title: string
  readonly uid: string
  readonly templating: {
    readonly list: readonly {
      readonly name: string
      readonly type: string
      readonly query?: string
      readonly multi?: boolean
      readonly refresh?: number
      readonly datasource?: { readonly uid: string }
    }[]
  }
  readonly panels: readonly PanelJson[]
  readonly links?: readonly { readonly includeVars?: boolean; readonly keepTime?: boolean; readonly placement?: string }[]
}

export interface PanelJson {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly datasource?: { readonly uid: string }
  readonly fieldConfig?: { readonly defaults?: { readonly unit?: string } }
  readonly targets?: readonly { readonly query: string; readonly datasource: { readonly uid: string } }[]
}

const knownTags = new Set([
  'type',
  'nodename',
  'namespace_name',
  'pod_name',
  'container_name',
  'resource_id',
  'workload_kind',
  'workload_name',
])
const builtinVariables = new Set(['timeFilter', '__interval', 'datasource'])
const gridWidth = 24

/** What is wrong with one dashboard, a sentence each; an empty list is a good dashboard. */
export function lintDashboard(dashboard: DashboardJson): string[] {
  const panels = dashboard.panels.filter(({ type }) => type !== 'row')
  return [
    ...duplicates(dashboard.panels.map(({ id }) => String(id))).map((id) => `panel id ${id} is there twice`),
    ...duplicates(panels.map(({ title }) => title)).map((title) => `panel title ${title} is there twice`),
    ...panels.flatMap((panel) => lintPanel(panel)),
    ...overlaps(dashboard.panels),
    ...lintVariables(dashboard),
    ...(dashboard.links ?? []).flatMap((link) =>
      link.includeVars === true && link.keepTime === true && link.placement === undefined
        ? []
        : ['a link forgets variables or time, or hides in a menu'],
    ),
  ]
}

/** What is wrong between dashboards of one folder. */
export function lintFolder(dashboards: readonly DashboardJson[]): string[] {
  return [
    ...duplicates(dashboards.map(({ uid }) => uid)).map((uid) => `dashboard uid ${uid} is there twice`),
    ...duplicates(dashboards.map(({ title }) => title)).map((title) => `dashboard title ${title} is there twice`),
  ]
}

function lintPanel(panel: PanelJson): string[] {
  const where = `panel ${panel.title}`
  const targets = panel.targets ?? []
  return [
    ...(panel.description === undefined || panel.description === '' ? [`${where} has no description`] : []),
    ...(panel.fieldConfig?.defaults?.unit === undefined ? [`${where} has no unit`] : []),
    ...(targets.length === 0 ? [`${where} has no query`] : []),
    ...(panel.gridPos.x + panel.gridPos.w > gridWidth ? [`${where} is wider than the grid`] : []),
    ...[panel.datasource?.uid, ...targets.map(({ datasource }) => datasource.uid)]
      .filter((uid) => uid !== '${datasource}')
      .map(() => `${where} does not use the data source variable`),
    ...targets.flatMap(({ query }) => lintQuery(query).map((problem) => `${where}: ${problem} in ${query}`)),
  ]
}

function lintQuery(query: string): string[] {
  const measurements = [...query.matchAll(/FROM "([^"]+)"/g)].map((match) => match[1]!)
  const tags = [...query.matchAll(/"([a-z_]+)" (?:=|=~) /g), ...query.matchAll(/GROUP BY time\([^)]*\)((?:, "[^"]+")*)/g)].flatMap(
    (match) => match[1]!.match(/[a-z_]+/g) ?? [],
  )
  return [
    ...measurements.filter((name) => findMetric(name) === undefined).map((name) => `unknown metric ${name}`),
    ...tags.filter((tag) => !knownTags.has(tag)).map((tag) => `unknown tag ${tag}`),
    ...(query.includes('$timeFilter') ? [] : ['no time range']),
    ...(/GROUP BY time\(\$__interval\)[^)]*fill\(null\)$/.test(query)
      ? []
      : ['the query does not end grouped by the interval with fill(null)']),
    ...(/= '?\$(?!timeFilter)/.test(query) ? ['a variable of several values is compared with ='] : []),
  ]
}

function lintVariables(dashboard: DashboardJson): string[] {
  const defined = new Map(dashboard.templating.list.map((variable) => [variable.name, variable]))
  const texts = [
    ...dashboard.panels.flatMap(({ targets }) => targets?.map(({ query }) => query) ?? []),
    ...dashboard.templating.list.map(({ query }) => query ?? ''),
  ]
  const used = new Set(texts.flatMap((text) => [...text.matchAll(/\$(\w+)/g)].map((match) => match[1]!)))
  return [
    ...[...used].filter((name) => !defined.has(name) && !builtinVariables.has(name)).map((name) => `variable $${name} is not defined`),
    ...[...defined.keys()].filter((name) => !used.has(name) && name !== 'datasource').map((name) => `variable $${name} is not used`),
    ...[...defined.values()]
      .filter(({ type, refresh }) => type === 'query' && refresh !== 2)
      .map(({ name }) => `variable $${name} does not follow the time range`),
  ]
}

function overlaps(panels: readonly PanelJson[]): string[] {
  const problems: string[] = []
  panels.forEach((a, index) => {
    for (const b of panels.slice(index + 1)) {
      const isApart =
        a.gridPos.x + a.gridPos.w <= b.gridPos.x ||
        b.gridPos.x + b.gridPos.w <= a.gridPos.x ||
        a.gridPos.y + a.gridPos.h <= b.gridPos.y ||
        b.gridPos.y + b.gridPos.h <= a.gridPos.y
      if (!isApart) problems.push(`panels ${a.title} and ${b.title} overlap`)
    }
  })
  return problems
}

function duplicates(values: readonly string[]): string[] {
  return [...new Set(values.filter((value, index) => values.indexOf(value) !== index))]
}
