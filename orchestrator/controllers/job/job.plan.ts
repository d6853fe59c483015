import { fromTimestamp, toTimestamp } from '../../../lib/clock.ts'
import type { BatchV1Job, BatchV1JobCondition, BatchV1JobStatus, CoreV1Pod } from '../../api/generated/kinds.ts'
import { withCondition } from '../conditions.ts'
import { isReady } from '../pod-state.ts'
import { parseIndexes } from './indexes.ts'
import { failureCountOf, hasFailed, indexOf, isIndexed, isRunning, isTerminating, tallyPods } from './job-tally.ts'
import type { JobTally } from './job-tally.ts'

/** Delay before a failed pod is replaced: doubles with each failure in a row. As upstream. */
const firstBackoffMs = 10_000
const lastBackoffMs = 600_000
/** Pods made in one step at most, as upstream. */
const maxCreated = 500

/** A pod that is to be made. */
export interface PodSlot {
  /** Of Indexed Jobs: what it works on, and how often that has failed. */
  readonly index?: number
  readonly failures?: number
}

/** What to do about a Job's pods, and what to say of it. */
export interface JobPlan {
  readonly create: readonly PodSlot[]
  readonly remove: readonly CoreV1Pod[]
  readonly status: BatchV1JobStatus
  /** Pods that may be let go once the status is written. */
  readonly counted: readonly CoreV1Pod[]
  /** The outcome that this run wrote, for the event. */
  readonly finished?: Outcome
  /** Whether this run stopped or resumed the Job, for the event. */
  readonly suspension?: 'Suspended' | 'Resumed'
  /** When something is due without any change, milliseconds from now. */
  readonly waitMs?: number
}

interface Outcome {
  readonly type: 'Complete' | 'Failed'
  readonly reason: string
  readonly message: string
}

const isTrue = ({ status }: BatchV1Job, type: string) =>
  status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') === true

/** Whether a Job has come to its end. */
export const isFinished = (job: BatchV1Job) => isTrue(job, 'Complete') || isTrue(job, 'Failed')

/** The condition that says how a Job is going to end, while its pods still run. */
const targetOf = { Complete: 'SuccessCriteriaMet', Failed: 'FailureTarget' } as const

/** Compares a Job's pods with its completions, parallelism and limits. Ends of pods are counted once, whatever happens in between. */
export function planJob(job: BatchV1Job, pods: readonly CoreV1Pod[], now: number): JobPlan {
  const tally = tallyPods(job, pods)
  const active = pods.filter(isRunning)
  const terminating = pods.filter(isTerminating)
  const isSuspended = job.spec.suspend === true
  const startTime = isSuspended ? undefined : (job.status?.startTime ?? toTimestamp(now))
  const { startTime: _, ...previous } = job.status ?? {}
  const status: BatchV1JobStatus = {
    ...previous,
    ...tally.status,
    active: active.length,
    ready: active.filter(isReady).length,
    terminating: terminating.length,
    ...(startTime === undefined ? {} : { startTime }),
  }
  const shared = { counted: tally.counted, create: [] }

  const outcome = decidedBefore(job) ?? judge(job, { tally, active, startTime, now })
  if (outcome !== undefined) {
    const isOver = active.length + terminating.length === 0 && tally.isSettled && !hasUncounted(tally)
    const conditions = outcomeConditions(job, outcome, isOver, now)
    const completion = isOver && outcome.type === 'Complete' ? { completionTime: toTimestamp(now) } : {}
    return {
      ...shared,
      remove: active,
      status: { ...status, ...completion, conditions: [...conditions] },
      ...(isOver ? { finished: outcome } : {}),
    }
  }
  const { conditions, suspension } = suspensionOf(job, now)
  const told = {
    status: { ...status, ...(conditions.length === 0 ? {} : { conditions: [...conditions] }) },
    ...(suspension === undefined ? {} : { suspension }),
  }
  if (isSuspended) return { ...shared, ...told, remove: active }

  const next = planPods(job, { tally, active, terminating, pods, now })
  const deadlineMs = remainingDeadlineMs(job, startTime, now)
  return { ...shared, ...told, create: next.create, remove: next.remove, ...waiting([next.waitMs, deadlineMs]) }
}

const hasUncounted = ({ status: { uncountedTerminatedPods: uncounted } }: JobTally) =>
  (uncounted?.succeeded?.length ?? 0) + (uncounted?.failed?.length ?? 0) > 0

interface Situation {
  readonly tally: JobTally
  readonly active: readonly CoreV1Pod[]
  readonly startTime: string | undefined
  readonly now: number
}

/** An outcome that an earlier run has found: it stands, whatever the pods do until they have ended. */
function decidedBefore(job: BatchV1Job): Outcome | undefined {
  for (const type of ['Failed', 'Complete'] as const) {
    const condition = job.status?.conditions?.find((each) => each.type === targetOf[type] && each.status === 'True')
    if (condition !== undefined) return { type, reason: condition.reason ?? '', message: condition.message ?? '' }
  }
  return undefined
}

