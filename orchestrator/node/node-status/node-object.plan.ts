import { toTimestamp } from '../../../lib/clock.ts'
import type { CoreV1Node, CoreV1NodeCondition, CoreV1NodeStatus } from '../../api/generated/kinds.ts'
import { preferredPodCidrAnnotation } from '../../api/node-membership.ts'
import type { Threshold } from '../eviction/thresholds.ts'
import type { RuntimeState } from '../pod/pod-manager.ts'
import type { ImageFacts } from '../runtime/runtime.ts'
import { allocatableOf } from './allocatable.plan.ts'
import type { Reservation } from './allocatable.plan.ts'
import type { MachineFacts } from './machine.ts'

/** The Kubernetes version whose node interface this is. */
export const kubeletVersion = 'v1.35.0+binnacle'
/** How many images the node object names, the largest first, as the kubelet does. */
const maxImages = 50

export interface NodeFacts {
  readonly nodeName: string
  readonly labels: Readonly<Record<string, string>>
  readonly addresses: readonly { readonly type: string; readonly address: string }[]
  readonly port: number
  readonly maxPods: number
  readonly machine: MachineFacts
  readonly scheme: string
  readonly architecture: string
  /** What the author of the cluster says the node has, instead of what the machine has. */
  readonly capacity: Readonly<Record<string, string>>
  readonly runtime: RuntimeState
  readonly hasPodCidr: boolean
  /** What the node is short of: conditions of these types are true. */
  readonly pressures: ReadonlySet<string>
  /** What pods do not get, beside what hard eviction keeps free. */
  readonly reservations: readonly Reservation[]
  readonly evictionThresholds: readonly Threshold[]
  /** Volumes that are mounted here and must not be detached. */
  readonly volumesInUse: readonly string[]
  readonly images: readonly ImageFacts[]
  readonly nowMs: number
}

/** What the node has to give. */
export function capacityOf({ machine, maxPods, capacity }: Pick<NodeFacts, 'machine' | 'maxPods' | 'capacity'>): Record<string, string> {
  return {
    cpu: String(machine.cpus),
    memory: `${Math.floor(machine.memoryBytes / 1024)}Ki`,
    'ephemeral-storage': `${Math.floor(machine.diskBytes / 1024)}Ki`,
    'hugepages-2Mi': '0',
    ...Object.fromEntries(Object.entries(machine.hugePages).map(([size, bytes]) => [`hugepages-${size}`, hugePagesText(bytes)])),
    pods: String(maxPods),
    ...capacity,
  }
}

const hugePagesText = (bytes: number) => (bytes === 0 ? '0' : `${bytes / 1024}Ki`)

/** The labels that every node has, and those of its author. */
export function nodeLabels({
  nodeName,
  architecture,
  labels,
}: Pick<NodeFacts, 'nodeName' | 'architecture' | 'labels'>): Record<string, string> {
  return {
    'beta.kubernetes.io/arch': architecture,
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': architecture,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/hostname': nodeName,
    ...labels,
  }
}

/** A Node to be registered. */
export function newNode(name: string, labels: Readonly<Record<string, string>>, preferredPodCidr: string | undefined): CoreV1Node {
  const annotations = {
    'volumes.kubernetes.io/controller-managed-attach-detach': 'true',
    ...(preferredPodCidr === undefined ? {} : { [preferredPodCidrAnnotation]: preferredPodCidr }),
  }
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { ...labels }, annotations }, spec: {} }
}

