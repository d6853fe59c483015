import { afterEach, beforeEach, expect, test } from 'vitest'
import { toTimestamp } from '../../../lib/clock.ts'
import { BatchV1Job, CoreV1Pod } from '../../api/generated/kinds.ts'
import { createTestCluster, finishDeletions } from '../test-cluster.ts'
import type { TestCluster } from '../test-cluster.ts'
import { createJobController } from './job.controller.ts'

const key = { namespace: 'default', name: 'task' }
const labels = { 'batch.kubernetes.io/job-name': 'task' }
const job = (spec: Partial<BatchV1Job['spec']> = {}): BatchV1Job => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: key,
  spec: {
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } },
    completions: 1,
    ...spec,
  },
})

let cluster: TestCluster

beforeEach(async () => {
  cluster = createTestCluster()
  await cluster.start(createJobController(cluster))
})
afterEach(() => cluster.stop())

const active = async () => (await cluster.pods()).filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed')

async function end(pod: CoreV1Pod, phase: 'Succeeded' | 'Failed'): Promise<void> {
  const finishedAt = toTimestamp(cluster.clock.now())
  const state = { terminated: { exitCode: phase === 'Failed' ? 1 : 0, finishedAt } }
  await cluster.client.updateStatus(CoreV1Pod, {
    ...pod,
    status: { phase, containerStatuses: [{ name: 'c', image: 'i', imageID: '', ready: false, restartCount: 0, state }] },
  })
  await cluster.clock.advance(100)
}

const conditions = async () =>
  ((await cluster.client.get(BatchV1Job, key)).status?.conditions ?? []).map(({ type, reason }) => `${type} ${reason}`)

test('runs as many pods at once as allowed until enough have succeeded', async () => {
  await cluster.client.create(BatchV1Job, job({ completions: 3, parallelism: 2 }))
  await cluster.clock.advance(100)
  expect(await active()).toHaveLength(2)
  await end((await active())[0]!, 'Succeeded')
  await end((await active())[0]!, 'Succeeded')
  expect(await active()).toHaveLength(1)
  await end((await active())[0]!, 'Succeeded')
  expect(await conditions()).toEqual(['Complete CompletionsReached'])
  expect((await cluster.client.get(BatchV1Job, key)).status).toMatchObject({ succeeded: 3, completionTime: expect.any(String) as string })
  expect(await cluster.eventTexts()).toContain('Completed Job completed')
})

test('a failed pod is replaced after a growing delay, and too many failures fail the Job', async () => {
  await cluster.client.create(BatchV1Job, job({ backoffLimit: 1 }))
  await cluster.clock.advance(100)
  await end((await active())[0]!, 'Failed')
  expect(await active()).toHaveLength(0)
  await cluster.clock.advance(11_000)
  expect(await active()).toHaveLength(1)
  await end((await active())[0]!, 'Failed')
  expect(await conditions()).toEqual(['Failed BackoffLimitExceeded'])
})

test('a Job that runs longer than its deadline fails, and its pods go', async () => {
  await cluster.client.create(BatchV1Job, job({ activeDeadlineSeconds: 20 }))
  await cluster.clock.advance(21_000)
  await finishDeletions(cluster.client)
  expect(await conditions()).toEqual(['Failed DeadlineExceeded'])
  expect(await cluster.pods()).toEqual([])
})

test('a suspended Job runs nothing until it is resumed', async () => {
  await cluster.client.create(BatchV1Job, job({ suspend: true }))
  await cluster.clock.advance(100)
  expect(await cluster.pods()).toEqual([])
  await cluster.client.patch(BatchV1Job, key, { type: 'application/merge-patch+json', body: { spec: { suspend: false } } })
  await cluster.clock.advance(100)
  expect(await active()).toHaveLength(1)
})

test('a finished Job goes after its time to live', async () => {
  await cluster.client.create(BatchV1Job, job({ ttlSecondsAfterFinished: 60 }))
  await cluster.clock.advance(100)
  await end((await active())[0]!, 'Succeeded')
  await cluster.clock.advance(50_000)
  expect((await cluster.client.list(BatchV1Job)).items).toHaveLength(1)
  await cluster.clock.advance(20_000)
  const rest = (await cluster.client.list(BatchV1Job)).items
  expect(rest.every(({ metadata }) => metadata.deletionTimestamp !== undefined)).toBe(true)
})

test('an indexed Job is refused with the reason', async () => {
  await cluster.client.create(BatchV1Job, job({ completionMode: 'Indexed' }))
  await cluster.clock.advance(100)
  expect(await cluster.eventTexts()).toEqual(['Unsupported spec.completionMode: Indexed is not supported; use NonIndexed'])
})
