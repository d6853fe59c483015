import { isDeepStrictEqual } from 'node:util'
import type { CoreV1Node } from '../api/generated/kinds.ts'
import { milliValueOf } from '../api/quantity.ts'
import type { GroupState, ScaleUpOption } from './scale-up.plan.ts'

/** So many more nodes for a group. */
export interface Growth {
  readonly group: GroupState
  readonly nodes: number
}

/** Labels that say where a node is or which it is, not what it is like. Upstream's. */
const placeLabels = [
  'kubernetes.io/hostname',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
]
/** How much two of a kind may differ: machines of one type don't have exactly the same memory, nor leave the same to pods. Upstream's. */
const memoryTolerance = 0.015
const allocatableTolerance = 0.05

/**
 * Spreads the nodes of the chosen option over its group and those that are like it and would help the same pods, so that they come to the same size as far as
 * they may. `ignored` names labels in which groups of a kind may differ.
 */
export function balanceGrowth(best: ScaleUpOption, options: readonly ScaleUpOption[], ignored: readonly string[]): readonly Growth[] {
  const helps = ({ pods }: ScaleUpOption) => best.pods.every((pod) => pods.includes(pod))
  const isLike = ({ group }: ScaleUpOption) => isSimilar(best.group.template!, group.template!, ignored)
  const groups = options.filter((option) => option === best || (helps(option) && isLike(option))).map(({ group }) => group)
  const sizes = new Map(groups.map((group) => [group, group.targetSize]))
  for (let left = best.nodes; left > 0; left--) {
    const open = groups.filter((group) => sizes.get(group)! < group.maxSize)
    const smallest = open.reduce((least, group) => (sizes.get(group)! < sizes.get(least)! ? group : least), open[0]!)
    sizes.set(smallest, sizes.get(smallest)! + 1)
  }
  return groups.flatMap((group) => {
    const nodes = sizes.get(group)! - group.targetSize
    return nodes === 0 ? [] : { group, nodes }
  })
}

/** Whether two nodes are of a kind: about the same resources, and the same labels but for where they are. */
export function isSimilar(left: CoreV1Node, right: CoreV1Node, ignored: readonly string[]): boolean {
  const labels = ({ metadata }: CoreV1Node) =>
    Object.fromEntries(Object.entries(metadata.labels ?? {}).filter(([key]) => !placeLabels.includes(key) && !ignored.includes(key)))
  return (
    isDeepStrictEqual(labels(left), labels(right)) &&
    areClose(left.status?.capacity, right.status?.capacity, (name) => (name === 'memory' ? memoryTolerance : 0)) &&
    areClose(left.status?.allocatable, right.status?.allocatable, () => allocatableTolerance)
  )
}

type Resources = Readonly<Record<string, string>> | undefined

function areClose(left: Resources = {}, right: Resources = {}, toleranceOf: (name: string) => number): boolean {
  const names = new Set([...Object.keys(left), ...Object.keys(right)])
  return [...names].every((name) => {
    const [one, other] = [left[name], right[name]]
    if (one === undefined || other === undefined) return false
    const [less, more] = [milliValueOf(one), milliValueOf(other)].toSorted((a, b) => a - b) as [number, number]
    return more - less <= more * toleranceOf(name)
  })
}
