import { entityKeys } from '../entity.ts'
import type { NodeProcessor } from '../processors.ts'
import { additiveColumns, addValues, declaredColumns } from './totals.ts'

const columns = additiveColumns('pod', 'node').filter((column) => declaredColumns.has(column))

/** A node's requests and limits are the sums over the pods bound to it; its use is its own measurement. */
export function createNodeReservations(): NodeProcessor {
  return {
    name: 'node reservations',
    process({ nodeName, sets }) {
      const node = sets.get(entityKeys.node(nodeName!))
      if (node === undefined) return
      for (const column of columns) node.values[column] = 0
      for (const set of sets.values()) if (set.entity.type === 'pod') addValues(node, set, columns)
    },
  }
}
