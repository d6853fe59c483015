import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../lib/random.ts'
import type { CoreV1Node, CoreV1Pod, CoreV1TopologySpreadConstraint } from '../api/generated/kinds.ts'
import { ClusterCache } from './cluster-cache.ts'
import { decide } from './decide.plan.ts'
import type { PluginArguments } from './registry.ts'
import { testProfile } from './testing.ts'

const zone = 'zone'
const node = (name: string, labels: Record<string, string> = {}, spec: Partial<CoreV1Node['spec']> = {}): CoreV1Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
  spec,
  status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110' } },
})
let uid = 0
const pod = (spec: Partial<CoreV1Pod['spec']> = {}, labels: Record<string, string> = { app: 'a' }, namespace = 'default'): CoreV1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `p${++uid}`, uid: `u${uid}`, namespace, labels },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
})
const on = (nodeName: string, labels?: Record<string, string>, namespace?: string) => pod({ nodeName }, labels, namespace)
const spread = (more: Partial<CoreV1TopologySpreadConstraint> = {}, spec: Partial<CoreV1Pod['spec']> = {}) => ({
  ...spec,
  topologySpreadConstraints: [
    { maxSkew: 1, topologyKey: zone, whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { app: 'a' } }, ...more },
  ],
})

interface Case {
  readonly name: string
  readonly pod: CoreV1Pod
  readonly nodes: readonly CoreV1Node[]
  readonly existing?: readonly CoreV1Pod[]
  readonly namespaces?: Readonly<Record<string, Record<string, string>>>
  readonly args?: PluginArguments
  /** The node, or a part of the message. */
  readonly expected: string
}

function place({ pod: incoming, nodes, existing = [], namespaces = {}, args = {} }: Case): string {
  const cache = new ClusterCache()
  for (const each of nodes) cache.setNode(each)
  for (const each of existing) cache.setPod(each)
  const profile = testProfile({ namespaces: { labelsOf: (name) => namespaces[name] } }, { args })
  const decision = decide({ pod: incoming, cache, profile, start: 0, random: seededRandom(1) })
  return decision.nodeName ?? decision.failure.message
}

const x = node('x', { [zone]: 'x' })
const y = node('y', { [zone]: 'y' })
const skewed = "didn't match pod topology spread constraints"

describe('topology spread', () => {
  test.each<Case>([
    { name: 'evens zones out', pod: pod(spread()), nodes: [x, y], existing: [on('x')], expected: 'y' },
    {
      name: 'takes too few domains for empty ones',
      pod: pod(spread({ minDomains: 3 })),
      nodes: [x, y],
      existing: [on('x'), on('y')],
      expected: skewed,
    },
    {
      name: 'is content with as many domains as asked for',
      pod: pod(spread({ minDomains: 2 })),
      nodes: [x, y],
      existing: [on('x')],
      expected: 'y',
    },
    {
      name: 'counts only pods with the same values of matchLabelKeys',
      pod: pod(spread({ matchLabelKeys: ['rev'] }), { app: 'a', rev: '2' }),
      nodes: [x, node('y', { [zone]: 'y' }, { unschedulable: true })],
      existing: [on('x', { app: 'a', rev: '1' })],
      expected: 'x',
    },
    {
      name: 'looks only at nodes that the pod may go to',
      pod: pod(spread({}, { nodeSelector: { pool: '1' } })),
      nodes: [node('x', { [zone]: 'x', pool: '1' }), y],
      existing: [on('x')],
      expected: 'x',
    },
    {
      name: 'looks at all nodes when told to ignore the selector',
      pod: pod(spread({ nodeAffinityPolicy: 'Ignore' }, { nodeSelector: { pool: '1' } })),
      nodes: [node('x', { [zone]: 'x', pool: '1' }), y],
      existing: [on('x')],
      expected: skewed,
    },
    {
      name: 'leaves tainted nodes out when told to honor taints',
      pod: pod(spread({ nodeTaintsPolicy: 'Honor' })),
      nodes: [x, node('y', { [zone]: 'y' }, { taints: [{ key: 'k', effect: 'NoSchedule' }] })],
      existing: [on('x')],
      expected: 'x',
    },
    {
      name: 'counts tainted nodes otherwise',
      pod: pod(spread()),
      nodes: [x, node('y', { [zone]: 'y' }, { taints: [{ key: 'k', effect: 'NoSchedule' }] })],
      existing: [on('x')],
      expected: skewed,
    },
    {
      name: 'counts no pods of other namespaces',
      pod: pod(spread()),
      nodes: [x, node('y', { [zone]: 'y' }, { unschedulable: true })],
      existing: [on('x', { app: 'a' }, 'other')],
      expected: 'x',
    },
    {
      name: 'counts no pods that are ending',
      pod: pod(spread()),
      nodes: [x, node('y', { [zone]: 'y' }, { unschedulable: true })],
      existing: [{ ...on('x'), metadata: { ...on('x').metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }],
      expected: 'x',
    },
  ])('$name', (each) => expect(place(each)).toContain(each.expected))
})

const near = (term: object, isAnti = false) => ({
  affinity: {
    [isAnti ? 'podAntiAffinity' : 'podAffinity']: {
      requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: zone, labelSelector: { matchLabels: { app: 'b' } }, ...term }],
    },
  },
})

