import type { Random } from '../../lib/random.ts'
import type { CoreV1Pod } from '../api/generated/kinds.ts'
import type { Snapshot } from './cluster-cache.ts'
import type { AnyPlugin } from './framework.ts'
import type { NodeInfo } from './node-info.ts'

/** Below this many feasible nodes all are looked for. */
const minFeasible = 100
/** Of large clusters at least this share of nodes is looked for. */
const minPercentage = 5

/** The node that a pod goes to, or why there is none. */
export type Decision =
  | { readonly nodeName: string; readonly nextStart: number }
  | { readonly nodeName?: undefined; readonly nextStart: number; readonly message: string; readonly refusedBy: ReadonlySet<string> }

interface Participant {
  readonly plugin: AnyPlugin
  readonly state: unknown
}

export interface DecideInput {
  readonly pod: CoreV1Pod
  readonly snapshot: Snapshot
  readonly plugins: readonly AnyPlugin[]
  /** Where in the list of nodes to begin: the previous decision's `nextStart`, so that every node gets its turn. */
  readonly start: number
  readonly random: Random
}

/** Finds the best node for a pod: prepares the plugins, filters nodes until there are enough, scores those, and picks among the best by chance. */
export function decide({ pod, snapshot, plugins, start, random }: DecideInput): Decision {
  const total = snapshot.nodes.length
  if (total === 0) return { nextStart: 0, message: 'no nodes available to schedule pods', refusedBy: new Set() }
  const participants = prepare(pod, snapshot, plugins)
  const found = findFeasible(pod, snapshot.nodes, participants, start)
  const nextStart = (start + found.visited) % total
  if (found.nodes.length === 0) return { nextStart, message: describeRefusals(total, found.reasons), refusedBy: found.refusedBy }
  if (found.nodes.length === 1) return { nextStart, nodeName: found.nodes[0]!.name }
  return { nextStart, nodeName: pickBest(found.nodes, scoreNodes(pod, found.nodes, participants), random).name }
}

/** Whether a node could take a pod as things are. */
export function canTake(pod: CoreV1Pod, node: NodeInfo, snapshot: Snapshot, plugins: readonly AnyPlugin[]): boolean {
  return prepare(pod, snapshot, plugins).every(({ plugin, state }) => plugin.filter?.(pod, node, state) === undefined)
}

function prepare(pod: CoreV1Pod, snapshot: Snapshot, plugins: readonly AnyPlugin[]): readonly Participant[] {
  return plugins
    .filter((plugin) => plugin.preFilter !== undefined)
    .map((plugin): Participant => ({ plugin, state: plugin.preFilter!(pod, snapshot) }))
    .filter(({ state }) => state !== undefined)
}

/** How many feasible nodes are enough: all of a small cluster, half minus one per cent per 125 nodes of a large one. As upstream. */
export function countWanted(nodes: number): number {
  if (nodes < minFeasible) return nodes
  const percentage = Math.max(50 - Math.trunc(nodes / 125), minPercentage)
  return Math.max(Math.trunc((nodes * percentage) / 100), minFeasible)
}

interface Found {
  readonly nodes: readonly NodeInfo[]
  readonly visited: number
  readonly reasons: ReadonlyMap<string, number>
  readonly refusedBy: ReadonlySet<string>
}

function findFeasible(pod: CoreV1Pod, nodes: readonly NodeInfo[], participants: readonly Participant[], start: number): Found {
  const filters = participants.filter(({ plugin }) => plugin.filter !== undefined)
  const wanted = countWanted(nodes.length)
  const feasible: NodeInfo[] = []
  const reasons = new Map<string, number>()
  const refusedBy = new Set<string>()
  let visited = 0
  for (; visited < nodes.length && feasible.length < wanted; visited++) {
    const node = nodes[(start + visited) % nodes.length]!
    let refusal: readonly string[] | undefined
    for (const { plugin, state } of filters) {
      refusal = plugin.filter!(pod, node, state)
      if (refusal === undefined) continue
      refusedBy.add(plugin.name)
      break
    }
    if (refusal === undefined) feasible.push(node)
    else for (const reason of refusal) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
  }
  return { nodes: feasible, visited, reasons, refusedBy }
}

/** Upstream's sentence: how many nodes there are and how many refuse for each reason. */
export function describeRefusals(nodes: number, reasons: ReadonlyMap<string, number>): string {
  const texts = [...reasons].map(([reason, count]) => `${count} ${reason}`).sort()
  return `0/${nodes} nodes are available: ${texts.join(', ')}.`
}

function scoreByPlugin(pod: CoreV1Pod, nodes: readonly NodeInfo[], { plugin, state }: Participant): number[] {
  const scores = nodes.map((node) => plugin.score!(pod, node, state))
  plugin.normalize?.(scores, nodes, state)
  return scores
}

function scoreNodes(pod: CoreV1Pod, nodes: readonly NodeInfo[], participants: readonly Participant[]): number[] {
  const totals = nodes.map(() => 0)
  for (const { plugin, state } of participants) {
    if (plugin.score === undefined) continue
    const scores = scoreByPlugin(pod, nodes, { plugin, state })
    const weight = plugin.weight ?? 1
    for (let at = 0; at < scores.length; at++) totals[at]! += scores[at]! * weight
  }
  return totals
}

function pickBest(nodes: readonly NodeInfo[], scores: readonly number[], random: Random): NodeInfo {
  const best = Math.max(...scores)
  const ties = nodes.filter((_, at) => scores[at] === best)
  return ties[Math.min(Math.floor(random.fraction() * ties.length), ties.length - 1)]!
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
export function explain({ pod, snapshot, plugins }: Pick<DecideInput, 'pod' | 'snapshot' | 'plugins'>): readonly NodeExplanation[] {
  const participants = prepare(pod, snapshot, plugins)
  const judged = snapshot.nodes.map((node) => {
    const verdicts = participants
      .filter(({ plugin }) => plugin.filter !== undefined)
      .map(({ plugin, state }): Verdict => ({ plugin: plugin.name, reasons: plugin.filter!(pod, node, state) ?? [] }))
    return { node, verdicts, isFeasible: verdicts.every(({ reasons }) => reasons.length === 0) }
  })
  const feasible = judged.filter(({ isFeasible }) => isFeasible).map(({ node }) => node)
  const table = participants
    .filter(({ plugin }) => plugin.score !== undefined)
    .map((participant) => ({ plugin: participant.plugin, scores: scoreByPlugin(pod, feasible, participant) }))
  return judged.map(({ node, verdicts, isFeasible }) => {
    const at = feasible.indexOf(node)
    const scores = isFeasible
      ? table.map(({ plugin, scores }): PluginScore => ({ plugin: plugin.name, score: scores[at]!, weight: plugin.weight ?? 1 }))
      : []
    return { name: node.name, verdicts, isFeasible, scores, total: scores.reduce((sum, { score, weight }) => sum + score * weight, 0) }
  })
}
