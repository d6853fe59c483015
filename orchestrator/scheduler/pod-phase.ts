import type { CoreV1Pod } from '../api/generated/kinds.ts'

/** The scheduler that pods without a `schedulerName` are for. */
export const defaultSchedulerName = 'default-scheduler'

/** A pod's importance; 0 where it has none. */
export const priorityOf = ({ spec }: CoreV1Pod) => spec.priority ?? 0

/** Whether nothing will run in the pod any more. */
export const isTerminated = ({ status }: CoreV1Pod) => status?.phase === 'Succeeded' || status?.phase === 'Failed'

/** Whether a pod is on its way out. */
export const isLeaving = ({ metadata }: CoreV1Pod) => metadata.deletionTimestamp !== undefined

/** The scheduler that a pod is for. */
export const schedulerOf = ({ spec }: CoreV1Pod) =>
  spec.schedulerName === undefined || spec.schedulerName === '' ? defaultSchedulerName : spec.schedulerName

/** Whether a pod waits for a node. */
export const needsNode = (pod: CoreV1Pod) => pod.spec.nodeName === undefined && !isLeaving(pod) && !isTerminated(pod)
