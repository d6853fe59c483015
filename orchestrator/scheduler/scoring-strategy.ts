import { maxNodeScore } from './framework.ts'
import type { NodeInfo } from './node-info.ts'
import { amountOf } from './pod-requests.ts'
import type { PodRequests } from './pod-requests.ts'

/** How much a resource counts. */
export interface WeightedResource {
  readonly name: string
  readonly weight: number
}

/** What a node's use of a resource is worth; between two points in proportion. */
export interface UtilizationPoint {
  /** Per cent. */
  readonly utilization: number
  /** 0 … 10. */
  readonly score: number
}

/** Which nodes are better: the emptier, the fuller, or as a curve of their use says. */
export interface ScoringStrategy {
  readonly type: 'LeastAllocated' | 'MostAllocated' | 'RequestedToCapacityRatio'
  readonly resources: readonly WeightedResource[]
  /** By rising utilization; only for RequestedToCapacityRatio. */
  readonly shape?: readonly UtilizationPoint[]
}

export const defaultResources: readonly WeightedResource[] = [
  { name: 'cpu', weight: 1 },
  { name: 'memory', weight: 1 },
]
export const defaultStrategy: ScoringStrategy = { type: 'LeastAllocated', resources: defaultResources }

/** The highest score of a shape's point. */
const maxShapeScore = 10

/** A resource's score from what would be requested of it and what there is. */
type ResourceScore = (requested: number, allocatable: number) => number

const leastAllocated: ResourceScore = (requested, allocatable) =>
  requested > allocatable ? 0 : Math.trunc(((allocatable - requested) * maxNodeScore) / allocatable)
const mostAllocated: ResourceScore = (requested, allocatable) => Math.trunc((Math.min(requested, allocatable) * maxNodeScore) / allocatable)

function byShape(shape: readonly UtilizationPoint[]): ResourceScore {
  const scale = maxNodeScore / maxShapeScore
  return (requested, allocatable) => {
    const utilization = requested > allocatable ? 100 : Math.trunc((requested * 100) / allocatable)
    const at = shape.findIndex((point) => utilization <= point.utilization)
    if (at < 0) return shape.at(-1)!.score * scale
    if (at === 0) return shape[0]!.score * scale
    const from = shape[at - 1]!
    const to = shape[at]!
    const rise = ((to.score - from.score) * scale * (utilization - from.utilization)) / (to.utilization - from.utilization)
    return from.score * scale + Math.trunc(rise)
  }
}

/** A node's score, 0 … `maxNodeScore`, once the pod would be there. As upstream's NodeResourcesFit. */
export function createStrategy({ type, resources, shape = [] }: ScoringStrategy): (node: NodeInfo, pod: PodRequests) => number {
  const isRatio = type === 'RequestedToCapacityRatio'
  const scoreResource = isRatio ? byShape(shape) : type === 'MostAllocated' ? mostAllocated : leastAllocated
  return (node, pod) => {
    let sum = 0
    let weights = 0
    for (const { name, weight } of resources) {
      const allocatable = node.allocatable(name)
      const own = scoredOf(pod, name)
      // Devices that the pod has no use for don't tell nodes apart.
      if (allocatable === 0 || (own === 0 && name !== 'cpu' && name !== 'memory')) continue
      const score = scoreResource(scoredOn(node, name) + own, allocatable)
      if (isRatio && score === 0) continue
      sum += score * weight
      weights += weight
    }
    if (weights === 0) return 0
    return isRatio ? Math.round(sum / weights) : Math.trunc(sum / weights)
  }
}

function scoredOn(node: NodeInfo, name: string): number {
  if (name === 'cpu') return node.scoredCpuMillicores
  return name === 'memory' ? node.scoredMemoryBytes : node.requested(name)
}

function scoredOf(pod: PodRequests, name: string): number {
  if (name === 'cpu') return pod.scoredCpuMillicores
  return name === 'memory' ? pod.scoredMemoryBytes : amountOf(pod.requests, name)
}
