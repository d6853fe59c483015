import { metrics } from '../catalog.ts'
import type { CustomSample } from '../custom-metrics.ts'
import type { Batch, MetricSet } from '../metric-set.ts'
import type { Entity } from '../window.ts'

/** One value, as the protocols without a schema of their own take it. */
export interface Point {
  /** Heapster's name, such as `cpu/usage_rate`; `custom/<name>` for metrics of pods. */
  readonly name: string
  /** Labels of the entity, or those of the sample with its pod. The object is the same for every point of an entity. */
  readonly labels: Readonly<Record<string, string>>
  readonly resource: string | undefined
  /** Finite; whole for metrics that are whole. */
  readonly value: number
  /** ms. */
  readonly timestamp: number
}

/** Every finite value of a batch. */
export function* pointsOf(batch: Batch): Iterable<Point> {
  for (const set of batch.sets.values()) yield* pointsOfSet(set, batch.timestamp)
}

/** Every finite value of one entity. */
export function* pointsOfSet({ entity, values, labelled }: MetricSet, timestamp: number): Iterable<Point> {
  for (let column = 0; column < values.length; column++) {
    const value = values[column]!
    if (Number.isFinite(value)) yield toPoint(entity, column, { resource: undefined, value, timestamp })
  }
  for (const { column, resource, value } of labelled) {
    if (Number.isFinite(value)) yield toPoint(entity, column, { resource, value, timestamp })
  }
}

/** A sample of a pod's own metric as a point. */
export function pointOfSample({ name, namespace, pod, labels, value, timestamp }: CustomSample): Point {
  const own = { type: 'pod', namespace_name: namespace, pod_name: pod }
  return { name: `custom/${name}`, labels: { ...labels, ...own }, resource: undefined, value, timestamp }
}

function toPoint({ labels }: Entity, column: number, rest: Pick<Point, 'resource' | 'value' | 'timestamp'>): Point {
  const { name, valueType } = metrics[column]!
  return {
    name,
    labels,
    resource: rest.resource,
    value: valueType === 'int' ? Math.round(rest.value) : rest.value,
    timestamp: rest.timestamp,
  }
}

/** Labels that no sink but InfluxDB takes unasked: ids make a series per restart of a pod, and the text of all labels is no label. */
const unwanted: ReadonlySet<string> = new Set(['pod_id', 'namespace_id', 'host_id', 'hostname', 'labels'])

/** The labels under which a point is known elsewhere, `cluster_name` and `resource_id` among them, empty ones left out. */
export function outsideLabels({ labels, resource }: Pick<Point, 'labels' | 'resource'>, clusterName: string): Record<string, string> {
  const kept: Record<string, string> = { cluster_name: clusterName }
  for (const [name, value] of Object.entries(labels)) if (value !== '' && !unwanted.has(name)) kept[name] = value
  if (resource !== undefined) kept['resource_id'] = resource
  return kept
}
