import { describe, expect, test } from 'vitest'
import type { CoreV1Node, CoreV1Pod } from '../api/generated/kinds.ts'
import { seededRandom } from '../../lib/random.ts'
import { ClusterCache } from './cluster-cache.ts'
import { countWanted, decide } from './decide.plan.ts'
import type { Decision } from './decide.plan.ts'
import { testProfile } from './testing.ts'
import { podRequests } from './pod-requests.ts'

const node = (
  name: string,
  more: Partial<CoreV1Node['spec']> = {},
  labels: Record<string, string> = {},
  allocatable: Record<string, string> = {},
): CoreV1Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
  spec: more,
  status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110', ...allocatable } },
})

let uid = 0
const pod = (spec: Partial<CoreV1Pod['spec']> = {}, labels: Record<string, string> = {}): CoreV1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `p${++uid}`, uid: `u${uid}`, namespace: 'default', labels },
  spec: { containers: [{ name: 'c', image: 'app:1' }], ...spec },
})
const asking = (requests: Record<string, string>) => ({ containers: [{ name: 'c', image: 'app:1', resources: { requests } }] })
const withPort = (hostPort: number, more: object = {}) => ({
  containers: [{ name: 'c', image: 'app:1', ports: [{ containerPort: 80, hostPort, ...more }] }],
})
const affinity = (nodeAffinity: object) => ({ affinity: { nodeAffinity } })
const zone = 'topology.kubernetes.io/zone'

function place(
  incoming: CoreV1Pod,
  nodes: readonly CoreV1Node[],
  existing: readonly CoreV1Pod[] = [],
  selector?: Record<string, string>,
): Decision {
  const cache = new ClusterCache()
  for (const item of nodes) cache.setNode(item)
  for (const item of existing) cache.setPod(item)
  const own = Object.entries(selector ?? {}).map(([key, value]) => ({ key, operator: 'In' as const, values: [value] }))
  const profile = testProfile({ findOwnSelector: () => (selector === undefined ? undefined : own) })
  return decide({ pod: incoming, cache, profile, start: 0, random: seededRandom(1) })
}

describe('what a node refuses', () => {
  const tainted = (effect: string) => node('n', { taints: [{ key: 'k', value: 'v', effect }] })
  const spread = (maxSkew: number) => ({
    topologySpreadConstraints: [
      { maxSkew, topologyKey: zone, whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { app: 'a' } } },
    ],
  })
  const crowd = [pod({ nodeName: 'n' }, { app: 'a' })]
  test.each<{ name: string; pod: CoreV1Pod; nodes: CoreV1Node[]; existing?: CoreV1Pod[]; message: string }>([
    { name: 'a cordoned node', pod: pod(), nodes: [node('n', { unschedulable: true })], message: '1 node(s) were unschedulable' },
    { name: 'a taint', pod: pod(), nodes: [tainted('NoExecute')], message: '1 node(s) had untolerated taint {k: v}' },
    {
      name: 'the selector',
      pod: pod({ nodeSelector: { disk: 'ssd' } }),
      nodes: [node('n')],
      message: "1 node(s) didn't match Pod's node affinity/selector",
    },
    {
      name: 'another name',
      pod: pod(
        affinity({
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['m'] }] }],
          },
        }),
      ),
      nodes: [node('n')],
      message: "1 node(s) didn't satisfy plugin(s) [NodeAffinity]",
    },
    {
      name: 'ports in use',
      pod: pod(withPort(80)),
      nodes: [node('n')],
      existing: [pod({ nodeName: 'n', ...withPort(80, { hostIP: '10.0.0.1' }) })],
      message: "1 node(s) didn't have free ports for the requested pod ports",
    },
    {
      name: 'too little of several resources',
      pod: pod(asking({ cpu: '5', memory: '9Gi' })),
      nodes: [node('n')],
      message: '1 Insufficient cpu, 1 Insufficient memory',
    },
    {
      name: 'a device it has not',
      pod: pod(asking({ 'example.com/gpu': '1' })),
      nodes: [node('n')],
      message: '1 Insufficient example.com/gpu',
    },
    {
      name: 'too many pods',
      pod: pod(),
      nodes: [node('n', {}, {}, { pods: '1' })],
      existing: [pod({ nodeName: 'n' })],
      message: '1 Too many pods',
    },
    {
      name: 'a missing topology label',
      pod: pod(spread(1), { app: 'a' }),
      nodes: [node('n')],
      message: "1 node(s) didn't match pod topology spread constraints (missing required label)",
    },
    {
      name: 'too much skew',
      pod: pod(spread(1), { app: 'a' }),
      nodes: [node('n', {}, { [zone]: 'a' }), node('m', { unschedulable: true }, { [zone]: 'b' })],
      existing: crowd,
      message: "1 node(s) didn't match pod topology spread constraints, 1 node(s) were unschedulable",
    },
  ])('$name', ({ pod: incoming, nodes, existing, message }) => {
    expect(place(incoming, nodes, existing)).toMatchObject({ failure: { message: `0/${nodes.length} nodes are available: ${message}.` } })
  })
})

