import { metrics, type MetricName } from '../../aggregator/catalog.ts'
import type { Entity, MetricWindow } from '../../aggregator/window.ts'
import type { Activity, AlertRow, ContainerRow, MonitorRow, NamespaceRow, NodeRow, PodRow, Snapshot, Usage, WorkloadRow } from './model.ts'

/** Figures older than this, and than three scrapes, are left out: the thing is gone, or nobody measures it any more. */
const goneMs = 60_000
/** A node whose newest figures are older than this, and than three scrapes, is told to be late. */
const lateMs = 20_000
const missedScrapes = 3

/** When the page looks, and how often nodes are scraped. */
export interface Moment {
  readonly now: number
  readonly resolutionMs: number
}

const goneSince = ({ now, resolutionMs }: Moment) => now - Math.max(goneMs, missedScrapes * resolutionMs)

/** Everything that the page's tables show, from the newest samples of the window. */
export function takeSnapshot(
  window: MetricWindow,
  alerts: { readonly rows: readonly AlertRow[]; readonly problem: string | null },
  moment: Moment,
): Snapshot {
  const read = readerOf(window, moment)
  const pods = [...window.entities({ type: 'pod' })]
    .map((entity) => podRow(entity, read))
    .filter(({ newestSample }) => newestSample !== null)
  const counts = countPods(pods)
  const nodes = [...window.entities({ type: 'node' })]
    .map((entity) => nodeRow(entity, read, counts))
    .filter(({ newestSample }) => newestSample !== null)
  const namespaces = [...window.entities({ type: 'ns' })]
    .map((entity) => namespaceRow(entity, read, counts))
    .filter(({ cpu, pending }) => cpu !== null || (pending ?? 0) > 0)
  const workloads = [...window.entities({ type: 'workload' })]
    .map((entity) => workloadRow(entity, read, counts))
    .filter(({ cpu }) => cpu !== null)
  return {
    time: moment.now,
    lateMs: Math.max(lateMs, missedScrapes * moment.resolutionMs),
    newestSample: nodes.reduce<number | null>((newest, node) => Math.max(newest ?? 0, node.newestSample!), null),
    cluster: read.usage('cluster'),
    pendingPods: read.value('pods/pending', 'cluster'),
    nodes: nodes.sort((a, b) => a.name.localeCompare(b.name)),
    namespaces: namespaces.sort((a, b) => a.name.localeCompare(b.name)),
    workloads,
    pods: pods.sort((a, b) => (b.cpu ?? 0) - (a.cpu ?? 0)),
    alerts: alerts.rows,
    alertsProblem: alerts.problem,
  }
}

