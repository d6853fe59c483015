import { describe, expect, test } from 'vitest'
import { parseSchedulerConfiguration } from './configuration.ts'
import { defaultConfiguration } from './profile.ts'

const head = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n'
const parse = (text: string) => parseSchedulerConfiguration('s.yaml', head + text)
const profile = (text: string) => parse(`profiles:\n- ${text.trim().replaceAll('\n', '\n  ')}\n`).profiles[0]!

test("a file that says nothing means upstream's defaults", () => {
  expect(parse('')).toEqual(defaultConfiguration())
})

test("the default plugins stand at their points with upstream's weights", () => {
  const { plugins } = defaultConfiguration().profiles[0]!
  expect(plugins.score.map(({ name, weight }) => `${name} ${weight}`)).toEqual([
    'TaintToleration 3',
    'NodeAffinity 2',
    'NodeResourcesFit 1',
    'PodTopologySpread 2',
    'InterPodAffinity 2',
    'NodeResourcesBalancedAllocation 1',
    'ImageLocality 1',
  ])
  expect(plugins.filter.map(({ name }) => name)).toEqual([
    'NodeUnschedulable',
    'NodeName',
    'TaintToleration',
    'NodeAffinity',
    'NodePorts',
    'NodeResourcesFit',
    'VolumeRestrictions',
    'NodeVolumeLimits',
    'VolumeBinding',
    'VolumeZone',
    'PodTopologySpread',
    'InterPodAffinity',
    'DynamicResources',
  ])
  for (const [point, name] of [
    ['preEnqueue', 'SchedulingGates'],
    ['queueSort', 'PrioritySort'],
    ['postFilter', 'DefaultPreemption'],
    ['bind', 'DefaultBinder'],
  ] as const)
    expect(plugins[point].map((plugin) => plugin.name)).toEqual([name])
})

test("a point says what is disabled and enabled there, multiPoint for all of a plugin's points", () => {
  const { plugins } = profile(`
schedulerName: packing
plugins:
  multiPoint:
    disabled: [{ name: ImageLocality }]
    enabled: [{ name: NodeAffinity, weight: 9 }]
  score:
    disabled: [{ name: '*' }]
    enabled: [{ name: NodeResourcesFit, weight: 5 }, { name: NodeAffinity }]
  postFilter:
    disabled: [{ name: DefaultPreemption }]
`)
  expect(plugins.score).toEqual([
    { name: 'NodeResourcesFit', weight: 5 },
    { name: 'NodeAffinity', weight: 2 },
  ])
  expect(plugins.preScore.map(({ name }) => name)).not.toContain('ImageLocality')
  expect(plugins.postFilter).toEqual([])
  expect(plugins.filter).toContainEqual({ name: 'NodeAffinity', weight: 9 })
})

test('plugins take their arguments', () => {
  const { args } = profile(`
pluginConfig:
- name: NodeResourcesFit
  args:
    apiVersion: kubescheduler.config.k8s.io/v1
    kind: NodeResourcesFitArgs
    scoringStrategy:
      type: RequestedToCapacityRatio
      resources: [{ name: example.com/gpu, weight: 3 }, { name: cpu }]
      requestedToCapacityRatio: { shape: [{ utilization: 0, score: 0 }, { utilization: 100, score: 10 }] }
- name: InterPodAffinity
  args: { hardPodAffinityWeight: 7 }
- name: PodTopologySpread
  args:
    defaultingType: List
    defaultConstraints: [{ maxSkew: 1, topologyKey: rack, whenUnsatisfiable: ScheduleAnyway }]
- name: NodeAffinity
  args:
    addedAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms: [{ matchExpressions: [{ key: pool, operator: In, values: [batch] }] }]
`)
  expect(args).toEqual({
    NodeResourcesFit: {
      ignoredResources: [],
      ignoredResourceGroups: [],
      scoringStrategy: {
        type: 'RequestedToCapacityRatio',
        resources: [
          { name: 'example.com/gpu', weight: 3 },
          { name: 'cpu', weight: 1 },
        ],
        shape: [
          { utilization: 0, score: 0 },
          { utilization: 100, score: 10 },
        ],
      },
    },
    InterPodAffinity: { hardPodAffinityWeight: 7 },
    PodTopologySpread: { defaultConstraints: [{ maxSkew: 1, topologyKey: 'rack', whenUnsatisfiable: 'ScheduleAnyway' }] },
    NodeAffinity: {
      addedAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'pool', operator: 'In', values: ['batch'] }], matchFields: [] }],
        },
      },
    },
  })
})

