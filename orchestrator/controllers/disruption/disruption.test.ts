import { afterEach, beforeEach, describe, expect, it, test } from 'vitest'
import { toTimestamp } from '../../../lib/clock.ts'
import { AppsV1Deployment, CoreV1Pod, PolicyV1PodDisruptionBudget } from '../../api/generated/kinds.ts'
import { createDeploymentController } from '../deployment/deployment.controller.ts'
import { createReplicaSetController } from '../replicaset/replicaset.controller.ts'
import { createTestCluster, runPod } from '../test-cluster.ts'
import type { TestCluster } from '../test-cluster.ts'
import { createDisruptionController } from './disruption.controller.ts'
import { planBudget } from './disruption.plan.ts'

const key = { namespace: 'default', name: 'web' }
const budget = (spec: Partial<PolicyV1PodDisruptionBudget['spec']>): PolicyV1PodDisruptionBudget => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: key,
  spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
})
const now = Date.UTC(2026, 0, 1)
const pod = (name: string, isReady: boolean): CoreV1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', labels: { app: 'web' } },
  spec: { containers: [] },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }] },
})

describe('a budget', () => {
  it.each([
    [{ minAvailable: 2 }, 3, 3, { desiredHealthy: 2, disruptionsAllowed: 1 }],
    [{ minAvailable: '50%' }, 3, 3, { desiredHealthy: 2, disruptionsAllowed: 1 }],
    [{ maxUnavailable: 1 }, 3, 3, { desiredHealthy: 2, disruptionsAllowed: 1 }],
    [{ maxUnavailable: '30%' }, 3, 3, { desiredHealthy: 2, disruptionsAllowed: 1 }],
    [{ maxUnavailable: 0 }, 3, 3, { desiredHealthy: 3, disruptionsAllowed: 0 }],
    [{ maxUnavailable: 5 }, 3, 3, { desiredHealthy: 0, disruptionsAllowed: 3 }],
    [{ minAvailable: 2 }, 3, 1, { desiredHealthy: 2, currentHealthy: 1, disruptionsAllowed: 0 }],
    [{ minAvailable: 0 }, 0, 0, { disruptionsAllowed: 0 }],
  ])('%j of %i pods with %i ready', (spec, expectedPods, ready, expected) => {
    const pods = Array.from({ length: expectedPods }, (_, index) => pod(`web-${index}`, index < ready))
    expect(planBudget(budget(spec), pods, { expectedPods, now }).status).toMatchObject(expected)
  })

  it('counts an evicted pod as gone until it is, or until two minutes have passed', () => {
    const pods = [pod('a', true), pod('b', true), pod('c', true)]
    const evicted = (ageMs: number) => ({
      ...budget({ minAvailable: 2 }),
      status: {
        currentHealthy: 3,
        desiredHealthy: 2,
        expectedPods: 3,
        disruptionsAllowed: 0,
        disruptedPods: { a: toTimestamp(now - ageMs), gone: toTimestamp(now) },
      },
    })
    const fresh = planBudget(evicted(60_000), pods, { expectedPods: 3, now })
    expect(fresh.status).toMatchObject({ currentHealthy: 2, disruptionsAllowed: 0 })
    expect(Object.keys(fresh.status.disruptedPods ?? {})).toEqual(['a'])
    expect(fresh.waitMs).toBe(60_000)
    expect(planBudget(evicted(121_000), pods, { expectedPods: 3, now }).status).toMatchObject({ disruptionsAllowed: 1 })
  })
})

let cluster: TestCluster
beforeEach(async () => {
  cluster = createTestCluster()
  await cluster.start(createDisruptionController(cluster), createDeploymentController(cluster), createReplicaSetController(cluster))
})
afterEach(() => cluster.stop())

const status = async () => (await cluster.client.get(PolicyV1PodDisruptionBudget, key)).status

test('a share counts against the size of the Deployment, not against the pods that happen to be there', async () => {
  await cluster.client.create(PolicyV1PodDisruptionBudget, budget({ maxUnavailable: '25%' }))
  await cluster.client.create(AppsV1Deployment, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: key,
    spec: {
      replicas: 4,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
    },
  })
  await cluster.clock.advance(1_000)
  expect(await status()).toMatchObject({ expectedPods: 4, desiredHealthy: 3, currentHealthy: 0, disruptionsAllowed: 0 })
  for (const each of await cluster.pods()) await runPod(cluster.client, each, { now: cluster.clock.now() })
  await cluster.clock.advance(1_000)
  expect(await status()).toMatchObject({ currentHealthy: 4, disruptionsAllowed: 1 })
  expect((await status())?.conditions).toMatchObject([{ type: 'DisruptionAllowed', status: 'True', reason: 'SufficientPods' }])
})

test('pods that nobody controls cannot be counted against a share: nothing may be evicted, and an event says why', async () => {
  await cluster.client.create(CoreV1Pod, { ...pod('alone', true), status: {} })
  await cluster.client.create(PolicyV1PodDisruptionBudget, budget({ maxUnavailable: 1 }))
  await cluster.clock.advance(1_000)
  expect(await status()).toMatchObject({ disruptionsAllowed: 0, conditions: [{ reason: 'SyncFailed' }] })
  expect(await cluster.eventTexts()).toContainEqual(expect.stringContaining('found no controller ref for pod "alone"'))
})
