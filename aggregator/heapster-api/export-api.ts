import type { FastifyInstance } from 'fastify'
import { metrics } from '../catalog.ts'
import { entityKeys } from '../entity.ts'
import type { Batch, MetricSet } from '../metric-set.ts'
import type { EntityType } from '../window.ts'

const exported: readonly EntityType[] = ['node', 'pod', 'pod_container', 'sys_container']

const commonLabels = [
  { key: 'nodename', description: 'The name of the node' },
  { key: 'hostname', description: 'The host name of the node' },
  { key: 'container_name', description: 'The name of the container, "machine" for a node, "/pod" for a pod' },
]

const podLabels = [
  { key: 'pod_id', description: 'The uid of the pod' },
  { key: 'pod_name', description: 'The name of the pod' },
  { key: 'namespace_name', description: 'The namespace of the pod' },
  { key: 'container_base_image', description: 'The image of the container' },
  { key: 'labels', description: 'The labels of the pod as name:value, joined by commas' },
  { key: 'workload_kind', description: 'The kind of the workload that the pod belongs to' },
  { key: 'workload_name', description: 'The name of the workload that the pod belongs to' },
]

/** Heapster's `/api/v1/metric-export` (the last batch of every node) and `/api/v1/metric-export-schema`. */
export function registerExportApi(server: FastifyInstance, latest: () => readonly Batch[]): void {
  server.get('/api/v1/metric-export', () =>
    latest().flatMap(({ sets, timestamp }) =>
      [...sets.values()].filter(({ entity }) => exported.includes(entity.type)).map((set) => exportSet(set, timestamp)),
    ),
  )
  server.get('/api/v1/metric-export-schema', () => ({
    metrics: metrics.map(({ name, description, type, valueType, unit, isLabelled }) => ({
      name,
      description,
      ...(isLabelled === true ? { labels: [{ key: 'resource_id', description: 'The file system or device' }] } : {}),
      type,
      value_type: valueType === 'int' ? 'int64' : 'double',
      units: unit,
    })),
    common_labels: commonLabels,
    pod_labels: podLabels,
  }))
}

function exportSet(set: MetricSet, timestamp: number): object {
  const end = new Date(timestamp).toISOString()
  const startOf = (isCumulative: boolean) => (isCumulative && !Number.isNaN(set.startedAt) ? new Date(set.startedAt).toISOString() : end)
  const points: Record<string, object[]> = {}
  const add = (column: number, value: number, resource?: string) => {
    const { name, type, valueType } = metrics[column]!
    const labels = resource === undefined ? {} : { labels: { resource_id: resource } }
    const point = { start: startOf(type === 'cumulative'), end, ...labels, value: valueType === 'int' ? Math.round(value) : value }
    points[name] = [...(points[name] ?? []), point]
  }
  set.values.forEach((value, column) => {
    if (!Number.isNaN(value)) add(column, value)
  })
  for (const { column, resource, value } of set.labelled) add(column, value, resource)
  const placeholder = set.entity.key === entityKeys.node(set.entity.labels['nodename'] ?? '') ? 'machine' : '/pod'
  return { metrics: points, labels: { container_name: placeholder, ...set.entity.labels } }
}
