import { columnOf } from '../catalog.ts'
import { entityKeys } from '../entity.ts'
import type { MetricSet } from '../metric-set.ts'
import type { NodeProcessor } from '../processors.ts'
import { additiveColumns, addValues, declaredColumns } from './totals.ts'

const additive = additiveColumns('pod_container', 'pod')
const declared = additive.filter((column) => declaredColumns.has(column))
// A pod's local storage is more than that of its containers: the node's own figure stands.
const measured = additive.filter((column) => !declaredColumns.has(column) && column !== columnOf('ephemeral_storage/usage'))

/**
 * A pod's figures are the sums over its containers. A measured figure is there only when every container that should have it has it:
 * half a pod is never shown as a whole one. Where the node reports no container at all its own figures of the pod stand.
 */
export function createPodTotals(): NodeProcessor {
  return {
    name: 'pod totals',
    process({ sets }) {
      const containers = new Map<string, MetricSet[]>()
      for (const set of sets.values()) {
        if (set.entity.type !== 'pod_container') continue
        const { namespace_name: namespace, pod_name: name } = set.entity.labels
        const key = entityKeys.pod(namespace!, name!)
        const members = containers.get(key)
        if (members === undefined) containers.set(key, [set])
        else members.push(set)
      }
      for (const [key, members] of containers) {
        const pod = sets.get(key)
        if (pod !== undefined) sumContainers(pod, members)
      }
    },
  }
}

function sumContainers(pod: MetricSet, containers: readonly MetricSet[]): void {
  for (const container of containers) addValues(pod, container, declared)
  const due = containers.filter((container) => container.presence !== 'idle')
  if (due.length === 0) return
  for (const column of measured) {
    let sum = 0
    for (const container of due) sum += container.values[column]!
    pod.values[column] = sum
  }
  const isMeasured = due.every((container) => container.cpu !== undefined)
  pod.cpu = isMeasured
    ? {
        nanocores: due.reduce((sum, container) => sum + container.cpu!.nanocores, 0),
        windowMs: Math.max(...due.map((container) => container.cpu!.windowMs)),
        measuredAt: Math.min(...due.map((container) => container.cpu!.measuredAt)),
      }
    : undefined
}
