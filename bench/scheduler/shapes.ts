import type { CoreV1Node, CoreV1Pod, CoreV1PodSpec, CoreV1TopologySpreadConstraint } from '../../orchestrator/api/generated/kinds.ts'

/** One situation of upstream's scheduler_perf: what is there before, and what is measured. Counts are smaller than there, nodes as many. */
export interface Shape {
  readonly name: string
  readonly zones: readonly string[]
  /** Resources of a node beside the usual ones. */
  readonly devices?: Readonly<Record<string, string>>
  /** Namespaces of the pods; each is made with the label `team: devops`. */
  readonly namespaces?: number
  readonly before: readonly PodGroup[]
  readonly measured: PodGroup
  /** Objects come and go while pods are scheduled. */
  readonly isChurning?: boolean
  /** Pods per second below which upstream's CI fails for this shape; `undefined` where it names none. */
  readonly upstream: string | undefined
}

export interface PodGroup {
  readonly count: number
  /** These find no node, or aren't looked at: nobody waits for them. */
  readonly staysPending?: boolean
  readonly labels?: Readonly<Record<string, string>>
  readonly spec?: (index: number) => Partial<CoreV1PodSpec>
}

const zone = 'topology.kubernetes.io/zone'
const hostname = 'kubernetes.io/hostname'
const moons = ['moon-1', 'moon-2', 'moon-3']
const requests = { cpu: '100m', memory: '500Mi' }

/** A node as scheduler_perf's. */
export const nodeOf = (index: number, { zones, devices = {} }: Pick<Shape, 'zones' | 'devices'>): CoreV1Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: `node-${index}`, labels: { [hostname]: `node-${index}`, [zone]: zones[index % zones.length]! } },
  spec: {},
  status: {
    allocatable: { cpu: '4', memory: '32Gi', pods: '110', ...devices },
    capacity: { cpu: '4', memory: '32Gi', pods: '110', ...devices },
    conditions: [{ type: 'Ready', status: 'True' }],
  },
})

/** A pod as scheduler_perf's default one, with what its group adds. */
export const podOf = (name: string, namespace: string, { labels, spec }: PodGroup, index: number): CoreV1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, ...(labels === undefined ? {} : { labels: { ...labels } }) },
  spec: { containers: [{ name: 'pause', image: 'registry.k8s.io/pause:3.10', resources: { requests } }], ...spec?.(index) },
})

const asking = (more: Record<string, string>) => ({
  containers: [{ name: 'pause', image: 'registry.k8s.io/pause:3.10', resources: { requests: more, limits: {} } }],
})
const withDevice = () => ({
  containers: [
    {
      name: 'pause',
      image: 'registry.k8s.io/pause:3.10',
      resources: { requests: { ...requests, 'example.com/gpu': '1' }, limits: { 'example.com/gpu': '1' } },
    },
  ],
})

function company(kind: 'podAffinity' | 'podAntiAffinity', color: string, topologyKey: string, isPreferred = false, more: object = {}) {
  const term = { topologyKey, labelSelector: { matchLabels: { color } }, ...more }
  return {
    affinity: {
      [kind]: isPreferred
        ? { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term }] }
        : { requiredDuringSchedulingIgnoredDuringExecution: [term] },
    },
  }
}

const colored = (count: number, color: string, spec: Partial<CoreV1PodSpec>): PodGroup => ({ count, labels: { color }, spec: () => spec })
const spreading = (count: number, whenUnsatisfiable: CoreV1TopologySpreadConstraint['whenUnsatisfiable']) =>
  colored(count, 'blue', {
    topologySpreadConstraints: [{ maxSkew: 5, topologyKey: zone, whenUnsatisfiable, labelSelector: { matchLabels: { color: 'blue' } } }],
  })
const onlyIn = (values: readonly string[]) => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: zone, operator: 'In', values: [...values] }] }],
      },
    },
  },
})
const onNode = (index: number) => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [`node-${index}`] }] }],
      },
    },
  },
})