/** A node's status from what is known; condition times are kept from `told` where nothing has changed. */
export function nodeStatus(facts: NodeFacts, told: CoreV1NodeStatus | undefined): CoreV1NodeStatus {
  const capacity = capacityOf(facts)
  const { machine, runtime } = facts
  const version = runtime.isUp ? runtime.machine.version : (told?.nodeInfo?.containerRuntimeVersion.split('://')[1] ?? 'unknown')
  return {
    capacity,
    allocatable: allocatableOf(capacity, facts.reservations, facts.evictionThresholds),
    conditions: conditionsOf(facts, told),
    addresses: facts.addresses.map(({ type, address }) => ({ type, address })),
    daemonEndpoints: { kubeletEndpoint: { Port: facts.port } },
    nodeInfo: {
      machineID: machine.machineId,
      systemUUID: machine.systemUuid,
      bootID: machine.bootId,
      kernelVersion: machine.kernelVersion,
      osImage: machine.osImage,
      containerRuntimeVersion: `${facts.scheme}://${version}`,
      kubeletVersion,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: facts.architecture,
    },
    ...(runtime.isUp
      ? {
          runtimeHandlers: [
            { name: '', features: { recursiveReadOnlyMounts: runtime.machine.hasRecursiveReadOnly, userNamespaces: false } },
          ],
          features: { supplementalGroupsPolicy: false },
        }
      : {}),
    volumesInUse: [...facts.volumesInUse],
    images: [...facts.images]
      .sort((a, b) => b.sizeBytes - a.sizeBytes)
      .slice(0, maxImages)
      .map(({ tags, digests, sizeBytes }) => ({ names: [...digests, ...tags].slice(0, 5), sizeBytes })),
  }
}

type Words = readonly [reason: string, message: string]

/** The reasons and messages of conditions of pressure, without it and with it, as the kubelet's. */
const pressureWords: readonly (readonly [type: string, no: Words, yes: Words])[] = [
  [
    'MemoryPressure',
    ['KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
    ['KubeletHasInsufficientMemory', 'kubelet has insufficient memory available'],
  ],
  ['DiskPressure', ['KubeletHasNoDiskPressure', 'kubelet has no disk pressure'], ['KubeletHasDiskPressure', 'kubelet has disk pressure']],
  [
    'PIDPressure',
    ['KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
    ['KubeletHasInsufficientPID', 'kubelet has insufficient PID available'],
  ],
]

function conditionsOf(facts: NodeFacts, told: CoreV1NodeStatus | undefined): CoreV1NodeCondition[] {
  const own: readonly Omit<CoreV1NodeCondition, 'lastHeartbeatTime' | 'lastTransitionTime'>[] = [
    ...pressureWords.map(([type, no, yes]) => {
      const [reason, message] = facts.pressures.has(type) ? yes : no
      return { type, status: facts.pressures.has(type) ? 'True' : 'False', reason, message }
    }),
    readyCondition(facts),
  ]
  const names = new Set(own.map(({ type }) => type))
  const foreign = (told?.conditions ?? []).filter(({ type }) => !names.has(type))
  return [...own.map((condition) => withTimes(condition, facts, told)), ...foreign]
}

function withTimes(condition: CoreV1NodeCondition, { nowMs }: NodeFacts, told: CoreV1NodeStatus | undefined): CoreV1NodeCondition {
  const before = told?.conditions?.find(({ type }) => type === condition.type)
  const now = toTimestamp(nowMs)
  return {
    ...condition,
    lastHeartbeatTime: now,
    lastTransitionTime: before?.status === condition.status ? (before.lastTransitionTime ?? now) : now,
  }
}

function readyCondition({ runtime, hasPodCidr }: NodeFacts): CoreV1NodeCondition {
  const notReady = (message: string): CoreV1NodeCondition => ({ type: 'Ready', status: 'False', reason: 'KubeletNotReady', message })
  if (!runtime.isUp) return notReady(`container runtime is down: ${runtime.why}`)
  if (!hasPodCidr)
    return notReady(
      'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:the node has no pod CIDR yet',
    )
  return { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }
}

/** Do two statuses differ in more than heartbeat times? */
export function hasChanged(told: CoreV1Node['status'], next: CoreV1NodeStatus): boolean {
  const strip = (status: CoreV1NodeStatus | undefined) =>
    JSON.stringify([
      status?.capacity,
      status?.allocatable,
      status?.conditions?.map(({ type, status: value, reason, message }) => [type, value, reason, message]),
      status?.addresses,
      status?.daemonEndpoints,
      status?.nodeInfo,
      status?.volumesInUse ?? [],
      status?.runtimeHandlers?.map(({ name, features }) => [name, features?.recursiveReadOnlyMounts]),
      status?.images?.map(({ names }) => (names?.length === 0 ? [] : names)),
    ])
  return strip(told) !== strip(next)
}
