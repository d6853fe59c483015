import { h } from 'preact'
import type { AlertRow, NodeRow, PodRow, Snapshot, Usage } from '../model.ts'
import { Chart } from './chart-view.ts'
import { formatAge, formatBytes, formatCpu } from './format.ts'
import type { Route } from './route.ts'
import { Bar, Table, type Column } from './table.ts'

/** What every view gets. */
export interface ViewProps {
  readonly snapshot: Snapshot
  readonly route: Route
  readonly go: (route: Partial<Route>) => void
  readonly tick: number
}

const staleMs = 20_000
const formatRate = (value: number | null) => (value === null ? '–' : `${formatBytes(value)}/s`)

const usageColumns = <T extends Usage>(
  cpuWhole: (row: T) => number | null,
  memoryWhole: (row: T) => number | null,
  of: string,
): Column<T>[] => [
  {
    id: 'cpu',
    title: 'CPU',
    isNumber: true,
    value: (row) => row.cpu,
    cell: (row) => h(Bar, { text: formatCpu(row.cpu), part: row.cpu, whole: cpuWhole(row), of }),
  },
  { id: 'cpuRequest', title: 'requested', isNumber: true, value: (row) => row.cpuRequest, cell: (row) => formatCpu(row.cpuRequest) },
  { id: 'cpuLimit', title: 'limit', isNumber: true, value: (row) => row.cpuLimit, cell: (row) => formatCpu(row.cpuLimit) },
  {
    id: 'memory',
    title: 'Memory',
    isNumber: true,
    value: (row) => row.memory,
    cell: (row) => h(Bar, { text: formatBytes(row.memory), part: row.memory, whole: memoryWhole(row), of }),
  },
  {
    id: 'memoryRequest',
    title: 'requested',
    isNumber: true,
    value: (row) => row.memoryRequest,
    cell: (row) => formatBytes(row.memoryRequest),
  },
  { id: 'memoryLimit', title: 'limit', isNumber: true, value: (row) => row.memoryLimit, cell: (row) => formatBytes(row.memoryLimit) },
]

const podColumns: readonly Column<PodRow>[] = [
  { id: 'namespace', title: 'Namespace', value: (row) => row.namespace },
  { id: 'name', title: 'Pod', value: (row) => row.name },
  { id: 'node', title: 'Node', value: (row) => row.node },
  ...usageColumns<PodRow>(
    (row) => row.cpuLimit ?? row.cpuRequest,
    (row) => row.memoryLimit ?? row.memoryRequest,
    'limit or request',
  ),
  { id: 'received', title: 'Received', isNumber: true, value: (row) => row.received, cell: (row) => formatRate(row.received) },
  { id: 'sent', title: 'Sent', isNumber: true, value: (row) => row.sent, cell: (row) => formatRate(row.sent) },
  { id: 'restarts', title: 'Restarts', isNumber: true, value: (row) => row.restarts },
]

const nodeColumns: readonly Column<NodeRow>[] = [
  { id: 'name', title: 'Node', value: (row) => row.name },
  ...usageColumns<NodeRow>(
    (row) => row.cpuAllocatable,
    (row) => row.memoryAllocatable,
    'allocatable',
  ),
  { id: 'pods', title: 'Pods', isNumber: true, value: (row) => row.pods },
]

