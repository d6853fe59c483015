import { formatQuantity, quantityFromUnits, valueOf } from '../../api/quantity.ts'
import type { CoreV1Pod } from '../../api/generated/kinds.ts'
import { mirroredUid, staticAnnotation } from '../static-pods/annotations.ts'
import type { PodUsage } from './node-figures.ts'
import { quantityOf } from './thresholds.ts'
import type { Signal, SignalName, Signals, Threshold } from './thresholds.ts'

/** What the node's conditions tell of. */
export type PressureName = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure'
type Resource = 'memory' | 'ephemeral-storage' | 'pids'

const kindsOfSignals: Readonly<
  Record<SignalName, { readonly pressure: PressureName; readonly resource: Resource; readonly said: string }>
> = {
  'memory.available': { pressure: 'MemoryPressure', resource: 'memory', said: 'memory' },
  'nodefs.available': { pressure: 'DiskPressure', resource: 'ephemeral-storage', said: 'ephemeral-storage' },
  'nodefs.inodesFree': { pressure: 'DiskPressure', resource: 'ephemeral-storage', said: 'inodes' },
  'imagefs.available': { pressure: 'DiskPressure', resource: 'ephemeral-storage', said: 'ephemeral-storage' },
  'imagefs.inodesFree': { pressure: 'DiskPressure', resource: 'ephemeral-storage', said: 'inodes' },
  'pid.available': { pressure: 'PIDPressure', resource: 'pids', said: 'pids' },
}

/** From this priority on a pod is critical for its node and never evicted. */
const criticalPriority = 2_000_000_000

/** A threshold that is met now. */
export interface MetThreshold {
  readonly signal: SignalName
  readonly pressure: PressureName
  readonly resource: Resource
  readonly quantity: number
  readonly available: number
}

/** The thresholds that are met, memory before all else: running out of it hits everybody at once. */
export function metThresholds(thresholds: readonly Threshold[], signals: Signals): readonly MetThreshold[] {
  const met = thresholds.flatMap((threshold) => {
    const signal: Signal | undefined = signals[threshold.signal]
    if (signal === undefined) return []
    const quantity = quantityOf(threshold, signal)
    if (signal.available >= quantity) return []
    const { pressure, resource } = kindsOfSignals[threshold.signal]
    return [{ signal: threshold.signal, pressure, resource, quantity, available: signal.available }]
  })
  return met.sort((a, b) => Number(b.resource === 'memory') - Number(a.resource === 'memory'))
}

/** Pods in the order in which they are given up: over their request first, then by priority, then by how far over it. */
export function rankVictims(pods: readonly CoreV1Pod[], resource: Resource, usage: ReadonlyMap<string, PodUsage>): readonly CoreV1Pod[] {
  const facts = pods.filter(isEvictable).map((pod) => {
    const used = usage.get(pod.metadata.uid!)?.total ?? 0
    return { pod, over: used - requestOf(pod, resource), priority: pod.spec.priority ?? 0 }
  })
  return facts
    .sort((a, b) => {
      if (resource !== 'pids' && a.over > 0 !== b.over > 0) return a.over > 0 ? -1 : 1
      return a.priority - b.priority || b.over - a.over
    })
    .map(({ pod }) => pod)
}

/** Static and critical pods stay whatever happens; what has ended frees nothing. */
function isEvictable(pod: CoreV1Pod): boolean {
  const { annotations = {}, deletionTimestamp } = pod.metadata
  if (deletionTimestamp !== undefined || pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return false
  if (annotations[staticAnnotation.source] === 'file' || mirroredUid(pod) !== undefined) return false
  return (pod.spec.priority ?? 0) < criticalPriority
}

function requestOf(pod: CoreV1Pod, resource: Resource): number {
  if (resource === 'pids') return 0
  return pod.spec.containers.reduce((all, container) => all + valueOf(container.resources?.requests?.[resource]), 0)
}

/** The words of the pod's status and event, as the kubelet's. */
export function evictionMessage(pod: CoreV1Pod, met: MetThreshold, usage: PodUsage | undefined): string {
  const { said } = kindsOfSignals[met.signal]
  const lines = [
    `The node was low on resource: ${said}. Threshold quantity: ${printed(met, met.quantity)}, available: ${printed(met, met.available)}. `,
  ]
  for (const container of pod.spec.containers) {
    const used = usage?.byContainer.get(container.name)
    const request = container.resources?.requests?.[met.resource]
    if (used === undefined || used <= valueOf(request)) continue
    lines.push(
      `Container ${container.name} was using ${printed(met, used)}, request is ${request ?? '0'}, has larger consumption of ${met.resource}. `,
    )
  }
  return lines.join('')
}

/** Bytes in whole Ki, as the kubelet prints what it has measured. */
function printed({ signal }: MetThreshold, value: number): string {
  const isBytes = signal === 'memory.available' || signal === 'nodefs.available' || signal === 'imagefs.available'
  if (!isBytes) return String(value)
  return formatQuantity(quantityFromUnits(Math.floor(value / 1024) * 1024, 'BinarySI'))
}
