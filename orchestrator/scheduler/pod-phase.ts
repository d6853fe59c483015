import type { CoreV1Pod } from '../api/generated/kinds.ts'

/** The scheduler that pods without a `schedulerName` are for. */
export const defaultSchedulerName = 'default-scheduler'

/** Whether nothing will run in the pod any more. */
export const isTerminated = ({ status }: CoreV1Pod) => status?.phase === 'Succeeded' || status?.phase === 'Failed'

/** Whether this pod waits for a node from this scheduler. */
export const needsNode = (pod: CoreV1Pod, schedulerName: string) =>
  pod.spec.nodeName === undefined &&
  pod.metadata.deletionTimestamp === undefined &&
  !isTerminated(pod) &&
  (pod.spec.schedulerName ?? defaultSchedulerName) === schedulerName
