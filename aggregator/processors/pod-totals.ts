import { columnOf } from '../catalog.ts'
import type { MetricName } from '../catalog.ts'
import { entityKeys } from '../entity.ts'
import type { MetricSet } from '../metric-set.ts'
import type { NodeProcessor } from '../processors.ts'
import { additiveColumns, createAdder, declaredColumns, isLabelledColumn } from './totals.ts'

// A pod has more local storage and processes than its containers, and its file systems are its volumes: the node's own figures stand.
const own = new Set(
  (
    [
      'ephemeral_storage/usage',
      'process/count',
      'process/threads',
      'process/file_descriptors',
      'filesystem/usage',
      'filesystem/limit',
      'filesystem/available',
      'filesystem/inodes',
      'filesystem/inodes_free',
    ] satisfies MetricName[]
  ).map(columnOf),
)
const additive = additiveColumns('pod_container', 'pod')
const addDeclared = createAdder(additive.filter((column) => declaredColumns.has(column)))
const measured = additive.filter((column) => !declaredColumns.has(column) && !own.has(column))
const plainMeasured = measured.filter((column) => !isLabelledColumn(column))
const labelledMeasured = new Set(measured.filter(isLabelledColumn))

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
  for (const container of containers) addDeclared(pod, container)
  const due = containers.filter((container) => container.presence !== 'idle')
  if (due.length === 0) return
  for (const column of plainMeasured) {
    let sum = 0
    for (const container of due) sum += container.values[column]!
    pod.values[column] = sum
  }
  sumLabelled(pod, due)
  const isMeasured = due.every((container) => container.cpu !== undefined)
  pod.cpu = isMeasured
    ? {
        nanocores: due.reduce((sum, container) => sum + container.cpu!.nanocores, 0),
        windowMs: Math.max(...due.map((container) => container.cpu!.windowMs)),
        measuredAt: Math.min(...due.map((container) => container.cpu!.measuredAt)),
      }
    : undefined
}

/** Per resource, where every container has it. */
function sumLabelled(pod: MetricSet, due: readonly MetricSet[]): void {
  for (const { column, resource } of due[0]!.labelled) {
    if (!labelledMeasured.has(column)) continue
    let sum = 0
    for (const { labelled } of due) {
      sum += labelled.find((entry) => entry.column === column && entry.resource === resource)?.value ?? Number.NaN
    }
    const known = pod.labelled.findIndex((entry) => entry.column === column && entry.resource === resource)
    if (known >= 0) pod.labelled.splice(known, 1)
    if (!Number.isNaN(sum)) pod.labelled.push({ column, resource, value: sum })
  }
}
