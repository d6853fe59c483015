import { isDeepStrictEqual } from 'node:util'
import { milliValueOf } from '../../api/quantity.ts'
import type { CoreV1Container, CoreV1Pod, CoreV1ResourceRequirements } from '../../api/generated/kinds.ts'

const resources = ['cpu', 'memory'] as const

/** Conditions that only the node sets and takes back. */
export const resizeConditions: readonly string[] = ['PodResizePending', 'PodResizeInProgress']

/** Why the node does not give a pod what it asks for now. */
export interface PendingResize {
  readonly reason: 'Infeasible' | 'Deferred'
  readonly message: string
}

/** How a running container comes to what it asks for; `undefined`: it has it. */
export function resizeOf(container: CoreV1Container, applied: CoreV1ResourceRequirements): 'update' | 'restart' | undefined {
  const wanted = container.resources ?? {}
  const changed = resources.filter(
    (name) => wanted.requests?.[name] !== applied.requests?.[name] || wanted.limits?.[name] !== applied.limits?.[name],
  )
  if (changed.length === 0) return undefined
  const needsRestart = (name: string) =>
    container.resizePolicy?.some(({ resourceName, restartPolicy }) => resourceName === name && restartPolicy === 'RestartContainer')
  return changed.some(needsRestart) ? 'restart' : 'update'
}

/** Whether the node has room for what a pod asks for now. Other pods count with what they have been given, those that have ended not at all. */
export function pendingResize(
  pod: CoreV1Pod,
  others: Iterable<CoreV1Pod>,
  allocatable: Readonly<Record<string, string>>,
): PendingResize | undefined {
  const alive = [...others].filter(
    ({ metadata, status }) => metadata.uid !== pod.metadata.uid && status?.phase !== 'Succeeded' && status?.phase !== 'Failed',
  )
  for (const name of resources) {
    const capacity = milliValueOf(allocatable[name])
    const requested = requestOf(pod, name)
    if (requested > capacity)
      return {
        reason: 'Infeasible',
        message: `Node didn't have enough capacity: ${name}, requested: ${shown(name, requested)}, capacity: ${shown(name, capacity)}`,
      }
    const used = alive.reduce((total, other) => total + allocationOf(other, name), 0)
    if (requested + used > capacity)
      return {
        reason: 'Deferred',
        message: `Node didn't have enough resource: ${name}, requested: ${shown(name, requested)}, used: ${shown(name, used)}, capacity: ${shown(name, capacity)}`,
      }
  }
  return undefined
}

const requestOf = ({ spec }: CoreV1Pod, name: string) =>
  spec.containers.reduce((total, container) => total + milliValueOf(container.resources?.requests?.[name]), 0)

/** What a pod has been given, which is less than it asks for while its own resize waits; what it asks for where nothing has been told. */
const allocationOf = ({ spec, status }: CoreV1Pod, name: string) =>
  spec.containers.reduce((total, container) => {
    const told = status?.containerStatuses?.find((each) => each.name === container.name)?.allocatedResources
    return total + milliValueOf((told ?? container.resources?.requests)?.[name])
  }, 0)

/** Millicores or bytes, as the kubelet prints them. */
const shown = (name: string, milli: number) => String(name === 'cpu' ? milli : Math.round(milli / 1000))

/** What a container that this process did not start itself has: what was told of it, where that was told. */
export const resumedResources = (container: CoreV1Container, told: CoreV1ResourceRequirements | undefined): CoreV1ResourceRequirements =>
  told === undefined || isDeepStrictEqual(told, {}) ? (container.resources ?? {}) : told
