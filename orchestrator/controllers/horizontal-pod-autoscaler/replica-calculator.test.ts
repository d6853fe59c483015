import { describe, expect, test } from 'vitest'
import { toTimestamp } from '../../../lib/clock.ts'
import type { CoreV1Pod } from '../../api/generated/kinds.ts'
import { groupPods, planAverage, planShare, planTotal, planUtilization, podRequests } from './replica-calculator.plan.ts'
import type { CalculatorInput } from './replica-calculator.plan.ts'

const now = Date.UTC(2030, 0, 1, 12)
const minute = 60_000

interface PodSpec {
  /** Millicores; absent = no sample. */
  readonly cpu?: number
  readonly phase?: string
  readonly ready?: 'True' | 'False' | 'none'
  /** Ages in milliseconds. */
  readonly startedAgo?: number
  readonly changedAgo?: number
  readonly sampledAgo?: number
  readonly isDeleting?: boolean
  readonly request?: string
}

function toPod(spec: PodSpec, index: number): CoreV1Pod {
  const { phase = 'Running', ready = 'True', startedAgo = 60 * minute, changedAgo = 60 * minute, request = '100m' } = spec
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `p${index}`, namespace: 'default', ...(spec.isDeleting === true ? { deletionTimestamp: toTimestamp(now) } : {}) },
    spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: request } } }] },
    status: {
      phase,
      startTime: toTimestamp(now - startedAgo),
      conditions: ready === 'none' ? [] : [{ type: 'Ready', status: ready, lastTransitionTime: toTimestamp(now - changedAgo) }],
    },
  }
}

function inputOf(specs: readonly PodSpec[], more: Partial<CalculatorInput> = {}): CalculatorInput {
  const samples = specs.flatMap(({ cpu, sampledAgo = 0 }, index) =>
    cpu === undefined ? [] : [[`p${index}`, { milli: cpu, timestamp: now - sampledAgo, windowMs: 30_000 }] as const],
  )
  return {
    pods: specs.map(toPod),
    samples: new Map(samples),
    currentReplicas: specs.length,
    tolerance: { up: 0.1, down: 0.1 },
    resource: 'cpu',
    cpuInitializationPeriodMs: 5 * minute,
    initialReadinessDelayMs: 30_000,
    now,
    ...more,
  }
}

describe('which samples count', () => {
  test.each<{ name: string; pod: PodSpec; group: 'ready' | 'unready' | 'missing' | 'ignored'; resource?: string }>([
    { name: 'a ready pod', pod: { cpu: 1 }, group: 'ready' },
    { name: 'one that is being deleted', pod: { cpu: 1, isDeleting: true }, group: 'ignored' },
    { name: 'one that failed', pod: { cpu: 1, phase: 'Failed' }, group: 'ignored' },
    { name: 'one that succeeded', pod: { cpu: 1, phase: 'Succeeded' }, group: 'ignored' },
    { name: 'a pending one', pod: { cpu: 1, phase: 'Pending' }, group: 'unready' },
    { name: 'one without a sample', pod: {}, group: 'missing' },
    { name: 'one without a Ready condition', pod: { cpu: 1, ready: 'none' }, group: 'unready' },
    { name: 'a fresh one that is not ready', pod: { cpu: 1, ready: 'False', startedAgo: minute, changedAgo: minute }, group: 'unready' },
    {
      name: 'a fresh ready one whose window reaches back before it was',
      pod: { cpu: 1, startedAgo: minute, changedAgo: 20_000 },
      group: 'unready',
    },
    { name: 'a fresh ready one with a whole window since', pod: { cpu: 1, startedAgo: minute, changedAgo: 31_000 }, group: 'ready' },
    {
      name: 'an old one that was never ready',
      pod: { cpu: 1, ready: 'False', startedAgo: 10 * minute, changedAgo: 10 * minute - 10_000 },
      group: 'unready',
    },
    {
      name: 'an old one that was ready once',
      pod: { cpu: 1, ready: 'False', startedAgo: 10 * minute, changedAgo: minute },
      group: 'ready',
    },
    { name: 'memory of a pod that is not ready', pod: { cpu: 1, ready: 'False', startedAgo: minute }, group: 'ready', resource: 'memory' },
  ])('$name is $group', ({ pod, group, resource = 'cpu' }) => {
    const { readyCount, unready, missing, ignored } = groupPods(inputOf([pod], { resource }))
    expect({ ready: readyCount, unready: unready.size, missing: missing.size, ignored: ignored.size }).toEqual({
      ready: 0,
      unready: 0,
      missing: 0,
      ignored: 0,
      [group]: 1,
    })
  })
})

