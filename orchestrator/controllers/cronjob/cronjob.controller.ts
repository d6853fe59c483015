import { fromTimestamp, toTimestamp } from '../../../lib/clock.ts'
import { BatchV1CronJob, BatchV1Job } from '../../api/generated/kinds.ts'
import type { BatchV1CronJobStatus, CoreV1ObjectReference } from '../../api/generated/kinds.ts'
import { parseSchedule } from '../../api/schedule.ts'
import type { Schedule } from '../../api/schedule.ts'
import { isAlreadyExists, isNotFound } from '../../api/status-error.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { reportStatus } from '../status.ts'
import type { ControllerDeclaration, ReconcileContext } from '../controller.ts'
import { controllerOf } from '../pod-state.ts'
import { isNamespaceTerminating, messageOf } from '../refusal.ts'
import { findDueTimes, isTooMany, jobOf, outcomeOf, planHistory } from './cronjob.plan.ts'

/** A timer may fire a little early by the clock that decides what is due. */
const lateMs = 100
/** The longest sleep: a schedule may be years away, and clocks are set. */
const longestWaitMs = 3_600_000

/** Makes a Job at each time of each CronJob's schedule. */
export function createCronJobController({ informers }: { readonly informers: InformerFactory }): ControllerDeclaration<BatchV1CronJob> {
  const jobs = informers.informer(BatchV1Job, { indexes: { controller: (job) => [controllerOf(job)?.uid ?? ''] } })
  return {
    name: 'cronjob',
    for: BatchV1CronJob,
    owns: [BatchV1Job],
    async reconcile(cronJob, context) {
      if (cronJob.metadata.deletionTimestamp !== undefined) return undefined
      const mine = [...jobs.byIndex('controller', cronJob.metadata.uid!)]
      const status = observe(cronJob, mine, context)
      for (const job of planHistory(cronJob, mine)) await deleteJob(cronJob, job, context)

      const schedule = readSchedule(cronJob, context)
      const outcome = schedule === undefined ? undefined : await act(cronJob, schedule, { jobs: mine, status, context })

      const reported = outcome?.status ?? status
      await reportStatus(context.client, BatchV1CronJob, cronJob, reported)
      if (outcome?.nextAt === undefined) return undefined
      return { requeueAfterMs: Math.min(outcome.nextAt - context.now + lateMs, longestWaitMs) }
    },
  }
}

/** What has become of the Jobs that the status names as active, and the last success. */
function observe(cronJob: BatchV1CronJob, jobs: readonly BatchV1Job[], { events }: ReconcileContext): BatchV1CronJobStatus {
  const byUid = new Map(jobs.map((job) => [job.metadata.uid, job]))
  const active: CoreV1ObjectReference[] = []
  let { lastSuccessfulTime } = cronJob.status ?? {}
  for (const reference of cronJob.status?.active ?? []) {
    const job = byUid.get(reference.uid)
    const outcome = job === undefined ? undefined : outcomeOf(job)
    if (job !== undefined && outcome === undefined) active.push(reference)
    else if (job === undefined) events.event(cronJob, 'Normal', 'MissingJob', `Active job went missing: ${reference.name}`)
    else events.event(cronJob, 'Normal', 'SawCompletedJob', `Saw completed job: ${reference.name}, condition: ${outcome}`)
  }
  for (const { status } of jobs) {
    const at = status?.completionTime
    if (at !== undefined && (fromTimestamp(at) ?? 0) > (fromTimestamp(lastSuccessfulTime) ?? 0)) lastSuccessfulTime = at
  }
  return { ...cronJob.status, active, ...(lastSuccessfulTime === undefined ? {} : { lastSuccessfulTime }) }
}

function readSchedule(cronJob: BatchV1CronJob, { events }: ReconcileContext): Schedule | undefined {
  try {
    return parseSchedule(cronJob.spec.schedule, cronJob.spec.timeZone)
  } catch (error) {
    events.event(cronJob, 'Warning', 'UnparseableSchedule', `unparseable schedule for cronjob: ${messageOf(error)}`)
    return undefined
  }
}