const failed = (reason: string, message: string): Outcome => ({ type: 'Failed', reason, message })

function judge(job: BatchV1Job, situation: Situation): Outcome | undefined {
  const { tally, startTime, now } = situation
  if (tally.failJob !== undefined) return failed('PodFailurePolicy', tally.failJob)
  const met = matchedSuccessRule(job, tally.completedIndexes)
  if (met !== undefined) return { type: 'Complete', reason: 'SuccessPolicy', message: `Matched rules at index ${met}` }
  const deadlineMs = remainingDeadlineMs(job, startTime, now)
  if (deadlineMs !== undefined && deadlineMs <= 0) return failed('DeadlineExceeded', 'Job was active longer than specified deadline')
  return judgeFailures(job, situation) ?? judgeCompletion(job, situation)
}

function judgeFailures(job: BatchV1Job, { tally, active }: Situation): Outcome | undefined {
  const { backoffLimit = 6, maxFailedIndexes, completions = 0 } = job.spec
  if (tally.failed > backoffLimit || hasRestartedTooOften(job, active)) {
    return failed('BackoffLimitExceeded', 'Job has reached the specified backoff limit')
  }
  const lost = tally.failedIndexes.size
  if (maxFailedIndexes !== undefined && lost > maxFailedIndexes)
    return failed('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes')
  const isDecided = lost > 0 && lost + tally.completedIndexes.size >= completions
  return isDecided ? failed('FailedIndexes', 'Job has failed indexes') : undefined
}

/** Containers that are restarted in place fail without a failed pod. */
function hasRestartedTooOften({ spec }: BatchV1Job, active: readonly CoreV1Pod[]): boolean {
  if (spec.template.spec?.restartPolicy !== 'OnFailure') return false
  const statuses = active.flatMap(({ status }) => [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])])
  const restarts = statuses.reduce((sum, { restartCount }) => sum + restartCount, 0)
  const { backoffLimit = 6 } = spec
  return backoffLimit === 0 ? restarts > 0 : restarts >= backoffLimit
}

