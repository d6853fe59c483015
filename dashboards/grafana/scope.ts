import type { MetricName } from '../../aggregator/catalog.ts'
import type { EntityType } from '../../aggregator/window.ts'
import type { BoardLink, Variable } from './board.ts'
import type { MetricQuery } from './influx-query.ts'

/** Which entities a panel is about and how its lines are told apart. */
export interface Scope {
  readonly of: EntityType
  readonly where?: readonly string[]
  readonly per: readonly string[]
  /** What a line is called, before what it shows; empty where there is one entity only. */
  readonly name: string
}

export const clusterScope: Scope = { of: 'cluster', per: [], name: '' }
export const nodeScope: Scope = { of: 'node', where: ['"nodename" =~ /^$node$/'], per: ['nodename'], name: '$tag_nodename' }
export const namespaceScope: Scope = {
  of: 'ns',
  where: ['"namespace_name" =~ /^$namespace$/'],
  per: ['namespace_name'],
  name: '$tag_namespace_name',
}
export const workloadScope: Scope = {
  of: 'workload',
  where: [...namespaceScope.where!, '"workload_name" =~ /^$workload$/'],
  per: ['namespace_name', 'workload_kind', 'workload_name'],
  name: '$tag_workload_kind/$tag_workload_name',
}
export const podScope: Scope = {
  of: 'pod',
  where: [...namespaceScope.where!, '"pod_name" =~ /^$pod$/'],
  per: ['namespace_name', 'pod_name'],
  name: '$tag_pod_name',
}
export const containerScope: Scope = {
  of: 'pod_container',
  where: [...podScope.where!, '"container_name" =~ /^$container$/'],
  per: ['namespace_name', 'pod_name', 'container_name'],
  name: '$tag_pod_name/$tag_container_name',
}
/** The containers of the chosen pods, whichever they are. */
export const containersOfPods: Scope = { ...containerScope, where: podScope.where! }

/** A query of each entity of the scope. */
export function each(scope: Scope, metric: MetricName, what: string, more: Partial<MetricQuery> = {}): MetricQuery {
  const { name, ...rest } = scope
  return { ...rest, metric, alias: `${name} ${what}`.trim(), ...more }
}

/** A query of the sum over the entities of the scope. */
export function sum(scope: Scope, metric: MetricName, what: string, more: Partial<MetricQuery> = {}): MetricQuery {
  const { of, where = [], per } = scope
  return { of, where, metric, per: [], alias: what, ...(per.length === 0 ? {} : { sumOver: per }), ...more }
}

/** The choices that a dashboard offers. Each takes its values from a metric that only few series have. */
export const variables = {
  cluster: {
    kind: 'tag',
    name: 'cluster',
    label: 'Cluster',
    metric: 'cpu/node_capacity',
    of: 'cluster',
    tag: 'cluster_name',
    isSingle: true,
  },
  node: { kind: 'tag', name: 'node', label: 'Node', metric: 'cpu/node_capacity', of: 'node', tag: 'nodename' },
  namespace: { kind: 'tag', name: 'namespace', label: 'Namespace', metric: 'restart_count', of: 'ns', tag: 'namespace_name' },
  workload: {
    kind: 'tag',
    name: 'workload',
    label: 'Workload',
    metric: 'restart_count',
    of: 'workload',
    tag: 'workload_name',
    where: namespaceScope.where!,
  },
  pod: { kind: 'tag', name: 'pod', label: 'Pod', metric: 'restart_count', of: 'pod', tag: 'pod_name', where: namespaceScope.where! },
  container: {
    kind: 'tag',
    name: 'container',
    label: 'Container',
    metric: 'restart_count',
    of: 'pod_container',
    tag: 'container_name',
    where: podScope.where!,
  },
} satisfies Record<string, Variable>

const cluster = { cluster: { variable: 'cluster' } }

/** Ways from one dashboard to the next; range, data source and cluster always go along. */
export const links = {
  node: { title: 'Node', uid: 'binnacle-node', variables: { ...cluster, node: { tag: 'nodename' } } },
  namespace: { title: 'Namespace', uid: 'binnacle-namespace', variables: { ...cluster, namespace: { tag: 'namespace_name' } } },
  workload: {
    title: 'Workload',
    uid: 'binnacle-workload',
    variables: { ...cluster, namespace: { tag: 'namespace_name' }, workload: { tag: 'workload_name' } },
  },
  pod: { title: 'Pod', uid: 'binnacle-pod', variables: { ...cluster, namespace: { tag: 'namespace_name' }, pod: { tag: 'pod_name' } } },
  container: {
    title: 'Container',
    uid: 'binnacle-container',
    variables: { ...cluster, namespace: { tag: 'namespace_name' }, pod: { tag: 'pod_name' }, container: { tag: 'container_name' } },
  },
} satisfies Record<string, BoardLink>
