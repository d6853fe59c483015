import type { CoreV1Pod, CoreV1TopologySpreadConstraint } from '../../api/generated/kinds.ts'
import { matchesLabels, selectorFromObject } from '../../api/labels.ts'
import type { LabelSelector } from '../../api/labels.ts'
import type { Snapshot } from '../cluster-cache.ts'
import { maxNodeScore } from '../framework.ts'
import type { Plugin } from '../framework.ts'
import type { NodeInfo } from '../node-info.ts'
import { matchesNodeRequirements } from '../../api/node-requirements.ts'
import { findUntolerated } from '../../api/taints.ts'

const hostname = 'kubernetes.io/hostname'
const refusal = ["node(s) didn't match pod topology spread constraints"]
const labelRefusal = ["node(s) didn't match pod topology spread constraints (missing required label)"]

/** What pods without constraints of their own are spread by, as upstream's system defaults. */
const systemDefaults = [
  { topologyKey: hostname, maxSkew: 3 },
  { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5 },
]

interface Constraint {
  readonly topologyKey: string
  readonly maxSkew: number
  readonly isRequired: boolean
  /** Whether the incoming pod counts itself. */
  readonly self: 0 | 1
  /** Matching pods of a domain (the label's value). */
  readonly perDomain: ReadonlyMap<string, number>
  readonly min: number
  /** Weight of the domain's count in a score: fewer domains, less weight. */
  readonly weight: number
}

interface SpreadState {
  readonly constraints: readonly Constraint[]
  /** Whether a node must have all topology keys to be scored; not so for system defaults. */
  readonly isStrict: boolean
}

/** Finds the selector of what a pod belongs to (Services, ReplicationControllers, ReplicaSets, StatefulSets) when it has no constraints of its own. */
export type FindOwnSelector = (pod: CoreV1Pod) => LabelSelector | undefined

/** Spreads pods over the domains of topology labels: as required by constraints, as preferred by them, or else by node and zone with their kind. */
export function createPodTopologySpread({ findOwnSelector }: { readonly findOwnSelector: FindOwnSelector }): Plugin<SpreadState> {
  return {
    name: 'PodTopologySpread',
    weight: 2,
    wakesOn: ['node-added', 'node-changed', 'pod-assigned', 'pod-removed', 'pod-changed'],
    preFilter: (pod, snapshot) => prepare(pod, snapshot, findOwnSelector),
    filter: (_pod, node, state) => refuse(node, state),
    score: (_pod, node, state) => scoreOf(node, state),
    normalize,
  }
}

function prepare(pod: CoreV1Pod, snapshot: Snapshot, findOwnSelector: FindOwnSelector): SpreadState | undefined {
  const declared = pod.spec.topologySpreadConstraints ?? []
  if (declared.length > 0) return { isStrict: true, constraints: declared.map((constraint) => countDeclared(pod, snapshot, constraint)) }
  const selector = findOwnSelector(pod)
  if (selector === undefined || selector.length === 0) return undefined
  const perNode = snapshot.countPods(pod.metadata.namespace!, selector)
  const constraints = systemDefaults.map(({ topologyKey, maxSkew }) => {
    const perDomain = topologyKey === hostname ? perNode : sumByDomain(snapshot, perNode, topologyKey)
    const domains = topologyKey === hostname ? snapshot.nodes.length : perDomain.size
    return { topologyKey, maxSkew, isRequired: false, self: 1 as const, perDomain, min: 0, weight: Math.log(domains + 2) }
  })
  return { isStrict: false, constraints }
}