/** How many pods each node, namespace and workload has. */
function countPods(pods: readonly PodRow[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { node, namespace, workload } of pods) {
    for (const name of [`node ${node}`, `namespace ${namespace}`, `workload ${namespace} ${workload}`])
      counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}

/** More containers than this are no table that anybody reads. */
const maxContainers = 2000

/** The containers of a pod, or of all, those that use most CPU first. */
export function listContainers(window: MetricWindow, podKey: string | undefined, moment: Moment): readonly ContainerRow[] {
  const read = readerOf(window, moment)
  return [...window.entities({ type: 'pod_container' })]
    .filter(({ key }) => podKey === undefined || key.startsWith(`${podKey}/`))
    .map((entity) => containerRow(entity, read))
    .filter(({ memory, cpu }) => memory !== null || cpu !== null)
    .sort((a, b) => (b.cpu ?? 0) - (a.cpu ?? 0))
    .slice(0, maxContainers)
}

/** Everything that aggregators have of themselves, in the order of the catalogue. */
export function listMonitorFigures(window: MetricWindow, moment: Moment): readonly MonitorRow[] {
  return metrics
    .filter(({ entities }) => entities.includes('monitor'))
    .flatMap(({ name, unit, description }) =>
      [...window.series(name, { type: 'monitor' }, { since: goneSince(moment) })].map(({ entity, resource = '', values }) => ({
        key: entity.key,
        metric: name,
        resource,
        value: values.at(-1)!,
        unit,
        description,
      })),
    )
}

interface Reader {
  value(metric: MetricName, key: string): number | null
  time(metric: MetricName, key: string): number | null
  usage(key: string): Usage
  activity(key: string): Activity
  /** The newest value of one resource of a labelled metric. */
  labelled(metric: MetricName, key: string, resource: string): number | null
}

function readerOf(window: MetricWindow, moment: Moment): Reader {
  const since = goneSince(moment)
  const fresh = (metric: MetricName, key: string) => {
    const sample = window.latest(metric, key)
    return sample === undefined || sample.timestamp < since ? undefined : sample
  }
  const value = (metric: MetricName, key: string) => fresh(metric, key)?.value ?? null
  /** Zero stands for "none" in requests and limits. */
  const bound = (metric: MetricName, key: string) => value(metric, key) || null
  return {
    value,
    time: (metric, key) => fresh(metric, key)?.timestamp ?? null,
    usage: (key) => ({
      cpu: value('cpu/usage_rate', key),
      cpuRequest: bound('cpu/request', key),
      cpuLimit: bound('cpu/limit', key),
      memory: value('memory/working_set', key),
      memoryRequest: bound('memory/request', key),
      memoryLimit: bound('memory/limit', key),
    }),
    activity: (key) => ({
      received: value('network/rx_rate', key),
      sent: value('network/tx_rate', key),
      withheld: value('cpu/cfs_throttled_time_rate', key),
      oomKills: value('memory/oom_kills', key),
      restarts: value('restart_count', key),
    }),
    labelled: (metric, key, resource) => {
      for (const series of window.series(metric, { key }, { since })) if (series.resource === resource) return series.values.at(-1) ?? null
      return null
    },
  }
}

function podRow({ key, labels }: Entity, read: Reader): PodRow {
  return {
    key,
    namespace: labels['namespace_name'] ?? '',
    name: labels['pod_name'] ?? '',
    node: labels['nodename'] ?? '',
    workload: labels['workload_name'] === undefined ? '' : `${labels['workload_kind']}/${labels['workload_name']}`,
    ...read.usage(key),
    ...read.activity(key),
    newestSample: read.time('memory/working_set', key) ?? read.time('cpu/usage_rate', key),
  }
}

function nodeRow({ key, labels }: Entity, read: Reader, counts: ReadonlyMap<string, number>): NodeRow {
  const name = labels['nodename'] ?? ''
  return {
    key,
    name,
    ...read.usage(key),
    cpuAllocatable: read.value('cpu/node_allocatable', key),
    memoryAllocatable: read.value('memory/node_allocatable', key),
    pods: counts.get(`node ${name}`) ?? 0,
    cpuPressure: read.value('cpu/pressure', key),
    memoryPressure: read.value('memory/pressure', key),
    diskPressure: read.value('disk/io_pressure', key),
    received: read.value('network/rx_rate', key),
    sent: read.value('network/tx_rate', key),
    diskUsed: read.labelled('filesystem/usage', key, '/'),
    diskSize: read.labelled('filesystem/limit', key, '/'),
    oomKills: read.value('memory/oom_kills', key),
    newestSample: read.time('memory/working_set', key) ?? read.time('cpu/usage_rate', key),
  }
}

function namespaceRow({ key, labels }: Entity, read: Reader, counts: ReadonlyMap<string, number>): NamespaceRow {
  const name = labels['namespace_name'] ?? ''
  const [pods, pending] = [counts.get(`namespace ${name}`) ?? 0, read.value('pods/pending', key)]
  return { key, name, ...read.usage(key), ...read.activity(key), pods, pending }
}

function workloadRow({ key, labels }: Entity, read: Reader, counts: ReadonlyMap<string, number>): WorkloadRow {
  const [namespace = '', kind = '', name = ''] = [labels['namespace_name'], labels['workload_kind'], labels['workload_name']]
  const pods = counts.get(`workload ${namespace} ${kind}/${name}`) ?? 0
  return { key, namespace, kind, name, ...read.usage(key), ...read.activity(key), pods }
}

function containerRow({ key, labels }: Entity, read: Reader): ContainerRow {
  return {
    key,
    namespace: labels['namespace_name'] ?? '',
    pod: labels['pod_name'] ?? '',
    name: labels['container_name'] ?? '',
    node: labels['nodename'] ?? '',
    ...read.usage(key),
    throttled: read.value('cpu/cfs_throttled_share', key),
    cpuPressure: read.value('cpu/pressure', key),
    memoryPressure: read.value('memory/pressure', key),
    oomKills: read.value('memory/oom_kills', key),
    restarts: read.value('restart_count', key),
    ageMs: read.value('uptime', key),
  }
}