describe('replicas for a utilization', () => {
  const pending: PodSpec = { phase: 'Pending' }
  const starting = (cpu: number): PodSpec => ({ cpu, ready: 'False', startedAgo: minute })
  test.each<{
    name: string
    pods: PodSpec[]
    target: number
    expected: number
    utilization: number
    current?: number
    tolerance?: { up: number; down: number }
  }>([
    { name: 'within tolerance stays', pods: [{ cpu: 54 }, { cpu: 54 }], target: 50, expected: 2, utilization: 54 },
    { name: 'exactly at the upper tolerance stays', pods: [{ cpu: 55 }], target: 50, expected: 1, utilization: 55 },
    { name: 'above goes up', pods: [{ cpu: 56 }, { cpu: 56 }], target: 50, expected: 3, utilization: 56 },
    { name: 'below goes down', pods: [{ cpu: 20 }, { cpu: 20 }, { cpu: 20 }], target: 60, expected: 1, utilization: 20 },
    { name: 'exactly at the lower tolerance stays', pods: [{ cpu: 45 }, { cpu: 45 }], target: 50, expected: 2, utilization: 45 },
    {
      name: 'a tolerance of its own for going up',
      pods: [{ cpu: 54 }],
      target: 50,
      expected: 2,
      utilization: 54,
      tolerance: { up: 0.05, down: 0.1 },
    },
    {
      name: 'no tolerance for going down',
      pods: [{ cpu: 24 }, { cpu: 24 }],
      target: 48,
      expected: 1,
      utilization: 24,
      tolerance: { up: 0.1, down: 0 },
    },
    { name: 'unready pods count as idle when going up', pods: [{ cpu: 150 }, starting(900)], target: 50, expected: 3, utilization: 150 },
    {
      name: 'and hold the size when that leaves nothing to do',
      pods: [{ cpu: 60 }, pending, pending],
      target: 50,
      expected: 3,
      utilization: 60,
    },
    {
      name: 'unready pods say nothing when going down',
      pods: [{ cpu: 20 }, { cpu: 20 }, starting(900)],
      target: 50,
      expected: 1,
      utilization: 20,
    },
    { name: 'missing pods count as idle when going up', pods: [{ cpu: 200 }, {}], target: 50, expected: 4, utilization: 200 },
    {
      name: 'missing pods count as fully busy when going down',
      pods: [{ cpu: 10 }, { cpu: 10 }, {}],
      target: 50,
      expected: 3,
      utilization: 10,
    },
    {
      name: 'missing pods count as at the target when that is above 100 %',
      pods: [{ cpu: 30 }, { cpu: 30 }, { cpu: 30 }, {}],
      target: 200,
      expected: 2,
      utilization: 30,
    },
    {
      name: 'ignored pods say nothing',
      pods: [{ cpu: 50 }, { cpu: 999, isDeleting: true }],
      target: 50,
      expected: 2,
      utilization: 50,
      current: 2,
    },
    {
      name: 'only ready pods are scaled when the target has more',
      pods: [{ cpu: 60 }],
      target: 50,
      expected: 2,
      utilization: 60,
      current: 5,
    },
  ])('$name', ({ pods, target, expected, utilization, current = pods.length, tolerance = { up: 0.1, down: 0.1 } }) => {
    const proposal = planUtilization(inputOf(pods, { currentReplicas: current, tolerance }), target)
    expect(proposal.utilization).toBe(utilization)
    expect(proposal.replicas).toBe(expected)
  })

  test.each<{ name: string; pods: PodSpec[]; message: string }>([
    { name: 'no pods at all', pods: [], message: 'no pods returned by selector while calculating replica count' },
    {
      name: 'only unready pods',
      pods: [{ cpu: 10, phase: 'Pending' }],
      message: 'did not receive metrics for targeted pods (pods might be unready)',
    },
    { name: 'no request', pods: [{ cpu: 10, request: '0' }], message: 'no metrics returned matched known pods' },
  ])('$name is an error', ({ pods, message }) => {
    expect(() => planUtilization(inputOf(pods), 50)).toThrow(message)
  })
})

