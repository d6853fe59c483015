import { dataLinksOf, panelsOf, type DashboardJson, type PanelJson, type TargetJson } from './dashboard-json.ts'
import { schemaVersion } from './finalize.ts'
import { groupedTags, lintQuery, lintTimeSeries, lintVariableQuery } from './lint-query.ts'

const builtinVariables = new Set(['timeFilter', '__interval', '__url_time_range', 'datasource'])
const units = new Set(['short', 'none', 'bytes', 'Bps', 'pps', 'iops', 'cps', 'percentunit', 'percent', 'ms'])
const gridWidth = 24
/** More that are open at once, and a dashboard is slow to load and hard to read. */
const maxOpenPanels = 20

/** What is wrong with one dashboard, a sentence each; an empty list is a good dashboard. */
export function lintDashboard(dashboard: DashboardJson): string[] {
  const panels = panelsOf(dashboard)
  const open = dashboard.panels.filter(({ type }) => type !== 'row')
  return [
    ...lintHead(dashboard),
    ...duplicates([...dashboard.panels, ...panels.filter((panel) => !open.includes(panel))].map(({ id }) => String(id))).map(
      (id) => `panel id ${id} is there twice`,
    ),
    ...duplicates(panels.map(({ title }) => title)).map((title) => `panel title ${title} is there twice`),
    ...(open.length > maxOpenPanels ? [`${open.length} panels are open at once, more than ${maxOpenPanels}`] : []),
    ...dashboard.panels
      .filter(({ type, collapsed, panels: nested = [] }) => type === 'row' && (collapsed === true) !== nested.length > 0)
      .map(({ title }) => `row ${title}: panels belong inside a row exactly when it is collapsed`),
    ...panels.flatMap((panel) => lintPanel(panel)),
    ...overlaps(dashboard.panels),
    ...dashboard.panels.flatMap(({ panels: nested = [] }) => overlaps(nested)),
    ...lintVariables(dashboard),
    ...(dashboard.annotations.list ?? []).flatMap(({ name, datasource, target }) => [
      ...(datasource?.uid === '${datasource}' ? [] : [`annotation ${name} does not use the data source variable`]),
      ...(target.fromAnnotations && target.textColumn ? [] : [`annotation ${name} has no text`]),
      ...lintQuery(target.query).map((problem) => `annotation ${name}: ${problem} in ${target.query}`),
    ]),
  ]
}

/** What is wrong between dashboards of one folder. */
export function lintFolder(dashboards: readonly DashboardJson[]): string[] {
  const byUid = new Map(dashboards.map((dashboard) => [dashboard.uid, dashboard]))
  return [
    ...duplicates(dashboards.map(({ uid }) => uid)).map((uid) => `dashboard uid ${uid} is there twice`),
    ...duplicates(dashboards.map(({ title }) => title)).map((title) => `dashboard title ${title} is there twice`),
    ...dashboards.flatMap((dashboard) =>
      panelsOf(dashboard).flatMap((panel) =>
        dataLinksOf(panel).flatMap(({ url }) =>
          lintLinkTarget(url, byUid).map((problem) => `${dashboard.title}, ${panel.title}: ${problem}`),
        ),
      ),
    ),
  ]
}

function lintHead(dashboard: DashboardJson): string[] {
  const { uid, title, description, schemaVersion: version, id, editable, refresh, tags = [], links = [] } = dashboard
  return [
    ...(/^binnacle-[a-z0-9-]{1,31}$/.test(uid) ? [] : [`uid ${uid} is not of ours`]),
    ...(title === '' || description === undefined || description === '' ? ['title or description is missing'] : []),
    ...(version === schemaVersion ? [] : [`schema version ${version} is not the oldest that is claimed`]),
    ...(id === null ? [] : ['a dashboard from a file has no id of its own']),
    ...(editable === false ? [] : ['edits in Grafana would be lost: it must be read-only']),
    ...(/^(?:[5-9]|\d\d+)s$|^\d+m$/.test(refresh ?? '') ? [] : [`refresh ${refresh} is below what Grafana allows`]),
    ...(tags.some((tag) => tag.startsWith('binnacle')) ? [] : ['the tag that links go by is missing']),
    ...(links.length > 0 ? [] : ['there is no way to the other dashboards']),
    ...links.flatMap((link) =>
      link.includeVars === true && link.keepTime === true && link.placement === undefined
        ? []
        : ['a link forgets variables or time, or hides in a menu'],
    ),
  ]
}

function lintPanel(panel: PanelJson): string[] {
  const targets = panel.targets ?? []
  const problems = [
    ...lintLook(panel),
    ...(targets.length === 0 ? ['no query'] : []),
    ...[panel.datasource?.uid, ...targets.map(({ datasource }) => datasource.uid)]
      .filter((uid) => uid !== '${datasource}')
      .map(() => 'does not use the data source variable'),
    ...duplicates(targets.map(({ refId }) => refId)).map((refId) => `query ${refId} is there twice`),
    ...targets.flatMap((target) => lintTarget(panel, target)),
    ...dataLinksOf(panel).flatMap(({ url }) => lintDataLink(url, targets)),
  ]
  return problems.map((problem) => `panel ${panel.title}: ${problem}`)
}

