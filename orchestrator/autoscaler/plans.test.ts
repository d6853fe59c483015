import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { seededRandom } from '../../lib/random.ts'
import type { AppsV1DaemonSet, CoreV1Node, CoreV1Pod, PolicyV1PodDisruptionBudget } from '../api/generated/kinds.ts'
import { testProfile } from '../scheduler/testing.ts'
import { judgePods } from './drainability.plan.ts'
import { chooseOption, parsePriorities } from './expander.ts'
import { testNode, testPod } from './fixtures.ts'
import { GroupHealth } from './group-health.ts'
import { scaleDownDisabledAnnotation } from './nodes.ts'
import { chooseRemovals, planScaleDown } from './scale-down.plan.ts'
import { planScaleUp } from './scale-up.plan.ts'
import type { GroupState, ScaleUpOption } from './scale-up.plan.ts'
import { defaultSettings } from './settings.ts'
import type { ExpanderName } from './settings.ts'
import { balanceGrowth } from './similar-groups.plan.ts'
import { Simulation } from './simulation.ts'
import { describeStatus } from './status.ts'

const simulate = (nodes: readonly CoreV1Node[], pods: readonly CoreV1Pod[] = [], daemonSets: readonly AppsV1DaemonSet[] = []) =>
  new Simulation({ nodes, pods, daemonSets, profile: testProfile() })

const group = (id: string, more: Partial<GroupState> = {}): GroupState => ({
  id,
  minSize: 0,
  maxSize: 10,
  targetSize: 1,
  upcoming: 0,
  template: testNode('template'),
  isBackedOff: false,
  ...more,
})
const daemonSet = (cpu: string): AppsV1DaemonSet => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'd', namespace: 'kube-system', uid: 'd' },
  spec: { selector: {}, template: { metadata: {}, spec: testPod('d', cpu).spec } },
})
const many = (count: number, cpu: string) => Array.from({ length: count }, (_, index) => testPod(`p${index}`, cpu))

describe('scale-up', () => {
  test.each<{
    name: string
    pods: CoreV1Pod[]
    nodes?: CoreV1Node[]
    groups: GroupState[]
    daemonSets?: AppsV1DaemonSet[]
    options: object[]
    waiting?: number
    hopeless?: string[]
  }>([
    { name: 'as few nodes as the pods fit on', pods: many(5, '2'), groups: [group('g')], options: [{ nodes: 3, pods: 5 }] },
    {
      name: 'daemons take their room',
      pods: many(4, '2'),
      groups: [group('g')],
      daemonSets: [daemonSet('100m')],
      options: [{ nodes: 4, pods: 4 }],
    },
    {
      name: 'no more than the group may have',
      pods: many(5, '4'),
      groups: [group('g', { maxSize: 3 })],
      options: [{ nodes: 2, pods: 2 }],
      hopeless: ['1 max node group size reached', '', ''],
    },
    { name: 'none for pods that fit by now', pods: many(2, '2'), nodes: [testNode('n')], groups: [group('g')], options: [], waiting: 2 },
    {
      name: 'none for pods for whom nodes are on their way',
      pods: many(2, '2'),
      groups: [group('g', { upcoming: 1 })],
      options: [],
      waiting: 2,
    },
    {
      name: 'none where a fresh node is too small',
      pods: many(1, '5'),
      groups: [group('g')],
      options: [],
      hopeless: ['1 Insufficient cpu'],
    },
    {
      name: 'none of a full group',
      pods: many(1, '1'),
      groups: [group('g', { maxSize: 1 })],
      options: [],
      hopeless: ['1 max node group size reached'],
    },
    {
      name: 'none of a group that failed',
      pods: many(1, '1'),
      groups: [group('g', { isBackedOff: true })],
      options: [],
      hopeless: ['1 in backoff after failed scale-up'],
    },
    {
      name: 'none where nobody knows the nodes',
      pods: many(1, '1'),
      groups: [group('g', { template: undefined })],
      options: [],
      hopeless: ['1 not ready for scale-up'],
    },
    {
      name: 'of the group whose labels fit',
      pods: [testPod('p', '1', { nodeSelector: { disk: 'ssd' } })],
      groups: [group('a'), group('b', { template: testNode('t', { labels: { disk: 'ssd' } }) })],
      options: [{ group: 'b', nodes: 1 }],
    },
    {
      name: 'a node for each of pods that keep apart',
      pods: ['a', 'b', 'c'].map((name) =>
        testPod(name, '100m', {
          affinity: {
            podAntiAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'kubernetes.io/hostname', labelSelector: {} }],
            },
          },
        }),
      ),
      groups: [group('g')],
      options: [{ nodes: 3, pods: 3 }],
    },
  ])('$name', ({ pods, nodes = [], groups, daemonSets = [], options, waiting = 0, hopeless = [] }) => {
    const plan = planScaleUp(simulate(nodes, [], daemonSets), pods, groups)
    const found = plan.options.map((option) => ({ group: option.group.id, nodes: option.nodes, pods: option.pods.length }))
    expect(found).toMatchObject(options)
    expect(found).toHaveLength(options.length)
    expect(plan.waiting).toHaveLength(waiting)
    expect(plan.hopeless.map(({ reasons }) => [...reasons].map(([reason, count]) => `${count} ${reason}`).join())).toEqual(hopeless)
  })

  test('the simulation is as before', () => {
    const simulation = simulate([testNode('n')], [testPod('r', '1', { nodeName: 'n' })])
    planScaleUp(simulation, many(5, '4'), [group('g')])
    expect(simulation.node('g-new-0')).toBeUndefined()
    expect(simulation.node('n')!.requestedCpu).toBe(1000)
  })
})

