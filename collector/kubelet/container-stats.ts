import { oomKills } from '../stats-store.ts'
import type { Container } from '../container.ts'
import { column, fieldIndex } from '../metrics.ts'
import type { ScalarName } from '../metrics.ts'
import type { SampleRing } from '../sample-ring.ts'
import type {
  ContainerStats,
  CpuStats,
  DiskIoStats,
  FsStats,
  InterfaceStats,
  IoStats,
  MemoryStats,
  NetworkStats,
  ProcessStats,
  PsiStats,
  SwapStats,
} from '../summary.ts'
import type { FileSystem } from '../machine/file-systems.ts'

/** RFC 3339 with milliseconds. */
export function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}

/** The newest CPU figures; `undefined` before the first sample. */
export function cpuStats(ring: SampleRing): CpuStats | undefined {
  const usage = value(ring, 'cpuUsage')
  if (usage === undefined) return undefined
  const periods = value(ring, 'cfsPeriods')
  return {
    time: timeOf(ring.timestamp()),
    usageNanoCores: whole(ring.rate(column.cpuUsage)),
    usageCoreNanoSeconds: usage,
    throttling:
      periods === undefined
        ? undefined
        : {
            periods,
            throttledPeriods: value(ring, 'cfsThrottledPeriods') ?? 0,
            throttledNanoSeconds: value(ring, 'cfsThrottledTime') ?? 0,
          },
    load: whole(ring.get(column.load) * 1000),
    psi: psiStats(ring, 'cpu'),
  }
}

/** The newest memory figures. `availableBytes` is what is left up to `limitBytes`. */
export function memoryStats(container: Container, limitBytes: number | undefined): MemoryStats | undefined {
  const { ring } = container
  const usage = value(ring, 'memoryUsage')
  const workingSet = value(ring, 'memoryWorkingSet')
  if (usage === undefined && workingSet === undefined) return undefined
  return {
    time: timeOf(ring.timestamp()),
    availableBytes: limitBytes === undefined || workingSet === undefined ? undefined : Math.max(0, limitBytes - workingSet),
    usageBytes: usage,
    workingSetBytes: workingSet,
    rssBytes: value(ring, 'memoryRss'),
    pageFaults: value(ring, 'memoryPageFaultsTotal'),
    majorPageFaults: value(ring, 'memoryMajorPageFaultsTotal'),
    cacheBytes: value(ring, 'memoryCache'),
    oomKills: oomKills(container),
    psi: psiStats(ring, 'memory'),
  }
}

/** The newest swap figures. */
export function swapStats(ring: SampleRing, limitBytes?: number): SwapStats | undefined {
  const usage = value(ring, 'memorySwap')
  if (usage === undefined) return undefined
  return {
    time: timeOf(ring.timestamp()),
    swapAvailableBytes: limitBytes === undefined ? undefined : Math.max(0, limitBytes - usage),
    swapUsageBytes: usage,
  }
}

const network = {
  rxBytes: fieldIndex('network', 'rxBytes'),
  rxErrors: fieldIndex('network', 'rxErrors'),
  txBytes: fieldIndex('network', 'txBytes'),
  txErrors: fieldIndex('network', 'txErrors'),
  rxPackets: fieldIndex('network', 'rxPackets'),
  rxDropped: fieldIndex('network', 'rxDropped'),
  txPackets: fieldIndex('network', 'txPackets'),
  txDropped: fieldIndex('network', 'txDropped'),
} as const

/** The newest figures of every interface, the default one (by name, else the first) also at the top. */
export function networkStats(ring: SampleRing, defaultInterface = 'eth0'): NetworkStats | undefined {
  const interfaces = ring
    .instances('network')
    .map((instance): InterfaceStats => {
      const of = (field: number) => present(ring.instanceValue('network', instance, field))
      const figures = Object.fromEntries(Object.entries(network).map(([name, field]) => [name, of(field)]))
      return { name: instance.name, ...figures }
    })
    .filter(({ rxBytes }) => rxBytes !== undefined)
  const first = interfaces.find(({ name }) => name === defaultInterface) ?? interfaces[0]
  return first === undefined ? undefined : { time: timeOf(ring.timestamp()), ...first, interfaces }
}

const disk = {
  readBytes: fieldIndex('disk', 'readBytes'),
  writeBytes: fieldIndex('disk', 'writeBytes'),
  reads: fieldIndex('disk', 'reads'),
  writes: fieldIndex('disk', 'writes'),
}