/** Is it healthy, and if not, what is wrong; then who uses most. */
export function Overview({ snapshot, route, go, tick }: ViewProps) {
  const { cluster, nodes, pods } = snapshot
  const total = (pick: (node: NodeRow) => number | null) => nodes.reduce((sum, node) => sum + (pick(node) ?? 0), 0) || null
  return h(
    'main',
    {},
    h(Problems, { snapshot }),
    h(
      'section',
      { class: 'figures' },
      h(Figure, { title: 'Nodes', text: String(nodes.length), note: `${pods.length} pods` }),
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
    h(Charts, { entityKey: 'cluster', minutes: route.minutes, tick }),
    h('h2', {}, 'Busiest pods'),
    h(Table<PodRow>, {
      columns: podColumns,
      rows: pods.slice(0, 10),
      rowKey: ({ key }) => key,
      sort: route.sort,
      onSort: (sort) => go({ sort }),
      onOpen: ({ key }) => go({ view: 'entity', key }),
      empty: 'No pod has been measured yet',
    }),
  )
}

export function Nodes({ snapshot, route, go }: ViewProps) {
  return h(
    'main',
    {},
    h(Table<NodeRow>, {
      columns: nodeColumns,
      rows: filter(snapshot.nodes, route.search),
      rowKey: ({ key }) => key,
      sort: route.sort,
      onSort: (sort) => go({ sort }),
      onOpen: ({ key }) => go({ view: 'entity', key }),
      empty: 'No node matches',
    }),
  )
}

export function Pods({ snapshot, route, go }: ViewProps) {
  return h(
    'main',
    {},
    h(Table<PodRow>, {
      columns: podColumns,
      rows: filter(snapshot.pods, route.search),
      rowKey: ({ key }) => key,
      sort: route.sort,
      onSort: (sort) => go({ sort }),
      onOpen: ({ key }) => go({ view: 'entity', key }),
      empty: 'No pod matches',
    }),
  )
}

/** One node, namespace or pod: its charts. */
export function EntityView({ snapshot, route, go, tick }: ViewProps) {
  const pod = snapshot.pods.find(({ key }) => key === route.key)
  const node = snapshot.nodes.find(({ key }) => key === route.key)
  const title = pod !== undefined ? `${pod.namespace}/${pod.name}` : (node?.name ?? route.key)
  const note =
    pod !== undefined
      ? `on ${pod.node}${pod.workload === '' ? '' : `, of ${pod.workload}`}, restarts ${pod.restarts ?? '–'}`
      : node === undefined
        ? 'not measured at the moment'
        : `${node.pods} pods`
  const pods = node === undefined ? [] : snapshot.pods.filter((row) => row.node === node.name)
  return h(
    'main',
    {},
    h('h2', {}, title, h('small', {}, note)),
    h(Charts, { entityKey: route.key, minutes: route.minutes, tick }),
    pods.length === 0
      ? null
      : h(Table<PodRow>, {
          columns: podColumns,
          rows: pods,
          rowKey: ({ key }) => key,
          sort: route.sort,
          onSort: (sort) => go({ sort }),
          onOpen: ({ key }) => go({ view: 'entity', key }),
          empty: '',
        }),
  )
}

const alertColumns: readonly Column<AlertRow>[] = [
  {
    id: 'severity',
    title: 'Severity',
    value: (row) => row.severity,
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

export function Alerts({ snapshot, route, go }: ViewProps) {
  const { alerts, alertsProblem } = snapshot
  return h(
    'main',
    {},
    alertsProblem === null ? null : h('p', { class: 'problem' }, `Alerts cannot be read: ${alertsProblem}`),
    h(Table<AlertRow>, {
      columns: alertColumns,
      rows: filter(alerts, route.search),
      rowKey: (row) => JSON.stringify(row.labels),
      sort: route.sort,
      onSort: (sort) => go({ sort }),
      empty: 'No alert is active',
    }),
  )
}

function Problems({ snapshot }: { readonly snapshot: Snapshot }) {
  const stale = snapshot.nodes.filter(({ newestSample }) => newestSample !== null && snapshot.time - newestSample > staleMs)
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

function Charts({ entityKey, minutes, tick }: { readonly entityKey: string; readonly minutes: number; readonly tick: number }) {
  const shared = { entityKey, minutes, tick }
  return h(
    'section',
    { class: 'charts', key: entityKey },
    h(Chart, {
      ...shared,
      title: 'CPU',
      format: formatCpu,
      metrics: [
        { name: 'cpu/usage_rate', label: 'in use' },
        { name: 'cpu/request', label: 'requested' },
        { name: 'cpu/limit', label: 'limit' },
      ],
    }),
    h(Chart, {
      ...shared,
      title: 'Memory',
      format: formatBytes,
      metrics: [
        { name: 'memory/working_set', label: 'working set' },
        { name: 'memory/request', label: 'requested' },
        { name: 'memory/limit', label: 'limit' },
      ],
    }),
    h(Chart, {
      ...shared,
      title: 'Network',
      format: formatRate,
      metrics: [
        { name: 'network/rx_rate', label: 'received' },
        { name: 'network/tx_rate', label: 'sent' },
      ],
    }),
  )
}

function filter<T extends object>(rows: readonly T[], search: string): readonly T[] {
  const words = search
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
  if (words.length === 0) return rows
  return rows.filter((row) => {
    const text = Object.values(row)
      .filter((value) => typeof value === 'string')
      .join(' ')
      .toLowerCase()
    return words.every((word) => text.includes(word))
  })
}