/** Rules for what a panel shows beside its data. */
function lintLook({ id, type, description = '', gridPos, fieldConfig, options }: PanelJson): string[] {
  const { unit = '', noValue = '' } = fieldConfig?.defaults ?? {}
  const rules: readonly (readonly [isKept: boolean, problem: string])[] = [
    [id > 0, 'no id'],
    [description.endsWith('.'), 'no description'],
    [units.has(unit), `no unit of ours: ${unit}`],
    [noValue !== '', 'nothing is said where there is no data'],
    [gridPos.x + gridPos.w <= gridWidth, 'wider than the grid'],
    [type !== 'timeseries' || options?.legend?.showLegend === true, 'the legend is hidden'],
    [type !== 'stat' || (options?.reduceOptions?.calcs ?? []).length > 0, 'no way to make one figure of many'],
  ]
  return rules.flatMap(([isKept, problem]) => (isKept ? [] : [problem]))
}

function lintTarget(panel: PanelJson, { query, resultFormat }: TargetJson): string[] {
  const format = panel.type === 'table' ? 'table' : 'time_series'
  return [
    ...(resultFormat === format ? [] : [`the answer comes as ${resultFormat}, not as ${format}`]),
    ...[...lintQuery(query), ...(format === 'table' ? [] : lintTimeSeries(query))].map((problem) => `${problem} in ${query}`),
  ]
}

function lintDataLink(url: string, targets: readonly TargetJson[]): string[] {
  const tags = [...url.matchAll(/\$\{__(?:field\.labels|data\.fields)\.(\w+)\}/g)].map((match) => match[1]!)
  return [
    ...(url.includes('var-datasource=${datasource}') && url.includes('${__url_time_range}')
      ? []
      : [`link ${url} forgets data source or time`]),
    ...(url.includes('var-cluster=${cluster}') ? [] : [`link ${url} forgets the cluster`]),
    ...tags
      .filter((tag) => targets.some(({ query }) => !groupedTags(query).has(tag)))
      .map((tag) => `link ${url} takes ${tag} from lines that do not have it`),
  ]
}

function lintLinkTarget(url: string, dashboards: ReadonlyMap<string, DashboardJson>): string[] {
  const [, uid, parameters] = /^\/d\/([\w-]+)\?(.*)$/.exec(url) ?? []
  const target = dashboards.get(uid ?? '')
  if (target === undefined) return [`link ${url} leads nowhere`]
  const names = new Set(target.templating.list.map(({ name }) => name))
  return [...parameters!.matchAll(/(?:^|&)var-(\w+)=/g)]
    .filter(([, name]) => !names.has(name!))
    .map(([, name]) => `link ${url} sets a variable that ${target.title} does not have: ${name}`)
}

function lintVariables(dashboard: DashboardJson): string[] {
  const { list } = dashboard.templating
  const defined = new Set(list.map(({ name }) => name))
  const texts = [
    ...panelsOf(dashboard).flatMap((panel) => [
      ...(panel.targets?.map(({ query }) => query) ?? []),
      ...dataLinksOf(panel).map(({ url }) => url),
    ]),
    ...(dashboard.annotations.list ?? []).map(({ target }) => target.query),
    ...list.map(({ query }) => query ?? ''),
  ]
  const used = new Set(texts.flatMap((text) => [...text.matchAll(/\$\{?([\w]+)\b(?!\.)/g)].map((match) => match[1]!)))
  return [
    ...duplicates(list.map(({ name }) => name)).map((name) => `variable $${name} is there twice`),
    ...(list[0]?.type === 'datasource' && list[0].name === 'datasource' ? [] : ['the first variable is not the data source']),
    ...[...used].filter((name) => !defined.has(name) && !builtinVariables.has(name)).map((name) => `variable $${name} is not defined`),
    ...[...defined].filter((name) => !used.has(name) && name !== 'datasource').map((name) => `variable $${name} is not used`),
    ...list.flatMap((variable) => {
      const { name, type, refresh, datasource, query = '', multi, includeAll, allValue } = variable
      return [
        ...(type === 'query' && refresh !== 2 ? [`variable $${name} does not follow the time range`] : []),
        ...(type === 'query' && datasource?.uid !== '${datasource}' ? [`variable $${name} does not use the data source variable`] : []),
        ...(type === 'query' ? lintVariableQuery(query).map((problem) => `variable $${name}: ${problem}`) : []),
        ...(multi && !(includeAll && allValue === '.*') ? [`variable $${name} would list every value for All`] : []),
      ]
    }),
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
