import type { CoreV1Pod } from '../api/generated/kinds.ts'
import type { NodeInfo } from './node-info.ts'
import type { Snapshot } from './cluster-cache.ts'

/** What may have made room for a pod that found none. */
export type ClusterEvent = 'node-added' | 'node-changed' | 'pod-assigned' | 'pod-changed' | 'pod-removed' | 'storage-changed'

/** Best score of a node by one plugin, before its weight. */
export const maxNodeScore = 100

/**
 * One concern of scheduling. A plugin implements the points it has something to say at; all but `bind` are synchronous and must not change
 * what they look at. `S` is what `preFilter` prepared for this pod; a plugin that answers `undefined` there sits this pod out.
 */
export interface Plugin<S> {
  readonly name: string
  /** Factor of `score`. */
  readonly weight?: number
  /** Events that can make a pod fit which this plugin refused. */
  readonly wakesOn?: readonly ClusterEvent[]
  /** Why the pod must not even be queued; `undefined` lets it pass. */
  preEnqueue?(pod: CoreV1Pod): string | undefined
  /** Whose turn it is: below zero when `a` goes first. */
  queueSort?(a: QueuedPod, b: QueuedPod): number
  preFilter?(pod: CoreV1Pod, snapshot: Snapshot): S | undefined
  /** Why the node can't take the pod, in upstream's words; `undefined` when it can. */
  filter?(pod: CoreV1Pod, node: NodeInfo, state: S): readonly string[] | undefined
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
export type AnyPlugin = Plugin<any>

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