describe('similar groups', () => {
  const pods = many(4, '1')
  const option = (id: string, targetSize: number, more: Partial<GroupState> = {}): ScaleUpOption => ({
    group: group(id, { targetSize, template: testNode(id, { labels: { 'topology.kubernetes.io/zone': id } }), ...more }),
    nodes: 4,
    pods,
    waste: 0,
  })
  const labelled = (pool: string) => ({ template: testNode(pool, { labels: { pool } }) })
  test.each([
    { name: 'grow to the same size', options: [option('a', 3), option('b', 1), option('c', 2)], growths: ['a 3->4', 'b 1->3', 'c 2->3'] },
    { name: 'as far as they may', options: [option('a', 1), option('b', 1, { maxSize: 2 })], growths: ['a 1->4', 'b 1->2'] },
    {
      name: 'are those of about the same resources',
      options: [option('a', 1), option('b', 1, { template: testNode('b', { cpu: '8' }) })],
      growths: ['a 1->5'],
    },
    { name: 'help the same pods', options: [option('a', 1), { ...option('b', 1), pods: pods.slice(1) }], growths: ['a 1->5'] },
    { name: 'have the same labels', options: [option('a', 1, labelled('x')), option('b', 1, labelled('y'))], growths: ['a 1->5'] },
    {
      name: 'but for those that do not count',
      options: [option('a', 1, labelled('x')), option('b', 1, labelled('y'))],
      ignored: ['pool'],
      growths: ['a 1->3', 'b 1->3'],
    },
  ])('$name', ({ options, growths, ignored = [] }) => {
    const found = balanceGrowth(options[0]!, options, ignored)
    expect(found.map(({ group: { id, targetSize }, nodes }) => `${id} ${targetSize}->${targetSize + nodes}`)).toEqual(growths)
  })
})

describe('expanders', () => {
  const option = (id: string, waste: number, pods: number): ScaleUpOption => ({ group: group(id), nodes: 1, pods: many(pods, '1'), waste })
  const options = [option('spot-a', 0.5, 3), option('spot-b', 0.2, 1), option('on-demand', 0.1, 2)]
  const priorities = parsePriorities('10: [on-demand]\n50: ["^spot-"]\n')
  test.each<{ names: ExpanderName[]; chosen: string }>([
    { names: ['least-waste'], chosen: 'on-demand' },
    { names: ['most-pods'], chosen: 'spot-a' },
    { names: ['priority', 'least-waste'], chosen: 'spot-b' },
  ])('$names: $chosen', ({ names, chosen }) => {
    expect(chooseOption(options, names, { random: seededRandom(1), priorities })?.group.id).toBe(chosen)
  })

  test('chance gives everybody a turn', () => {
    const random = seededRandom(1)
    const chosen = new Set(Array.from({ length: 50 }, () => chooseOption(options, ['random'], { random, priorities: [] })?.group.id))
    expect(chosen.size).toBe(3)
    expect(chooseOption([], ['random'], { random, priorities: [] })).toBeUndefined()
  })

  test.each([
    ['a: [x]', '"a" is not a whole number'],
    ['- 1', 'must be a mapping'],
    ['10: x', 'must be a list'],
    ['10: ["("]', 'missing closing'],
  ])('priorities %s are refused', (text, problem) => {
    expect(() => parsePriorities(text)).toThrow(problem)
  })
})

