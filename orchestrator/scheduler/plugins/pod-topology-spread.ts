import type { CoreV1Node, CoreV1Pod, CoreV1TopologySpreadConstraint } from '../../api/generated/kinds.ts'
import { formatLabelSelector, matchesLabels, selectorFromObject } from '../../api/labels.ts'
import type { LabelSelector } from '../../api/labels.ts'
import { matchesNodeRequirements } from '../../api/node-requirements.ts'
import { findUntolerated } from '../../api/taints.ts'
import type { Snapshot } from '../cluster-cache.ts'
import type { DomainTally } from '../domain-tally.ts'
import { finalRefusal, maxNodeScore, refusal } from '../framework.ts'
import type { Change, Plugin, Refusal } from '../framework.ts'
import type { NodeInfo } from '../node-info.ts'
import { isLeaving } from '../pod-phase.ts'

const hostname = 'kubernetes.io/hostname'
const skewRefusal = refusal("node(s) didn't match pod topology spread constraints")
const labelRefusal = finalRefusal("node(s) didn't match pod topology spread constraints (missing required label)")

/** A constraint for pods without any of their own. It has no selector: they are spread with what they belong to. */
export type DefaultConstraint = Pick<CoreV1TopologySpreadConstraint, 'maxSkew' | 'topologyKey' | 'whenUnsatisfiable'>

export interface PodTopologySpreadArgs {
  /** `undefined`: the system's. */
  readonly defaultConstraints?: readonly DefaultConstraint[]
}

/** What pods without constraints of their own are spread by, as upstream's system defaults. */
const systemDefaults: readonly DefaultConstraint[] = [
  { topologyKey: hostname, maxSkew: 3, whenUnsatisfiable: 'ScheduleAnyway' },
  { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5, whenUnsatisfiable: 'ScheduleAnyway' },
]

interface Constraint {
  readonly topologyKey: string
  readonly maxSkew: number
  readonly minDomains: number
  /** Whether the incoming pod counts itself. */
  readonly self: 0 | 1
  readonly tally: DomainTally
}

interface Scored {
  readonly topologyKey: string
  readonly maxSkew: number
  readonly tally: DomainTally
  /** Weight of the domain's count in a score: fewer domains, less weight. */
  readonly weight: number
}

interface ScoreState {
  readonly constraints: readonly Scored[]
  /** A node has to have all topology keys to be scored; not so for system defaults. */
  readonly isStrict: boolean
}

/** Finds the selector of what a pod belongs to (Services, ReplicationControllers, ReplicaSets, StatefulSets) when it has no constraints of its own. */
export type FindOwnSelector = (pod: CoreV1Pod) => LabelSelector | undefined

/** What a pod is to be spread by: its own constraints, or the profile's with the selector of what it belongs to. */
interface Wish {
  readonly constraint: CoreV1TopologySpreadConstraint
  readonly selector: LabelSelector | undefined
}

/** Spreads pods over the domains of topology labels: as required by constraints, as preferred by them, or else by node and zone with their kind. */
export function createPodTopologySpread(
  findOwnSelector: FindOwnSelector,
  { defaultConstraints }: PodTopologySpreadArgs,
): Plugin<readonly Constraint[], ScoreState> {
  const wishesOf = (pod: CoreV1Pod, action: DefaultConstraint['whenUnsatisfiable']): readonly Wish[] => {
    const own = pod.spec.topologySpreadConstraints ?? []
    const chosen = own.length > 0 ? own : (defaultConstraints ?? systemDefaults)
    const wanted = chosen.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === action)
    if (wanted.length === 0) return []
    if (own.length > 0) return wanted.map((constraint) => ({ constraint, selector: readSelector(pod, constraint) }))
    const selector = findOwnSelector(pod)
    return selector === undefined || selector.length === 0 ? [] : wanted.map((constraint) => ({ constraint, selector }))
  }
  return {
    name: 'PodTopologySpread',
    wakesOn: ['node-added', 'node-changed', 'pod-assigned', 'pod-removed', 'pod-changed'],
    isHelped: (pod, change) => isHelped(pod, change, wishesOf(pod, 'DoNotSchedule')),
    preFilter: (pod, snapshot) => {
      const wishes = wishesOf(pod, 'DoNotSchedule')
      return wishes.length === 0 ? undefined : { state: prepareFilter(pod, snapshot, wishes) }
    },
    filter: (_pod, node, constraints) => refuse(node, constraints),
    preScore: (pod, snapshot, nodes) => {
      const wishes = wishesOf(pod, 'ScheduleAnyway')
      if (wishes.length === 0) return undefined
      const isStrict = defaultConstraints !== undefined || (pod.spec.topologySpreadConstraints ?? []).length > 0
      return prepareScore({ pod, snapshot, nodes, wishes, isStrict })
    },
    score: (_pod, node, state) => scoreOf(node, state),
    normalize,
  }
}

function readSelector({ metadata }: CoreV1Pod, { labelSelector, matchLabelKeys = [] }: CoreV1TopologySpreadConstraint) {
  const base = selectorFromObject(labelSelector)
  const labels = metadata.labels ?? {}
  const keys = matchLabelKeys.filter((key) => Object.hasOwn(labels, key))
  return base === undefined ? undefined : [...base, ...keys.map((key) => ({ key, operator: 'In' as const, values: [labels[key]!] }))]
}