interface Situation {
  readonly jobs: readonly BatchV1Job[]
  readonly status: BatchV1CronJobStatus
  readonly context: ReconcileContext
}

interface Outcome {
  readonly status: BatchV1CronJobStatus
  /** When there is something to do without any change. */
  readonly nextAt: number | undefined
}

async function act(cronJob: BatchV1CronJob, schedule: Schedule, { jobs, status, context }: Situation): Promise<Outcome | undefined> {
  if (cronJob.spec.suspend === true) return undefined
  const { events, now } = context
  const due = findDueTimes(cronJob, schedule, now)
  if (isTooMany(due)) {
    const advice = 'set or decrease .spec.startingDeadlineSeconds or check clock skew'
    events.event(cronJob, 'Warning', 'TooManyMissedTimes', `too many missed start times: > 100; ${advice}`)
  }
  const { scheduledAt, nextAt } = due
  if (scheduledAt === undefined) return { status, nextAt }
  const name = jobOf(cronJob, scheduledAt).metadata.name!
  const isMade = jobs.some(({ metadata }) => metadata.name === name)
  if (isMade) return { status: withSchedule(status, scheduledAt), nextAt }

  const active = status.active ?? []
  if (cronJob.spec.concurrencyPolicy === 'Forbid' && active.length > 0) {
    const message = `Not starting job because prior execution is running and concurrency policy is Forbid`
    events.event(cronJob, 'Normal', 'JobAlreadyActive', message)
    return { status, nextAt }
  }
  let remaining = active
  if (cronJob.spec.concurrencyPolicy === 'Replace') {
    const running = new Set(active.map(({ uid }) => uid))
    for (const job of jobs) if (running.has(job.metadata.uid)) await deleteJob(cronJob, job, context)
    remaining = []
  }
  const reference = await createJob(cronJob, scheduledAt, context)
  return {
    status: withSchedule({ ...status, active: [...remaining, ...(reference === undefined ? [] : [reference])] }, scheduledAt),
    nextAt,
  }
}

/** The last time for which a Job was made never goes back. */
function withSchedule(status: BatchV1CronJobStatus, scheduledAt: number): BatchV1CronJobStatus {
  const last = fromTimestamp(status.lastScheduleTime) ?? 0
  return { ...status, lastScheduleTime: toTimestamp(Math.max(last, scheduledAt)) }
}

async function createJob(
  cronJob: BatchV1CronJob,
  scheduledAt: number,
  { client, events }: ReconcileContext,
): Promise<CoreV1ObjectReference | undefined> {
  const wanted = jobOf(cronJob, scheduledAt)
  try {
    const { apiVersion, kind, metadata } = await client.create(BatchV1Job, wanted)
    events.event(cronJob, 'Normal', 'SuccessfulCreate', `Created job ${metadata.name}`)
    const { name, namespace, uid, resourceVersion } = metadata
    return { apiVersion, kind, name, namespace, uid, resourceVersion }
  } catch (error) {
    if (isAlreadyExists(error) || isNamespaceTerminating(error)) return undefined
    events.event(cronJob, 'Warning', 'FailedCreate', `Error creating job: ${messageOf(error)}`)
    throw error
  }
}

async function deleteJob(cronJob: BatchV1CronJob, { metadata }: BatchV1Job, { client, events }: ReconcileContext): Promise<void> {
  const key = { namespace: metadata.namespace, name: metadata.name! }
  try {
    await client.delete(BatchV1Job, key, { propagationPolicy: 'Background', preconditions: { uid: metadata.uid } })
    events.event(cronJob, 'Normal', 'SuccessfulDelete', `Deleted job ${metadata.name}`)
  } catch (error) {
    if (isNotFound(error)) return
    events.event(cronJob, 'Warning', 'FailedDelete', `Deleted job: ${messageOf(error)}`)
    throw error
  }
}
