import type { CoreV1Pod } from '../../api/generated/kinds.ts'
import { affinityTermsOf, isMeant, namespacesOf } from '../affinity-terms.ts'
import type { AffinityTerm, Namespaces } from '../affinity-terms.ts'
import type { Snapshot } from '../cluster-cache.ts'
import { maxNodeScore } from '../framework.ts'
import type { Plugin } from '../framework.ts'
import type { NodeInfo } from '../node-info.ts'

/** What a pod that requires company adds for those it requires, when nodes are compared. As upstream's `hardPodAffinityWeight`. */
const requiredWeight = 1

const affinityRefusal = ["node(s) didn't match pod affinity rules"]
const antiAffinityRefusal = ["node(s) didn't match pod anti-affinity rules"]
const existingRefusal = ["node(s) didn't satisfy existing pods anti-affinity rules"]

/** Numbers by a topology label's value. */
interface Domains {
  readonly topologyKey: string
  readonly perDomain: ReadonlyMap<string, number>
}

interface AffinityState {
  readonly wanted: readonly Domains[]
  /** No pod that is wanted is anywhere, and the pod is one itself: it may be the first. */
  readonly isFirst: boolean
  readonly unwanted: readonly Domains[]
  /** Where pods are that want nothing to do with this one. */
  readonly closed: readonly Domains[]
  /** Weights of company, summed: above zero where it is welcome. */
  readonly scores: readonly Domains[]
}

/** Brings pods together and keeps them apart, as their own and the others' affinity terms say, by the domains of topology labels. */
export function createInterPodAffinity(namespaces: Namespaces): Plugin<AffinityState> {
  return {
    name: 'InterPodAffinity',
    weight: 2,
    wakesOn: ['node-added', 'node-changed', 'pod-assigned', 'pod-removed', 'pod-changed'],
    preFilter: (pod, snapshot) => prepare(pod, snapshot, namespaces),
    filter: (_, node, state) => refuse(node, state),
    score: (_, node, { scores }) => scores.reduce((sum, domains) => sum + (numberAt(node, domains) ?? 0), 0),
    normalize: spreadScores,
  }
}

function prepare(pod: CoreV1Pod, snapshot: Snapshot, namespaces: Namespaces): AffinityState | undefined {
  const own = affinityTermsOf(pod)
  const held = [...snapshot.affinityTerms()].filter(({ term }) => isMeant(term, pod, namespaces))
  if (own.length === 0 && held.length === 0) return undefined
  const domainsOf = (term: AffinityTerm, perNode: ReadonlyMap<string, number>, factor: number): Domains => ({
    topologyKey: term.topologyKey,
    perDomain: sumByDomain(snapshot, perNode, term.topologyKey, factor),
  })
  const counted = (term: AffinityTerm, factor = 1) => domainsOf(term, countMeant(term, snapshot, namespaces), factor)
  const required = own.filter(({ weight }) => weight === undefined)
  const wantedTerms = required.filter(({ isAnti }) => !isAnti)
  const wanted = wantedTerms.map((term) => counted(term))
  return {
    wanted,
    isFirst: wanted.every(({ perDomain }) => perDomain.size === 0) && wantedTerms.every((term) => isMeant(term, pod, namespaces)),
    unwanted: required.filter(({ isAnti }) => isAnti).map((term) => counted(term)),
    closed: held.filter(({ term }) => term.isAnti && term.weight === undefined).map(({ term, perNode }) => domainsOf(term, perNode, 1)),
    scores: [
      ...own.filter(({ weight }) => weight !== undefined).map((term) => counted(term, signedWeight(term))),
      ...held
        .filter(({ term }) => term.weight !== undefined || !term.isAnti)
        .map(({ term, perNode }) => domainsOf(term, perNode, signedWeight(term))),
    ],
  }
}

const signedWeight = ({ weight = requiredWeight, isAnti }: AffinityTerm) => (isAnti ? -weight : weight)

/** How many pods that a term speaks of each node has. */
function countMeant(term: AffinityTerm, snapshot: Snapshot, namespaces: Namespaces): ReadonlyMap<string, number> {
  const { selector } = term
  if (selector === undefined) return new Map()
  const [first, ...others] = [...namespacesOf(term, namespaces)].map((namespace) => snapshot.countPods(namespace, selector))
  if (first === undefined || others.length === 0) return first ?? new Map()
  const total = new Map(first)
  for (const perNode of others) for (const [node, count] of perNode) total.set(node, count + (total.get(node) ?? 0))
  return total
}

function sumByDomain(snapshot: Snapshot, perNode: ReadonlyMap<string, number>, topologyKey: string, factor: number): Map<string, number> {
  const perDomain = new Map<string, number>()
  for (const [name, count] of perNode) {
    const domain = snapshot.node(name)?.node?.metadata.labels?.[topologyKey]
    if (domain !== undefined) perDomain.set(domain, (perDomain.get(domain) ?? 0) + count * factor)
  }
  return perDomain
}

/** `undefined` for a node without the label, or without a number in its domain. */
function numberAt({ node }: NodeInfo, { topologyKey, perDomain }: Domains): number | undefined {
  const domain = node?.metadata.labels?.[topologyKey]
  return domain === undefined ? undefined : perDomain.get(domain)
}

function refuse(info: NodeInfo, { wanted, isFirst, unwanted, closed }: AffinityState): readonly string[] | undefined {
  const hasLabels = wanted.every(({ topologyKey }) => info.node?.metadata.labels?.[topologyKey] !== undefined)
  if (wanted.length > 0 && !(hasLabels && (isFirst || wanted.every((domains) => numberAt(info, domains) !== undefined))))
    return affinityRefusal
  if (unwanted.some((domains) => numberAt(info, domains) !== undefined)) return antiAffinityRefusal
  return closed.some((domains) => numberAt(info, domains) !== undefined) ? existingRefusal : undefined
}

/** The lowest sum becomes 0, the highest `maxNodeScore`. */
function spreadScores(scores: number[]): void {
  const min = Math.min(...scores)
  const range = Math.max(...scores) - min
  for (let at = 0; at < scores.length; at++) scores[at] = range === 0 ? 0 : Math.trunc((maxNodeScore * (scores[at]! - min)) / range)
}
