import type { Random } from '../../lib/random.ts'
import type { CoreV1Pod } from '../api/generated/kinds.ts'
import type { ClusterCache, Snapshot } from './cluster-cache.ts'
import type { AnyPlugin, Profile, Refusal } from './framework.ts'
import type { NodeInfo } from './node-info.ts'
import { affinityTermsOf } from './affinity-terms.ts'

/** Below this many feasible nodes all are looked for. */
const minFeasible = 100
/** Of large clusters at least this share of nodes is looked for. */
const minPercentage = 5

/** Why a pod goes nowhere. */
export interface Failure {
  /** In the words of a FailedScheduling event, without what preemption says. */
  readonly message: string
  /** Names of the plugins that refused; none where there are no nodes. */
  readonly refusedBy: ReadonlySet<string>
  /** Nodes where the leaving of pods might help. */
  readonly resolvable: readonly NodeInfo[]
}

/** The node that a pod goes to, or why there is none. */
export type Decision =
  | { readonly nodeName: string; readonly nextStart: number }
  | { readonly nodeName?: undefined; readonly nextStart: number; readonly failure: Failure }

interface Participant {
  readonly plugin: AnyPlugin
  readonly state: unknown
}

/** The filters that have something to say about a pod, and the only nodes that come into question where somebody knows. */
interface Filters {
  readonly participants: readonly Participant[]
  readonly nodeNames: ReadonlySet<string> | undefined
  /** The plugins by which other nodes don't. */
  readonly narrowedBy: readonly string[]
}

/** A plugin that says before any node is looked at that none will do. */
interface EarlyRefusal {
  readonly plugin: string
  readonly refusal: Refusal
}

export interface DecideInput {
  readonly pod: CoreV1Pod
  readonly cache: ClusterCache
  readonly profile: Profile
  /** Where in the list of nodes to begin: the previous decision's `nextStart`, so that every node gets its turn. */
  readonly start: number
  readonly random: Random
}

/** Finds the best node for a pod: prepares the plugins, filters nodes until there are enough, scores those, and picks among the best by chance. */
export function decide(input: DecideInput): Decision {
  const { pod, cache, profile, start, random } = input
  const total = cache.nodes.length
  if (total === 0)
    return { nextStart: 0, failure: { message: 'no nodes available to schedule pods', refusedBy: new Set(), resolvable: [] } }
  const filters = prepareFilters(pod, cache, profile)
  if ('refusal' in filters) {
    const message = `0/${total} nodes are available: ${filters.refusal.reasons.join(', ')}.`
    const resolvable = filters.refusal.isFinal ? [] : cache.nodes
    return { nextStart: start, failure: { message, refusedBy: new Set([filters.plugin]), resolvable } }
  }
  const found = findFeasible(input, filters)
  const nextStart = (start + found.visited) % total
  if (found.nodes.length === 0) {
    const { refusedBy, resolvable } = found
    return { nextStart, failure: { message: describeRefusals(total, found.reasons), refusedBy, resolvable } }
  }
  const best = found.nodes.length === 1 ? found.nodes[0]! : pickBest(found.nodes, scoreNodes(input, found.nodes), random)
  return { nextStart, nodeName: best.name }
}

/** Why a node can't take a pod, tried again and again while pods come and go: what the plugins prepared follows the cluster. */
export function createNodeCheck({
  pod,
  cache,
  profile,
}: Pick<DecideInput, 'pod' | 'cache' | 'profile'>): (node: NodeInfo) => Refusal | undefined {
  const filters = prepareFilters(pod, cache, profile)
  return (node) => ('refusal' in filters ? filters.refusal : checkNode(pod, node, filters.participants))
}

function prepareFilters(pod: CoreV1Pod, snapshot: Snapshot, profile: Profile): Filters | EarlyRefusal {
  const prepared = new Map<AnyPlugin, unknown>()
  const narrowedBy: string[] = []
  let nodeNames: ReadonlySet<string> | undefined
  for (const plugin of profile.preFilter) {
    const result = plugin.preFilter!(pod, snapshot)
    if (result === undefined) continue
    if ('refusal' in result) return { plugin: plugin.name, refusal: result.refusal }
    prepared.set(plugin, result.state)
    if (result.nodeNames === undefined) continue
    narrowedBy.push(plugin.name)
    nodeNames = nodeNames === undefined ? result.nodeNames : new Set([...nodeNames].filter((name) => result.nodeNames!.has(name)))
  }
  const participants: Participant[] = []
  for (const plugin of profile.filter) {
    if (plugin.preFilter === undefined || prepared.has(plugin)) participants.push({ plugin, state: prepared.get(plugin) })
  }
  return { participants, nodeNames, narrowedBy }
}

