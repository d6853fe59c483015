import type { Container, PodIdentity } from '../container.ts'
import type { FileSystem } from '../machine/file-systems.ts'
import type { StatsStore } from '../stats-store.ts'
import type { ContainerStats, CpuStats, FsStats, MemoryStats, NetworkStats, PodStats, PsiStats, Summary, SwapStats } from '../summary.ts'
import {
  containerStats,
  cpuStats,
  diskIoStats,
  fsStats,
  ioStats,
  memoryStats,
  networkStats,
  swapStats,
  timeOf,
  value,
} from './container-stats.ts'
import type { StorageFacts } from './container-stats.ts'

/** What the summary says about the node besides its samples. */
export interface NodeFacts extends StorageFacts {
  readonly nodeName: string
  readonly bootedAtMs: number
  readonly memoryCapacityBytes: number
  readonly swapCapacityBytes: number
  /** Where several nodes share the machine: names that the cgroup of this one can have. Absent: the node is the machine. */
  readonly nodeCgroups?: readonly string[]
  /** Interface of the default route. */
  readonly defaultInterface?: string
  /** File system of `/`. */
  readonly rootFileSystem?: FileSystem
  /** The node agent and the runtime, where their processes are known. */
  readonly systemContainers?: readonly ContainerStats[]
  readonly rlimit?: { readonly atMs: number; readonly maxpid?: number; readonly curproc?: number }
}

/** The kubelet's summary out of the newest sample of each container; the node is the root cgroup, or its own where several share the machine. */
export function buildSummary(store: StatsStore, facts: NodeFacts, nowMs: number): Summary {
  const cgroups = podCgroups(store)
  const pods = podsOf(store).map(({ identity, members }) => buildPod(identity, members, facts, cgroups.get(identity.uid)))
  const { rootFileSystem, imageFileSystem, rlimit } = facts
  const imageFs = imageFileSystem === undefined ? undefined : fsStats(imageFileSystem)
  return {
    node: {
      nodeName: facts.nodeName,
      systemContainers: [...(facts.systemContainers ?? []), podsTotal(pods, nowMs, facts.bootedAtMs)],
      startTime: timeOf(facts.bootedAtMs),
      ...(facts.nodeCgroups === undefined ? machineStats(store, facts) : sharedNodeStats({ store, facts, pods, nowMs }, facts.nodeCgroups)),
      fs: rootFileSystem === undefined ? undefined : fsStats(rootFileSystem),
      runtime: imageFs === undefined ? undefined : { imageFs, containerFs: imageFs },
      rlimit: rlimit === undefined ? undefined : { time: timeOf(rlimit.atMs), maxpid: rlimit.maxpid, curproc: rlimit.curproc },
    },
    pods,
  }
}

type NodeStats = Pick<Summary['node'], 'cpu' | 'memory' | 'io' | 'network' | 'swap' | 'diskio'>

function machineStats(store: StatsStore, { memoryCapacityBytes, swapCapacityBytes, defaultInterface }: NodeFacts): NodeStats {
  const root = store.get('/')
  if (root === undefined) return {}
  return {
    cpu: cpuStats(root.ring),
    memory: memoryStats(root, memoryCapacityBytes),
    io: ioStats(root.ring),
    network: networkStats(root.ring, defaultInterface),
    swap: swapStats(root.ring, swapCapacityBytes),
    diskio: diskIoStats(root.ring),
  }
}

interface SharedNode {
  readonly store: StatsStore
  readonly facts: NodeFacts
  readonly pods: readonly PodStats[]
  readonly nowMs: number
}

/**
 * One of several nodes on a machine: its own cgroup, zeros while it has neither that nor a pod, and the network of its pods. With pods and without a reading of
 * the cgroup its use is not known: a zero would make of the next reading all that was ever used at once. What runs beside pods
 * belongs to none of the nodes, so that their sum never exceeds the machine.
 */