const budget = (disruptionsAllowed: number): PolicyV1PodDisruptionBudget => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { name: 'b', namespace: 'default' },
  spec: { selector: {} },
  status: { disruptionsAllowed, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
})
const annotated = (key: string, value: string, spec = {}) =>
  testPod('p', '1', spec, { annotations: { [`cluster-autoscaler.kubernetes.io/${key}`]: value } })
const scratch = { volumes: [{ name: 'scratch', emptyDir: {} }] }

describe('whether pods can move', () => {
  test.each<{ name: string; pod: CoreV1Pod; budgets?: PolicyV1PodDisruptionBudget[]; reason?: string; movable?: number }>([
    { name: 'a replicated pod', pod: testPod('p', '1'), movable: 1 },
    { name: 'a pod of nobody', pod: testPod('p', '1', {}, { ownerReferences: [] }), reason: 'NotReplicated' },
    {
      name: 'a pod of nobody that says it may',
      pod: { ...annotated('safe-to-evict', 'true'), spec: testPod('p', '1', scratch).spec },
      movable: 1,
    },
    { name: 'one that says it must not', pod: annotated('safe-to-evict', 'false'), reason: 'NotSafeToEvictAnnotation' },
    { name: 'local storage', pod: testPod('p', '1', scratch), reason: 'LocalStorageRequested' },
    {
      name: 'a folder of the node',
      pod: testPod('p', '1', { volumes: [{ name: 'v', hostPath: { path: '/x' } }] }),
      reason: 'LocalStorageRequested',
    },
    { name: 'storage in memory', pod: testPod('p', '1', { volumes: [{ name: 'v', emptyDir: { medium: 'Memory' } }] }), movable: 1 },
    { name: 'local storage that may be lost', pod: annotated('safe-to-evict-local-volumes', 'a, scratch', scratch), movable: 1 },
    { name: 'a system pod', pod: testPod('p', '1', {}, { namespace: 'kube-system' }), reason: 'UnmovableKubeSystemPod' },
    { name: 'a budget that allows none', pod: testPod('p', '1'), budgets: [budget(0)], reason: 'NotEnoughPdb' },
    { name: 'a budget that allows one', pod: testPod('p', '1'), budgets: [budget(1)], movable: 1 },
    {
      name: 'a daemon',
      pod: testPod(
        'p',
        '1',
        {},
        { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'd', uid: 'd', controller: true }] },
      ),
      movable: 0,
    },
    { name: "the node's own", pod: testPod('p', '1', {}, { annotations: { 'kubernetes.io/config.mirror': 'x' } }), movable: 0 },
    { name: 'one that is over', pod: { ...testPod('p', '1', scratch), status: { phase: 'Succeeded' } }, movable: 0 },
  ])('$name', ({ pod, budgets = [], reason, movable = 0 }) => {
    const judged = judgePods([pod], budgets, defaultSettings)
    expect(judged.blocked?.reason).toBe(reason)
    expect(judged.movable).toHaveLength(movable)
  })
})