test('numbers of the whole are inherited by profiles', () => {
  const { profiles, podInitialBackoffMs, podMaxBackoffMs } = parse(
    'percentageOfNodesToScore: 30\npodInitialBackoffSeconds: 2\npodMaxBackoffSeconds: 20\nleaderElection: { leaderElect: true }\nprofiles: [{}, { schedulerName: b, percentageOfNodesToScore: 5 }]\n',
  )
  expect(profiles.map(({ schedulerName, percentageOfNodesToScore }) => [schedulerName, percentageOfNodesToScore])).toEqual([
    ['default-scheduler', 30],
    ['b', 5],
  ])
  expect([podInitialBackoffMs, podMaxBackoffMs]).toEqual([2_000, 20_000])
})

describe('a mistake is named with its place and field', () => {
  const inProfile = (text: string) => `profiles:\n- ${text}\n`
  test.each([
    { text: 'foo: 1\n', problem: /^s\.yaml:3:6: foo: 1: unknown field/ },
    { text: 'percentageOfNodesToScore: 101\n', problem: /percentageOfNodesToScore: 101: must be a whole number from 0 to 100/ },
    { text: 'extenders: [{ urlPrefix: http://x }]\n', problem: /extenders: a list: extenders are not supported/ },
    { text: 'podInitialBackoffSeconds: 5\npodMaxBackoffSeconds: 2\n', problem: /podMaxBackoffSeconds: 2: must not be less/ },
    { text: 'profiles: [{}, {}]\n', problem: /each schedulerName once; "default-scheduler"/ },
    {
      text: inProfile('plugins: { score: { enabled: [{ name: Nope }] } }'),
      problem: /profiles\[0\]\.plugins\.score\.enabled\[0\]\.name: "Nope": allowed: SchedulingGates/,
    },
    {
      text: inProfile('plugins: { score: { enabled: [{ name: NodePorts }] } }'),
      problem: /score\.enabled\[0\]\.name: "NodePorts": does not work at score, only at preFilter, filter/,
    },
    {
      text: inProfile('plugins: { score: { enabled: [{ name: NodeAffinity, weight: 0 }] } }'),
      problem: /enabled\[0\]\.weight: 0: must be a whole number from 1 to 100/,
    },
    {
      text: inProfile('plugins: { queueSort: { disabled: [{ name: "*" }] } }'),
      problem: /exactly one plugin must be enabled at queueSort/,
    },
    { text: inProfile('plugins: { bind: { disabled: [{ name: "*" }] } }'), problem: /a plugin must be enabled at bind/ },
    {
      text: inProfile('pluginConfig: [{ name: InterPodAffinity, args: { hardPodAffinityWeight: 200 } }]'),
      problem: /pluginConfig\[0\]\.args\.hardPodAffinityWeight: 200: must be a whole number from 0 to 100/,
    },
    {
      text: inProfile('pluginConfig: [{ name: ImageLocality, args: { x: 1 } }]'),
      problem: /pluginConfig\[0\]\.args\.x: 1: unknown field/,
    },
    {
      text: inProfile('pluginConfig: [{ name: NodeResourcesFit, args: { scoringStrategy: { type: RequestedToCapacityRatio } } }]'),
      problem: /scoringStrategy: a mapping: field requestedToCapacityRatio is missing/,
    },
    {
      text: inProfile(
        'pluginConfig: [{ name: NodeResourcesFit, args: { scoringStrategy: { type: RequestedToCapacityRatio, requestedToCapacityRatio: { shape: [{ utilization: 50, score: 1 }, { utilization: 50, score: 2 }] } } } }]',
      ),
      problem: /shape\[1\]\.utilization: 50: must be more than the point before/,
    },
    {
      text: inProfile('pluginConfig: [{ name: PodTopologySpread, args: { defaultConstraints: [{}] } }]'),
      problem: /defaultConstraints: a list: only with defaultingType List/,
    },
    {
      text: inProfile('pluginConfig: [{ name: NodePorts, args: { kind: NodeNameArgs } }]'),
      problem: /args\.kind: "NodeNameArgs": allowed: NodePortsArgs/,
    },
  ])('$problem', ({ text, problem }) => {
    expect(() => parse(text)).toThrow(problem)
  })
})
