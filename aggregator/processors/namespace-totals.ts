import { createEntity, entityKeys } from '../entity.ts'
import { createMetricSet } from '../metric-set.ts'
import type { TotalsProcessor } from '../processors.ts'
import { additiveColumns, createAdder } from './totals.ts'

const addPod = createAdder(additiveColumns('pod', 'ns'))

/** A namespace's figures are the sums over its pods. */
export function createNamespaceTotals(): TotalsProcessor {
  return {
    name: 'namespace totals',
    process({ sets }, latest) {
      for (const batch of latest) {
        for (const pod of batch.sets.values()) {
          if (pod.entity.type !== 'pod') continue
          const namespace = pod.entity.labels['namespace_name']!
          const key = entityKeys.namespace(namespace)
          const total = sets.get(key) ?? createMetricSet(createEntity('ns', key, { namespace_name: namespace }))
          addPod(total, pod)
          sets.set(key, total)
        }
      }
    },
  }
}