describe('what a node takes', () => {
  test.each<{ name: string; pod: CoreV1Pod; nodes: CoreV1Node[]; existing?: CoreV1Pod[] }>([
    {
      name: 'a tolerated taint',
      pod: pod({ tolerations: [{ key: 'k', operator: 'Equal', value: 'v' }] }),
      nodes: [node('n', { taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }] })],
    },
    {
      name: 'anything for who tolerates everything',
      pod: pod({ tolerations: [{ operator: 'Exists' }] }),
      nodes: [node('n', { unschedulable: true, taints: [{ key: 'k', effect: 'NoExecute' }] })],
    },
    {
      name: 'the same port on another address',
      pod: pod(withPort(80, { hostIP: '10.0.0.2' })),
      nodes: [node('n')],
      existing: [pod({ nodeName: 'n', ...withPort(80, { hostIP: '10.0.0.1' }) })],
    },
    {
      name: 'the same port of another protocol',
      pod: pod(withPort(80, { protocol: 'UDP' })),
      nodes: [node('n')],
      existing: [pod({ nodeName: 'n', ...withPort(80) })],
    },
    {
      name: 'room of pods that have ended',
      pod: pod(asking({ cpu: '4' })),
      nodes: [node('n')],
      existing: [{ ...pod({ nodeName: 'n', ...asking({ cpu: '4' }) }), status: { phase: 'Succeeded' } }],
    },
    {
      name: 'a required expression',
      pod: pod(
        affinity({
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: 'cores', operator: 'Gt', values: ['3'] }] }],
          },
        }),
      ),
      nodes: [node('n', {}, { cores: '8' })],
    },
  ])('$name', ({ pod: incoming, nodes, existing }) => {
    expect(place(incoming, nodes, existing).nodeName).toBe('n')
  })
})

describe('which node is better', () => {
  const preferred = affinity({
    preferredDuringSchedulingIgnoredDuringExecution: [
      { weight: 100, preference: { matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] } },
    ],
  })
  const image = (name: string): CoreV1Node => ({
    ...node(name),
    status: { ...node(name).status!, images: [{ names: ['app:1'], sizeBytes: 900 * 1024 * 1024 }] },
  })
  test.each<{ name: string; pod: CoreV1Pod; nodes: CoreV1Node[]; existing?: CoreV1Pod[]; selector?: Record<string, string> }>([
    {
      name: 'the one with more left',
      pod: pod(asking({ cpu: '1', memory: '1Gi' })),
      nodes: [node('worse'), node('best')],
      existing: [pod({ nodeName: 'worse', ...asking({ cpu: '2', memory: '4Gi' }) })],
    },
    { name: 'the one that the pod prefers', pod: pod(preferred), nodes: [node('worse'), node('best', {}, { disk: 'ssd' })] },
    {
      name: 'the one without a soft taint',
      pod: pod(),
      nodes: [node('worse', { taints: [{ key: 'k', effect: 'PreferNoSchedule' }] }), node('best')],
    },
    {
      name: 'the one without a sibling',
      pod: pod({}, { app: 'a' }),
      nodes: [node('worse'), node('best')],
      existing: [pod({ nodeName: 'worse' }, { app: 'a' })],
      selector: { app: 'a' },
    },
    {
      name: 'the zone with fewer siblings',
      pod: pod({}, { app: 'a' }),
      nodes: [node('worse', {}, { [zone]: 'x' }), node('other', {}, { [zone]: 'x' }), node('best', {}, { [zone]: 'y' })],
      existing: [pod({ nodeName: 'other' }, { app: 'a' })],
      selector: { app: 'a' },
    },
    { name: 'the one that has the image', pod: pod(), nodes: [node('worse'), image('best')] },
    {
      name: 'the one that stays in balance',
      pod: pod(asking({ cpu: '2', memory: '1Gi' })),
      nodes: [node('worse'), node('best')],
      existing: [
        pod({ nodeName: 'worse', ...asking({ cpu: '1', memory: '1Gi' }) }),
        pod({ nodeName: 'best', ...asking({ memory: '3Gi', cpu: '100m' }) }),
      ],
    },
  ])('$name', ({ pod: incoming, nodes, existing, selector }) => {
    expect(place(incoming, nodes, existing, selector).nodeName).toBe('best')
  })
})

