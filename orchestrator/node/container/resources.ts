import type { CoreV1Container, CoreV1Pod } from '../../api/generated/kinds.ts'
import { milliValueOf, valueOf } from '../../api/quantity.ts'
import type { ContainerResources, RuntimeInfo } from '../runtime/runtime.ts'

/** How a pod is treated when a node runs short. */
export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort'

/** The kernel's smallest share. */
const minCpuShares = 2
const sharesPerCpu = 1024
const quotaPeriodMicroseconds = 100_000
/** The kernel refuses smaller quotas. */
const minQuotaMicroseconds = 1000

/** As Kubernetes computes `status.qosClass` from the requests and limits of CPU and memory. */
export function qosClassOf(pod: CoreV1Pod): QosClass {
  // What the pod as a whole asks for goes before what its containers do.
  const { requests, limits } = pod.spec.resources ?? {}
  const isPodLevel = [requests, limits].some((list) => list?.['cpu'] !== undefined || list?.['memory'] !== undefined)
  const containers = isPodLevel ? [{ resources: pod.spec.resources! }] : [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]
  let hasAny = false
  let isGuaranteed = true
  for (const { resources } of containers) {
    for (const resource of ['cpu', 'memory'] as const) {
      const limit = milliValueOf(resources?.limits?.[resource])
      const request = resources?.requests?.[resource] === undefined ? limit : milliValueOf(resources.requests[resource])
      if (limit > 0 || request > 0) hasAny = true
      if (limit === 0 || request !== limit) isGuaranteed = false
    }
  }
  if (!hasAny) return 'BestEffort'
  return isGuaranteed ? 'Guaranteed' : 'Burstable'
}

/** Kubernetes requests and limits as kernel limits; formulas as the kubelet's `cm/helpers_linux.go` and `qos/policy.go`. */
export function containerResources(pod: CoreV1Pod, container: CoreV1Container, machineMemoryBytes: number): ContainerResources {
  const { requests, limits } = container.resources ?? {}
  const cpuRequest = requests?.['cpu'] ?? limits?.['cpu']
  const cpuLimit = milliValueOf(limits?.['cpu'])
  const memoryLimit = valueOf(limits?.['memory'])
  return {
    cpuShares: cpuSharesOf(milliValueOf(cpuRequest)),
    ...(cpuLimit === 0 ? {} : cpuQuotaOf(cpuLimit)),
    ...(memoryLimit === 0 ? {} : { memoryBytes: memoryLimit }),
    oomScoreAdjust: oomScoreAdjust(pod, valueOf(requests?.['memory'] ?? limits?.['memory']), machineMemoryBytes),
  }
}

/** As the kubelet's `MilliCPUToShares`. */
export function cpuSharesOf(millicores: number): number {
  return Math.max(minCpuShares, Math.floor((millicores * sharesPerCpu) / 1000))
}

/** As the kubelet's `MilliCPUToQuota`. */
export function cpuQuotaOf(millicores: number): { readonly cpuQuotaMicroseconds: number; readonly cpuPeriodMicroseconds: number } {
  return {
    cpuQuotaMicroseconds: Math.max(minQuotaMicroseconds, Math.floor((millicores * quotaPeriodMicroseconds) / 1000)),
    cpuPeriodMicroseconds: quotaPeriodMicroseconds,
  }
}

/** What asks for much of the machine's memory is killed last among the burstable. */
function oomScoreAdjust(pod: CoreV1Pod, memoryRequestBytes: number, machineMemoryBytes: number): number {
  const priority = pod.spec.priorityClassName
  if (priority === 'system-node-critical') return -997
  const qos = qosClassOf(pod)
  if (qos === 'Guaranteed') return -997
  if (qos === 'BestEffort') return 1000
  const score = 1000 - Math.floor((1000 * memoryRequestBytes) / Math.max(machineMemoryBytes, 1))
  return Math.min(999, Math.max(3, score))
}

type CgroupDriver = RuntimeInfo['cgroupDriver']

/**
 * The control group that holds a pod's containers, in the form that the engine's driver takes. `undefined`: the engine has none. Guaranteed
 * pods are beside the groups of the other classes, as the kubelet has them.
 */
export function cgroupParentOf(options: {
  readonly clusterId: string
  readonly nodeName: string
  readonly pod: CoreV1Pod
  readonly driver: CgroupDriver
}): string | undefined {
  const { clusterId, nodeName, pod, driver } = options
  const qos = qosClassOf(pod)
  const parts = ['binnacle', clusterId, nodeName, ...(qos === 'Guaranteed' ? [] : [qos.toLowerCase()]), `pod${pod.metadata.uid}`]
  if (driver === 'cgroupfs') return `/${parts.join('/')}`
  return driver === 'none' ? undefined : sliceOf(parts)
}

/** The paths that the control group of all pods of a node can have in the tree, one for each driver of an engine. */
export function nodeCgroupPaths(clusterId: string, nodeName: string): readonly string[] {
  const parts = ['binnacle', clusterId, nodeName]
  const nested = parts.map((_, index) => sliceOf(parts.slice(0, index + 1)))
  return [`/${parts.join('/')}`, `/${nested.join('/')}`]
}

/** systemd reads '-' as nesting, so names must not contain it. */
function sliceOf(parts: readonly string[]): string {
  return `${parts.map((part) => part.replaceAll('-', '_')).join('-')}.slice`
}