describe('what a pod requests', () => {
  const container = (name: string, cpu?: string, restartPolicy?: string) => ({
    name,
    image: 'i',
    ...(cpu === undefined ? {} : { resources: { requests: { cpu } } }),
    ...(restartPolicy === undefined ? {} : { restartPolicy }),
  })
  const pod = (spec: CoreV1Pod['spec']): CoreV1Pod => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec })
  test('is the sum of its containers and sidecars, without plain init containers', () => {
    const spec = {
      containers: [container('a', '100m'), container('b', '50m')],
      initContainers: [container('side', '10m', 'Always'), container('init', '900m')],
    }
    expect(podRequests([pod(spec)], 'cpu').get('p')).toBe(160)
    expect(podRequests([pod(spec)], 'cpu', 'b').get('p')).toBe(50)
  })
  test('is the pod-level request where there is one', () => {
    expect(podRequests([pod({ containers: [container('a')], resources: { requests: { cpu: '2' } } })], 'cpu').get('p')).toBe(2000)
  })
  test('must be known of every container', () => {
    expect(() => podRequests([pod({ containers: [container('a', '1'), container('b')] })], 'cpu')).toThrow(
      'missing request for cpu in container b of Pod p',
    )
  })
})

describe('replicas for an average', () => {
  test.each<{ name: string; pods: PodSpec[]; target: number; expected: number; milli: number }>([
    { name: 'above goes up', pods: [{ cpu: 30 }, { cpu: 30 }], target: 20, expected: 3, milli: 30 },
    { name: 'within tolerance stays', pods: [{ cpu: 21 }, { cpu: 21 }], target: 20, expected: 2, milli: 21 },
    { name: 'missing pods are at the target when going down', pods: [{ cpu: 5 }, { cpu: 5 }, {}], target: 20, expected: 2, milli: 5 },
    { name: 'missing pods are idle when going up', pods: [{ cpu: 60 }, {}], target: 20, expected: 3, milli: 60 },
  ])('$name', ({ pods, target, expected, milli }) => {
    const { resource: _, ...input } = inputOf(pods)
    expect(planAverage(input, target)).toEqual({ replicas: expected, milli })
  })
})

describe('replicas for one value', () => {
  const pods = [{ cpu: 1 }, { cpu: 1 }].map(toPod)
  const tolerance = { up: 0.1, down: 0.1 }
  test.each([
    { current: 2, total: 200, target: 100, expected: 4 },
    { current: 2, total: 105, target: 100, expected: 2 },
    { current: 0, total: 250, target: 100, expected: 3 },
  ])('a total of $total for a target of $target with $current replicas asks for $expected', ({ current, total, target, expected }) => {
    expect(planTotal({ pods, currentReplicas: current, tolerance }, total, target).replicas).toBe(expected)
  })
  test('too much for pods that are not ready yet never asks for fewer of them', () => {
    const starting = pods.map((pod) => ({ ...pod, status: { ...pod.status, phase: 'Pending' } }))
    expect(planTotal({ pods: starting, currentReplicas: 2, tolerance }, 300, 100).replicas).toBe(2)
  })
  test.each([
    { running: 2, total: 500, target: 100, expected: 5, milli: 250 },
    { running: 2, total: 210, target: 100, expected: 2, milli: 105 },
    { running: 0, total: 210, target: 100, expected: 3, milli: 210 },
  ])('a share of $target of $total with $running running asks for $expected', ({ running, total, target, expected, milli }) => {
    expect(planShare({ statusReplicas: running, tolerance }, total, target)).toEqual({ replicas: expected, milli })
  })
})