const plain = (count: number): PodGroup => ({ count })
const one = ['zone1']
const apart = company('podAntiAffinity', 'green', hostname)
const together = company('podAffinity', 'blue', zone)
const ratherTogether = company('podAffinity', 'red', hostname, true)
const ratherApart = company('podAntiAffinity', 'yellow', hostname, true)
const teams = { namespaceSelector: { matchLabels: { team: 'devops' } } }

/** The shapes, each with 5,000 nodes. */
export const shapes: readonly Shape[] = [
  { name: 'basic', zones: one, before: [plain(1000)], measured: plain(5000), upstream: '680' },
  {
    name: 'node affinity',
    zones: one,
    before: [],
    measured: { count: 2000, spec: () => onlyIn(['zone1', 'zone2']) },
    upstream: '220',
  },
  { name: 'anti-affinity', zones: one, before: [colored(1000, 'green', apart)], measured: colored(1000, 'green', apart), upstream: '60' },
  {
    name: 'pods that match anti-affinity',
    zones: one,
    before: [colored(1000, 'green', apart)],
    measured: { count: 2000, labels: { color: 'green' } },
    upstream: '543',
  },
  { name: 'affinity', zones: one, before: [colored(1000, 'blue', together)], measured: colored(1000, 'blue', together), upstream: '35' },
  {
    name: 'preferred affinity',
    zones: one,
    before: [colored(1000, 'red', ratherTogether)],
    measured: colored(1000, 'red', ratherTogether),
    upstream: '90',
  },
  {
    name: 'preferred anti-affinity',
    zones: one,
    before: [colored(1000, 'yellow', ratherApart)],
    measured: colored(1000, 'yellow', ratherApart),
    upstream: '90',
  },
  {
    name: 'anti-affinity over 100 namespaces by label',
    zones: one,
    namespaces: 100,
    before: [colored(1000, 'green', company('podAntiAffinity', 'green', hostname, false, teams))],
    measured: colored(1000, 'green', company('podAntiAffinity', 'green', hostname, false, teams)),
    upstream: '24',
  },
  { name: 'topology spread', zones: moons, before: [plain(1000)], measured: spreading(2000, 'DoNotSchedule'), upstream: undefined },
  {
    name: 'preferred topology spread',
    zones: moons,
    before: [plain(1000)],
    measured: spreading(2000, 'ScheduleAnyway'),
    upstream: undefined,
  },
  {
    name: 'mixed base',
    zones: one,
    before: [
      plain(500),
      colored(500, 'blue', together),
      colored(500, 'green', apart),
      colored(500, 'red', ratherTogether),
      colored(500, 'yellow', ratherApart),
    ],
    measured: plain(2000),
    upstream: '140',
  },
  {
    name: 'beside unschedulable pods',
    zones: one,
    before: [{ count: 200, staysPending: true, spec: () => asking({ cpu: '9', memory: '500Mi' }) }],
    measured: plain(2000),
    upstream: '590',
  },
  {
    name: 'preemption',
    zones: one,
    before: [{ count: 10_000, spec: () => ({ ...asking({ cpu: '2', memory: '500Mi' }), terminationGracePeriodSeconds: 0 }) }],
    measured: { count: 3000, spec: () => ({ ...asking({ cpu: '3', memory: '500Mi' }), priorityClassName: 'bench-high' }) },
    upstream: '570',
  },
  { name: 'daemon set', zones: one, before: [], measured: { count: 5000, spec: onNode }, upstream: '1,100 (15,000 nodes)' },
  {
    name: 'while pods are gated',
    zones: one,
    before: [{ count: 5000, staysPending: true, spec: () => ({ schedulingGates: [{ name: 'bench' }] }) }],
    measured: plain(2000),
    upstream: '910',
  },
  { name: 'while objects come and go', zones: one, before: [], measured: plain(2000), isChurning: true, upstream: '710' },
  {
    name: 'extended resources',
    zones: one,
    devices: { 'example.com/gpu': '8' },
    before: [{ count: 1000, spec: withDevice }],
    measured: { count: 2000, spec: withDevice },
    upstream: '180',
  },
]
