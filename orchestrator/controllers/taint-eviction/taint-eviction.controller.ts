import { CoreV1Node, CoreV1Pod } from '../../api/generated/kinds.ts'
import { isNotFound } from '../../api/status-error.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { withCondition } from '../conditions.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration, ReconcileContext } from '../controller.ts'
import { isTerminated, podIndexes } from '../pod-state.ts'
import { addedAt, planEviction } from './taint-eviction.plan.ts'

/** Removes pods from nodes whose NoExecute taints they don't tolerate, or no longer. */
export function createTaintEvictionController({ informers }: { readonly informers: InformerFactory }): ControllerDeclaration<CoreV1Node> {
  const pods = informers.informer(CoreV1Pod, { indexes: podIndexes })
  /** When taints without a time were seen first, by node. */
  const seenAt = new Map<string, number>()
  informers.informer(CoreV1Node).onChange({ deleted: ({ metadata }) => seenAt.delete(metadata.name!) })
  return {
    name: 'taint-eviction',
    for: CoreV1Node,
    watches: [watch(CoreV1Pod, ({ spec }) => (spec.nodeName === undefined ? [] : [spec.nodeName]))],
    async reconcile({ metadata, spec }, context) {
      const name = metadata.name!
      const taints = (spec?.taints ?? []).filter(({ effect }) => effect === 'NoExecute')
      if (taints.length === 0) {
        seenAt.delete(name)
        return undefined
      }
      const since = seenAt.get(name) ?? context.now
      seenAt.set(name, since)

      const candidates = [...pods.byIndex('node', name)].filter((pod) => pod.metadata.deletionTimestamp === undefined && !isTerminated(pod))
      const plans = candidates.map((pod) => ({ pod, leaveAt: planEviction(pod, taints, (taint) => addedAt(taint, since)) }))

      let nextMs = Infinity
      for (const { pod, leaveAt } of plans) {
        if (leaveAt === undefined) continue
        if (leaveAt <= context.now) await evict(pod, context)
        else nextMs = Math.min(nextMs, leaveAt - context.now)
      }
      return nextMs === Infinity ? undefined : { requeueAfterMs: nextMs }
    },
  }
}

async function evict(pod: CoreV1Pod, { client, events, now }: ReconcileContext): Promise<void> {
  const { namespace, name, uid } = pod.metadata
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'DeletionByTaintManager',
    message: 'Taint manager: deleting due to NoExecute taint',
  }
  const conditions = withCondition(pod.status?.conditions ?? [], condition, now)
  try {
    await client.updateStatus(CoreV1Pod, { ...pod, status: { ...pod.status, conditions: [...conditions] } })
    await client.delete(CoreV1Pod, { namespace, name: name! }, { preconditions: { uid } })
    events.event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${namespace}/${name}`)
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}
