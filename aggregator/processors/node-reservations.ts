import { entityKeys } from '../entity.ts'
import type { NodeProcessor } from '../processors.ts'
import { additiveColumns, createAdder, declaredColumns, isLabelledColumn } from './totals.ts'

const columns = additiveColumns('pod', 'node').filter((column) => declaredColumns.has(column))
const plainColumns = columns.filter((column) => !isLabelledColumn(column))
const addPod = createAdder(columns)

/** A node's requests and limits are the sums over the pods bound to it; its use is its own measurement. */
export function createNodeReservations(): NodeProcessor {
  return {
    name: 'node reservations',
    process({ nodeName, sets }) {
      const node = sets.get(entityKeys.node(nodeName!))
      if (node === undefined) return
      for (const column of plainColumns) node.values[column] = 0
      for (const set of sets.values()) if (set.entity.type === 'pod') addPod(node, set)
    },
  }
}
