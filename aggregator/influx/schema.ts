import { metrics } from '../catalog.ts'
import type { Metric } from '../catalog.ts'

/**
 * Heapster's two ways to name a metric in InfluxDB: `default` has a measurement per metric with one field `value`; `withfields` has one per
 * part before the first "/" with the rest as fields.
 */
export type SchemaName = 'default' | 'withfields'

/** Where a metric is found. */
export interface Place {
  readonly measurement: string
  readonly field: string
}

/** The place of a metric by its name. */
export function placeOf(schema: SchemaName, name: string): Place {
  const slash = name.indexOf('/')
  if (schema === 'default' || slash < 0) return { measurement: name, field: 'value' }
  return { measurement: name.slice(0, slash), field: name.slice(slash + 1) }
}

/** One measurement and what the catalogue has in it. */
export interface Measurement {
  readonly name: string
  readonly fields: readonly { readonly name: string; readonly metric: Metric }[]
}

/** Every measurement that the catalogue makes in a schema. */
export function measurementsOf(schema: SchemaName): readonly Measurement[] {
  const groups = new Map<string, { name: string; metric: Metric }[]>()
  for (const metric of metrics) {
    const { measurement, field } = placeOf(schema, metric.name)
    groups.set(measurement, [...(groups.get(measurement) ?? []), { name: field, metric }])
  }
  return [...groups].map(([name, fields]) => ({ name, fields }))
}

/** Labels by which entities are told apart: always tags. */
const identifying = [
  'type',
  'cluster_name',
  'nodename',
  'namespace_name',
  'pod_name',
  'container_name',
  'workload_kind',
  'workload_name',
  'monitor_name',
  'resource_id',
]

/** Labels that are tags besides those, unless the options say otherwise. Ids and the text of all labels are not: a series per pod each. */
export const defaultTags: readonly string[] = ['container_base_image', 'schedulable']

/** Every label that Heapster makes a tag of. */
export const heapsterTags: readonly string[] = [
  ...defaultTags,
  'labels',
  'make',
  'model',
  'accelerator_id',
  'volume_name',
  'custom_metric_name',
]

/** The names of the labels that become tags. */
export function tagNames(allowed: readonly string[]): ReadonlySet<string> {
  return new Set([...identifying, ...allowed])
}

/** The measurement and field of an event: the whole of it as JSON, or its message with the rest among the tags. */
export function eventPlace(schema: SchemaName): Place {
  return schema === 'default' ? { measurement: 'log/events', field: 'value' } : { measurement: 'events', field: 'message' }
}

/** The measurement that says which pod had which uid when: tags namespace_name and pod_name, a string field `pod_id`. */
export const podIdentityMeasurement = 'pod_identity'
