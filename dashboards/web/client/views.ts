import { h } from 'preact'
import type { AlertRow, ContainerRow, NamespaceRow, NodeRow, PodRow, Snapshot, WorkloadRow } from '../model.ts'
import { Charts } from './charts.ts'
import { containerColumns, namespaceColumns, nodeColumns, podColumns, workloadColumns } from './columns.ts'
import { EntityTable, filterRows } from './entity-table.ts'
import { useFetched } from './fetched.ts'
import { formatAge, formatBytes, formatCpu } from './format.ts'
import type { Route } from './route.ts'
import { Table, type Column } from './table.ts'

/** What every view gets. */
export interface ViewProps {
  readonly snapshot: Snapshot
  readonly route: Route
  readonly go: (route: Partial<Route>) => void
  readonly tick: number
}

/** Is it healthy, and if not, what is wrong; then who uses most. */
export function Overview({ snapshot, route, go, tick }: ViewProps) {
  const { cluster, nodes, pods, pendingPods } = snapshot
  const total = (pick: (node: NodeRow) => number | null) => nodes.reduce((sum, node) => sum + (pick(node) ?? 0), 0) || null
  return h(
    'main',
    {},
    h(Problems, { snapshot }),
    h(
      'section',
      { class: 'figures' },
      h(Figure, {
        title: 'Nodes',
        text: String(nodes.length),
        note: `${pods.length} pods${pendingPods ? `, ${pendingPods} wait to begin` : ''}`,
      }),
      h(Figure, {
        title: 'CPU',
        text: formatCpu(cluster.cpu),
        note: `of ${formatCpu(total((node) => node.cpuAllocatable))}, requested ${formatCpu(cluster.cpuRequest)}`,
      }),
      h(Figure, {
        title: 'Memory',
        text: formatBytes(cluster.memory),
        note: `of ${formatBytes(total((node) => node.memoryAllocatable))}, requested ${formatBytes(cluster.memoryRequest)}`,
      }),
    ),
    h(Charts, { entityKey: 'cluster', minutes: route.minutes, tick, set: 'first' }),
    h('h2', {}, 'Busiest pods'),
    h(EntityTable<PodRow>, { columns: podColumns, rows: pods.slice(0, 10), route, go, empty: 'No pod has been measured yet' }),
  )
}

/** The nodes, with what their pods may have. */
export function Nodes({ snapshot, route, go }: ViewProps) {
  return h('main', {}, h(EntityTable<NodeRow>, { columns: nodeColumns, rows: snapshot.nodes, route, go, empty: 'No node matches' }))
}

/** All pods. */
export function Pods({ snapshot, route, go }: ViewProps) {
  return h('main', {}, h(EntityTable<PodRow>, { columns: podColumns, rows: snapshot.pods, route, go, empty: 'No pod matches' }))
}

/** The namespaces, with the sums of what is in them. */
export function Namespaces({ snapshot, route, go }: ViewProps) {
  return h(
    'main',
    {},
    h(EntityTable<NamespaceRow>, { columns: namespaceColumns, rows: snapshot.namespaces, route, go, empty: 'No namespace matches' }),
  )
}

/** Deployments, StatefulSets, DaemonSets, Jobs and controllers, with the sums of their pods. */
export function Workloads({ snapshot, route, go }: ViewProps) {
  return h(
    'main',
    {},
    h(EntityTable<WorkloadRow>, { columns: workloadColumns, rows: snapshot.workloads, route, go, empty: 'No workload matches' }),
  )
}

/** The containers that use most. */
export function Containers({ route, go, tick }: ViewProps) {
  const containers = useFetched('/api/containers', tick)
  if (containers === null) return h('main', {}, h('p', { class: 'quiet' }, 'Loading …'))
  return h(
    'main',
    {},
    h(EntityTable<ContainerRow>, { columns: containerColumns, rows: containers, route, go, empty: 'No container matches' }),
  )
}

/** Of known severities the gravest last; others are in between. */
const gravity: Readonly<Record<string, number>> = { none: 0, info: 1, warning: 2, error: 4, page: 5, critical: 5 }

const alertColumns: readonly Column<AlertRow>[] = [
  {
    id: 'severity',
    title: 'Severity',
    value: (row) => gravity[row.severity] ?? 3,
    cell: (row) => h('span', { class: `severity ${/^[a-z]+$/.test(row.severity) ? row.severity : ''}` }, row.severity),
  },
  { id: 'state', title: 'State', value: (row) => row.state },
  { id: 'name', title: 'Alert', value: (row) => row.name },
  { id: 'summary', title: 'What', value: (row) => row.summary },
  {
    id: 'since',
    title: 'For',
    isNumber: true,
    value: (row) => row.startsAt,
    cell: (row) => (row.startsAt === null ? '–' : formatAge(Date.now() - row.startsAt)),
  },
]

/** What is wrong, as the alert rules see it. */
export function Alerts({ snapshot, route, go }: ViewProps) {
  const { alerts, alertsProblem } = snapshot
  return h(
    'main',
    {},
    alertsProblem === null ? null : h('p', { class: 'problem' }, `Alerts cannot be read: ${alertsProblem}`),
    h(Table<AlertRow>, {
      columns: alertColumns,
      rows: filterRows(alerts, route.search),
      rowKey: (row) => JSON.stringify(row.labels),
      sort: route.sort,
      onSort: (sort) => go({ sort }),
      empty: 'No alert is active',
    }),
  )
}

function Problems({ snapshot }: { readonly snapshot: Snapshot }) {
  const stale = snapshot.nodes.filter(({ newestSample }) => newestSample !== null && snapshot.time - newestSample > snapshot.lateMs)
  const problems = [
    ...snapshot.alerts.map((alert) => `${alert.severity}: ${alert.summary === '' ? alert.name : alert.summary}`),
    ...stale.map((node) => `node ${node.name} was last measured ${formatAge(snapshot.time - node.newestSample!)} ago`),
    ...(snapshot.alertsProblem === null ? [] : [`alerts cannot be read: ${snapshot.alertsProblem}`]),
    ...(snapshot.nodes.length === 0 ? ['no node has been measured yet'] : []),
  ]
  if (problems.length === 0) return h('p', { class: 'healthy' }, 'Nothing is wrong')
  return h(
    'ul',
    { class: 'problems' },
    problems.slice(0, 20).map((text) => h('li', { class: 'problem' }, text)),
  )
}

function Figure(props: { readonly title: string; readonly text: string; readonly note: string }) {
  return h('div', { class: 'figure' }, h('h3', {}, props.title), h('strong', {}, props.text), h('small', {}, props.note))
}