function judgeCompletion({ spec: { completions } }: BatchV1Job, { tally, active }: Situation): Outcome | undefined {
  const isComplete = completions === undefined ? tally.succeeded > 0 && active.length === 0 : tally.succeeded >= completions
  return isComplete ? { type: 'Complete', reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' } : undefined
}

/** The first rule of the success policy that the completed indexes satisfy. */
function matchedSuccessRule({ spec }: BatchV1Job, completed: ReadonlySet<number>): number | undefined {
  for (const [at, { succeededIndexes, succeededCount }] of (spec.successPolicy?.rules ?? []).entries()) {
    const limit = spec.completions ?? 0
    const meant = succeededIndexes === undefined ? undefined : parseIndexes(succeededIndexes, limit)
    const count = meant === undefined ? completed.size : [...meant].filter((index) => completed.has(index)).length
    if (count >= (succeededCount ?? meant?.size ?? limit)) return at
  }
  return undefined
}

function outcomeConditions(
  job: BatchV1Job,
  { type, reason, message }: Outcome,
  isOver: boolean,
  now: number,
): readonly BatchV1JobCondition[] {
  const conditions = withCondition(job.status?.conditions ?? [], { type: targetOf[type], status: 'True', reason, message }, now)
  return isOver ? withCondition(conditions, { type, status: 'True', reason, message }, now) : conditions
}

interface Pods {
  readonly tally: JobTally
  readonly active: readonly CoreV1Pod[]
  readonly terminating: readonly CoreV1Pod[]
  readonly pods: readonly CoreV1Pod[]
  readonly now: number
}

function planPods(job: BatchV1Job, view: Pods): Pick<JobPlan, 'create' | 'remove' | 'waitMs'> {
  const { tally, active, terminating, pods, now } = view
  const { completions, parallelism = 1 } = job.spec
  // With the policy Failed, a pod that is on its way out holds its place until it has ended.
  const holding = job.spec.podReplacementPolicy === 'Failed' ? [...active, ...terminating] : active
  const left = completions === undefined ? undefined : completions - tally.succeeded - tally.failedIndexes.size
  const first = tally.succeeded > 0 ? Math.min(active.length, parallelism) : parallelism
  const wanted = left === undefined ? first : Math.min(parallelism, left)
  const surplus = removable(job, active, active.length - wanted)
  if (surplus.length > 0) return { create: [], remove: surplus }
  const missing = Math.min(wanted - holding.length, maxCreated)
  if (missing <= 0) return { create: [], remove: [] }
  if (isIndexed(job)) return planIndexes(job, { ...view, active: holding }, missing)
  const waitMs = remainingBackoffMs(job, pods, now)
  if (waitMs > 0) return { create: [], remove: [], waitMs }
  return { create: Array.from({ length: missing }, () => ({})), remove: [] }
}

/** Pods that are too many: of Indexed Jobs second pods of an index and those of none first, then the highest indexes. */
function removable(job: BatchV1Job, active: readonly CoreV1Pod[], surplus: number): readonly CoreV1Pod[] {
  if (!isIndexed(job)) return active.slice(0, Math.max(0, surplus))
  const seen = new Set<number>()
  const superfluous: CoreV1Pod[] = []
  const kept: { readonly pod: CoreV1Pod; readonly index: number }[] = []
  for (const pod of active) {
    const index = indexOf(job, pod)
    if (index === undefined || seen.has(index)) superfluous.push(pod)
    else {
      seen.add(index)
      kept.push({ pod, index })
    }
  }
  const more = Math.max(0, surplus - superfluous.length)
  return [
    ...superfluous,
    ...kept
      .sort((a, b) => b.index - a.index)
      .slice(0, more)
      .map(({ pod }) => pod),
  ]
}

function planIndexes(job: BatchV1Job, { tally, active, pods, now }: Pods, missing: number): Pick<JobPlan, 'create' | 'remove' | 'waitMs'> {
  const taken = new Set(active.map((pod) => indexOf(job, pod)))
  const failures = new Map<number, readonly CoreV1Pod[]>()
  for (const pod of pods) {
    const index = indexOf(job, pod)
    if (index !== undefined && hasFailed(job, pod)) failures.set(index, [...(failures.get(index) ?? []), pod])
  }
  const isPerIndex = job.spec.backoffLimitPerIndex !== undefined
  const commonWaitMs = isPerIndex ? 0 : remainingBackoffMs(job, pods, now)
  if (commonWaitMs > 0) return { create: [], remove: [], waitMs: commonWaitMs }
  const create: PodSlot[] = []
  let waitMs: number | undefined
  for (let index = 0; index < (job.spec.completions ?? 0) && create.length < missing; index++) {
    if (taken.has(index) || tally.completedIndexes.has(index) || tally.failedIndexes.has(index)) continue
    const failedPods = failures.get(index) ?? []
    const own = isPerIndex ? remainingBackoffMs(job, failedPods, now) : 0
    if (own > 0) {
      waitMs = Math.min(own, waitMs ?? Infinity)
      continue
    }
    const count = Math.max(0, ...failedPods.map((pod) => failureCountOf(pod) + 1))
    create.push({ index, ...(isPerIndex ? { failures: count } : {}) })
  }
  return { create, remove: [], ...(waitMs === undefined ? {} : { waitMs }) }
}

function waiting(delays: readonly (number | undefined)[]): Pick<JobPlan, 'waitMs'> {
  const known = delays.filter((ms) => ms !== undefined)
  return known.length === 0 ? {} : { waitMs: Math.min(...known) }
}

function remainingDeadlineMs({ spec }: BatchV1Job, startTime: string | undefined, now: number): number | undefined {
  const startedAt = fromTimestamp(startTime)
  if (spec.activeDeadlineSeconds === undefined || startedAt === undefined) return undefined
  return startedAt + spec.activeDeadlineSeconds * 1000 - now
}

/** How long failures since the last success still keep a new pod back. */
function remainingBackoffMs(job: BatchV1Job, pods: readonly CoreV1Pod[], now: number): number {
  const lastSuccess = Math.max(0, ...pods.filter(({ status }) => status?.phase === 'Succeeded').map(endedAt))
  const failures = pods
    .filter((pod) => hasFailed(job, pod))
    .map(endedAt)
    .filter((at) => at >= lastSuccess)
  if (failures.length === 0) return 0
  return Math.max(...failures) + Math.min(firstBackoffMs * 2 ** (failures.length - 1), lastBackoffMs) - now
}

function endedAt({ status, metadata }: CoreV1Pod): number {
  const ends = (status?.containerStatuses ?? [])
    .map(({ state }) => fromTimestamp(state?.terminated?.finishedAt))
    .filter((at) => at !== undefined)
  if (ends.length > 0) return Math.max(...ends)
  return fromTimestamp(metadata.deletionTimestamp) ?? fromTimestamp(metadata.creationTimestamp) ?? 0
}

function suspensionOf(
  { spec, status }: BatchV1Job,
  now: number,
): { readonly conditions: readonly BatchV1JobCondition[]; readonly suspension?: 'Suspended' | 'Resumed' } {
  const conditions = status?.conditions ?? []
  const current = conditions.find(({ type }) => type === 'Suspended')
  if (spec.suspend === true) {
    const told = withCondition(conditions, { type: 'Suspended', status: 'True', reason: 'JobSuspended', message: 'Job suspended' }, now)
    return { conditions: told, ...(current?.status === 'True' ? {} : { suspension: 'Suspended' as const }) }
  }
  if (current === undefined) return { conditions }
  const told = withCondition(conditions, { type: 'Suspended', status: 'False', reason: 'JobResumed', message: 'Job resumed' }, now)
  return { conditions: told, ...(current.status === 'True' ? { suspension: 'Resumed' as const } : {}) }
}
