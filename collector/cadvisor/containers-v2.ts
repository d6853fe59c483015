import type { Container } from '../container.ts'
import { timeOf } from '../kubelet/container-stats.ts'
import type { FileSystem } from '../machine/file-systems.ts'
import { column } from '../metrics.ts'
import { specV1 } from './containers-v1.ts'
import { agesOf, cpuOf, diskOf, fileSystemsOf, instantCpuOf, interfacesOf, memoryOf, processesOf } from './stats.ts'
import type { StatsContext } from './stats.ts'

/** cAdvisor's v2 `ContainerSpec`. */
export function specV2(container: Container) {
  const { aliases, namespace } = container.description
  const { start_time: _, ...spec } = specV1(container)
  return { ...spec, aliases, namespace }
}

/** The samples of v2.0, with a flag for each part. */
export function statsV20(container: Container, count: number, context: StatsContext) {
  const { ring, description } = container
  return agesOf(ring, { count }).map((ago) => {
    const interfaces = interfacesOf(ring, ago)
    const filesystem = fileSystemsOf(container, ago, context)
    return {
      timestamp: timeOf(ring.timestamp(ago)),
      has_cpu: true,
      cpu: cpuOf(ring, ago),
      cpu_inst: instantCpuOf(ring, ago),
      has_diskio: ring.instances('disk').length > 0,
      diskio: diskOf(ring, ago, context),
      has_memory: true,
      memory: memoryOf(ring, ago),
      has_hugetlb: false,
      has_network: description.name === '/' || description.hasNetwork,
      network: { interfaces },
      has_processes: true,
      processes: processesOf(container, ago),
      has_filesystem: filesystem !== undefined,
      filesystem,
      has_load: false,
      load_stats: { nr_sleeping: 0, nr_running: 0, nr_stopped: 0, nr_uninterruptible: 0, nr_io_wait: 0 },
      has_custom_metrics: false,
    }
  })
}

/** The samples of v2.1. The key of the inodes is misspelt upstream, and so here. */
export function statsV21(container: Container, count: number, context: StatsContext) {
  const { ring } = container
  return agesOf(ring, { count }).map((ago) => {
    const used = ring.get(column.fsUsage, ago)
    const logs = ring.get(column.logsUsage, ago)
    return {
      timestamp: timeOf(ring.timestamp(ago)),
      cpu: cpuOf(ring, ago),
      cpu_inst: instantCpuOf(ring, ago),
      diskio: diskOf(ring, ago, context),
      memory: memoryOf(ring, ago),
      network: { interfaces: interfacesOf(ring, ago) },
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
    }
  })
}

/** cAdvisor's `MachineStats`: the root's samples with the machine's file systems. Disk counters are under the literal key `inline`. */
export function machineStats(root: Container, count: number, context: StatsContext) {
  const { ring } = root
  return agesOf(ring, { count }).map((ago) => ({
    timestamp: timeOf(ring.timestamp(ago)),
    cpu: cpuOf(ring, ago),
    cpu_inst: instantCpuOf(ring, ago),
    memory: memoryOf(ring, ago),
    network: { interfaces: interfacesOf(ring, ago) },
    filesystem: context.fileSystems.map(machineFileSystem),
    load_stats: { nr_sleeping: 0, nr_running: 0, nr_stopped: 0, nr_uninterruptible: 0, nr_io_wait: 0 },
  }))
}

function machineFileSystem(system: FileSystem) {
  return {
    device: system.device,
    type: 'vfs',
    capacity: system.capacityBytes,
    usage: system.usedBytes,
    available: system.availableBytes,
    inodes_free: system.inodesFree,
    inline: {},
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
      labels: [...(system.mountpoint === '/' ? ['root'] : []), ...(isImages ? ['docker-images'] : [])],
      inodes: system.inodes,
      inodes_free: system.inodesFree,
    }
  })
}
