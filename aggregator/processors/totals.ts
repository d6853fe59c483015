import { columnOf, metrics } from '../catalog.ts'
import type { MetricName } from '../catalog.ts'
import type { MetricSet } from '../metric-set.ts'
import type { EntityType } from '../window.ts'

/** The columns that add up and that entities of both types carry. */
export function additiveColumns(part: EntityType, whole: EntityType): readonly number[] {
  return metrics
    .filter(({ isAdditive, entities }) => isAdditive && entities.includes(part) && entities.includes(whole))
    .map(({ name }) => columnOf(name))
}

/** Adds the values of `part` to those of `whole`; what the part lacks leaves the sum as it is. */
export function addValues(whole: MetricSet, part: MetricSet, columns: readonly number[]): void {
  for (const column of columns) {
    const value = part.values[column]!
    if (Number.isNaN(value)) continue
    const sum = whole.values[column]!
    whole.values[column] = Number.isNaN(sum) ? value : sum + value
  }
}

/** The columns of what the API declares rather than a node measures. */
export const declaredColumns: ReadonlySet<number> = new Set(
  (
    [
      'cpu/request',
      'cpu/limit',
      'memory/request',
      'memory/limit',
      'ephemeral_storage/request',
      'ephemeral_storage/limit',
      'restart_count',
    ] satisfies MetricName[]
  ).map(columnOf),
)
