import { afterEach, beforeEach, expect, test } from 'vitest'
import { toTimestamp } from '../../../lib/clock.ts'
import { BatchV1CronJob, BatchV1Job } from '../../api/generated/kinds.ts'
import { parseSchedule } from '../../api/schedule.ts'
import { createTestCluster } from '../test-cluster.ts'
import type { TestCluster } from '../test-cluster.ts'
import { createCronJobController } from './cronjob.controller.ts'
import { findDueTimes, isTooMany, jobOf } from './cronjob.plan.ts'

const key = { namespace: 'default', name: 'tick' }
const cronJob = (more: Partial<BatchV1CronJob['spec']> = {}): BatchV1CronJob => ({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: key,
  spec: {
    schedule: '* * * * *',
    concurrencyPolicy: 'Allow',
    jobTemplate: { metadata: { labels: { app: 'tick' } }, spec: { template: { spec: { containers: [{ name: 'a', image: 'a:1' }] } } } },
    ...more,
  },
})
const minute = 60_000

let cluster: TestCluster
beforeEach(async () => {
  cluster = createTestCluster()
  await cluster.start(createCronJobController(cluster))
  // Into the minute, so that whole minutes from here end behind a time of the schedule.
  await cluster.clock.advance(5_000)
})
afterEach(() => cluster.stop())

const jobs = async () => (await cluster.client.list(BatchV1Job)).items.toSorted((a, b) => (a.metadata.name! < b.metadata.name! ? -1 : 1))
const status = async () => (await cluster.client.get(BatchV1CronJob, key)).status

async function finish(job: BatchV1Job, type: 'Complete' | 'Failed' = 'Complete'): Promise<void> {
  const at = toTimestamp(cluster.clock.now())
  await cluster.client.updateStatus(BatchV1Job, {
    ...job,
    status: { startTime: at, conditions: [{ type, status: 'True' }], ...(type === 'Complete' ? { completionTime: at } : {}) },
  })
  await cluster.clock.advance(10)
}

test('a Job is made at each time, named after it, and the status names it', async () => {
  await cluster.client.create(BatchV1CronJob, cronJob())
  await cluster.clock.advance(3 * minute)
  const made = await jobs()
  expect(made).toHaveLength(3)
  const [first] = made
  const at = Number(first!.metadata.name!.slice('tick-'.length)) * minute
  expect(first!.metadata.annotations).toEqual({ 'batch.kubernetes.io/cronjob-scheduled-timestamp': toTimestamp(at) })
  expect(first!.metadata.labels).toEqual({ app: 'tick' })
  expect((await status())?.active?.map(({ name }) => name)).toEqual(made.map(({ metadata }) => metadata.name))
  expect(await cluster.eventTexts()).toContain(`SuccessfulCreate Created job ${first!.metadata.name}`)
})

test('Forbid leaves a time out while a Job runs, Replace ends the running one', async () => {
  await cluster.client.create(BatchV1CronJob, cronJob({ concurrencyPolicy: 'Forbid' }))
  await cluster.clock.advance(3 * minute)
  expect(await jobs()).toHaveLength(1)
  await finish((await jobs())[0]!)
  await cluster.clock.advance(minute)
  expect(await jobs()).toHaveLength(2)
  expect(await cluster.eventTexts()).toContainEqual(expect.stringMatching(/^JobAlreadyActive/))
  const body = { spec: { concurrencyPolicy: 'Replace' } }
  await cluster.client.patch(BatchV1CronJob, key, { type: 'application/merge-patch+json', body })
  const [, running] = await jobs()
  await cluster.clock.advance(minute)
  expect((await jobs()).map(({ metadata }) => metadata.uid)).not.toContain(running!.metadata.uid)
  expect((await status())?.active).toHaveLength(1)
})

test('finished Jobs leave the active list, the last success is told, and old ones go', async () => {
  await cluster.client.create(BatchV1CronJob, cronJob({ successfulJobsHistoryLimit: 2, failedJobsHistoryLimit: 1 }))
  for (let round = 0; round < 6; round++) {
    await cluster.clock.advance(minute)
    const running = (await jobs()).at(-1)!
    await finish(running, round % 2 === 0 ? 'Complete' : 'Failed')
  }
  const left = (await jobs()).map(({ status: jobStatus }) => jobStatus?.conditions?.[0]?.type)
  expect(left.toSorted((a, b) => (a! < b! ? -1 : 1))).toEqual(['Complete', 'Complete', 'Failed'])
  expect((await status())?.active ?? []).toEqual([])
  expect((await status())?.lastSuccessfulTime).toBeDefined()
})

test('a suspended CronJob makes nothing, and afterwards makes up for the last time only', async () => {
  await cluster.client.create(BatchV1CronJob, cronJob({ suspend: true }))
  await cluster.clock.advance(5 * minute)
  expect(await jobs()).toEqual([])
  await cluster.client.patch(BatchV1CronJob, key, { type: 'application/merge-patch+json', body: { spec: { suspend: false } } })
  await cluster.clock.advance(1_000)
  expect(await jobs()).toHaveLength(1)
})

test('a time that is older than the starting deadline is let go', async () => {
  await cluster.client.create(BatchV1CronJob, cronJob({ suspend: true, startingDeadlineSeconds: 20 }))
  await cluster.clock.advance(5 * minute)
  const intoMinute = cluster.clock.now() % minute
  await cluster.clock.advance((minute - intoMinute + 30_000) % minute)
  await cluster.client.patch(BatchV1CronJob, key, { type: 'application/merge-patch+json', body: { spec: { suspend: false } } })
  await cluster.clock.advance(1_000)
  expect(await jobs()).toEqual([])
  await cluster.clock.advance(minute)
  expect(await jobs()).toHaveLength(1)
})

test('years of missed times are found at once, with a warning that is due', () => {
  const created = Date.UTC(2020, 0, 1)
  const now = Date.UTC(2026, 5, 1, 12, 0, 30)
  const object = { ...cronJob(), metadata: { ...key, creationTimestamp: toTimestamp(created) } }
  const due = findDueTimes(object, parseSchedule('* * * * *'), now)
  expect(due.scheduledAt).toBe(Date.UTC(2026, 5, 1, 12, 0))
  expect(isTooMany(due)).toBe(true)
  expect(due.nextAt).toBe(Date.UTC(2026, 5, 1, 12, 1))
})

test('the time on a Job is that of the time zone', () => {
  const object = { ...cronJob({ timeZone: 'Asia/Kolkata' }), metadata: { ...key, uid: 'u' } }
  const annotations = jobOf(object, Date.UTC(2026, 0, 1, 4, 0)).metadata.annotations
  expect(annotations).toEqual({ 'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T09:30:00+05:30' })
})