test.each([
  { nodes: 50, wanted: 50 },
  { nodes: 100, wanted: 100 },
  { nodes: 1000, wanted: 420 },
  { nodes: 5000, wanted: 500 },
  { nodes: 15000, wanted: 750 },
])('of $nodes nodes $wanted feasible ones are enough', ({ nodes, wanted }) => {
  expect(countWanted(nodes)).toBe(wanted)
})

test('a pod takes the larger of its containers together and each init container, with sidecars and overhead', () => {
  const container = (cpu: string, restartPolicy?: string) => ({
    name: 'c',
    image: 'i',
    resources: { requests: { cpu } },
    ...(restartPolicy === undefined ? {} : { restartPolicy }),
  })
  const requests = (spec: Partial<CoreV1Pod['spec']>) => podRequests(pod(spec)).requests.cpu
  expect(requests({ containers: [container('1'), container('500m')] })).toBe(1500)
  expect(requests({ containers: [container('1')], initContainers: [container('3')] })).toBe(3000)
  expect(requests({ containers: [container('1')], initContainers: [container('200m', 'Always'), container('2')] })).toBe(2200)
  expect(requests({ containers: [container('1')], overhead: { cpu: '250m' } })).toBe(1250)
  expect(requests({ containers: [container('1')], resources: { requests: { cpu: '4' } } })).toBe(4000)
})

test('a pod that is resized holds the larger of what it has and asks for, and what it has where that can never be', () => {
  const container = { name: 'c', image: 'i', resources: { requests: { cpu: '30', memory: '1Gi' } } }
  const resized = (has: Record<string, string>, reason?: string): CoreV1Pod => ({
    ...pod({ containers: [container] }),
    status: {
      ...(reason === undefined ? {} : { conditions: [{ type: 'PodResizePending', status: 'True', reason }] }),
      containerStatuses: [
        { name: 'c', image: 'i', imageID: '', ready: true, restartCount: 0, resources: { requests: has }, allocatedResources: has },
      ],
    },
  })
  const requests = (one: CoreV1Pod) => [podRequests(one).requests.cpu, podRequests(one).scoredMemoryBytes]
  const [small, large] = [
    { cpu: '1', memory: '512Mi' },
    { cpu: '40', memory: '2Gi' },
  ]
  expect(requests(resized(small))).toEqual([30_000, 1 << 30])
  expect(requests(resized(small, 'Deferred'))).toEqual([30_000, 1 << 30])
  expect(requests(resized(small, 'Infeasible'))).toEqual([1_000, 1 << 29])
  expect(requests(resized(large))).toEqual([40_000, 2 ** 31])
  expect(requests(resized({ memory: '1024Mi', cpu: '30000m' }))).toEqual([30_000, 1 << 30])
})

test('a decision begins where the last one ended', () => {
  const cache = new ClusterCache()
  for (let index = 0; index < 300; index++) cache.setNode(node(`n${index}`))
  const first = decide({ pod: pod(), cache, profile: testProfile(), start: 0, random: seededRandom(1) })
  expect(first.nextStart).toBe(countWanted(300))
})
