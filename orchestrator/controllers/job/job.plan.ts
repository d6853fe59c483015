import { fromTimestamp, toTimestamp } from '../../../lib/clock.ts'
import type { BatchV1Job, BatchV1JobCondition, BatchV1JobStatus, CoreV1Pod } from '../../api/generated/kinds.ts'
import { withCondition } from '../conditions.ts'
import { isActive, isReady } from '../pod-state.ts'

/** Delay before a failed pod is replaced: doubles with each failure. As upstream. */
const firstBackoffMs = 10_000
const lastBackoffMs = 600_000

/** What to do about a Job's pods, and what to say of it. */
export interface JobPlan {
  readonly create: number
  readonly remove: readonly CoreV1Pod[]
  readonly status: BatchV1JobStatus
  /** The outcome that this run found, for the event. */
  readonly finished?: { readonly type: 'Complete' | 'Failed'; readonly reason: string; readonly message: string }
  /** When something is due without any change, milliseconds from now. */
  readonly waitMs?: number
}

/** Whether a Job has come to its end. */
export const isFinished = ({ status }: BatchV1Job) =>
  status?.conditions?.some(({ type, status: value }) => (type === 'Complete' || type === 'Failed') && value === 'True') === true

/** Compares a Job's pods with its completions, parallelism and limits. Counts of ended pods never go down. */
export function planJob(job: BatchV1Job, pods: readonly CoreV1Pod[], now: number): JobPlan {
  const { backoffLimit = 6, suspend } = job.spec
  const active = pods.filter(isActive)
  const succeeded = Math.max(job.status?.succeeded ?? 0, pods.filter(({ status }) => status?.phase === 'Succeeded').length)
  const failed = Math.max(job.status?.failed ?? 0, pods.filter(({ status }) => status?.phase === 'Failed').length)
  const startTime = suspend === true ? undefined : (job.status?.startTime ?? toTimestamp(now))
  const counts = {
    active: active.length,
    ready: active.filter(isReady).length,
    succeeded,
    failed,
    ...(startTime === undefined ? {} : { startTime }),
  }

  const finished = judge(job, { succeeded, failed, active: active.length, backoffLimit, startTime, now })
  if (finished !== undefined) {
    const conditions = withCondition(job.status?.conditions ?? [], { ...finished, status: 'True' }, now)
    const completion = finished.type === 'Complete' ? { completionTime: toTimestamp(now) } : {}
    return {
      create: 0,
      remove: active,
      finished,
      status: { ...job.status, ...counts, ...completion, active: 0, ready: 0, conditions: [...conditions] },
    }
  }
  const conditions = suspendedCondition(job, now)
  const status = { ...job.status, ...counts, ...(conditions.length === 0 ? {} : { conditions: [...conditions] }) }
  if (suspend === true) return { create: 0, remove: active, status }

  const surplus = active.length - wantedActive(job, succeeded, active.length)
  const backoffMs = remainingBackoffMs(pods, failed, now)
  const deadlineMs = remainingDeadlineMs(job, startTime, now)
  if (surplus >= 0) return { create: 0, remove: active.slice(0, surplus), status, ...waiting([deadlineMs]) }
  return backoffMs > 0
    ? { create: 0, remove: [], status, ...waiting([backoffMs, deadlineMs]) }
    : { create: -surplus, remove: [], status, ...waiting([deadlineMs]) }
}

/** How many pods are to run now. Without a number of completions the first success means that no further pod is started. */
function wantedActive({ spec: { completions, parallelism = 1 } }: BatchV1Job, succeeded: number, active: number): number {
  if (completions !== undefined) return Math.min(parallelism, completions - succeeded)
  return succeeded > 0 ? Math.min(active, parallelism) : parallelism
}

function waiting(delays: readonly (number | undefined)[]): Pick<JobPlan, 'waitMs'> {
  const known = delays.filter((ms) => ms !== undefined)
  return known.length === 0 ? {} : { waitMs: Math.min(...known) }
}

interface Tally {
  readonly succeeded: number
  readonly failed: number
  readonly active: number
  readonly backoffLimit: number
  readonly startTime: string | undefined
  readonly now: number
}

function judge(job: BatchV1Job, { succeeded, failed, active, backoffLimit, startTime, now }: Tally): JobPlan['finished'] {
  const { completions } = job.spec
  if (failed > backoffLimit)
    return { type: 'Failed', reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' }
  const deadlineMs = remainingDeadlineMs(job, startTime, now)
  if (deadlineMs !== undefined && deadlineMs <= 0)
    return { type: 'Failed', reason: 'DeadlineExceeded', message: 'Job was active longer than specified deadline' }
  const isComplete = completions === undefined ? succeeded > 0 && active === 0 : succeeded >= completions
  return isComplete ? { type: 'Complete', reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' } : undefined
}

function remainingDeadlineMs({ spec }: BatchV1Job, startTime: string | undefined, now: number): number | undefined {
  const startedAt = fromTimestamp(startTime)
  if (spec.activeDeadlineSeconds === undefined || startedAt === undefined) return undefined
  return startedAt + spec.activeDeadlineSeconds * 1000 - now
}

/** How long a failure still keeps a new pod back. */
function remainingBackoffMs(pods: readonly CoreV1Pod[], failed: number, now: number): number {
  const failures = pods.filter(({ status }) => status?.phase === 'Failed')
  if (failures.length === 0) return 0
  const last = Math.max(...failures.map(endedAt))
  return last + Math.min(firstBackoffMs * 2 ** (failed - 1), lastBackoffMs) - now
}

function endedAt({ status, metadata }: CoreV1Pod): number {
  const ends = (status?.containerStatuses ?? [])
    .map(({ state }) => fromTimestamp(state?.terminated?.finishedAt))
    .filter((at) => at !== undefined)
  return ends.length === 0 ? (fromTimestamp(metadata.creationTimestamp) ?? 0) : Math.max(...ends)
}

function suspendedCondition({ spec, status }: BatchV1Job, now: number): readonly BatchV1JobCondition[] {
  const conditions = status?.conditions ?? []
  if (spec.suspend === true)
    return withCondition(conditions, { type: 'Suspended', status: 'True', reason: 'JobSuspended', message: 'Job suspended' }, now)
  if (!conditions.some(({ type }) => type === 'Suspended')) return conditions
  return withCondition(conditions, { type: 'Suspended', status: 'False', reason: 'JobResumed', message: 'Job resumed' }, now)
}