function countDeclared(pod: CoreV1Pod, snapshot: Snapshot, constraint: CoreV1TopologySpreadConstraint): Constraint {
  const labels = pod.metadata.labels ?? {}
  const keys = (constraint.matchLabelKeys ?? []).filter((key) => Object.hasOwn(labels, key))
  const added: LabelSelector = keys.map((key) => ({ key, operator: 'In', values: [labels[key]!] }))
  const base = selectorFromObject(constraint.labelSelector)
  const selector = base === undefined ? undefined : [...base, ...added]
  const perNode = selector === undefined ? new Map<string, number>() : snapshot.countPods(pod.metadata.namespace!, selector)
  const perDomain = new Map<string, number>()
  for (const info of snapshot.nodes) {
    const domain = domainOf(info, constraint.topologyKey)
    if (domain === undefined || !isEligible(pod, info, constraint)) continue
    perDomain.set(domain, (perDomain.get(domain) ?? 0) + (perNode.get(info.name) ?? 0))
  }
  const isTooFew = perDomain.size < (constraint.minDomains ?? 1)
  return {
    topologyKey: constraint.topologyKey,
    maxSkew: constraint.maxSkew,
    isRequired: constraint.whenUnsatisfiable === 'DoNotSchedule',
    self: selector !== undefined && matchesLabels(selector, labels) ? 1 : 0,
    perDomain,
    min: isTooFew || perDomain.size === 0 ? 0 : Math.min(...perDomain.values()),
    weight: Math.log(perDomain.size + 2),
  }
}

/** Whether a node's domain counts: by default only nodes that the pod's selector allows; taints only when asked for. */
function isEligible(pod: CoreV1Pod, { node }: NodeInfo, { nodeAffinityPolicy, nodeTaintsPolicy }: CoreV1TopologySpreadConstraint): boolean {
  if (nodeAffinityPolicy !== 'Ignore' && !matchesNodeRequirements(pod, node!)) return false
  return nodeTaintsPolicy !== 'Honor' || findUntolerated(node!.spec.taints, pod.spec.tolerations, ['NoSchedule', 'NoExecute']) === undefined
}

const domainOf = (info: NodeInfo, topologyKey: string) => info.node?.metadata.labels?.[topologyKey]

function sumByDomain(snapshot: Snapshot, perNode: ReadonlyMap<string, number>, topologyKey: string): Map<string, number> {
  const perDomain = new Map<string, number>()
  for (const [name, count] of perNode) {
    const info = snapshot.node(name)
    const domain = info === undefined ? undefined : domainOf(info, topologyKey)
    if (domain !== undefined) perDomain.set(domain, (perDomain.get(domain) ?? 0) + count)
  }
  return perDomain
}

function refuse(node: NodeInfo, { constraints }: SpreadState): readonly string[] | undefined {
  for (const { isRequired, topologyKey, perDomain, self, min, maxSkew } of constraints) {
    if (!isRequired) continue
    const domain = domainOf(node, topologyKey)
    if (domain === undefined) return labelRefusal
    if ((perDomain.get(domain) ?? 0) + self - min > maxSkew) return refusal
  }
  return undefined
}

/** The crowd that the pod would meet; -1 marks a node that isn't scored. */
function scoreOf(node: NodeInfo, { constraints, isStrict }: SpreadState): number {
  let score = 0
  for (const { isRequired, topologyKey, perDomain, maxSkew, weight } of constraints) {
    if (isRequired) continue
    // System defaults count by node name, so that nodes without the label are spread over too.
    const domain = !isStrict && topologyKey === hostname ? node.name : domainOf(node, topologyKey)
    if (domain !== undefined) score += (perDomain.get(domain) ?? 0) * weight + (maxSkew - 1)
    else if (isStrict) return -1
  }
  return Math.round(score)
}

function normalize(scores: number[]): void {
  const scored = scores.filter((score) => score >= 0)
  const min = Math.min(...scored)
  const max = Math.max(...scored)
  for (let at = 0; at < scores.length; at++) {
    const score = scores[at]!
    if (score < 0) scores[at] = 0
    else scores[at] = max === 0 ? maxNodeScore : Math.trunc((maxNodeScore * (max + min - score)) / max)
  }
}