describe('scale-down', () => {
  const plan = (nodes: readonly CoreV1Node[], pods: readonly CoreV1Pod[], budgets: readonly PolicyV1PodDisruptionBudget[] = []) => {
    const candidates = nodes
      .filter(({ metadata }) => metadata.labels?.['group'] === 'g')
      .map((node) => ({ node, group: 'g', options: defaultSettings }))
    const { unneeded, needed } = planScaleDown({ simulation: simulate(nodes, pods), candidates, budgets, settings: defaultSettings })
    return { unneeded: unneeded.map(({ node }) => node.metadata.name!), needed: Object.fromEntries(needed) }
  }
  const a = testNode('a', { group: 'g' })
  const b = testNode('b', { group: 'g' })
  const fixed = testNode('fixed')
  const marked = { ...a, metadata: { ...a.metadata, annotations: { [scaleDownDisabledAnnotation]: 'true' } } }
  test.each<{ name: string; nodes: CoreV1Node[]; pods: CoreV1Pod[]; unneeded: string[]; needed?: object }>([
    { name: 'an empty node', nodes: [a, fixed], pods: [], unneeded: ['a'] },
    {
      name: 'a busy node stays',
      nodes: [a, fixed],
      pods: [testPod('p', '2', { nodeName: 'a' })],
      unneeded: [],
      needed: { a: 'NotUnderutilized' },
    },
    { name: 'a node whose pods fit elsewhere', nodes: [a, fixed], pods: [testPod('p', '1', { nodeName: 'a' })], unneeded: ['a'] },
    {
      name: 'one whose pods fit nowhere else stays',
      nodes: [a, fixed],
      pods: [testPod('p', '1', { nodeName: 'a' }), testPod('q', '3500m', { nodeName: 'fixed' })],
      unneeded: [],
      needed: { a: 'NoPlaceToMovePods' },
    },
    {
      name: 'two half empty ones do not count on each other',
      nodes: [a, b],
      pods: [testPod('p', '1', { nodeName: 'a' }), testPod('q', '1500m', { nodeName: 'b' })],
      unneeded: ['a'],
      needed: { b: 'NoPlaceToMovePods' },
    },
    { name: 'one that nobody may take away', nodes: [marked, fixed], pods: [], unneeded: [], needed: { a: 'ScaleDownDisabledAnnotation' } },
    {
      name: 'a pod that must not move keeps its node',
      nodes: [a, fixed],
      pods: [testPod('p', '1', { nodeName: 'a', ...scratch })],
      unneeded: [],
      needed: { a: 'LocalStorageRequested: default/p' },
    },
  ])('$name', ({ nodes, pods, unneeded, needed = {} }) => expect(plan(nodes, pods)).toEqual({ unneeded, needed }))

  test('nodes go after they were not needed for long enough: many empty ones at once, else one, none below the minimum', () => {
    const candidate = (name: string, pods: number) => ({
      node: testNode(name),
      group: 'g',
      options: defaultSettings,
      pods: many(pods, '1'),
    })
    const now = 1_000_000
    const since = new Map([
      ['e1', 0],
      ['e2', 0],
      ['e3', 0],
      ['young', now - 1],
      ['full', 0],
      ['full2', 0],
    ])
    const choose = (unneeded: ReturnType<typeof candidate>[], spare: number) =>
      chooseRemovals({ unneeded, since, spare: new Map([['g', spare]]), settings: defaultSettings, now }).map(
        ({ node }) => node.metadata.name,
      )
    expect(choose([candidate('full', 1), candidate('e1', 0), candidate('e2', 0), candidate('e3', 0), candidate('young', 0)], 2)).toEqual([
      'e1',
      'e2',
    ])
    expect(choose([candidate('full', 1), candidate('full2', 1), candidate('young', 0)], 5)).toEqual(['full'])
    expect(choose([candidate('e1', 0)], 0)).toEqual([])
  })
})

test('a group that fails rests longer each time, until its failures are forgotten', () => {
  const { initialBackoffMs, maxBackoffMs, backoffResetMs } = defaultSettings
  const health = new GroupHealth(defaultSettings)
  health.failed('g', 0)
  expect([health.isBackedOff('g', initialBackoffMs - 1), health.isBackedOff('g', initialBackoffMs)]).toEqual([true, false])
  health.failed('g', initialBackoffMs)
  expect(health.isBackedOff('g', initialBackoffMs * 3 - 1)).toBe(true)
  for (let time = 0; time < 10; time++) health.failed('g', initialBackoffMs)
  expect(health.isBackedOff('g', initialBackoffMs + maxBackoffMs)).toBe(false)
  const later = initialBackoffMs + backoffResetMs + 1
  health.failed('g', later)
  expect(health.isBackedOff('g', later + initialBackoffMs)).toBe(false)
})

test('the status tells of the cluster and each group, and when each part last changed', () => {
  const transitions = new Map<string, { status: string; since: number }>()
  const state = { name: 'g', target: 2, minSize: 1, maxSize: 3, ready: 1, registered: 1, upcoming: 1, isBackedOff: false, candidates: 0 }
  describeStatus({ now: 0, groups: [state], cluster: { ready: 2, registered: 2, upcoming: 1 } }, transitions)
  const text = describeStatus(
    {
      now: 60_000,
      groups: [{ ...state, upcoming: 0, ready: 2, registered: 2, candidates: 1 }],
      cluster: { ready: 3, registered: 3, upcoming: 0 },
    },
    transitions,
  )
  expect(parse(text)).toMatchObject({
    autoscalerStatus: 'Running',
    clusterWide: {
      health: { status: 'Healthy', nodeCounts: { registered: { total: 3, ready: 3 } }, lastTransitionTime: '1970-01-01T00:00:00Z' },
      scaleUp: { status: 'NoActivity', lastTransitionTime: '1970-01-01T00:01:00Z' },
      scaleDown: { status: 'CandidatesPresent', candidates: 1 },
    },
    nodeGroups: [{ name: 'g', health: { cloudProviderTarget: 2, minSize: 1, maxSize: 3 }, scaleUp: { status: 'NoActivity' } }],
  })
})
