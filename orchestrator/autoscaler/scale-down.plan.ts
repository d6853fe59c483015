import type { CoreV1Node, CoreV1Pod, PolicyV1PodDisruptionBudget } from '../api/generated/kinds.ts'
import type { NodeInfo } from '../scheduler/node-info.ts'
import { judgePods } from './drainability.plan.ts'
import { isNodeReady, isToBeDeleted, scaleDownDisabledAnnotation } from './nodes.ts'
import type { GroupOptions } from './provider.ts'
import { withoutNode } from './simulation.ts'
import type { Simulation } from './simulation.ts'
import type { AutoscalerSettings } from './settings.ts'

/** A node that might go, with its group. */
export interface ScaleDownCandidate {
  readonly node: CoreV1Node
  readonly group: string
  readonly options: GroupOptions
}

/** A node that isn't needed. */
export interface UnneededNode extends ScaleDownCandidate {
  /** Who would have to go elsewhere. */
  readonly pods: readonly CoreV1Pod[]
}

export interface ScaleDownInput {
  readonly simulation: Simulation
  readonly candidates: readonly ScaleDownCandidate[]
  readonly budgets: readonly PolicyV1PodDisruptionBudget[]
  readonly settings: AutoscalerSettings
}

/** Which nodes could go now, and why the others can't. Their pods have places in the simulation, so that all that are unneeded could go together. */
export function planScaleDown({ simulation, candidates, budgets, settings }: ScaleDownInput): {
  readonly unneeded: readonly UnneededNode[]
  readonly needed: ReadonlyMap<string, string>
} {
  const unneeded: UnneededNode[] = []
  const needed = new Map<string, string>()
  const gone = new Set<string>()
  // The emptier first: they are the easier to take away.
  const sorted = candidates
    .flatMap((candidate) => {
      const info = simulation.node(candidate.node.metadata.name!)
      return info === undefined ? [] : [{ candidate, info, utilization: utilizationOf(info) }]
    })
    .sort((a, b) => a.utilization - b.utilization)
  for (const { candidate, info, utilization } of sorted) {
    const reason = whyNeeded(candidate, utilization)
    const { movable, blocked } = judgePods(info.pods.values(), budgets, settings)
    if (reason !== undefined) needed.set(info.name, reason)
    else if (blocked !== undefined)
      needed.set(info.name, `${blocked.reason}: ${blocked.pod.metadata.namespace}/${blocked.pod.metadata.name}`)
    else if (moveAway(simulation, info.name, movable, gone)) {
      gone.add(info.name)
      unneeded.push({ ...candidate, pods: movable })
    } else needed.set(info.name, 'NoPlaceToMovePods')
  }
  return { unneeded, needed }
}

/** The larger share of CPU and memory that is asked for. */
export function utilizationOf({ requestedCpu, requestedMemory, allocatableCpu, allocatableMemory }: NodeInfo): number {
  const share = (requested: number, allocatable: number) => (allocatable === 0 ? 0 : requested / allocatable)
  return Math.max(share(requestedCpu, allocatableCpu), share(requestedMemory, allocatableMemory))
}

function whyNeeded({ node, options }: ScaleDownCandidate, utilization: number): string | undefined {
  if (node.metadata.annotations?.[scaleDownDisabledAnnotation] === 'true') return 'ScaleDownDisabledAnnotation'
  if (isToBeDeleted(node)) return 'CurrentlyBeingDeleted'
  return isNodeReady(node) && utilization >= options.scaleDownUtilizationThreshold ? 'NotUnderutilized' : undefined
}

/** Finds other nodes for pods; all or none. */
function moveAway(simulation: Simulation, from: string, pods: readonly CoreV1Pod[], gone: ReadonlySet<string>): boolean {
  const isOther = (node: CoreV1Node) => {
    const name = node.metadata.name!
    return name !== from && !gone.has(name) && isNodeReady(node) && !isToBeDeleted(node)
  }
  for (const pod of pods) simulation.take(pod)
  const moved: CoreV1Pod[] = []
  for (const pod of pods) {
    const free = withoutNode(pod)
    if (simulation.place(free, isOther) === undefined) {
      for (const back of moved) simulation.take(back)
      for (const back of pods) simulation.put(back, from)
      return false
    }
    moved.push(free)
  }
  return true
}

export interface ChoiceInput {
  readonly unneeded: readonly UnneededNode[]
  /** Since when each has not been needed, by name. */
  readonly since: ReadonlyMap<string, number>
  /** How many nodes of each group may still go. */
  readonly spare: ReadonlyMap<string, number>
  readonly settings: AutoscalerSettings
  readonly now: number
}

/** Which unneeded nodes go now: those that have been so for long enough, many empty ones at once, else one whose pods have to move. */
export function chooseRemovals({ unneeded, since, spare, settings, now }: ChoiceInput): readonly UnneededNode[] {
  const left = new Map(spare)
  const due = unneeded.filter(({ node, options }) => {
    const patience = isNodeReady(node) ? options.scaleDownUnneededMs : options.scaleDownUnreadyMs
    return now - (since.get(node.metadata.name!) ?? now) >= patience
  })
  const take = (nodes: readonly UnneededNode[], most: number) => {
    const taken: UnneededNode[] = []
    for (const each of nodes) {
      const rest = left.get(each.group) ?? 0
      if (taken.length >= most || rest <= 0) continue
      left.set(each.group, rest - 1)
      taken.push(each)
    }
    return taken
  }
  const empty = take(
    due.filter(({ pods }) => pods.length === 0),
    settings.maxEmptyBulkDelete,
  )
  if (empty.length > 0) return empty
  return take(
    due.filter(({ pods }) => pods.length > 0),
    1,
  )
}
