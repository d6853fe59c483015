import { fromTimestamp } from '../../../lib/clock.ts'
import type { Clock } from '../../../lib/clock.ts'
import { CoreV1Node, CoreV1Pod } from '../../api/generated/kinds.ts'
import { isNotFound } from '../../api/status-error.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { withCondition } from '../conditions.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration, ReconcileContext } from '../controller.ts'
import { isTerminated, podIndexes } from '../pod-state.ts'

/** How long a node must be missing before its pods count as orphans, as upstream. */
const quarantineMs = 40_000
const outOfServiceTaint = 'node.kubernetes.io/out-of-service'
const defaultTerminatedThreshold = 12_500

export interface PodGarbageCollectorOptions {
  readonly informers: InformerFactory
  readonly clock: Clock
  /** Terminated pods beyond this number go, the oldest first. */
  readonly terminatedThreshold?: number
}

/** Removes pods that nothing will ever end: those of nodes that are gone, those being deleted without ever having had one or on a node that is out of service, and the oldest of too many terminated ones. */
export function createPodGarbageCollector({
  informers,
  clock,
  terminatedThreshold = defaultTerminatedThreshold,
}: PodGarbageCollectorOptions): ControllerDeclaration<CoreV1Pod> {
  const nodes = informers.informer(CoreV1Node)
  const pods = informers.informer(CoreV1Pod, { indexes: { ...podIndexes, terminated: (pod) => (isTerminated(pod) ? ['yes'] : []) } })
  /** When a node was missed first. */
  const missingSince = new Map<string, number>()
  nodes.onChange({ added: ({ metadata }) => missingSince.delete(metadata.name!) })

  function missingMs(node: string): number {
    const since = missingSince.get(node) ?? clock.monotonic()
    missingSince.set(node, since)
    return clock.monotonic() - since
  }

  return {
    name: 'pod-garbage-collector',
    for: CoreV1Pod,
    watches: [
      watch(CoreV1Node, ({ metadata }) =>
        [...pods.byIndex('node', metadata.name!)].map((pod) => `${pod.metadata.namespace}/${pod.metadata.name}`),
      ),
    ],
    async reconcile(pod, context) {
      const { nodeName } = pod.spec
      if (nodeName === undefined) {
        if (pod.metadata.deletionTimestamp !== undefined) await remove(pod, 'PodGC: unscheduled pod is terminating', context)
      } else if (pod.metadata.deletionTimestamp !== undefined && isOutOfService(nodes.get(nodeName))) {
        await remove(pod, 'PodGC: node is out-of-service', context)
      } else if (nodes.get(nodeName) === undefined) {
        const waitMs = quarantineMs - missingMs(nodeName)
        if (waitMs > 0) return { requeueAfterMs: waitMs }
        await remove(pod, 'PodGC: node no longer exists', context)
      } else if (isTerminated(pod) && isAmongOldest(pod, pods.byIndex('terminated', 'yes'), terminatedThreshold))
        await remove(pod, undefined, context)
      return undefined
    },
  }
}

/** Somebody has said that the node is known to be dead, so that its pods can't run there any more. One that is Ready is not believed to be. */
function isOutOfService(node: CoreV1Node | undefined): boolean {
  const isReady = node?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
  return !isReady && node?.spec?.taints?.some(({ key }) => key === outOfServiceTaint) === true
}

function isAmongOldest(pod: CoreV1Pod, terminated: Iterable<CoreV1Pod>, threshold: number): boolean {
  const all = [...terminated]
  const createdAt = ({ metadata }: CoreV1Pod) => fromTimestamp(metadata.creationTimestamp) ?? 0
  const younger = all.filter((other) => createdAt(other) > createdAt(pod)).length
  return all.length > threshold && younger >= threshold
}

/** Marks a pod that hasn't ended as Failed, then removes it without waiting for anybody. */
async function remove(pod: CoreV1Pod, reason: string | undefined, { client, now, log }: ReconcileContext): Promise<void> {
  const { namespace, name, uid } = pod.metadata
  try {
    if (reason !== undefined && !isTerminated(pod)) {
      const condition = { type: 'DisruptionTarget', status: 'True', reason: 'DeletionByPodGC', message: reason }
      const conditions = withCondition(pod.status?.conditions ?? [], condition, now)
      await client.updateStatus(CoreV1Pod, { ...pod, status: { ...pod.status, phase: 'Failed', conditions: [...conditions] } })
    }
    await client.delete(CoreV1Pod, { namespace, name: name! }, { gracePeriodSeconds: 0, preconditions: { uid } })
    log.info({ namespace, name }, reason ?? 'PodGC: too many terminated pods')
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}
