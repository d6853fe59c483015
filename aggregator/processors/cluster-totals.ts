import { createEntity, entityKeys } from '../entity.ts'
import { createMetricSet } from '../metric-set.ts'
import type { TotalsProcessor } from '../processors.ts'
import { additiveColumns, addValues } from './totals.ts'

const nodeColumns = additiveColumns('node', 'cluster')
const podColumns = additiveColumns('pod', 'cluster').filter((column) => !nodeColumns.includes(column))

/** The cluster's figures are the sums over its nodes, what runs beside the pods included; figures that nodes lack are sums over pods. */
export function createClusterTotals(): TotalsProcessor {
  return {
    name: 'cluster totals',
    process({ sets }, latest) {
      if (latest.length === 0) return
      const total = createMetricSet(createEntity('cluster', entityKeys.cluster))
      for (const batch of latest) {
        for (const set of batch.sets.values()) {
          if (set.entity.type === 'node') addValues(total, set, nodeColumns)
          else if (set.entity.type === 'pod') addValues(total, set, podColumns)
        }
      }
      sets.set(entityKeys.cluster, total)
    },
  }
}
