import { fromTimestamp } from '../../lib/clock.ts'
import type { CoreV1Pod, CoreV1PodCondition } from '../api/generated/kinds.ts'
import type { KubeObject } from '../api/object.ts'

/** The reference of the object that manages this one, if one does. */
export const controllerOf = (object: KubeObject) => object.metadata.ownerReferences?.find(({ controller }) => controller === true)

/** Whether nothing will run in the pod any more. */
export const isTerminated = ({ status }: CoreV1Pod) => status?.phase === 'Succeeded' || status?.phase === 'Failed'

/** Whether the pod counts for its owner: neither over nor on its way out. */
export const isActive = (pod: CoreV1Pod) => !isTerminated(pod) && pod.metadata.deletionTimestamp === undefined

/** One of the pod's conditions. */
export const conditionOf = ({ status }: CoreV1Pod, type: string): CoreV1PodCondition | undefined =>
  status?.conditions?.find((condition) => condition.type === type)

/** Whether the pod's Ready condition is True. */
export const isReady = (pod: CoreV1Pod) => conditionOf(pod, 'Ready')?.status === 'True'

/** When the pod became ready, milliseconds since the epoch; `undefined` while it isn't. */
export const readySince = (pod: CoreV1Pod) =>
  isReady(pod) ? (fromTimestamp(conditionOf(pod, 'Ready')?.lastTransitionTime) ?? 0) : undefined

/**
 * When a ready pod is or becomes available, milliseconds since the epoch: after `minReadySeconds` of being ready, always (0) where that is 0.
 * `undefined` while it isn't ready.
 */
export function availableFrom(pod: CoreV1Pod, minReadySeconds: number): number | undefined {
  if (minReadySeconds === 0) return isReady(pod) ? 0 : undefined
  const since = readySince(pod)
  return since === undefined ? undefined : since + minReadySeconds * 1000
}

/** The restarts of the container that was restarted most. */
export const restartsOf = ({ status }: CoreV1Pod) =>
  Math.max(0, ...(status?.containerStatuses ?? []).map(({ restartCount }) => restartCount))

/** The pod index that controllers share: by the uid of the controlling owner, and the uncontrolled ones by `orphans/<namespace>`. */
export const podIndexes = {
  controller: (pod: CoreV1Pod): readonly string[] => [controllerOf(pod)?.uid ?? `orphans/${pod.metadata.namespace}`],
  namespace: (pod: CoreV1Pod): readonly string[] => [pod.metadata.namespace!],
  node: (pod: CoreV1Pod): readonly string[] => (pod.spec.nodeName === undefined ? [] : [pod.spec.nodeName]),
}
