import { h } from 'preact'
import type { Activity, ContainerRow, EventRow, NamespaceRow, NodeRow, PodRow, Usage, WorkloadRow } from '../model.ts'
import { formatAge, formatBytes, formatCount, formatCpu, formatPercent, formatRate, formatShare } from './format.ts'
import { Bar, type Column } from './table.ts'

/** Percent of waiting from which on a cell is marked. */
const pressureIsHigh = 20

type Pick<T> = (row: T) => number | null

function number<T>(
  id: string,
  title: string,
  value: Pick<T>,
  format: (value: number | null) => string,
  isHot?: (value: number) => boolean,
): Column<T> {
  const cell = (row: T) => {
    const figure = value(row)
    const text = format(figure)
    return figure !== null && isHot?.(figure) === true ? h('span', { class: 'hot' }, text) : text
  }
  return { id, title, isNumber: true, value, cell }
}

const text = <T>(id: string, title: string, value: (row: T) => string): Column<T> => ({ id, title, value })

function usageColumns<T extends Usage>(cpuWhole: Pick<T>, memoryWhole: Pick<T>, of: string): Column<T>[] {
  return [
    {
      id: 'cpu',
      title: 'CPU',
      isNumber: true,
      value: (row) => row.cpu,
      cell: (row) => h(Bar, { text: formatCpu(row.cpu), part: row.cpu, whole: cpuWhole(row), of }),
    },
    number('cpuRequest', 'requested', (row) => row.cpuRequest, formatCpu),
    number('cpuLimit', 'limit', (row) => row.cpuLimit, formatCpu),
    {
      id: 'memory',
      title: 'Memory',
      isNumber: true,
      value: (row) => row.memory,
      cell: (row) => h(Bar, { text: formatBytes(row.memory), part: row.memory, whole: memoryWhole(row), of }),
    },
    number('memoryRequest', 'requested', (row) => row.memoryRequest, formatBytes),
    number('memoryLimit', 'limit', (row) => row.memoryLimit, formatBytes),
  ]
}

function activityColumns<T extends Activity>(): Column<T>[] {
  return [
    number(
      'withheld',
      'Withheld',
      (row) => row.withheld,
      formatCpu,
      (value) => value >= 100,
    ),
    number('received', 'Received', (row) => row.received, formatRate),
    number('sent', 'Sent', (row) => row.sent, formatRate),
    number(
      'oomKills',
      'OOM',
      (row) => row.oomKills,
      formatCount,
      (value) => value > 0,
    ),
    number(
      'restarts',
      'Restarts',
      (row) => row.restarts,
      formatCount,
      (value) => value > 0,
    ),
  ]
}

const limitOrRequest = <T extends Usage>(): Column<T>[] =>
  usageColumns<T>(
    (row) => row.cpuLimit ?? row.cpuRequest,
    (row) => row.memoryLimit ?? row.memoryRequest,
    'limit or request',
  )

export const nodeColumns: readonly Column<NodeRow>[] = [
  text('name', 'Node', (row) => row.name),
  ...usageColumns<NodeRow>(
    (row) => row.cpuAllocatable,
    (row) => row.memoryAllocatable,
    'allocatable',
  ),
  number('pods', 'Pods', (row) => row.pods, formatCount),
  {
    id: 'disk',
    title: 'Disk',
    isNumber: true,
    value: (row) => row.diskUsed,
    cell: (row) =>
      h(Bar, { text: formatShare(row.diskUsed, row.diskSize), part: row.diskUsed, whole: row.diskSize, of: formatBytes(row.diskSize) }),
  },
  number(
    'cpuPressure',
    'CPU wait',
    (row) => row.cpuPressure,
    formatPercent,
    (value) => value >= pressureIsHigh,
  ),
  number(
    'memoryPressure',
    'Memory wait',
    (row) => row.memoryPressure,
    formatPercent,
    (value) => value >= pressureIsHigh,
  ),
  number(
    'diskPressure',
    'Disk wait',
    (row) => row.diskPressure,
    formatPercent,
    (value) => value >= pressureIsHigh,
  ),
  number('received', 'Received', (row) => row.received, formatRate),
  number('sent', 'Sent', (row) => row.sent, formatRate),
  number(
    'oomKills',
    'OOM',
    (row) => row.oomKills,
    formatCount,
    (value) => value > 0,
  ),
]

export const namespaceColumns: readonly Column<NamespaceRow>[] = [
  text('name', 'Namespace', (row) => row.name),
  number('pods', 'Pods', (row) => row.pods, formatCount),
  number(
    'pending',
    'Pending',
    (row) => row.pending,
    formatCount,
    (value) => value > 0,
  ),
  ...limitOrRequest<NamespaceRow>(),
  ...activityColumns<NamespaceRow>(),
]

export const workloadColumns: readonly Column<WorkloadRow>[] = [
  text('namespace', 'Namespace', (row) => row.namespace),
  text('kind', 'Kind', (row) => row.kind),
  text('name', 'Workload', (row) => row.name),
  number('pods', 'Pods', (row) => row.pods, formatCount),
  ...limitOrRequest<WorkloadRow>(),
  ...activityColumns<WorkloadRow>(),
]

export const podColumns: readonly Column<PodRow>[] = [
  text('namespace', 'Namespace', (row) => row.namespace),
  text('name', 'Pod', (row) => row.name),
  text('node', 'Node', (row) => row.node),
  ...limitOrRequest<PodRow>(),
  ...activityColumns<PodRow>(),
]

export const containerColumns: readonly Column<ContainerRow>[] = [
  text('namespace', 'Namespace', (row) => row.namespace),
  text('pod', 'Pod', (row) => row.pod),
  text('name', 'Container', (row) => row.name),
  ...limitOrRequest<ContainerRow>(),
  number(
    'throttled',
    'Throttled',
    (row) => row.throttled,
    (value) => formatShare(value, 1),
    (value) => value >= 0.25,
  ),
  number(
    'cpuPressure',
    'CPU wait',
    (row) => row.cpuPressure,
    formatPercent,
    (value) => value >= pressureIsHigh,
  ),
  number(
    'memoryPressure',
    'Memory wait',
    (row) => row.memoryPressure,
    formatPercent,
    (value) => value >= pressureIsHigh,
  ),
  number(
    'oomKills',
    'OOM',
    (row) => row.oomKills,
    formatCount,
    (value) => value > 0,
  ),
  number(
    'restarts',
    'Restarts',
    (row) => row.restarts,
    formatCount,
    (value) => value > 0,
  ),
  number(
    'age',
    'Age',
    (row) => row.ageMs,
    (value) => (value === null ? '–' : formatAge(value)),
  ),
]

/** Columns of events at a moment. */
export const eventColumns = (now: number): readonly Column<EventRow>[] => [
  number(
    'age',
    'Ago',
    (row) => now - row.time,
    (value) => formatAge(value ?? 0),
  ),
  {
    ...text('type', 'Type', (row: EventRow) => row.type),
    cell: (row) => (row.type === 'Warning' ? h('span', { class: 'hot' }, row.type) : row.type),
  },
  text('reason', 'Reason', (row) => row.reason),
  text('namespace', 'Namespace', (row) => row.namespace),
  text('object', 'About', (row) => row.object),
  { ...text('message', 'What', (row: EventRow) => row.message), cell: (row) => h('span', { class: 'message' }, row.message) },
  number('count', 'Times', (row) => row.count, formatCount),
]
