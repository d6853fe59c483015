import { columnOf, metrics } from '../catalog.ts'
import type { MetricName } from '../catalog.ts'
import type { LabelledValue, MetricSet } from '../metric-set.ts'
import type { EntityType } from '../window.ts'

/** The columns that add up and that entities of both types carry. */
export function additiveColumns(part: EntityType, whole: EntityType): readonly number[] {
  return metrics
    .filter(({ isAdditive, entities }) => isAdditive && entities.includes(part) && entities.includes(whole))
    .map(({ name }) => columnOf(name))
}

/** Whether a column's values are kept per resource. */
export const isLabelledColumn = (column: number): boolean => metrics[column]!.isLabelled === true

/**
 * Makes what adds the values of `part` in these columns to those of `whole`, labelled ones per resource; what the part lacks leaves the
 * sum as it is.
 */
export function createAdder(columns: readonly number[]): (whole: MetricSet, part: MetricSet) => void {
  const plain = columns.filter((column) => !isLabelledColumn(column))
  const labelled = new Set(columns.filter(isLabelledColumn))
  return (whole, part) => {
    for (const column of plain) {
      const value = part.values[column]!
      if (Number.isNaN(value)) continue
      const sum = whole.values[column]!
      whole.values[column] = Number.isNaN(sum) ? value : sum + value
    }
    for (const entry of part.labelled) if (labelled.has(entry.column)) addLabelled(whole.labelled, entry)
  }
}

function addLabelled(sums: LabelledValue[], { column, resource, value }: LabelledValue): void {
  const index = sums.findIndex((entry) => entry.column === column && entry.resource === resource)
  if (index < 0) sums.push({ column, resource, value })
  else sums[index] = { column, resource, value: sums[index]!.value + value }
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
      'accelerator/request',
      'extended_resource/request',
      'restart_count',
    ] satisfies MetricName[]
  ).map(columnOf),
)
