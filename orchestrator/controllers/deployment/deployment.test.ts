import { afterEach, beforeEach, expect, test } from 'vitest'
import { AppsV1Deployment, AppsV1ReplicaSet } from '../../api/generated/kinds.ts'
import { createReplicaSetController } from '../replicaset/replicaset.controller.ts'
import { createTestCluster, finishDeletions, runPod } from '../test-cluster.ts'
import type { TestCluster } from '../test-cluster.ts'
import { createDeploymentController } from './deployment.controller.ts'
import { planDeploymentStatus } from './deployment.plan.ts'

const key = { namespace: 'default', name: 'web' }
const deployment = (image: string, more: Partial<AppsV1Deployment['spec']> = {}): AppsV1Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: key,
  spec: {
    replicas: 4,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image }] } },
    ...more,
  },
})

let cluster: TestCluster

beforeEach(async () => {
  cluster = createTestCluster()
  await cluster.start(createDeploymentController(cluster), createReplicaSetController(cluster))
})
afterEach(() => cluster.stop())

/** Lets rounds of a second pass in which node agents start and end pods; answers the fewest and most pods that were there. */
async function live(rounds: number): Promise<{ min: number; max: number }> {
  const seen: number[] = []
  for (let round = 0; round < rounds; round++) {
    for (const pod of await cluster.pods())
      if (pod.status?.phase !== 'Running') await runPod(cluster.client, pod, { now: cluster.clock.now() })
    await finishDeletions(cluster.client)
    await cluster.clock.advance(1_000)
    seen.push((await cluster.pods()).filter(({ status }) => status?.phase === 'Running').length)
  }
  return { min: Math.min(...seen), max: Math.max(...seen) }
}

const setImage = (image: string) =>
  cluster.client.patch(AppsV1Deployment, key, {
    type: 'application/merge-patch+json',
    body: { spec: { template: { spec: { containers: [{ name: 'web', image }] } } } },
  })
const images = async () => (await cluster.pods()).map(({ spec }) => spec.containers[0]!.image)
const sets = async () => (await cluster.client.list(AppsV1ReplicaSet)).items
const status = async () => (await cluster.client.get(AppsV1Deployment, key)).status!

test('a Deployment gets one ReplicaSet, its pods, and a status that says so', async () => {
  await cluster.client.create(AppsV1Deployment, deployment('web:1'))
  await live(3)
  expect(await images()).toEqual(['web:1', 'web:1', 'web:1', 'web:1'])
  const [set] = await sets()
  const hash = set!.metadata.labels!['pod-template-hash']
  expect(set!.metadata.name).toBe(`web-${hash}`)
  expect(set!.spec.selector.matchLabels).toEqual({ app: 'web', 'pod-template-hash': hash })
  expect(await status()).toMatchObject({ replicas: 4, updatedReplicas: 4, readyReplicas: 4, availableReplicas: 4, observedGeneration: 1 })
  expect((await status()).conditions?.map(({ type, status: value, reason }) => `${type} ${value} ${reason}`).toSorted()).toEqual([
    'Available True MinimumReplicasAvailable',
    'Progressing True NewReplicaSetAvailable',
  ])
  expect(await cluster.eventTexts()).toContain(`ScalingReplicaSet Scaled up replica set web-${hash} from 0 to 4`)
})

test('a rolling update replaces all pods and stays within surge and unavailability', async () => {
  await cluster.client.create(AppsV1Deployment, deployment('web:1'))
  await live(3)
  await setImage('web:2')
  const { min, max } = await live(12)
  expect(await images()).toEqual(['web:2', 'web:2', 'web:2', 'web:2'])
  expect(min).toBeGreaterThanOrEqual(3)
  expect(max).toBeLessThanOrEqual(5)
  expect(
    new Map((await sets()).map(({ spec, metadata }) => [metadata.annotations?.['deployment.kubernetes.io/revision'], spec.replicas])),
  ).toEqual(
    new Map([
      ['1', 0],
      ['2', 4],
    ]),
  )
})

test('going back to an old template uses its ReplicaSet again, as the newest revision', async () => {
  await cluster.client.create(AppsV1Deployment, deployment('web:1'))
  await live(3)
  await setImage('web:2')
  await live(12)
  await setImage('web:1')
  await live(12)
  expect(await sets()).toHaveLength(2)
  expect((await cluster.client.get(AppsV1Deployment, key)).metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('3')
  expect(await images()).toEqual(['web:1', 'web:1', 'web:1', 'web:1'])
})

test('Recreate has no old pod left before the first one of the new', async () => {
  await cluster.client.create(AppsV1Deployment, deployment('web:1', { strategy: { type: 'Recreate' } }))
  await live(3)
  await setImage('web:2')
  await cluster.clock.advance(1_000)
  expect(await cluster.pods()).toEqual([])
  await live(4)
  expect(await images()).toEqual(['web:2', 'web:2', 'web:2', 'web:2'])
})

test('scaling changes the size without a rollout', async () => {
  await cluster.client.create(AppsV1Deployment, deployment('web:1'))
  await live(3)
  await cluster.client.patch(AppsV1Deployment, key, { type: 'application/merge-patch+json', body: { spec: { replicas: 2 } } })
  await live(3)
  expect(await cluster.pods()).toHaveLength(2)
  expect(await sets()).toHaveLength(1)
})

test('a rollout that makes no progress is reported after its deadline', async () => {
  await cluster.client.create(AppsV1Deployment, deployment('web:1', { progressDeadlineSeconds: 30 }))
  await cluster.clock.advance(60_000)
  expect((await status()).conditions).toContainEqual(
    expect.objectContaining({ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }),
  )
})

test('a Deployment says why its ReplicaSet does not get its pods, for as long as it does not', () => {
  const web = deployment('web:1')
  const failure = {
    type: 'ReplicaFailure',
    status: 'True',
    reason: 'FailedCreate',
    message: 'no',
    lastTransitionTime: '2030-01-01T00:00:00Z',
  }
  const set = (conditions: (typeof failure)[]) =>
    ({ metadata: { name: 'web-1' }, spec: { replicas: 4 }, status: { replicas: 0, conditions } }) as unknown as AppsV1ReplicaSet
  const failing = planDeploymentStatus(web, set([failure]), [set([failure])], 0)
  expect(failing.conditions).toContainEqual({ ...failure, lastUpdateTime: failure.lastTransitionTime })
  expect(failing.conditions).toHaveLength(3)
  expect(planDeploymentStatus({ ...web, status: failing }, set([failure]), [set([failure])], 1)).toEqual(failing)
  const mended = planDeploymentStatus({ ...web, status: failing }, set([]), [set([])], 1)
  expect(mended.conditions?.map(({ type }) => type)).toEqual(['Available', 'Progressing'])
})

test('old ReplicaSets beyond the history limit go', async () => {
  await cluster.client.create(AppsV1Deployment, deployment('web:1', { revisionHistoryLimit: 1 }))
  await live(3)
  for (const image of ['web:2', 'web:3', 'web:4']) {
    await setImage(image)
    await live(12)
  }
  expect(await sets()).toHaveLength(2)
})
