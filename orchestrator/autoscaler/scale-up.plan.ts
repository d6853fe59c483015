import type { CoreV1Node, CoreV1Pod } from '../api/generated/kinds.ts'
import { priorityOf } from '../scheduler/pod-phase.ts'
import { podRequests } from '../scheduler/pod-requests.ts'
import type { NodeGroup } from './provider.ts'
import type { Simulation } from './simulation.ts'

/** A group with what a round knows of it. */
export interface GroupState extends NodeGroup {
  readonly targetSize: number
  /** Nodes that were asked for and are not ready yet. */
  readonly upcoming: number
  /** `undefined`: nobody knows what its nodes are like. */
  readonly template: CoreV1Node | undefined
  /** Its last scale-up failed a short while ago. */
  readonly isBackedOff: boolean
}

/** So many more nodes of a group would help these pods. */
export interface ScaleUpOption {
  readonly group: GroupState
  readonly nodes: number
  readonly pods: readonly CoreV1Pod[]
  /** The share of CPU and memory that would be left over, averaged. */
  readonly waste: number
}

/** What could be done for the pods that wait. */
export interface ScaleUpPlan {
  readonly options: readonly ScaleUpOption[]
  /** Pods for which a node that is there, or on its way, will do. */
  readonly waiting: readonly CoreV1Pod[]
  /** Pods that no group would help, each with the reasons and how many groups have each. */
  readonly hopeless: readonly { readonly pod: CoreV1Pod; readonly reasons: ReadonlyMap<string, number> }[]
}

/** Nodes that are tried out for one group in a round. */
const maxNewNodes = 1_000

/** Finds out for which pods more nodes are needed and which groups would help. The simulation is as before afterwards, but for the pods that wait. */
export function planScaleUp(simulation: Simulation, pods: readonly CoreV1Pod[], groups: readonly GroupState[]): ScaleUpPlan {
  for (const { id, upcoming, template } of groups)
    for (let index = 0; template !== undefined && index < upcoming; index++) simulation.addNode(template, `${id}-upcoming-${index}`)
  const sorted = [...pods].sort((a, b) => priorityOf(b) - priorityOf(a) || sizeOf(b) - sizeOf(a))
  const waiting: CoreV1Pod[] = []
  const left: CoreV1Pod[] = []
  for (const pod of sorted) (simulation.place(pod, () => true) === undefined ? left : waiting).push(pod)
  const reasons = new Map(left.map((pod) => [pod, new Map<string, number>()]))
  const options: ScaleUpOption[] = []
  for (const group of groups) {
    const why = whyNotAtAll(group)
    const refuse = (pod: CoreV1Pod, reason: string) => reasons.get(pod)!.set(reason, (reasons.get(pod)!.get(reason) ?? 0) + 1)
    if (why !== undefined) for (const pod of left) refuse(pod, why)
    else {
      const option = estimate(simulation, group, left, refuse)
      if (option.pods.length > 0) options.push(option)
    }
  }
  const helped = new Set(options.flatMap((option) => option.pods))
  const hopeless = left.filter((pod) => !helped.has(pod)).map((pod) => ({ pod, reasons: reasons.get(pod)! }))
  return { options, waiting, hopeless }
}

/** The larger first, so that the small ones fill the gaps; CPU and memory count alike for a node of 4 GiB per core. */
function sizeOf(pod: CoreV1Pod): number {
  const { cpu, memory } = podRequests(pod).requests
  return cpu / 1000 + memory / (4 * 1024 ** 3)
}

function whyNotAtAll({ isBackedOff, targetSize, maxSize, template }: GroupState): string | undefined {
  if (isBackedOff) return 'in backoff after failed scale-up'
  if (targetSize >= maxSize) return 'max node group size reached'
  return template === undefined ? 'not ready for scale-up' : undefined
}

/** Fills fresh nodes with pods, the first that has room, until all are placed or the group is as large as it may be. */
function estimate(
  simulation: Simulation,
  group: GroupState,
  pods: readonly CoreV1Pod[],
  refuse: (pod: CoreV1Pod, reason: string) => void,
): ScaleUpOption {
  const { id, template, maxSize, targetSize } = group
  const most = Math.min(maxSize - targetSize, maxNewNodes)
  const fresh: string[] = []
  const helped: CoreV1Pod[] = []
  const hasFailed = new Set<string>()
  for (const pod of pods) {
    // Pods of one controller are alike: what has no room for one has none for the next.
    const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid
    if (owner !== undefined && hasFailed.has(owner)) continue
    let place = fresh.find((name) => simulation.whyNot(pod, name) === undefined)
    if (place === undefined && fresh.length < most) {
      const name = simulation.addNode(template!, `${id}-new-${fresh.length}`)
      const refusal = simulation.whyNot(pod, name)
      if (refusal === undefined) {
        fresh.push(name)
        place = name
      } else {
        simulation.removeNode(name)
        for (const reason of refusal.reasons) refuse(pod, reason)
      }
    } else if (place === undefined) refuse(pod, 'max node group size reached')
    if (place === undefined) {
      if (owner !== undefined) hasFailed.add(owner)
      continue
    }
    simulation.put(pod, place)
    helped.push(pod)
  }
  const waste = wasteOf(simulation, fresh)
  for (const pod of helped) simulation.take(pod)
  for (const name of fresh) simulation.removeNode(name)
  return { group, nodes: fresh.length, pods: helped, waste }
}

function wasteOf(simulation: Simulation, names: readonly string[]): number {
  let cpu = 0
  let memory = 0
  for (const name of names) {
    const { requestedCpu, requestedMemory, allocatableCpu, allocatableMemory } = simulation.node(name)!
    cpu += allocatableCpu === 0 ? 0 : 1 - requestedCpu / allocatableCpu
    memory += allocatableMemory === 0 ? 0 : 1 - requestedMemory / allocatableMemory
  }
  return names.length === 0 ? 0 : (cpu + memory) / (2 * names.length)
}
