import { findMetric } from '../../aggregator/catalog.ts'
import type { EntityType } from '../../aggregator/window.ts'

/** The tags that tell the entities of a type apart. A query that neither groups by them nor fixes them would average several into one. */
const identity: Readonly<Record<EntityType, readonly string[]>> = {
  cluster: [],
  node: ['nodename'],
  ns: ['namespace_name'],
  workload: ['namespace_name', 'workload_kind', 'workload_name'],
  pod: ['namespace_name', 'pod_name'],
  pod_container: ['namespace_name', 'pod_name', 'container_name'],
  sys_container: ['nodename', 'container_name'],
  monitor: ['monitor_name'],
}
const knownTags = new Set(['type', 'cluster_name', 'resource_id', ...Object.values(identity).flat()])
const eventMeasurements = new Set(['log/events', 'events'])

/** What is wrong with a query of a panel or an annotation, a sentence each. */
export function lintQuery(query: string): string[] {
  const selects = query.split('SELECT ').length - 1
  const common = [
    ...(query.split('$timeFilter').length - 1 === selects ? [] : ['not every SELECT has the time range']),
    ...(/"[a-z_]+" = '?\$/.test(query) ? ['a variable of several values is compared with ='] : []),
    ...(/count\(distinct\("\w+_?name"\)\)/.test(query) ? ['distinct of a tag gives nothing'] : []),
    ...(query.includes('"cluster_name" =~ /^$cluster$/') ? [] : ['figures of several clusters would be mixed']),
  ]
  const measurement = /FROM (?:"(?:5m|1h)"\.)?"([^"]+)"/.exec(query)?.[1] ?? ''
  if (eventMeasurements.has(measurement)) return common
  return [...common, ...lintAnchors(query), ...lintMetrics(query, measurement)]
}

/** Rules for what a chart over time asks. */
export function lintTimeSeries(query: string): string[] {
  return /GROUP BY time\(\$__interval\)[^)]*fill\(null\)$/.test(query) ||
    eventMeasurements.has(/FROM (?:"(?:5m|1h)"\.)?"([^"]+)"/.exec(query)?.[1] ?? '')
    ? []
    : ['the query does not end grouped by the interval with fill(null)']
}

/** What is wrong with the query of a variable. */
export function lintVariableQuery(query: string): string[] {
  const match = /^SHOW TAG VALUES FROM (?:"(?:5m|1h)"\.)?"([^"]+)" WITH KEY = "(\w+)" WHERE "type" = '(\w+)'/.exec(query)
  if (match === null) return ['it does not list the values of a tag of one type of entity']
  const [, measurement, tag, type] = match
  return [
    ...lintAnchors(query),
    ...(knownTags.has(tag!) ? [] : [`unknown tag ${tag}`]),
    // With a measurement per group of metrics there is no single metric to look up.
    ...(findMetric(measurement!)?.entities.includes(type as EntityType) === false ? [`${measurement} has no ${type}`] : []),
  ]
}

/** The tags by which the lines or rows of a query are told apart. */
export function groupedTags(query: string): ReadonlySet<string> {
  const last = query.slice(query.lastIndexOf('GROUP BY'))
  return new Set([...last.matchAll(/"([a-z_]+)"/g)].map((match) => match[1]!))
}

function lintAnchors(query: string): string[] {
  return [...query.matchAll(/=~ \/([^/]*)\//g)]
    .filter(([, pattern]) => !/^\^.*\$$/.test(pattern!))
    .map(([, pattern]) => `the pattern ${pattern} is not anchored at both ends`)
}

function lintMetrics(query: string, measurement: string): string[] {
  const field = [...query.matchAll(/\w+\("([^"]+)"\)/g)].map((match) => match[1]!).find((name) => name !== 'step' && name !== 'part') ?? ''
  const name = field === 'value' ? measurement : `${measurement}/${field}`
  const metric = findMetric(name)
  if (metric === undefined) return [`unknown metric ${name}`]
  const type = /"type" = '(\w+)'/.exec(query)?.[1] as EntityType | undefined
  if (type === undefined) return ['entities of all types would be mixed']
  const innermost = query.slice(query.lastIndexOf('SELECT'))
  const grouped = new Set(
    [...(/GROUP BY (.*?)(?: fill|\)? WHERE|$)/.exec(innermost)?.[1] ?? '').matchAll(/"([a-z_]+)"/g)].map((match) => match[1]!),
  )
  const fixed = new Set([...innermost.matchAll(/"([a-z_]+)" (?:= '|=~ \/\^\(\w+\)\$\/)/g)].map((match) => match[1]!))
  const wanted = [...(identity[type] ?? []), ...(metric.isLabelled ? ['resource_id'] : [])]
  const tags = [...innermost.matchAll(/"([a-z_]+)" =~? /g)].map((match) => match[1]!)
  const isGrowing = /non_negative_(?:difference|derivative)/.test(query)
  return [
    ...(metric.entities.includes(type) ? [] : [`${name} has no ${type}`]),
    ...wanted.filter((tag) => !grouped.has(tag) && !fixed.has(tag)).map((tag) => `several ${tag} would be averaged into one`),
    ...[...tags, ...grouped].filter((tag) => !knownTags.has(tag)).map((tag) => `unknown tag ${tag}`),
    ...(isGrowing && metric.type !== 'cumulative' ? [`${name} is no counter: its growth says nothing`] : []),
  ]
}
