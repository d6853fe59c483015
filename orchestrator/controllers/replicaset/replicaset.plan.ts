import { fromTimestamp, toTimestamp } from '../../../lib/clock.ts'
import type { AppsV1ReplicaSetCondition, AppsV1ReplicaSetStatus, CoreV1Pod } from '../../api/generated/kinds.ts'
import type { Labels } from '../../api/labels.ts'
import { availableFrom, isActive, isReady, isTerminated, readySince, restartsOf } from '../pod-state.ts'

/** Pods created or deleted in one step at most, as upstream. */
export const burstReplicas = 500

const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost'

/** What to do about the number of pods. */
export interface ReplicaPlan {
  readonly create: number
  /** In order of preference. */
  readonly remove: readonly CoreV1Pod[]
}

/** Compares the owner's active pods with the wanted number. `related` are active pods that make a node crowded: its own and those of its siblings. */
export function planReplicas(input: {
  readonly replicas: number
  readonly pods: readonly CoreV1Pod[]
  readonly related?: () => readonly CoreV1Pod[]
  readonly now: number
}): ReplicaPlan {
  const active = input.pods.filter(isActive)
  const missing = input.replicas - active.length
  if (missing >= 0) return { create: Math.min(missing, burstReplicas), remove: [] }
  const ordered = orderForDeletion(active, input.related?.() ?? active, input.now)
  return { create: 0, remove: ordered.slice(0, Math.min(-missing, burstReplicas)) }
}

/**
 * Pods in the order in which they go: unassigned, pending, not ready, cheapest (pod-deletion-cost), most crowded node, shortest ready, most restarts,
 * youngest. Ages count in powers of two, so that equals are spread by uid. Mirrors upstream's `ActivePodsWithRanks`.
 */
export function orderForDeletion(pods: readonly CoreV1Pod[], related: readonly CoreV1Pod[], now: number): CoreV1Pod[] {
  const perNode = new Map<string, number>()
  for (const { spec } of related) if (spec.nodeName !== undefined) perNode.set(spec.nodeName, (perNode.get(spec.nodeName) ?? 0) + 1)
  const ranked = pods.map((pod) => ({ pod, rank: rankOf(pod, perNode, now) }))
  ranked.sort((a, b) => compareRanks(a.rank, b.rank) || (a.pod.metadata.uid! < b.pod.metadata.uid! ? -1 : 1))
  return ranked.map(({ pod }) => pod)
}

/** Smaller goes first, member by member. */
function rankOf(pod: CoreV1Pod, perNode: ReadonlyMap<string, number>, now: number): number[] {
  const { nodeName } = pod.spec
  const createdAt = fromTimestamp(pod.metadata.creationTimestamp)
  return [
    nodeName === undefined ? 0 : 1,
    { Pending: 0, Unknown: 1, Running: 2 }[pod.status?.phase ?? 'Pending'] ?? 0,
    isReady(pod) ? 1 : 0,
    deletionCostOf(pod.metadata.annotations),
    -(nodeName === undefined ? 0 : (perNode.get(nodeName) ?? 0)),
    logAge(readySince(pod), now),
    -restartsOf(pod),
    logAge(createdAt, now),
  ]
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return a[at]! - b[at]!
  return 0
}

function deletionCostOf(annotations: Labels | undefined): number {
  const cost = annotations?.[deletionCostAnnotation] ?? ''
  return /^-?\d+$/.test(cost) ? Number(cost) : 0
}

const logAge = (since: number | undefined, now: number) =>
  since === undefined || now <= since ? -1 : Math.floor(Math.log2((now - since) * 1e6))

/** Why the wanted number could not be reached in this run. */
export interface ReplicaFailure {
  readonly reason: 'FailedCreate' | 'FailedDelete'
  readonly message: string
}

/** The status that the pods add up to, in ReplicaSet's shape. */
export function planReplicaStatus(input: {
  readonly previous: AppsV1ReplicaSetStatus | undefined
  readonly generation: number | undefined
  readonly templateLabels: Labels
  readonly minReadySeconds: number
  readonly pods: readonly CoreV1Pod[]
  readonly failure: ReplicaFailure | undefined
  readonly now: number
}): AppsV1ReplicaSetStatus {
  const active = input.pods.filter(isActive)
  const templateLabels = Object.entries(input.templateLabels)
  const ready = active.filter(isReady)
  const conditions = planConditions(input.previous?.conditions ?? [], input.failure, input.now)
  return {
    replicas: active.length,
    fullyLabeledReplicas: active.filter(({ metadata }) => templateLabels.every(([name, value]) => metadata.labels?.[name] === value))
      .length,
    readyReplicas: ready.length,
    availableReplicas: ready.filter((pod) => availableFrom(pod, input.minReadySeconds)! <= input.now).length,
    terminatingReplicas: input.pods.filter((pod) => pod.metadata.deletionTimestamp !== undefined && !isTerminated(pod)).length,
    ...(input.generation === undefined ? {} : { observedGeneration: input.generation }),
    ...(conditions.length === 0 ? {} : { conditions }),
  }
}

function planConditions(
  previous: readonly AppsV1ReplicaSetCondition[],
  failure: ReplicaFailure | undefined,
  now: number,
): AppsV1ReplicaSetCondition[] {
  const others = previous.filter(({ type }) => type !== 'ReplicaFailure')
  if (failure === undefined) return others
  // The first failure stays: the next ones have other pods' names, and a status that changed would be a reason to try again at once.
  const existing = previous.find(({ type }) => type === 'ReplicaFailure')
  return [...others, existing ?? { type: 'ReplicaFailure', status: 'True', lastTransitionTime: toTimestamp(now), ...failure }]
}

/** How long until the next ready pod becomes available; `undefined` when none is about to. */
export function nextAvailabilityMs(pods: readonly CoreV1Pod[], minReadySeconds: number, now: number): number | undefined {
  const waits = pods
    .filter(isActive)
    .map((pod) => (availableFrom(pod, minReadySeconds) ?? 0) - now)
    .filter((ms) => ms > 0)
  return waits.length === 0 ? undefined : Math.min(...waits)
}
