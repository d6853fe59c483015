import type { Entity, EntityFilter, EntityType } from '../../aggregator/window.ts'
import { matchesAll } from '../routing/matcher.ts'
import type { Matcher } from '../routing/matcher.ts'
import type { Labels } from '../state/labels.ts'

/** Which entities a rule looks at. All parts must hold. */
export interface EntitySelector {
  readonly type: EntityType
  /** On the short label names of alerts (`namespace`, `pod`, …) or the window's own. */
  readonly matchers: readonly Matcher[]
  /** Labels of the pod itself, compared whole. */
  readonly podLabels: Labels
}

/** Names of entity types in rule files; the window's own names are taken too. */
export const entityTypes: Readonly<Record<string, EntityType>> = {
  cluster: 'cluster',
  node: 'node',
  namespace: 'ns',
  ns: 'ns',
  workload: 'workload',
  pod: 'pod',
  container: 'pod_container',
  pod_container: 'pod_container',
  system_container: 'sys_container',
  sys_container: 'sys_container',
  monitor: 'monitor',
}

/** The labels of alerts, and the window's labels that they come from. */
const windowLabels: Labels = {
  node: 'nodename',
  namespace: 'namespace_name',
  pod: 'pod_name',
  container: 'container_name',
  workload: 'workload_name',
  workload_kind: 'workload_kind',
  monitor: 'monitor_name',
}

const shortNames: ReadonlyMap<string, string> = new Map(Object.entries(windowLabels).map(([short, name]) => [name, short]))

/** The label that tells the series of one entity apart (file systems, devices). */
export const resourceLabel = 'resource'

const identity: Readonly<Record<EntityType, readonly string[]>> = {
  cluster: [],
  node: ['node'],
  ns: ['namespace'],
  workload: ['namespace', 'workload_kind', 'workload'],
  pod: ['namespace', 'pod', 'node'],
  pod_container: ['namespace', 'pod', 'container', 'node'],
  sys_container: ['node', 'container'],
  monitor: ['monitor'],
}

/** The labels by which an alert on a type of entity is told from others; a label that an entity lacks is left out. */
export function identityLabels(type: EntityType): readonly string[] {
  return identity[type]
}

/** The alert labels of an entity (short names) that `names` asks for; other names are looked up in the window's labels. */
export function entityLabels(entity: Entity, names: readonly string[], resource?: string): Labels {
  const labels: Record<string, string> = {}
  for (const name of names) {
    const value = name === resourceLabel ? resource : labelOf(entity, name)
    if (value !== undefined && value !== '') labels[name] = value
  }
  return labels
}

/** The name that alerts use for a label of the window. */
export function alertLabelOf(name: string): string {
  return shortNames.get(name) ?? name
}

/** What of a selector the window itself can sort out; `selects` decides about the rest. */
export function entityFilter(selector: EntitySelector): EntityFilter {
  const equal = selector.matchers.filter(({ name, operator, value }) => operator === '=' && value !== '' && name !== resourceLabel)
  return { type: selector.type, labels: Object.fromEntries(equal.map(({ name, value }) => [windowLabelOf(name), value])) }
}

/** Whether a rule looks at an entity, or at one of its file systems, devices and the like. */
export function selects(selector: EntitySelector, entity: Entity, resource?: string): boolean {
  if (entity.type !== selector.type) return false
  if (selector.matchers.length > 0) {
    const names = selector.matchers.map((matcher) => matcher.name)
    if (!matchesAll(selector.matchers, entityLabels(entity, names, resource))) return false
  }
  const wanted = Object.entries(selector.podLabels)
  if (wanted.length === 0) return true
  const pairs = new Set((entity.labels['labels'] ?? '').split(','))
  return wanted.every(([name, value]) => pairs.has(`${name}:${value}`))
}

function labelOf(entity: Entity, name: string): string | undefined {
  const key = windowLabelOf(name)
  return Object.hasOwn(entity.labels, key) ? entity.labels[key] : undefined
}

/** The window's name of a label of alerts. */
export function windowLabelOf(name: string): string {
  return Object.hasOwn(windowLabels, name) ? windowLabels[name]! : name
}
