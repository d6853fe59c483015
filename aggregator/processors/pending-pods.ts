import type { CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import type { Informer } from '../../orchestrator/client/informer.ts'
import { columnOf } from '../catalog.ts'
import { createEntity, entityKeys } from '../entity.ts'
import { createMetricSet } from '../metric-set.ts'
import type { Batch } from '../metric-set.ts'

const column = columnOf('pods/pending')

/** The value of the index `pending` of pods that have not begun to run. */
export const isPending = 'yes'

/** For the index `pending` of an informer of pods: those that have not begun to run and are wanted. */
export function pendingIndex({ metadata, status }: CoreV1Pod): readonly string[] {
  return status?.phase === 'Pending' && metadata.deletionTimestamp === undefined ? [isPending] : []
}

/** Counts pods that have not begun to run: no node measures them. For totals that are finished, so that no two aggregators count the same. */
export function countPendingPods({ sets }: Batch, pods: Informer<CoreV1Pod>): void {
  const cluster = sets.get(entityKeys.cluster)
  if (cluster === undefined || !pods.hasSynced) return
  for (const { entity, values } of sets.values()) if (entity.type === 'ns' || entity.type === 'cluster') values[column] = 0
  for (const { metadata } of pods.byIndex('pending', isPending)) {
    const key = entityKeys.namespace(metadata.namespace!)
    const namespace = sets.get(key) ?? createMetricSet(createEntity('ns', key, { namespace_name: metadata.namespace! }))
    sets.set(key, namespace)
    namespace.values[column] = (namespace.values[column] || 0) + 1
    cluster.values[column]!++
  }
}