describe('affinity between pods', () => {
  test.each<Case>([
    { name: 'follows', pod: pod(near({})), nodes: [x, y], existing: [on('y', { app: 'b' })], expected: 'y' },
    {
      name: 'looks into namespaces by their labels',
      pod: pod(near({ namespaceSelector: { matchLabels: { team: 't' } } })),
      nodes: [x, y],
      existing: [on('x', { app: 'b' }, 'theirs'), on('y', { app: 'b' }, 'ours')],
      namespaces: { ours: { team: 't' }, theirs: {} },
      expected: 'y',
    },
    {
      name: 'follows only the same values of matchLabelKeys',
      pod: pod(near({ matchLabelKeys: ['rev'] }), { app: 'a', rev: '2' }),
      nodes: [x, y],
      existing: [on('x', { app: 'b', rev: '1' }), on('y', { app: 'b', rev: '2' })],
      expected: 'y',
    },
    {
      name: 'keeps away from all others by mismatchLabelKeys',
      pod: pod(near({ labelSelector: {}, mismatchLabelKeys: ['tenant'] }, true), { tenant: '1' }),
      nodes: [x, y],
      existing: [on('x', { tenant: '2' }), on('y', { tenant: '1' })],
      expected: 'y',
    },
    {
      name: 'wants one pod that satisfies every term, not one for each',
      pod: pod({
        affinity: {
          podAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: ['b', 'c'].map((value) => ({
              topologyKey: zone,
              labelSelector: { matchExpressions: [{ key: value, operator: 'Exists' }] },
            })),
          },
        },
      }),
      nodes: [x],
      existing: [on('x', { b: '' }), on('x', { c: '' })],
      expected: "didn't match pod affinity rules",
    },
    {
      name: 'of a pod that is there counts by the weight of the profile',
      pod: pod({}, { app: 'b' }),
      nodes: [x, y],
      existing: [pod({ nodeName: 'y', ...near({}) })],
      args: { InterPodAffinity: { hardPodAffinityWeight: 100 } },
      expected: 'y',
    },
  ])('$name', (each) => expect(place(each)).toContain(each.expected))
})

const asking = (requests: Record<string, string>) => ({ containers: [{ name: 'c', image: 'i', resources: { requests } }] })

describe('arguments of a profile', () => {
  const half = { ...on('y'), spec: { nodeName: 'y', ...asking({ cpu: '2', memory: '4Gi' }) } }
  const strategy = (type: 'MostAllocated' | 'LeastAllocated') => ({
    NodeResourcesFit: { scoringStrategy: { type, resources: [{ name: 'cpu', weight: 1 }] } },
  })
  const shape = (empty: number, full: number) => ({
    NodeResourcesFit: {
      scoringStrategy: {
        type: 'RequestedToCapacityRatio' as const,
        resources: [{ name: 'cpu', weight: 1 }],
        shape: [
          { utilization: 0, score: empty },
          { utilization: 100, score: full },
        ],
      },
    },
  })
  const incoming = pod(asking({ cpu: '1', memory: '2Gi' }), {})
  test.each<Case>([
    { name: 'MostAllocated packs', pod: incoming, nodes: [x, y], existing: [half], args: strategy('MostAllocated'), expected: 'y' },
    { name: 'LeastAllocated spreads', pod: incoming, nodes: [x, y], existing: [half], args: strategy('LeastAllocated'), expected: 'x' },
    { name: 'a rising shape packs', pod: incoming, nodes: [x, y], existing: [half], args: shape(0, 10), expected: 'y' },
    { name: 'a falling shape spreads', pod: incoming, nodes: [x, y], existing: [half], args: shape(10, 0), expected: 'x' },
    {
      name: 'added affinity binds every pod',
      pod: pod(),
      nodes: [x, y],
      args: {
        NodeAffinity: {
          addedAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: zone, operator: 'In', values: ['none'] }] }],
            },
          },
        },
      },
      expected: "2 node(s) didn't match scheduler-enforced node affinity",
    },
    {
      name: 'an ignored resource is no shortage',
      pod: pod(asking({ 'example.com/gpu': '1' })),
      nodes: [x],
      args: { NodeResourcesFit: { ignoredResourceGroups: ['example.com'] } },
      expected: 'x',
    },
  ])('$name', (each) => expect(place(each)).toContain(each.expected))
})
