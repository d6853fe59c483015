import { createEntity, entityKeys } from '../entity.ts'
import { createMetricSet } from '../metric-set.ts'
import type { TotalsProcessor } from '../processors.ts'
import { setShares } from './shares.ts'
import { additiveColumns, createAdder } from './totals.ts'

const nodeColumns = additiveColumns('node', 'cluster')
const addNode = createAdder(nodeColumns)
const addPod = createAdder(additiveColumns('pod', 'cluster').filter((column) => !nodeColumns.includes(column)))

/** The cluster's figures are the sums over its nodes, what runs beside the pods included; figures that nodes lack are sums over pods. */
export function createClusterTotals(): TotalsProcessor {
  return {
    name: 'cluster totals',
    process({ sets }, latest) {
      if (latest.length === 0) return
      const total = createMetricSet(createEntity('cluster', entityKeys.cluster))
      for (const batch of latest) {
        for (const set of batch.sets.values()) {
          if (set.entity.type === 'node') addNode(total, set)
          else if (set.entity.type === 'pod') addPod(total, set)
        }
      }
      setShares(total)
      sets.set(entityKeys.cluster, total)
    },
  }
}
