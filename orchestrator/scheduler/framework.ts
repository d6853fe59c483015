import type { CoreV1Node, CoreV1Pod } from '../api/generated/kinds.ts'
import type { KubeObject } from '../api/object.ts'
import type { Snapshot } from './cluster-cache.ts'
import type { NodeInfo } from './node-info.ts'

/** What happened in the cluster; it may have made room for a pod that found none. */
export type Change =
  | { readonly event: 'node-added' | 'node-changed'; readonly node: CoreV1Node }
  | { readonly event: 'pod-assigned'; readonly pod: CoreV1Pod }
  | { readonly event: 'pod-removed'; readonly pod: CoreV1Pod }
  /** A pod with a node has other labels, asks for less, or is ending. */
  | { readonly event: 'pod-changed'; readonly pod: CoreV1Pod; readonly previous: CoreV1Pod }
  /** A claim, a volume, a class or what a node's drivers can take. */
  | { readonly event: 'storage-changed'; readonly object: KubeObject }
export type ClusterEvent = Change['event']

/** Best score of a node by one plugin, before its weight. */
export const maxNodeScore = 100

/** Why a node, or the whole cluster, can't take a pod, in upstream's words. */
export interface Refusal {
  readonly reasons: readonly string[]
  /** Nobody's leaving would help: upstream's UnschedulableAndUnresolvable. */
  readonly isFinal: boolean
}

/** A refusal that ends when pods leave. */
export const refusal = (...reasons: readonly string[]): Refusal => ({ reasons, isFinal: false })
/** A refusal that no pod's leaving ends. */
export const finalRefusal = (...reasons: readonly string[]): Refusal => ({ reasons, isFinal: true })

/** What a plugin prepared for one pod: its state, and the only nodes that come into question where it knows; or that no node does. */
export type Prepared<S> = { readonly state: S; readonly nodeNames?: ReadonlySet<string> } | { readonly refusal: Refusal }

/**
 * One concern of scheduling. A plugin implements the points it has something to say at; all but `bind` are synchronous and must not change
 * what they look at. `F` is what `preFilter` prepared for `filter`, `S` what `preScore` prepared for `score`; a plugin that answers `undefined` there
 * sits this pod out. State must follow the cluster: pods come and go between two filters when preemption is tried out.
 */
export interface Plugin<F, S = F> {
  readonly name: string
  /** Events that can make a pod fit which this plugin refused. */
  readonly wakesOn?: readonly ClusterEvent[]
  /** Whether such a change can help this very pod; without it each does. Upstream's queueing hint. */
  isHelped?(pod: CoreV1Pod, change: Change, snapshot: Snapshot): boolean
  /** Why the pod must not even be queued; `undefined` lets it pass. */
  preEnqueue?(pod: CoreV1Pod): string | undefined
  /** Whose turn it is: below zero when `a` goes first. */
  queueSort?(a: QueuedPod, b: QueuedPod): number
  preFilter?(pod: CoreV1Pod, snapshot: Snapshot): Prepared<F> | undefined
  /** Why the node can't take the pod; `undefined` when it can. */
  filter?(pod: CoreV1Pod, node: NodeInfo, state: F): Refusal | undefined
  /** Why the node can't take the pod beside others for whom it is kept free, told without putting them there; `undefined` says nothing. */
  refuseBeside?(guests: readonly CoreV1Pod[], node: NodeInfo, state: F): Refusal | undefined
  /** `nodes` are the feasible ones. */
  preScore?(pod: CoreV1Pod, snapshot: Snapshot, nodes: readonly NodeInfo[]): S | undefined
  /** Any number, or 0 to `maxNodeScore` when there is no `normalize`. */
  score?(pod: CoreV1Pod, node: NodeInfo, state: S): number
  /** Brings this plugin's scores of all feasible nodes to 0 … `maxNodeScore`, in place. `nodes` are in the order of the scores. */
  normalize?(scores: number[], nodes: readonly NodeInfo[], state: S): void
  /** The node is chosen and the pod counted there; answers why it can't be after all. */
  reserve?(pod: CoreV1Pod, nodeName: string): string | undefined
  /** Takes a reservation back when binding failed. */
  unreserve?(pod: CoreV1Pod, nodeName: string): void
  /** Makes it so. Exactly one plugin binds. */
  bind?(pod: CoreV1Pod, nodeName: string): Promise<void>
}

// oxlint-disable-next-line typescript/no-explicit-any -- each plugin's state is its own affair
export type AnyPlugin = Plugin<any, any>

/** A plugin whose scores count, and how much. */
export interface ScoringPlugin {
  readonly plugin: AnyPlugin
  readonly weight: number
}

/** The plugins that one scheduler name stands for, point by point in the order in which they are asked. */
export interface Profile {
  readonly schedulerName: string
  /** Of large clusters, the share of feasible nodes that is enough, in per cent; 0 leaves it to their number. */
  readonly percentageOfNodesToScore: number
  readonly preEnqueue: readonly AnyPlugin[]
  readonly queueSort: AnyPlugin
  readonly preFilter: readonly AnyPlugin[]
  /** Those that filter; who prepares first is among `preFilter`, too. */
  readonly filter: readonly AnyPlugin[]
  /** `undefined`: pods make nobody leave. */
  readonly preemption: PreemptionLimits | undefined
  readonly score: readonly ScoringPlugin[]
  readonly reserve: readonly AnyPlugin[]
  readonly bind: AnyPlugin
  /** Every plugin that is enabled at some point, each once. */
  readonly plugins: readonly AnyPlugin[]
}

/** How many nodes preemption tries out: so many of a hundred, at least so many. */
export interface PreemptionLimits {
  readonly minCandidateNodesPercentage: number
  readonly minCandidateNodesAbsolute: number
}

/** A pod in the queue. */
export interface QueuedPod {
  readonly pod: CoreV1Pod
  /** When it was first queued, on the monotonic clock. */
  readonly since: number
  /** How often it was tried. */
  readonly attempts: number
}

/** Highest raw score becomes `maxNodeScore`, the others their share; `isReversed` turns it around. All 0 stays 0, or all best when reversed. As upstream's `DefaultNormalizeScore`. */
export function normalizeByMax(scores: number[], isReversed: boolean): void {
  let max = 0
  for (const score of scores) max = Math.max(max, score)
  for (let at = 0; at < scores.length; at++) {
    const share = max === 0 ? 0 : Math.trunc((scores[at]! * maxNodeScore) / max)
    scores[at] = isReversed ? maxNodeScore - share : share
  }
}
