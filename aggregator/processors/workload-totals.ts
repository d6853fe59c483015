import { createEntity, entityKeys } from '../entity.ts'
import { createMetricSet } from '../metric-set.ts'
import type { TotalsProcessor } from '../processors.ts'
import { additiveColumns, createAdder } from './totals.ts'

const addPod = createAdder(additiveColumns('pod', 'workload'))

/** A workload's figures (a Deployment's, a ReplicationController's, …) are the sums over its pods. */
export function createWorkloadTotals(): TotalsProcessor {
  return {
    name: 'workload totals',
    process({ sets }, latest) {
      for (const batch of latest) {
        for (const pod of batch.sets.values()) {
          const { namespace_name: namespace, workload_kind: kind, workload_name: name } = pod.entity.labels
          if (pod.entity.type !== 'pod' || kind === undefined) continue
          const key = entityKeys.workload(namespace!, kind, name!)
          const labels = { namespace_name: namespace!, workload_kind: kind, workload_name: name! }
          const total = sets.get(key) ?? createMetricSet(createEntity('workload', key, labels))
          addPod(total, pod)
          sets.set(key, total)
        }
      }
    },
  }
}