function sharedNodeStats({ store, facts, pods, nowMs }: SharedNode, names: readonly string[]): NodeStats {
  const time = timeOf(nowMs)
  const own = names.map((name) => store.get(name)).find((container) => container !== undefined && container.ring.count > 0)
  const { memoryCapacityBytes } = facts
  const network = sumNetwork(pods, time)
  if (own !== undefined) {
    const { ring } = own
    return {
      cpu: cpuStats(ring),
      memory: memoryStats(own, memoryCapacityBytes),
      io: ioStats(ring),
      network,
      swap: swapStats(ring),
      diskio: diskIoStats(ring),
    }
  }
  if (pods.length > 0) return { network }
  return {
    cpu: { time, usageNanoCores: 0, usageCoreNanoSeconds: 0 },
    memory: { time, availableBytes: memoryCapacityBytes, usageBytes: 0, workingSetBytes: 0, rssBytes: 0 },
    network,
  }
}

const networkFields = ['rxBytes', 'rxErrors', 'txBytes', 'txErrors', 'rxPackets', 'rxDropped', 'txPackets', 'txDropped'] as const

/** The traffic of all pods under the name of the interface that each of them has. */
function sumNetwork(pods: readonly PodStats[], time: string): NetworkStats {
  const known = pods.flatMap(({ network }) => network ?? [])
  const total = { name: 'eth0', ...Object.fromEntries(networkFields.map((field) => [field, sum(known, field) ?? 0])) }
  return { time, ...total, interfaces: [total] }
}

interface PodMembers {
  readonly identity: PodIdentity
  readonly members: Container[]
}

function podsOf(store: StatsStore): PodMembers[] {
  const pods = new Map<string, PodMembers>()
  for (const container of store.all()) {
    const { pod } = container.description
    if (pod === undefined || container.ring.count === 0) continue
    const known = pods.get(pod.uid)
    if (known === undefined) pods.set(pod.uid, { identity: pod, members: [container] })
    else known.members.push(container)
  }
  return [...pods.values()]
}

/** CPU and memory are the sums over the containers, the sandbox included; the network is the sandbox's, once. */
function buildPod(identity: PodIdentity, members: readonly Container[], facts: StorageFacts, cgroup: Container | undefined): PodStats {
  const own = newestOfEachName(members.filter(({ description }) => description.pod?.isSandbox !== true))
  const sandbox = members.find(({ description }) => description.pod?.isSandbox === true)
  const containers = own.map((container) => containerStats(container, container.description.pod?.container ?? '', facts))
  const all = sandbox === undefined ? containers : [...containers, containerStats(sandbox, identity.container, facts)]
  const owner = members.find(({ description }) => description.hasNetwork)
  const processCount = members.reduce((total, { ring }) => total + (value(ring, 'processes') ?? 0), 0)
  const processes = all.flatMap(({ process_stats: stats }) => stats ?? [])
  return {
    podRef: { name: identity.name, namespace: identity.namespace, uid: identity.uid },
    startTime: timeOf((sandbox ?? members[0]!).description.startedMs),
    containers,
    cpu: withPressure(sumCpu(all.map(({ cpu }) => cpu)), cgroup && cpuStats(cgroup.ring)?.psi),
    memory: withPressure(sumMemory(all.map(({ memory }) => memory)), cgroup && memoryStats(cgroup, undefined)?.psi),
    io: cgroup && ioStats(cgroup.ring),
    network: owner === undefined ? undefined : networkStats(owner.ring),
    'ephemeral-storage': sumFs(all.flatMap(({ rootfs, logs }) => [rootfs, logs])),
    process_stats: { process_count: processCount, threads: sum(processes, 'threads'), fileDescriptors: sum(processes, 'fileDescriptors') },
    swap: sumSwap(all.map(({ swap }) => swap)),
  }
}

/** The cgroups above pods' containers, by the pod's uid, as kubelets and the node agent name them. */
function podCgroups(store: StatsStore): Map<string, Container> {
  const found = new Map<string, Container>()
  for (const container of store.all()) {
    const { id, name } = container.description
    const uid = id === '' && container.ring.count > 0 ? /[/-]pod([0-9a-f]{8}[-_][0-9a-f_-]{27})(?:\.slice)?$/.exec(name)?.[1] : undefined
    if (uid !== undefined) found.set(uid.replaceAll('_', '-'), container)
  }
  return found
}

