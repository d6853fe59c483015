import type { BatchV1Job, BatchV1JobStatus, CoreV1Pod } from '../../api/generated/kinds.ts'
import { isTerminated } from '../pod-state.ts'
import { formatIndexes, parseIndexes } from './indexes.ts'
import { judgeFailure } from './pod-failure-policy.ts'

/** Holds a pod until its end has been counted. */
export const trackingFinalizer = 'batch.kubernetes.io/job-tracking'
export const indexAnnotation = 'batch.kubernetes.io/job-completion-index'
export const failureCountAnnotation = 'batch.kubernetes.io/job-index-failure-count'

/** What the pods of a Job have come to, each end counted once. */
export interface JobTally {
  readonly succeeded: number
  readonly failed: number
  readonly completedIndexes: ReadonlySet<number>
  readonly failedIndexes: ReadonlySet<number>
  /** What goes into the status before any pod is let go. */
  readonly status: Pick<BatchV1JobStatus, 'succeeded' | 'failed' | 'completedIndexes' | 'failedIndexes' | 'uncountedTerminatedPods'>
  /** Pods whose end is in that status: they may be let go once it is written. */
  readonly counted: readonly CoreV1Pod[]
  /** Nothing is between pods and counters. */
  readonly isSettled: boolean
  /** Why the Job fails as a whole, by its pod failure policy. */
  readonly failJob?: string
}

export const isIndexed = ({ spec }: BatchV1Job) => spec.completionMode === 'Indexed'

/** The index that a pod works on; `undefined` where it has none, or one that the Job doesn't have. */
export function indexOf({ spec }: BatchV1Job, { metadata }: CoreV1Pod): number | undefined {
  const text = metadata.annotations?.[indexAnnotation] ?? ''
  return /^\d+$/.test(text) && Number(text) < (spec.completions ?? 0) ? Number(text) : undefined
}

/** How often the pod's index had failed before it. */
export const failureCountOf = ({ metadata }: CoreV1Pod) => Number(metadata.annotations?.[failureCountAnnotation] ?? 0)

export const isHeld = ({ metadata }: CoreV1Pod) => metadata.finalizers?.includes(trackingFinalizer) === true

/** Whether a pod counts as failed. One that is being deleted does too, unless the Job waits until it has really failed. */
export function hasFailed({ spec }: BatchV1Job, { metadata, status }: CoreV1Pod): boolean {
  if (status?.phase === 'Failed') return true
  return spec.podReplacementPolicy !== 'Failed' && metadata.deletionTimestamp !== undefined && status?.phase !== 'Succeeded'
}

/**
 * Counts ends of pods in three steps, so that a crash between any two counts nothing twice and nothing never: uids go into the status as
 * uncounted, then the pods' finalizers go, then the uids turn into numbers. Of Indexed Jobs the successes are the indexes themselves.
 */
export function tallyPods(job: BatchV1Job, pods: readonly CoreV1Pod[]): JobTally {
  const { spec, status } = job
  const byUid = new Map(pods.map((pod) => [pod.metadata.uid!, pod]))
  const waiting = (uids: readonly string[]) => uids.filter((uid) => byUid.has(uid) && isHeld(byUid.get(uid)!))
  const { succeeded: succeededBefore = [], failed: failedBefore = [] } = status?.uncountedTerminatedPods ?? {}
  const succeededUids = waiting(succeededBefore)
  const failedUids = waiting(failedBefore)
  const numbers = {
    succeeded: (status?.succeeded ?? 0) + succeededBefore.length - succeededUids.length,
    failed: (status?.failed ?? 0) + failedBefore.length - failedUids.length,
  }
  const known = new Set([...succeededUids, ...failedUids])
  const ends: Ends = {
    counted: [...known].map((uid) => byUid.get(uid)!),
    succeededUids,
    failedUids,
    completedIndexes: parseIndexes(status?.completedIndexes, spec.completions ?? 0),
    failedIndexes: parseIndexes(status?.failedIndexes, spec.completions ?? 0),
  }
  for (const pod of pods) if (isHeld(pod) && !known.has(pod.metadata.uid!)) countEnd(job, pod, ends)
  if (isIndexed(job)) numbers.succeeded = ends.completedIndexes.size
  return {
    succeeded: numbers.succeeded + succeededUids.length,
    failed: numbers.failed + failedUids.length,
    completedIndexes: ends.completedIndexes,
    failedIndexes: ends.failedIndexes,
    counted: ends.counted,
    isSettled: ends.counted.length === 0,
    status: { ...numbers, ...statusOf(job, ends) },
    ...(ends.failJob === undefined ? {} : { failJob: ends.failJob }),
  }
}

function statusOf(
  job: BatchV1Job,
  { succeededUids, failedUids, completedIndexes, failedIndexes }: Ends,
): Omit<JobTally['status'], 'succeeded' | 'failed'> {
  return {
    uncountedTerminatedPods: {
      ...(succeededUids.length === 0 ? {} : { succeeded: succeededUids }),
      ...(failedUids.length === 0 ? {} : { failed: failedUids }),
    },
    ...(isIndexed(job) ? { completedIndexes: formatIndexes(completedIndexes) } : {}),
    ...(job.spec.backoffLimitPerIndex === undefined ? {} : { failedIndexes: formatIndexes(failedIndexes) }),
  }
}

/** What is gathered of pods that have ended. */
interface Ends {
  readonly counted: CoreV1Pod[]
  readonly succeededUids: string[]
  readonly failedUids: string[]
  readonly completedIndexes: Set<number>
  readonly failedIndexes: Set<number>
  failJob?: string
}

function countEnd(job: BatchV1Job, pod: CoreV1Pod, ends: Ends): void {
  const index = indexOf(job, pod)
  if (pod.status?.phase === 'Succeeded') {
    ends.counted.push(pod)
    if (!isIndexed(job)) ends.succeededUids.push(pod.metadata.uid!)
    else if (index !== undefined) ends.completedIndexes.add(index)
    return
  }
  if (!hasFailed(job, pod)) return
  ends.counted.push(pod)
  const { action, message } = judgeFailure(job.spec.podFailurePolicy, pod)
  if (action === 'FailJob') ends.failJob ??= message
  if (action !== 'Ignore') ends.failedUids.push(pod.metadata.uid!)
  if (index !== undefined && !ends.completedIndexes.has(index) && isIndexLost(job, pod, action)) ends.failedIndexes.add(index)
}

/** Whether a failure ends the chances of its index. */
function isIndexLost({ spec }: BatchV1Job, pod: CoreV1Pod, action: string): boolean {
  if (spec.backoffLimitPerIndex === undefined) return false
  return action === 'FailIndex' || (action !== 'Ignore' && failureCountOf(pod) >= spec.backoffLimitPerIndex)
}

/** Pods that run or are about to. */
export const isRunning = (pod: CoreV1Pod) => !isTerminated(pod) && pod.metadata.deletionTimestamp === undefined
/** Pods on their way out. */
export const isTerminating = (pod: CoreV1Pod) => !isTerminated(pod) && pod.metadata.deletionTimestamp !== undefined