function checkNode(pod: CoreV1Pod, node: NodeInfo, participants: readonly Participant[], refusedBy?: Set<string>): Refusal | undefined {
  for (const { plugin, state } of participants) {
    const refusal = plugin.filter!(pod, node, state)
    if (refusal === undefined) continue
    refusedBy?.add(plugin.name)
    return refusal
  }
  return undefined
}

/**
 * The same with those for whom room is being made on the node: it has to do with and without them. What they want and don't want themselves
 * was not known when the plugins prepared, so those are asked anew.
 */
function checkWithGuests(input: DecideInput, node: NodeInfo, filters: Filters, refusedBy?: Set<string>): Refusal | undefined {
  const { pod, cache, profile } = input
  const refusal = checkNode(pod, node, filters.participants, refusedBy)
  if (refusal !== undefined) return refusal
  const guests = cache.guestsBefore(pod, node.name)
  if (guests.length === 0) return undefined
  for (const { plugin, state } of filters.participants) {
    const early = plugin.refuseBeside?.(guests, node, state)
    if (early === undefined) continue
    refusedBy?.add(plugin.name)
    return early
  }
  return cache.withGuests(guests, node.name, () => {
    const again = guests.some((guest) => affinityTermsOf(guest).length > 0) ? prepareFilters(pod, cache, profile) : filters
    if (!('refusal' in again)) return checkNode(pod, node, again.participants, refusedBy)
    refusedBy?.add(again.plugin)
    return again.refusal
  })
}

/** How many feasible nodes are enough: all of a small cluster, half minus one per cent per 125 nodes of a large one. As upstream. */
export function countWanted(nodes: number, percentageOfNodesToScore = 0): number {
  if (nodes < minFeasible) return nodes
  const percentage = percentageOfNodesToScore === 0 ? Math.max(50 - Math.trunc(nodes / 125), minPercentage) : percentageOfNodesToScore
  return Math.max(Math.trunc((nodes * percentage) / 100), minFeasible)
}

interface Found {
  readonly nodes: readonly NodeInfo[]
  readonly visited: number
  readonly reasons: ReadonlyMap<string, number>
  readonly refusedBy: ReadonlySet<string>
  readonly resolvable: readonly NodeInfo[]
}

/** Nodes that can take the pod. The one on which room was made for it is asked first and, if it can, alone. */
function findFeasible(input: DecideInput, filters: Filters): Found {
  const { pod, cache, profile, start } = input
  const { nodes } = cache
  const room = cache.node(cache.nominatedNode(pod.metadata.uid!) ?? '')
  if (room?.node !== undefined && filters.nodeNames?.has(room.name) !== false && checkWithGuests(input, room, filters) === undefined)
    return { nodes: [room], visited: 0, reasons: new Map(), refusedBy: new Set(), resolvable: [] }
  const named = filters.nodeNames === undefined ? undefined : [...filters.nodeNames].flatMap((name) => presentNode(cache, name))
  const candidates = named ?? nodes
  const wanted = named === undefined ? countWanted(nodes.length, profile.percentageOfNodesToScore) : named.length
  const feasible: NodeInfo[] = []
  const resolvable: NodeInfo[] = []
  const refusals = new Map<Refusal, number>()
  const refusedBy = new Set<string>()
  const first = named === undefined ? start : 0
  let visited = 0
  for (; visited < candidates.length && feasible.length < wanted; visited++) {
    const node = candidates[(first + visited) % candidates.length]!
    const refusal = checkWithGuests(input, node, filters, refusedBy)
    if (refusal === undefined) feasible.push(node)
    else {
      if (!refusal.isFinal) resolvable.push(node)
      refusals.set(refusal, (refusals.get(refusal) ?? 0) + 1)
    }
  }
  const reasons = countReasons(refusals)
  if (named !== undefined && named.length < nodes.length) {
    for (const name of filters.narrowedBy) refusedBy.add(name)
    reasons.set(`node(s) didn't satisfy plugin(s) [${[...filters.narrowedBy].sort().join(' ')}]`, nodes.length - named.length)
  }
  return { nodes: feasible, visited: named === undefined ? visited : 0, reasons, refusedBy, resolvable }
}

function presentNode(snapshot: Snapshot, name: string): readonly NodeInfo[] {
  const info = snapshot.node(name)
  return info?.node === undefined ? [] : [info]
}

