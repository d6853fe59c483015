import type { MetricName } from '../../aggregator/catalog.ts'
import type { Entity, MetricWindow } from '../../aggregator/window.ts'
import type { AlertRow, NamespaceRow, NodeRow, PodRow, Snapshot, Usage } from './model.ts'

/** Figures older than this are left out: the thing is gone, or nobody measures it any more. */
const staleMs = 60_000

/** Everything that the page's tables show, from the newest samples of the window. */
export function takeSnapshot(
  window: MetricWindow,
  alerts: { readonly rows: readonly AlertRow[]; readonly problem: string | null },
  now: number,
): Snapshot {
  const read = readerOf(window, now)
  const pods = [...window.entities({ type: 'pod' })]
    .map((entity) => podRow(entity, read))
    .filter(({ newestSample }) => newestSample !== null)
  const nodes = [...window.entities({ type: 'node' })]
    .map((entity) => nodeRow(entity, read, pods))
    .filter(({ newestSample }) => newestSample !== null)
  const namespaces = [...window.entities({ type: 'ns' })]
    .map((entity) => namespaceRow(entity, read, pods))
    .filter(({ cpu }) => cpu !== null)
  return {
    time: now,
    newestSample: nodes.reduce<number | null>((newest, node) => Math.max(newest ?? 0, node.newestSample!), null),
    cluster: read.usage('cluster'),
    nodes: nodes.sort((a, b) => a.name.localeCompare(b.name)),
    namespaces: namespaces.sort((a, b) => a.name.localeCompare(b.name)),
    pods: pods.sort((a, b) => (b.cpu ?? 0) - (a.cpu ?? 0)),
    alerts: alerts.rows,
    alertsProblem: alerts.problem,
  }
}

interface Reader {
  value(metric: MetricName, key: string): number | null
  time(metric: MetricName, key: string): number | null
  usage(key: string): Usage
}

function readerOf(window: MetricWindow, now: number): Reader {
  const fresh = (metric: MetricName, key: string) => {
    const sample = window.latest(metric, key)
    return sample === undefined || now - sample.timestamp > staleMs ? undefined : sample
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
    restarts: read.value('restart_count', key),
    received: read.value('network/rx_rate', key),
    sent: read.value('network/tx_rate', key),
    newestSample: read.time('memory/working_set', key) ?? read.time('cpu/usage_rate', key),
  }
}

function nodeRow({ key, labels }: Entity, read: Reader, pods: readonly PodRow[]): NodeRow {
  const name = labels['nodename'] ?? ''
  return {
    key,
    name,
    ...read.usage(key),
    cpuAllocatable: read.value('cpu/node_allocatable', key),
    memoryAllocatable: read.value('memory/node_allocatable', key),
    pods: pods.filter(({ node }) => node === name).length,
    newestSample: read.time('memory/working_set', key) ?? read.time('cpu/usage_rate', key),
  }
}

function namespaceRow({ key, labels }: Entity, read: Reader, pods: readonly PodRow[]): NamespaceRow {
  const name = labels['namespace_name'] ?? ''
  return { key, name, ...read.usage(key), pods: pods.filter(({ namespace }) => namespace === name).length }
}