/** The tally of a wish over nodes that have all of `keys`. */
function tallyOf(pod: CoreV1Pod, snapshot: Snapshot, { constraint, selector }: Wish, keys: readonly string[]): DomainTally {
  const namespace = pod.metadata.namespace!
  const { topologyKey, nodeAffinityPolicy, nodeTaintsPolicy } = constraint
  const { nodeSelector, affinity, tolerations } = pod.spec
  // By default only nodes count that the pod's selector allows; taints only when asked for.
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  const isChoosy = nodeAffinityPolicy !== 'Ignore' && (nodeSelector !== undefined || required !== undefined)
  const isHonoring = nodeTaintsPolicy === 'Honor'
  const eligibility = `${isChoosy ? JSON.stringify([nodeSelector, required]) : ''} ${isHonoring ? JSON.stringify(tolerations ?? []) : '-'}`
  return snapshot.tally({
    id: `spread ${namespace} ${topologyKey} ${keys.join()} ${selector === undefined ? '-' : `(${formatLabelSelector(selector)})`} ${eligibility}`,
    topologyKey,
    namespaces: new Set([namespace]),
    matches: (other) => selector !== undefined && !isLeaving(other) && matchesLabels(selector, other.metadata.labels),
    isEligible: (node) =>
      hasAll(node, keys) &&
      (!isChoosy || matchesNodeRequirements(pod, node)) &&
      (!isHonoring || findUntolerated(node.spec.taints, tolerations, ['NoSchedule', 'NoExecute']) === undefined),
  })
}

const hasAll = (node: CoreV1Node, keys: readonly string[]) => keys.every((key) => node.metadata.labels?.[key] !== undefined)

function prepareFilter(pod: CoreV1Pod, snapshot: Snapshot, wishes: readonly Wish[]): readonly Constraint[] {
  const keys = wishes.map(({ constraint }) => constraint.topologyKey)
  return wishes.map((wish) => ({
    topologyKey: wish.constraint.topologyKey,
    maxSkew: wish.constraint.maxSkew,
    minDomains: wish.constraint.minDomains ?? 1,
    self: wish.selector !== undefined && matchesLabels(wish.selector, pod.metadata.labels) ? 1 : 0,
    tally: tallyOf(pod, snapshot, wish, keys),
  }))
}

function refuse({ node }: NodeInfo, constraints: readonly Constraint[]): Refusal | undefined {
  for (const { topologyKey, maxSkew, minDomains, self, tally } of constraints) {
    const domain = node!.metadata.labels?.[topologyKey]
    if (domain === undefined) return labelRefusal
    const least = tally.domains < minDomains ? 0 : tally.min
    if (tally.count(domain) + self - least > maxSkew) return skewRefusal
  }
  return undefined
}

interface ScoreInput {
  readonly pod: CoreV1Pod
  readonly snapshot: Snapshot
  readonly nodes: readonly NodeInfo[]
  readonly wishes: readonly Wish[]
  readonly isStrict: boolean
}

function prepareScore({ pod, snapshot, nodes, wishes, isStrict }: ScoreInput): ScoreState {
  const keys = wishes.map(({ constraint }) => constraint.topologyKey)
  const scored = isStrict ? nodes.filter(({ node }) => hasAll(node!, keys)) : nodes
  return {
    isStrict,
    constraints: wishes.map((wish) => {
      const { topologyKey, maxSkew } = wish.constraint
      return {
        topologyKey,
        maxSkew,
        tally: tallyOf(pod, snapshot, wish, isStrict ? keys : []),
        weight: Math.log(countDomains(scored, topologyKey) + 2),
      }
    }),
  }
}

function countDomains(nodes: readonly NodeInfo[], topologyKey: string): number {
  if (topologyKey === hostname) return nodes.length
  const domains = new Set<string>()
  for (const { node } of nodes) {
    const domain = node!.metadata.labels?.[topologyKey]
    if (domain !== undefined) domains.add(domain)
  }
  return domains.size
}

/** The crowd that the pod would meet; -1 marks a node that isn't scored. */
function scoreOf({ node }: NodeInfo, { constraints, isStrict }: ScoreState): number {
  let score = 0
  for (const { topologyKey, tally, maxSkew, weight } of constraints) {
    const domain = node!.metadata.labels?.[topologyKey]
    if (domain !== undefined) score += tally.count(domain) * weight + (maxSkew - 1)
    else if (isStrict) return -1
  }
  return Math.round(score)
}

function normalize(scores: number[]): void {
  let min = Infinity
  let max = 0
  for (const score of scores) {
    if (score < 0) continue
    min = Math.min(min, score)
    max = Math.max(max, score)
  }
  for (let at = 0; at < scores.length; at++) {
    const score = scores[at]!
    if (score < 0) scores[at] = 0
    else scores[at] = max === 0 ? maxNodeScore : Math.trunc((maxNodeScore * (max + min - score)) / max)
  }
}

/** A pod that comes or goes shifts the balance when it is one of those that are spread; a node when it is in a domain. */
function isHelped(pod: CoreV1Pod, change: Change, wishes: readonly Wish[]): boolean {
  if ('node' in change) return wishes.every(({ constraint }) => hasAll(change.node, [constraint.topologyKey]))
  if (!('pod' in change)) return false
  if (change.pod.metadata.namespace !== pod.metadata.namespace) return false
  const counts = ({ metadata }: CoreV1Pod) =>
    wishes.some(({ selector }) => selector !== undefined && matchesLabels(selector, metadata.labels))
  return counts(change.pod) || (change.event === 'pod-changed' && counts(change.previous))
}