function countReasons(refusals: ReadonlyMap<Refusal, number>): Map<string, number> {
  const reasons = new Map<string, number>()
  for (const [refusal, count] of refusals) for (const reason of refusal.reasons) reasons.set(reason, (reasons.get(reason) ?? 0) + count)
  return reasons
}

/** Upstream's sentence: how many nodes there are and how many refuse for each reason. */
export function describeRefusals(nodes: number, reasons: ReadonlyMap<string, number>): string {
  const texts = [...reasons].map(([reason, count]) => `${count} ${reason}`).sort()
  return texts.length === 0 ? `0/${nodes} nodes are available.` : `0/${nodes} nodes are available: ${texts.join(', ')}.`
}

interface ScoringParticipant extends Participant {
  readonly weight: number
}

function prepareScores({ pod, cache, profile }: Pick<DecideInput, 'pod' | 'cache' | 'profile'>, nodes: readonly NodeInfo[]) {
  const participants: ScoringParticipant[] = []
  for (const { plugin, weight } of profile.score) {
    const state: unknown = plugin.preScore!(pod, cache, nodes)
    if (state !== undefined) participants.push({ plugin, weight, state })
  }
  return participants
}

function scoreByPlugin(pod: CoreV1Pod, nodes: readonly NodeInfo[], { plugin, state }: Participant): number[] {
  const scores: number[] = []
  for (const node of nodes) scores.push(plugin.score!(pod, node, state))
  plugin.normalize?.(scores, nodes, state)
  return scores
}

function scoreNodes(input: DecideInput, nodes: readonly NodeInfo[]): number[] {
  const totals = nodes.map(() => 0)
  for (const participant of prepareScores(input, nodes)) {
    const scores = scoreByPlugin(input.pod, nodes, participant)
    const { weight } = participant
    for (let at = 0; at < scores.length; at++) totals[at]! += scores[at]! * weight
  }
  return totals
}

function pickBest(nodes: readonly NodeInfo[], scores: readonly number[], random: Random): NodeInfo {
  let best = -Infinity
  let ties = 0
  for (const score of scores) {
    if (score > best) {
      best = score
      ties = 1
    } else if (score === best) ties++
  }
  let skip = Math.min(Math.floor(random.fraction() * ties), ties - 1)
  for (let at = 0; at < scores.length; at++) if (scores[at] === best && skip-- === 0) return nodes[at]!
  return nodes[0]!
}

/** What one filter says of a node; without reasons it lets the pod pass. */
export interface Verdict {
  readonly plugin: string
  readonly reasons: readonly string[]
}

/** What one plugin gives a node: `score` of `maxNodeScore`, times `weight`. */
export interface PluginScore {
  readonly plugin: string
  readonly score: number
  readonly weight: number
}

/** All that was said of a node: by every filter that the pod concerns, and by those who score when all filters let it pass. */
export interface NodeExplanation {
  readonly name: string
  readonly verdicts: readonly Verdict[]
  readonly isFeasible: boolean
  readonly scores: readonly PluginScore[]
  readonly total: number
}

/** Every plugin's word on every node. Unlike a decision it asks on after the first refusal and leaves no node out. */
export function explain(input: Pick<DecideInput, 'pod' | 'cache' | 'profile'>): readonly NodeExplanation[] {
  const { pod, cache, profile } = input
  const filters = prepareFilters(pod, cache, profile)
  const verdictsOn = (node: NodeInfo): readonly Verdict[] => {
    if ('refusal' in filters) return [{ plugin: filters.plugin, reasons: filters.refusal.reasons }]
    return filters.participants.map(({ plugin, state }) => ({
      plugin: plugin.name,
      reasons: plugin.filter!(pod, node, state)?.reasons ?? [],
    }))
  }
  const judged = cache.nodes.map((node) => {
    const verdicts = cache.withGuests(cache.guestsBefore(pod, node.name), node.name, () => verdictsOn(node))
    return { node, verdicts, isFeasible: verdicts.every(({ reasons }) => reasons.length === 0) }
  })
  const feasible = judged.filter(({ isFeasible }) => isFeasible).map(({ node }) => node)
  const table = prepareScores(input, feasible).map((participant) => ({ ...participant, scores: scoreByPlugin(pod, feasible, participant) }))
  return judged.map(({ node, verdicts, isFeasible }) => {
    const at = feasible.indexOf(node)
    const scores = isFeasible
      ? table.map(({ plugin, weight, scores: all }): PluginScore => ({ plugin: plugin.name, score: all[at]!, weight }))
      : []
    return { name: node.name, verdicts, isFeasible, scores, total: scores.reduce((sum, { score, weight }) => sum + score * weight, 0) }
  })
}