/** Pressure can't be summed: it is the pod's own cgroup's. */
function withPressure<T extends CpuStats | MemoryStats>(stats: T | undefined, psi: PsiStats | undefined): T | undefined {
  return stats === undefined || psi === undefined ? stats : { ...stats, psi }
}

/** While a container is made anew, the old one may still be there. */
function newestOfEachName(members: readonly Container[]): Container[] {
  const newest = new Map<string, Container>()
  for (const member of members) {
    const name = member.description.pod?.container ?? ''
    const known = newest.get(name)
    if (known === undefined || known.description.startedMs < member.description.startedMs) newest.set(name, member)
  }
  return [...newest.values()]
}

/** All pods together, which upstream shows as the system container `pods`. */
function podsTotal(pods: readonly PodStats[], nowMs: number, bootedAtMs: number): ContainerStats {
  const cpu = sumCpu(pods.map((pod) => pod.cpu)) ?? { time: timeOf(nowMs), usageNanoCores: 0, usageCoreNanoSeconds: 0 }
  const memory = sumMemory(pods.map((pod) => pod.memory)) ?? { time: timeOf(nowMs), usageBytes: 0, workingSetBytes: 0, rssBytes: 0 }
  return { name: 'pods', startTime: timeOf(bootedAtMs), cpu, memory }
}

function sumCpu(parts: readonly (CpuStats | undefined)[]): CpuStats | undefined {
  const known = parts.filter((part) => part !== undefined)
  if (known.length === 0) return undefined
  return {
    time: oldest(known),
    usageNanoCores: sum(known, 'usageNanoCores'),
    usageCoreNanoSeconds: sum(known, 'usageCoreNanoSeconds'),
  }
}

function sumMemory(parts: readonly (MemoryStats | undefined)[]): MemoryStats | undefined {
  const known = parts.filter((part) => part !== undefined)
  if (known.length === 0) return undefined
  return {
    time: oldest(known),
    // What is left has a meaning only where every container has a limit.
    availableBytes: known.every(({ availableBytes }) => availableBytes !== undefined) ? sum(known, 'availableBytes') : undefined,
    usageBytes: sum(known, 'usageBytes'),
    workingSetBytes: sum(known, 'workingSetBytes'),
    rssBytes: sum(known, 'rssBytes'),
    pageFaults: sum(known, 'pageFaults'),
    majorPageFaults: sum(known, 'majorPageFaults'),
    cacheBytes: sum(known, 'cacheBytes'),
    oomKills: sum(known, 'oomKills'),
  }
}

function sumSwap(parts: readonly (SwapStats | undefined)[]): SwapStats | undefined {
  const known = parts.filter((part) => part !== undefined)
  if (known.length === 0) return undefined
  return {
    time: oldest(known),
    // What is left has a meaning only where every container has a limit.
    swapAvailableBytes: known.every(({ swapAvailableBytes }) => swapAvailableBytes !== undefined)
      ? sum(known, 'swapAvailableBytes')
      : undefined,
    swapUsageBytes: sum(known, 'swapUsageBytes'),
  }
}

function sumFs(parts: readonly (FsStats | undefined)[]): FsStats | undefined {
  const known = parts.filter((part) => part !== undefined)
  const [first] = known
  if (first === undefined) return undefined
  return { ...first, time: oldest(known), usedBytes: sum(known, 'usedBytes'), inodesUsed: sum(known, 'inodesUsed') }
}

/** The sum of a field, absent when no part has it. */
function sum<K extends string>(parts: readonly { readonly [P in K]?: number }[], field: K): number | undefined {
  let total: number | undefined
  for (const part of parts) {
    const figure = part[field]
    if (figure !== undefined) total = (total ?? 0) + figure
  }
  return total
}

/** A total is as old as its oldest part. */
function oldest(parts: readonly { readonly time: string }[]): string {
  return parts.reduce((time, part) => (part.time < time ? part.time : time), parts[0]!.time)
}
