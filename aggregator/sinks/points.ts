import { metrics } from '../catalog.ts'
import type { Metric } from '../catalog.ts'
import type { Batch, MetricSet } from '../metric-set.ts'
import type { Entity } from '../window.ts'

/** One value of a batch. Whole for metrics that are whole. */
export interface Point {
  readonly metric: Metric
  readonly entity: Entity
  readonly resource: string | undefined
  readonly value: number
  /** ms. */
  readonly timestamp: number
}

/** Every finite value of a batch. */
export function* pointsOf(batch: Batch): Iterable<Point> {
  for (const set of batch.sets.values()) yield* pointsOfSet(set, batch.timestamp)
}

function* pointsOfSet({ entity, values, labelled }: MetricSet, timestamp: number): Iterable<Point> {
  for (const [column, value] of values.entries()) {
    if (Number.isFinite(value)) yield toPoint(entity, { column, resource: undefined, value }, timestamp)
  }
  for (const entry of labelled) if (Number.isFinite(entry.value)) yield toPoint(entity, entry, timestamp)
}

function toPoint(
  entity: Entity,
  { column, resource, value }: { readonly column: number; readonly resource: string | undefined; readonly value: number },
  timestamp: number,
): Point {
  const metric = metrics[column]!
  return { metric, entity, resource, value: metric.valueType === 'int' ? Math.round(value) : value, timestamp }
}
