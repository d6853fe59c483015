import { expect, test } from 'vitest'
import type { CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import type { PodExplanation } from '../../orchestrator/scheduler/explain.ts'
import { formatExplanation } from './why.ts'

const pod = (name: string, spec: Partial<CoreV1Pod['spec']> = {}): CoreV1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: { containers: [], ...spec },
})
const explanation = (more: Partial<PodExplanation>): PodExplanation => ({
  pod: pod('web'),
  isKnown: true,
  gates: [],
  message: undefined,
  nodes: [],
  candidates: [],
  ...more,
})
const passed = { plugin: 'TaintToleration', reasons: [] }
const small = { plugin: 'NodeResourcesFit', reasons: ['Insufficient cpu', 'Insufficient memory'] }

test('a pod without room: each node’s refusals, and who would leave for it', () => {
  const stuck = explanation({
    pod: pod('web', { priority: 1000, priorityClassName: 'urgent' }),
    message: '0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory.',
    nodes: [{ name: 'a', verdicts: [passed, small], isFeasible: false, scores: [], total: 0 }],
    candidates: [{ nodeName: 'a', victims: [pod('meek'), pod('low', { priority: 5 })], violations: 1 }],
  })
  expect(formatExplanation(stuck)).toEqual([
    'Pod default/web has no node (priority 1000, urgent; default-scheduler)',
    '0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory.',
    '',
    'a: does not fit',
    '  NodeResourcesFit      Insufficient cpu',
    '  NodeResourcesFit      Insufficient memory',
    '  passed by             TaintToleration',
    '',
    'Preemption, the best choice first:',
    '  a: default/meek (priority 0), default/low (priority 5) would leave; 1 against a disruption budget',
  ])
})

test('a pod with a node: scores with weights, the best first, its own marked', () => {
  const scored = (name: string, score: number) => ({
    name,
    verdicts: [passed],
    isFeasible: true,
    scores: [{ plugin: 'TaintToleration', score, weight: 3 }],
    total: score * 3,
  })
  const lines = formatExplanation(explanation({ pod: pod('web', { nodeName: 'a' }), nodes: [scored('a', 50), scored('b', 100)] }))
  expect(lines.slice(0, 2)).toEqual([
    'Pod default/web is on a (priority 0; default-scheduler)',
    '2/2 nodes are available, were it to be scheduled now.',
  ])
  expect(lines.slice(-3)).toEqual(['SCORES  TaintToleration×3  TOTAL', 'b       100                300', 'a *     50                 150'])
})

test.each([
  [{ message: 'no nodes available to schedule pods' }, 'There are no nodes.'],
  [{ message: 'm', pod: pod('web', { preemptionPolicy: 'Never' }) }, 'Preemption: its policy is Never.'],
  [{ message: 'm' }, 'Preemption: nobody less important makes enough room by leaving.'],
  [{ gates: ['Blocked'], pod: pod('web', { schedulingGates: [{ name: 'quota' }] }) }, 'Blocked: quota'],
  [
    { pod: pod('web', { schedulerName: 'mine' }), isKnown: false },
    'It waits for the scheduler mine, which is not this one. What this one would say:',
  ],
])('%o says: %s', (more, line) => {
  expect(formatExplanation(explanation(more))).toContain(line)
})
