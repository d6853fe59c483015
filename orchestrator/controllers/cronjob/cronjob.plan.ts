import { fromTimestamp, toTimestamp } from '../../../lib/clock.ts'
import { BatchV1CronJob } from '../../api/generated/kinds.ts'
import type { BatchV1Job } from '../../api/generated/kinds.ts'
import type { Schedule } from '../../api/schedule.ts'
import { controllerReference } from '../adoption.ts'

/** Says on a Job for which time it was made. */
const scheduledAnnotation = 'batch.kubernetes.io/cronjob-scheduled-timestamp'
/** So many missed times and more are an oddity that is told: a clock that jumped, or a controller that was away. */
const manyMissed = 100

/** What is due at a moment. */
export interface DueTimes {
  /** The last time of the schedule that has passed and for which no Job was made; `undefined` when none is due. */
  readonly scheduledAt: number | undefined
  /** Times that were missed: only the last of them is made up for. Counted up to a hundred and one. */
  readonly missed: number
  /** The next time in the future. */
  readonly nextAt: number | undefined
}

/** Looks from the last Job (or the CronJob's creation) to now, not further back than the starting deadline. */
export function findDueTimes(cronJob: BatchV1CronJob, schedule: Schedule, now: number): DueTimes {
  const { startingDeadlineSeconds } = cronJob.spec
  const last = fromTimestamp(cronJob.status?.lastScheduleTime) ?? fromTimestamp(cronJob.metadata.creationTimestamp) ?? now
  const earliest = startingDeadlineSeconds === undefined ? last : Math.max(last, now - startingDeadlineSeconds * 1000)
  const nextAt = schedule.next(now)
  let scheduledAt: number | undefined
  let missed = 0
  for (let at = schedule.next(earliest); at !== undefined && at <= now; at = schedule.next(at)) {
    scheduledAt = at
    missed++
    if (missed > manyMissed) return { scheduledAt: findLast(schedule, at, now), missed, nextAt }
  }
  return { scheduledAt, missed, nextAt }
}

/** The last time not after `now`, found by halving the way instead of walking it: years of minutes may have been missed. */
function findLast(schedule: Schedule, known: number, now: number): number {
  let [low, high] = [known, now]
  while (high - low > 1000) {
    const middle = low + Math.floor((high - low) / 2)
    const at = schedule.next(middle)
    if (at !== undefined && at <= now) low = at
    else high = middle
  }
  return low
}

export const isTooMany = ({ missed }: DueTimes) => missed > manyMissed

const minuteMs = 60_000

/** The Job of one time of the schedule. Its name says the time, so that it is made once whatever happens between. */
export function jobOf(cronJob: BatchV1CronJob, scheduledAt: number): BatchV1Job {
  const { metadata, spec } = cronJob.spec.jobTemplate
  const { timeZone } = cronJob.spec
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: `${cronJob.metadata.name}-${Math.floor(scheduledAt / minuteMs)}`,
      namespace: cronJob.metadata.namespace,
      ...(metadata?.labels === undefined ? {} : { labels: metadata.labels }),
      annotations: { ...metadata?.annotations, [scheduledAnnotation]: localTimestamp(scheduledAt, timeZone) },
      ownerReferences: [controllerReference(BatchV1CronJob, cronJob)],
    },
    spec: spec!,
  }
}

/** The time with the offset of its zone, as upstream writes it. */
function localTimestamp(at: number, timeZone = 'UTC'): string {
  const text = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' }).format(at)
  const offset = /GMT([+-]\d\d):?(\d\d)/.exec(text)
  if (offset === null || offset[0] === 'GMT+00:00') return toTimestamp(at)
  const minutes = Number(offset[1]) * 60 + Math.sign(Number(offset[1])) * Number(offset[2])
  return `${new Date(at + minutes * minuteMs).toISOString().slice(0, 19)}${offset[1]}:${offset[2]}`
}

/** Finished Jobs beyond what is kept, oldest first. */
export function planHistory(cronJob: BatchV1CronJob, jobs: readonly BatchV1Job[]): readonly BatchV1Job[] {
  const { successfulJobsHistoryLimit = 3, failedJobsHistoryLimit = 1 } = cronJob.spec
  const oldestFirst = [...jobs].sort((a, b) => startOf(a) - startOf(b) || (a.metadata.name! < b.metadata.name! ? -1 : 1))
  const beyond = (type: string, limit: number) => {
    const ended = oldestFirst.filter((job) => outcomeOf(job) === type)
    return ended.slice(0, Math.max(0, ended.length - limit))
  }
  return [...beyond('Complete', successfulJobsHistoryLimit), ...beyond('Failed', failedJobsHistoryLimit)]
}

const startOf = ({ metadata, status }: BatchV1Job) => fromTimestamp(status?.startTime) ?? fromTimestamp(metadata.creationTimestamp) ?? 0

/** How a Job has ended; `undefined` while it hasn't. */
export const outcomeOf = ({ status }: BatchV1Job): 'Complete' | 'Failed' | undefined =>
  status?.conditions?.find(({ type, status: value }) => (type === 'Complete' || type === 'Failed') && value === 'True')?.type as
    | 'Complete'
    | 'Failed'
    | undefined
