import type { Container } from '../container.ts'
import { timeOf } from '../kubelet/container-stats.ts'
import type { FileSystem } from '../machine/file-systems.ts'
import { column } from '../metrics.ts'
import type { SampleRing } from '../sample-ring.ts'
import { specV1 } from './containers-v1.ts'
import type { StatsRequest } from './containers-v1.ts'
import { hugetlbOf, socketsV2, unreadSocketsV20 } from './details.ts'
import {
  agesOf,
  cpuOf,
  diskCountersOf,
  diskOf,
  fileSystemsOf,
  hasNetwork,
  instantCpuOf,
  interfacesOf,
  memoryOf,
  processesOf,
  tasksOf,
} from './stats.ts'
import type { StatsContext } from './stats.ts'

/** cAdvisor's v2 `ContainerSpec`, which has no quota. */
export function specV2(container: Container) {
  const { aliases, namespace } = container.description
  const { cpu, ...spec } = specV1(container)
  const { quota: _quota, period: _period, ...slimCpu } = cpu
  return { ...spec, cpu: slimCpu, ...(aliases.length === 0 ? {} : { aliases }), ...(namespace === '' ? {} : { namespace }) }
}

/** The samples of v2.0, with a flag for each part. What belongs to processes is never filled in, upstream neither. */
export function statsV20(container: Container, request: StatsRequest, context: StatsContext) {
  const { ring } = container
  return agesOf(ring, request).map((ago, index) => {
    const filesystem = fileSystemsOf(container, ago, context)
    const hugetlb = hugetlbOf(container)
    return {
      timestamp: timeOf(ring.timestamp(ago)),
      has_cpu: true,
      cpu: cpuOf(ring, ago),
      ...instantCpu(ring, ago, index),
      has_diskio: true,
      diskio: diskOf(ring, ago, context),
      has_memory: true,
      memory: memoryOf(container, ago),
      has_hugetlb: hugetlb !== undefined,
      hugetlb,
      has_network: hasNetwork(container),
      network: { ...interfacesV2(container, ago), ...unreadSocketsV20 },
      has_processes: false,
      processes: { process_count: 0, fd_count: 0, socket_count: 0 },
      has_filesystem: filesystem !== undefined,
      filesystem,
      has_load: false,
      load_stats: tasksOf(ring, ago),
      has_custom_metrics: false,
      ...referencedOf(ring, ago),
      resctrl: {},
    }
  })
}

/** The samples of v2.1. The key of the inodes is misspelt upstream, and so here. */
export function statsV21(container: Container, request: StatsRequest, context: StatsContext) {
  const { ring } = container
  return agesOf(ring, request).map((ago, index) => {
    const used = ring.get(column.fsUsage, ago)
    const logs = ring.get(column.logsUsage, ago)
    return {
      timestamp: timeOf(ring.timestamp(ago)),
      cpu: cpuOf(ring, ago),
      ...instantCpu(ring, ago, index),
      diskio: diskOf(ring, ago, context),
      memory: memoryOf(container, ago),
      hugetlb: hugetlbOf(container),
      ...(hasNetwork(container) ? { network: { ...interfacesV2(container, ago), ...socketsV2(container) } } : {}),
      processes: processesOf(container, ago),
      ...(Number.isNaN(used)
        ? {}
        : {
            filesystem: {
              totalUsageBytes: used + (logs || 0),
              baseUsageBytes: used,
              containter_inode_usage: ring.get(column.fsInodes, ago) || 0,
            },
          }),
      load_stats: tasksOf(ring, ago),
      ...referencedOf(ring, ago),
      resctrl: {},
    }
  })
}

/** cAdvisor's `MachineStats`: the root's samples with the machine's file systems. Disk counters are under the literal key `inline`. */
export function machineStats(root: Container, request: StatsRequest, context: StatsContext) {
  const { ring } = root
  return agesOf(ring, request).map((ago, index) => ({
    timestamp: timeOf(ring.timestamp(ago)),
    cpu: cpuOf(ring, ago),
    ...instantCpu(ring, ago, index),
    memory: memoryOf(root, ago),
    network: { ...interfacesV2(root, ago), ...socketsV2(root) },
    filesystem: context.fileSystems.map((system) => machineFileSystem(system, context)),
    load_stats: tasksOf(ring, ago),
  }))
}

/** The first sample of an answer has none, as upstream. */
function instantCpu(ring: SampleRing, ago: number, index: number) {
  const instant = index === 0 ? undefined : instantCpuOf(ring, ago)
  return instant === undefined ? {} : { cpu_inst: instant }
}

function interfacesV2({ ring }: Container, ago: number) {
  const interfaces = interfacesOf(ring, ago)
  return interfaces.length === 0 ? {} : { interfaces }
}

function referencedOf(ring: SampleRing, ago: number) {
  const bytes = ring.get(column.referencedMemory, ago)
  return bytes > 0 ? { referenced_memory: bytes } : {}
}

const nanosecondsPerMs = 1e6

function machineFileSystem(system: FileSystem, context: StatsContext) {
  const { read_time: read, write_time: write, io_time: io, weighted_io_time: weighted, ...counts } = diskCountersOf(system.device, context)
  return {
    device: system.device,
    type: 'vfs',
    capacity: system.capacityBytes,
    usage: system.usedBytes,
    available: system.availableBytes,
    inodes_free: system.inodesFree,
    inline: {
      ...counts,
      read_duration: read * nanosecondsPerMs,
      write_duration: write * nanosecondsPerMs,
      io_duration: io * nanosecondsPerMs,
      weighted_io_duration: weighted * nanosecondsPerMs,
    },
  }
}

/** cAdvisor's v2 `FsInfo`; the file systems that `label` names: `root`, `docker-images`, or all. */
export function storageOf(systems: readonly FileSystem[], images: FileSystem | undefined) {
  return systems.map((system) => {
    const isImages = images !== undefined && system.capacityBytes === images.capacityBytes && system.inodes === images.inodes
    return {
      timestamp: timeOf(system.measuredAtMs),
      device: system.device,
      mountpoint: system.mountpoint,
      capacity: system.capacityBytes,
      available: system.availableBytes,
      usage: system.usedBytes,
      labels: orNull([...(isImages ? ['docker-images'] : []), ...(system.mountpoint === '/' ? ['root'] : [])]),
      inodes: system.inodes,
      inodes_free: system.inodesFree,
    }
  })
}

/** An empty list is `null` in Go's JSON. */
function orNull<T>(list: readonly T[]): readonly T[] | null {
  return list.length === 0 ? null : list
}
