import { formatQuantity, quantityFromUnits, valueOf } from '../../api/quantity.ts'
import type { CoreV1Pod } from '../../api/generated/kinds.ts'
import { mirroredUid, staticAnnotation } from '../static-pods/annotations.ts'
import type { PodUsage } from './node-figures.ts'
import { quantityOf, reclaimOf } from './thresholds.ts'
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
  readonly threshold: Threshold
  readonly signal: SignalName
  readonly pressure: PressureName
  readonly resource: Resource
  readonly quantity: number
  readonly available: number
}

/**
 * The thresholds that are met, memory before all else: running out of it hits everybody at once. One of those `before` that was met stays so until as much more
 * is available as it wants.
 */
export function metThresholds(
  thresholds: readonly Threshold[],
  signals: Signals,
  before: ReadonlySet<Threshold> = new Set(),
): readonly MetThreshold[] {
  const met = thresholds.flatMap((threshold) => {
    const signal: Signal | undefined = signals[threshold.signal]
    if (signal === undefined) return []
    const quantity = quantityOf(threshold, signal)
    const wanted = quantity + (before.has(threshold) ? reclaimOf(threshold, signal) : 0)
    if (signal.available >= wanted) return []
    const { pressure, resource } = kindsOfSignals[threshold.signal]
    return [{ threshold, signal: threshold.signal, pressure, resource, quantity, available: signal.available }]
  })
  const isSoft = ({ threshold }: MetThreshold) => Number(threshold.gracePeriodMs !== undefined)
  return met.sort((a, b) => Number(b.resource === 'memory') - Number(a.resource === 'memory') || isSoft(a) - isSoft(b))
}

/** What a pod has written to the node's disk beside its volumes, and into its emptyDirs on disk, in bytes. */
export interface LocalStorageUse {
  readonly byContainer: ReadonlyMap<string, number>
  readonly byEmptyDir: ReadonlyMap<string, number>
}

/** Has the pod limits to what it may write to the node's disk? */
export function limitsLocalStorage({ spec }: CoreV1Pod): boolean {
  return (
    (spec.volumes ?? []).some(({ emptyDir }) => emptyDir?.sizeLimit !== undefined && isOnDisk(emptyDir)) ||
    spec.containers.some(({ resources }) => resources?.limits?.[localStorage] !== undefined)
  )
}

/** Why a pod is given up for what it has written, in the words of the kubelet. */
export function exceededStorage(pod: CoreV1Pod, { byContainer, byEmptyDir }: LocalStorageUse): string | undefined {
  const { containers, volumes = [] } = pod.spec
  for (const { name, emptyDir } of volumes) {
    const limit = emptyDir?.sizeLimit
    if (limit !== undefined && isOnDisk(emptyDir!) && valueOf(limit) > 0 && (byEmptyDir.get(name) ?? 0) > valueOf(limit))
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${limit}". `
  }
  const limits = containers.map(({ resources }) => resources?.limits?.[localStorage])
  if (limits.every((limit) => limit !== undefined)) {
    const total = limits.reduce((sum, limit) => sum + valueOf(limit), 0)
    const used = [...byContainer.values(), ...byEmptyDir.values()].reduce((sum, bytes) => sum + bytes, 0)
    if (used > total)
      return `Pod ephemeral local storage usage exceeds the total limit of containers ${formatQuantity(quantityFromUnits(total, 'BinarySI'))}. `
  }
  for (const [index, { name }] of containers.entries()) {
    const limit = limits[index]
    if (limit !== undefined && (byContainer.get(name) ?? 0) > valueOf(limit))
      return `Container ${name} exceeded its local ephemeral storage limit "${limit}". `
  }
  return undefined
}

const localStorage = 'ephemeral-storage'

/** Those in memory are limited by what they are mounted with. */
export const isOnDisk = ({ medium = '' }: { readonly medium?: string }): boolean => medium === ''

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
export function isEvictable(pod: CoreV1Pod): boolean {
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