/** Disk traffic, summed over the devices; zero for a container that has not touched a disk. */
export function diskIoStats(ring: SampleRing): DiskIoStats | undefined {
  if (ring.count === 0 || value(ring, 'cpuUsage') === undefined) return undefined
  const sum = (field: number) =>
    ring.instances('disk').reduce((total, instance) => total + (present(ring.instanceValue('disk', instance, field)) ?? 0), 0)
  return {
    time: timeOf(ring.timestamp()),
    readBytes: sum(disk.readBytes),
    writeBytes: sum(disk.writeBytes),
    reads: sum(disk.reads),
    writes: sum(disk.writes),
  }
}

/** Waiting for disks; `undefined` where the kernel does not measure it. */
export function ioStats(ring: SampleRing): IoStats | undefined {
  const psi = psiStats(ring, 'io')
  return psi === undefined ? undefined : { time: timeOf(ring.timestamp()), psi }
}

/** A file system's size, with the use that belongs to one container where that is known. */
export function fsStats(system: FileSystem, used?: { readonly atMs: number; readonly bytes: number; readonly inodes?: number }): FsStats {
  return {
    time: timeOf(used?.atMs ?? system.measuredAtMs),
    availableBytes: system.availableBytes,
    capacityBytes: system.capacityBytes,
    usedBytes: used?.bytes ?? system.usedBytes,
    inodesFree: system.inodesFree,
    inodes: system.inodes,
    inodesUsed: used === undefined ? system.inodes - system.inodesFree : used.inodes,
  }
}

/** What a container's figures depend on besides the container. */
export interface StorageFacts {
  /** File system that images and writable layers are on. */
  readonly imageFileSystem?: FileSystem
  /** Whether swap has a limit of its own (cgroup v2), instead of one together with memory. */
  readonly hasSwapAlone?: boolean
}

/** How much a container may swap; `undefined` where nothing limits it. */
function swapLimitOf({ spec }: Container, hasSwapAlone = false): number | undefined {
  const { swapLimitBytes, memoryLimitBytes } = spec
  if (swapLimitBytes === undefined || hasSwapAlone) return swapLimitBytes
  return memoryLimitBytes === undefined ? undefined : Math.max(0, swapLimitBytes - memoryLimitBytes)
}

/** A container's part of the summary under a name. */
export function containerStats(
  container: Container,
  name: string,
  { imageFileSystem: storage, hasSwapAlone }: StorageFacts,
): ContainerStats {
  const { ring, spec, description, layerMeasuredAtMs } = container
  const used = (bytes: ScalarName, inodes?: ScalarName): FsStats | undefined => {
    const usedBytes = value(ring, bytes)
    if (storage === undefined || layerMeasuredAtMs === undefined || usedBytes === undefined) return undefined
    return fsStats(storage, { atMs: layerMeasuredAtMs, bytes: usedBytes, inodes: inodes === undefined ? undefined : value(ring, inodes) })
  }
  return {
    name,
    startTime: timeOf(description.startedMs),
    cpu: cpuStats(ring),
    memory: memoryStats(container, spec.memoryLimitBytes),
    rootfs: used('fsUsage', 'fsInodes'),
    logs: used('logsUsage'),
    io: ioStats(ring),
    swap: swapStats(ring, swapLimitOf(container, hasSwapAlone)),
    diskio: diskIoStats(ring),
    process_stats: processStats(ring),
  }
}

function processStats(ring: SampleRing): ProcessStats | undefined {
  const threads = value(ring, 'processes')
  const count = value(ring, 'processCount') ?? threads
  return count === undefined ? undefined : { process_count: count, threads, fileDescriptors: value(ring, 'fileDescriptors') }
}

function psiStats(ring: SampleRing, subject: 'cpu' | 'memory' | 'io'): PsiStats | undefined {
  const line = (kind: 'Some' | 'Full') => {
    const total = value(ring, `${subject}Pressure${kind}`)
    if (total === undefined) return undefined
    return {
      total,
      avg10: value(ring, `${subject}Pressure${kind}Avg10`) ?? 0,
      avg60: value(ring, `${subject}Pressure${kind}Avg60`) ?? 0,
      avg300: value(ring, `${subject}Pressure${kind}Avg300`) ?? 0,
    }
  }
  const some = line('Some')
  return some === undefined ? undefined : { full: line('Full'), some }
}

/** A figure of the newest sample. */
export function value(ring: SampleRing, name: ScalarName): number | undefined {
  return present(ring.get(column[name]))
}

function present(number: number): number | undefined {
  return Number.isNaN(number) ? undefined : number
}

function whole(number: number): number | undefined {
  return Number.isNaN(number) ? undefined : Math.round(number)
}
