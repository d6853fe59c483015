import { describe, expect, test } from 'vitest'
import { toTimestamp } from '../../../lib/clock.ts'
import type { AppsV1ReplicaSetStatus, CoreV1Pod } from '../../api/generated/kinds.ts'
import { burstReplicas, nextAvailabilityMs, orderForDeletion, planReplicas, planReplicaStatus } from './replicaset.plan.ts'

const now = Date.UTC(2030, 0, 1)

interface PodSpec {
  readonly node?: string
  readonly phase?: string
  /** Seconds ready; absent = not ready. */
  readonly readyFor?: number
  readonly cost?: string
  readonly restarts?: number
  /** Seconds since creation. */
  readonly age?: number
  readonly labels?: Record<string, string>
  readonly isDeleting?: boolean
}

const pod = (
  name: string,
  { node = 'n', phase = 'Running', readyFor, cost, restarts = 0, age = 1000, labels = {}, isDeleting }: PodSpec = {},
): CoreV1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    uid: name,
    labels,
    creationTimestamp: toTimestamp(now - age * 1000),
    ...(cost === undefined ? {} : { annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost } }),
    ...(isDeleting === true ? { deletionTimestamp: toTimestamp(now) } : {}),
  },
  spec: { containers: [], ...(node === '' ? {} : { nodeName: node }) },
  status: {
    phase,
    conditions: [
      { type: 'Ready', status: readyFor === undefined ? 'False' : 'True', lastTransitionTime: toTimestamp(now - (readyFor ?? 0) * 1000) },
    ],
    containerStatuses: [{ name: 'c', image: 'i', imageID: '', ready: true, restartCount: restarts }],
  },
})

describe('which pod goes first', () => {
  const ready = { readyFor: 500 }
  test.each<{ name: string; first: PodSpec; second: PodSpec }>([
    { name: 'one without a node', first: { ...ready, node: '' }, second: { phase: 'Pending' } },
    { name: 'a pending one', first: { phase: 'Pending' }, second: {} },
    { name: 'one whose state is unknown', first: { phase: 'Unknown' }, second: {} },
    { name: 'one that is not ready', first: { cost: '9' }, second: ready },
    { name: 'the cheapest', first: { ...ready, cost: '-1' }, second: { ...ready, restarts: 5 } },
    { name: 'the one that is ready for the shortest time', first: { readyFor: 10, restarts: 0 }, second: { readyFor: 500, restarts: 3 } },
    { name: 'the one with more restarts', first: { ...ready, restarts: 2 }, second: { ...ready, restarts: 1, age: 10 } },
    { name: 'the youngest', first: { ...ready, age: 10 }, second: { ...ready, age: 10_000 } },
  ])('$name', ({ first, second }) => {
    const pods = [pod('z', second), pod('a', first)]
    expect(orderForDeletion(pods, [], now).map(({ metadata }) => metadata.name)).toEqual(['a', 'z'])
  })

  test('the one on the node with more pods of its family', () => {
    const pods = [pod('a', { node: 'quiet', readyFor: 5 }), pod('b', { node: 'crowded', readyFor: 500 })]
    const related = [...pods, pod('sibling', { node: 'crowded' })]
    expect(orderForDeletion(pods, related, now)[0]!.metadata.name).toBe('b')
  })

  test('ages that are alike are decided by uid, so that not always the last one goes', () => {
    const pods = [pod('b', { ...ready, age: 1000 }), pod('a', { ...ready, age: 1001 })]
    expect(orderForDeletion(pods, [], now).map(({ metadata }) => metadata.name)).toEqual(['a', 'b'])
  })
})

test.each([
  { replicas: 3, pods: 1, create: 2, remove: 0 },
  { replicas: 3, pods: 3, create: 0, remove: 0 },
  { replicas: 1, pods: 3, create: 0, remove: 2 },
  { replicas: 2000, pods: 0, create: burstReplicas, remove: 0 },
])('$pods pods where $replicas are wanted: $create more, $remove less', ({ replicas, pods, create, remove }) => {
  const plan = planReplicas({ replicas, pods: Array.from({ length: pods }, (_, index) => pod(`p${index}`)), now })
  expect([plan.create, plan.remove.length]).toEqual([create, remove])
})

test('pods that are over or ending do not count', () => {
  const pods = [pod('over', { phase: 'Succeeded' }), pod('failed', { phase: 'Failed' }), pod('ending', { isDeleting: true })]
  expect(planReplicas({ replicas: 1, pods, now }).create).toBe(1)
})

test('the status counts labels, readiness and availability', () => {
  const labels = { app: 'a', tier: 'web' }
  const pods = [
    pod('old', { readyFor: 60, labels }),
    pod('fresh', { readyFor: 5, labels }),
    pod('starting', { labels: { app: 'a' } }),
    pod('ending', { isDeleting: true }),
  ]
  const status = planReplicaStatus({
    previous: undefined,
    generation: 4,
    templateLabels: labels,
    minReadySeconds: 30,
    pods,
    failure: undefined,
    now,
  })
  expect(status).toEqual({
    replicas: 3,
    fullyLabeledReplicas: 2,
    readyReplicas: 2,
    availableReplicas: 1,
    terminatingReplicas: 1,
    observedGeneration: 4,
  })
  expect(nextAvailabilityMs(pods, 30, now)).toBe(25_000)
  expect(nextAvailabilityMs(pods, 0, now)).toBeUndefined()
})

test('the status has the first of several failures for as long as there are any', () => {
  const plan = (previous: AppsV1ReplicaSetStatus | undefined, message: string | undefined, at: number) =>
    planReplicaStatus({
      previous,
      generation: 1,
      templateLabels: {},
      minReadySeconds: 0,
      pods: [],
      failure: message === undefined ? undefined : { reason: 'FailedCreate', message },
      now: at,
    })
  const first = plan(undefined, 'pods "a" is forbidden', now)
  expect(first.conditions).toMatchObject([
    { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'pods "a" is forbidden' },
  ])
  expect(plan(first, 'pods "b" is forbidden', now + 1_000)).toEqual(first)
  expect(plan(first, undefined, now + 2_000)).not.toHaveProperty('conditions')
})
