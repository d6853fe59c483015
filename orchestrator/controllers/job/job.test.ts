import { afterEach, beforeEach, expect, test } from 'vitest'
import { toTimestamp } from '../../../lib/clock.ts'
import { BatchV1Job, CoreV1Pod } from '../../api/generated/kinds.ts'
import { createTestCluster, finishDeletions } from '../test-cluster.ts'
import type { TestCluster } from '../test-cluster.ts'
import { formatIndexes, parseIndexes } from './indexes.ts'
import { createJobController, createJobOrphanController } from './job.controller.ts'

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
  await cluster.start(createJobController(cluster), createJobOrphanController(cluster))
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
  expect(await conditions()).toEqual(['SuccessCriteriaMet CompletionsReached', 'Complete CompletionsReached'])
  expect((await cluster.client.get(BatchV1Job, key)).status).toMatchObject({ succeeded: 3, completionTime: expect.any(String) as string })
  expect(await cluster.eventTexts()).toContain('Completed Job completed')
})

test('a name in the template does not keep a second pod from being made', async () => {
  const { spec } = job()
  const template = { ...spec.template, metadata: { ...spec.template.metadata, name: 'task' } }
  await cluster.client.create(BatchV1Job, job({ completions: 2, parallelism: 2, template }))
  await cluster.clock.advance(100)
  expect(await active()).toHaveLength(2)
})

test('a failed pod is replaced after a growing delay, and too many failures fail the Job', async () => {
  await cluster.client.create(BatchV1Job, job({ backoffLimit: 1 }))
  await cluster.clock.advance(100)
  await end((await active())[0]!, 'Failed')
  expect(await active()).toHaveLength(0)
  await cluster.clock.advance(11_000)
  expect(await active()).toHaveLength(1)
  await end((await active())[0]!, 'Failed')
  expect(await conditions()).toEqual(['FailureTarget BackoffLimitExceeded', 'Failed BackoffLimitExceeded'])
})

test('a Job that runs longer than its deadline fails, and its pods go', async () => {
  await cluster.client.create(BatchV1Job, job({ activeDeadlineSeconds: 20 }))
  await cluster.clock.advance(21_000)
  await finishDeletions(cluster.client)
  await cluster.clock.advance(1_000)
  expect(await conditions()).toEqual(['FailureTarget DeadlineExceeded', 'Failed DeadlineExceeded'])
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

const indexed = (spec: Partial<BatchV1Job['spec']> = {}) => job({ completionMode: 'Indexed', completions: 3, parallelism: 3, ...spec })
const indexes = async () =>
  (await active())
    .map(({ metadata }) => metadata.annotations?.['batch.kubernetes.io/job-completion-index'] ?? '')
    .toSorted((a, b) => Number(a) - Number(b))
const byIndex = async (index: number) =>
  (await active()).find(({ metadata }) => metadata.annotations?.['batch.kubernetes.io/job-completion-index'] === String(index))!
const status = async () => (await cluster.client.get(BatchV1Job, key)).status!

test('each index of an Indexed Job has a pod of its own until it has succeeded', async () => {
  await cluster.client.create(BatchV1Job, indexed({ parallelism: 2 }))
  await cluster.clock.advance(100)
  expect(await indexes()).toEqual(['0', '1'])
  const pod = await byIndex(1)
  expect(pod.metadata.name).toMatch(/^task-1-/)
  expect(pod.spec.hostname).toBe('task-1')
  expect(pod.spec.containers[0]!.env).toEqual([
    {
      name: 'JOB_COMPLETION_INDEX',
      valueFrom: { fieldRef: { fieldPath: "metadata.annotations['batch.kubernetes.io/job-completion-index']" } },
    },
  ])
  await end(pod, 'Succeeded')
  expect(await status()).toMatchObject({ succeeded: 1, completedIndexes: '1' })
  expect(await indexes()).toEqual(['0', '2'])
  await end(await byIndex(0), 'Failed')
  await cluster.clock.advance(11_000)
  await end(await byIndex(0), 'Succeeded')
  await end(await byIndex(2), 'Succeeded')
  expect(await status()).toMatchObject({ succeeded: 3, failed: 1, completedIndexes: '0-2' })
  expect(await conditions()).toEqual(['SuccessCriteriaMet CompletionsReached', 'Complete CompletionsReached'])
})

test('an index that fails too often is given up alone; the others go on, and the Job fails in the end', async () => {
  await cluster.client.create(BatchV1Job, indexed({ backoffLimit: 2_147_483_647, backoffLimitPerIndex: 1 }))
  await cluster.clock.advance(100)
  await end(await byIndex(1), 'Failed')
  await cluster.clock.advance(11_000)
  await end(await byIndex(1), 'Failed')
  await cluster.clock.advance(60_000)
  expect(await indexes()).toEqual(['0', '2'])
  expect(await status()).toMatchObject({ failedIndexes: '1' })
  await end(await byIndex(0), 'Succeeded')
  await end(await byIndex(2), 'Succeeded')
  expect(await conditions()).toEqual(['FailureTarget FailedIndexes', 'Failed FailedIndexes'])
  expect(await status()).toMatchObject({ completedIndexes: '0,2', failedIndexes: '1' })
})

test('a success policy ends the Job early, and what still runs is ended', async () => {
  await cluster.client.create(BatchV1Job, indexed({ successPolicy: { rules: [{ succeededIndexes: '0-1', succeededCount: 1 }] } }))
  await cluster.clock.advance(100)
  await end(await byIndex(1), 'Succeeded')
  await finishDeletions(cluster.client)
  await cluster.clock.advance(1_000)
  expect(await conditions()).toEqual(['SuccessCriteriaMet SuccessPolicy', 'Complete SuccessPolicy'])
  expect(await active()).toEqual([])
})

const rules = (...list: NonNullable<BatchV1Job['spec']['podFailurePolicy']>['rules']) => ({ podFailurePolicy: { rules: list } })

test('a failure policy lets some failures not count, and ends the Job at others', async () => {
  const onExitCodes = { operator: 'In', values: [1] }
  await cluster.client.create(
    BatchV1Job,
    job({
      backoffLimit: 0,
      ...rules({ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }, { action: 'FailJob', onExitCodes }),
    }),
  )
  await cluster.clock.advance(100)
  const [disrupted] = await active()
  await cluster.client.updateStatus(CoreV1Pod, {
    ...disrupted!,
    status: { phase: 'Failed', conditions: [{ type: 'DisruptionTarget', status: 'True' }] },
  })
  await cluster.clock.advance(20_000)
  expect(await status()).not.toHaveProperty('failed')
  const [again] = await active()
  expect(again!.metadata.name).not.toBe(disrupted!.metadata.name)
  await end(again!, 'Failed')
  expect((await status()).conditions).toMatchObject([
    {
      type: 'FailureTarget',
      reason: 'PodFailurePolicy',
      message: `Container c for pod default/${again!.metadata.name} failed with exit code 1 matching FailJob rule at index 1`,
    },
    { type: 'Failed', reason: 'PodFailurePolicy' },
  ])
})

test('a pod that is deleted counts as failed, and with the policy Failed its place stays taken until it has ended', async () => {
  await cluster.client.create(BatchV1Job, job({ podReplacementPolicy: 'Failed' }))
  await cluster.clock.advance(100)
  const [pod] = await active()
  await cluster.client.delete(CoreV1Pod, { namespace: 'default', name: pod!.metadata.name! })
  await cluster.clock.advance(60_000)
  expect(await active()).toEqual([])
  expect(await status()).toMatchObject({ terminating: 1 })
  const leaving = await cluster.client.get(CoreV1Pod, { namespace: 'default', name: pod!.metadata.name! })
  await end(leaving, 'Failed')
  await cluster.clock.advance(20_000)
  expect(await active()).toHaveLength(1)
})

test('every end is counted once, also of pods that go at once, and pods are held until then', async () => {
  await cluster.client.create(BatchV1Job, job({ completions: 5, parallelism: 5, backoffLimit: 100 }))
  await cluster.clock.advance(100)
  for (const pod of await active()) {
    expect(pod.metadata.finalizers).toEqual(['batch.kubernetes.io/job-tracking'])
    await cluster.client.updateStatus(CoreV1Pod, { ...pod, status: { phase: 'Succeeded' } })
    await cluster.client.delete(CoreV1Pod, { namespace: 'default', name: pod.metadata.name! }, { gracePeriodSeconds: 0 })
  }
  await cluster.clock.advance(1_000)
  expect(await status()).toMatchObject({ succeeded: 5 })
  expect(await status()).not.toHaveProperty('uncountedTerminatedPods.succeeded')
  expect(await conditions()).toContain('Complete CompletionsReached')
  expect((await cluster.client.list(CoreV1Pod)).items).toEqual([])
})

test('pods of a Job that is gone are let go', async () => {
  await cluster.client.create(BatchV1Job, job())
  await cluster.clock.advance(100)
  const [pod] = await active()
  await cluster.client.delete(BatchV1Job, key, { propagationPolicy: 'Orphan' })
  const body = { metadata: { finalizers: null } }
  await cluster.client.patch(BatchV1Job, key, { type: 'application/merge-patch+json', body }).catch(() => {})
  await cluster.clock.advance(100)
  expect((await cluster.client.get(CoreV1Pod, { namespace: 'default', name: pod!.metadata.name! })).metadata.finalizers ?? []).toEqual([])
})

test('a Job that somebody else looks after is left alone', async () => {
  await cluster.client.create(BatchV1Job, job({ managedBy: 'example.com/queue' }))
  await cluster.clock.advance(1_000)
  expect(await cluster.pods()).toEqual([])
})

test.each([
  ['0,2-4', 10, [0, 2, 3, 4], '0,2-4'],
  ['1-2', 10, [1, 2], '1,2'],
  ['0-9', 3, [0, 1, 2], '0-2'],
  ['x,5', 10, [5], '5'],
  ['', 10, [], ''],
])('indexes %j below %i are %j, written %j', (text, limit, numbers, written) => {
  expect([...parseIndexes(text, limit)]).toEqual(numbers)
  expect(formatIndexes(numbers)).toBe(written)
})
