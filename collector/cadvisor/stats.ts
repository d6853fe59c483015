import { oomKills } from '../stats-store.ts'
import type { Container } from '../container.ts'
import { column, fieldIndex } from '../metrics.ts'
import type { FieldOf, ScalarName } from '../metrics.ts'
import type { FileSystem } from '../machine/file-systems.ts'
import type { Instance, SampleRing } from '../sample-ring.ts'
import { timeOf } from '../kubelet/container-stats.ts'

/** What the shapes of samples need besides the container. */
export interface StatsContext {
  /** Path of a disk by `major:minor`. */
  readonly deviceOf: (majorMinor: string) => string
  /** The machine's file systems, shown for the root. */
  readonly fileSystems: readonly FileSystem[]
  /** The file system of writable layers. */
  readonly storage: FileSystem | undefined
}

/** cAdvisor's `CpuStats`: cumulative nanoseconds. */
export function cpuOf(ring: SampleRing, ago: number) {
  const cores = ring.instances('perCpu').map((core) => zero(ring.instanceValue('perCpu', core, 0, ago)))
  return {
    usage: {
      total: figure(ring, 'cpuUsage', ago),
      ...(cores.length === 0 ? {} : { per_cpu_usage: cores }),
      user: figure(ring, 'cpuUser', ago),
      system: figure(ring, 'cpuSystem', ago),
    },
    cfs: {
      periods: figure(ring, 'cfsPeriods', ago),
      throttled_periods: figure(ring, 'cfsThrottledPeriods', ago),
      throttled_time: figure(ring, 'cfsThrottledTime', ago),
      bursts_periods: figure(ring, 'cfsBursts', ago),
      burst_time: figure(ring, 'cfsBurstTime', ago),
    },
    schedstat: { run_time: 0, runqueue_time: 0, run_periods: 0 },
    load_average: Math.round(figure(ring, 'load', ago) * 1000),
    load_d_average: 0,
    psi: pressureOf(ring, 'cpu', ago),
  }
}

/** cAdvisor's `CpuInstStats`: nanocores since the sample before; `undefined` for the first. */
export function instantCpuOf(ring: SampleRing, ago: number) {
  const total = ring.rate(column.cpuUsage, ago)
  if (Number.isNaN(total)) return undefined
  const seconds = ring.intervalMs(ago) / 1000
  const cores = ring.instances('perCpu').map((core) => {
    const growth = ring.instanceValue('perCpu', core, 0, ago) - ring.instanceValue('perCpu', core, 0, ago + 1)
    return Math.round(zero(Math.max(0, growth) / seconds))
  })
  return {
    usage: {
      total: Math.round(total),
      ...(cores.length === 0 ? {} : { per_cpu_usage: cores }),
      user: Math.round(zero(ring.rate(column.cpuUser, ago))),
      system: Math.round(zero(ring.rate(column.cpuSystem, ago))),
    },
  }
}

/** cAdvisor's `MemoryStats`. */
export function memoryOf(ring: SampleRing, ago: number) {
  const of = (name: ScalarName) => figure(ring, name, ago)
  return {
    usage: of('memoryUsage'),
    max_usage: of('memoryMaxUsage'),
    cache: of('memoryCache'),
    rss: of('memoryRss'),
    swap: of('memorySwap'),
    mapped_file: of('memoryMappedFile'),
    working_set: of('memoryWorkingSet'),
    total_active_file: of('memoryActiveFile'),
    total_inactive_file: of('memoryInactiveFile'),
    file_dirty: of('memoryFileDirty'),
    file_writeback: of('memoryFileWriteback'),
    kernel: of('memoryKernel'),
    failcnt: of('memoryFailcnt'),
    pgscan: of('memoryPageScans'),
    pgsteal: of('memoryPageSteals'),
    workingset_refault_file: of('memoryRefaultsFile'),
    workingset_refault_anon: of('memoryRefaultsAnon'),
    events: { high: of('memoryEventsHigh'), max: of('memoryEventsMax') },
    container_data: { pgfault: of('memoryPageFaults'), pgmajfault: of('memoryMajorPageFaults'), numa_stats: {} },
    hierarchical_data: { pgfault: of('memoryPageFaultsTotal'), pgmajfault: of('memoryMajorPageFaultsTotal'), numa_stats: {} },
    psi: pressureOf(ring, 'memory', ago),
  }
}

const serviceBytes = {
  Async: 'asyncBytes',
  Discard: 'discardBytes',
  Read: 'readBytes',
  Sync: 'syncBytes',
  Total: 'totalBytes',
  Write: 'writeBytes',
} as const
const serviced = { Async: 'asyncs', Discard: 'discards', Read: 'reads', Sync: 'syncs', Total: 'total', Write: 'writes' } as const

/** cAdvisor's `DiskIoStats`; operations that the kernel doesn't tell apart are left out. */
export function diskOf(ring: SampleRing, ago: number, { deviceOf }: StatsContext) {
  const table = (fields: Readonly<Record<string, FieldOf<'disk'>>>) =>
    ring.instances('disk').map((instance) => {
      const [major = 0, minor = 0] = instance.name.split(':').map(Number)
      return { device: deviceOf(instance.name), major, minor, stats: operationsOf(ring, instance, fields, ago) }
    })
  return { io_service_bytes: table(serviceBytes), io_serviced: table(serviced), psi: pressureOf(ring, 'io', ago) }
}

const networkNames = {
  rx_bytes: 'rxBytes',
  rx_packets: 'rxPackets',
  rx_errors: 'rxErrors',
  rx_dropped: 'rxDropped',
  tx_bytes: 'txBytes',
  tx_packets: 'txPackets',
  tx_errors: 'txErrors',
  tx_dropped: 'txDropped',
} as const satisfies Record<string, FieldOf<'network'>>

/** cAdvisor's `InterfaceStats` of every interface. */
export function interfacesOf(ring: SampleRing, ago: number) {
  return ring
    .instances('network')
    .filter((instance) => !Number.isNaN(ring.instanceValue('network', instance, 0, ago)))
    .map((instance) => {
      const figures = Object.entries(networkNames).map(([name, field]) => [
        name,
        zero(ring.instanceValue('network', instance, fieldIndex('network', field), ago)),
      ])
      return { name: instance.name, ...(Object.fromEntries(figures) as Record<keyof typeof networkNames, number>) }
    })
}

/** cAdvisor's v1 `FsStats`: all file systems for the root, one for a container whose layer has been walked. */
export function fileSystemsOf(container: Container, ago: number, { fileSystems, storage }: StatsContext) {
  if (container.description.name === '/') return fileSystems.map((system) => fileSystemOf(system, system.usedBytes, 0))
  const used = container.ring.get(column.fsUsage, ago)
  if (storage === undefined || Number.isNaN(used)) return undefined
  return [fileSystemOf(storage, used + figure(container.ring, 'logsUsage', ago), used)]
}

/** cAdvisor's `ProcessStats`. */
export function processesOf({ ring, spec }: Container, ago: number) {
  return { process_count: figure(ring, 'processes', ago), fd_count: 0, socket_count: 0, threads_max: spec.processesLimit ?? 0 }
}

/** cAdvisor's v1 `ContainerStats` of one sample. */
export function containerStatsV1(container: Container, ago: number, context: StatsContext) {
  const { ring, description } = container
  const interfaces = interfacesOf(ring, ago)
  return {
    timestamp: timeOf(ring.timestamp(ago)),
    cpu: cpuOf(ring, ago),
    cpu_inst: instantCpuOf(ring, ago),
    diskio: diskOf(ring, ago, context),
    memory: memoryOf(ring, ago),
    network: { ...interfaces[0], interfaces },
    filesystem: fileSystemsOf(container, ago, context),
    task_stats: { nr_sleeping: 0, nr_running: 0, nr_stopped: 0, nr_uninterruptible: 0, nr_io_wait: 0 },
    processes: processesOf(container, ago),
    oom_events: ago === 0 ? oomKills(container) : container.oomKillsBefore + figure(ring, 'memoryOomKills', ago),
    health: { status: description.health ?? '' },
  }
}

/** The samples to show: how far back each is, oldest first. */
export function agesOf(
  ring: SampleRing,
  { count, startMs, endMs }: { readonly count: number; readonly startMs?: number; readonly endMs?: number },
): number[] {
  const ages: number[] = []
  for (let ago = 0; ago < ring.count && (count < 0 || ages.length < count); ago++) {
    const timestamp = ring.timestamp(ago)
    if (startMs !== undefined && timestamp < startMs) break
    if (endMs === undefined || timestamp <= endMs) ages.push(ago)
  }
  return ages.reverse()
}

/** A figure, 0 where it is absent, as upstream writes it. */
function figure(ring: SampleRing, name: ScalarName, ago: number): number {
  return zero(ring.get(column[name], ago))
}

function zero(value: number): number {
  return Number.isNaN(value) ? 0 : value
}

function operationsOf(
  ring: SampleRing,
  instance: Instance,
  fields: Readonly<Record<string, FieldOf<'disk'>>>,
  ago: number,
): Record<string, number> {
  const known = Object.entries(fields)
    .map(([operation, field]) => [operation, ring.instanceValue('disk', instance, fieldIndex('disk', field), ago)] as const)
    .filter(([, value]) => !Number.isNaN(value))
  return Object.fromEntries(known)
}

function pressureOf(ring: SampleRing, subject: 'cpu' | 'memory' | 'io', ago: number) {
  const line = (kind: 'Some' | 'Full') => ({
    total: figure(ring, `${subject}Pressure${kind}`, ago),
    avg10: figure(ring, `${subject}Pressure${kind}Avg10`, ago),
    avg60: figure(ring, `${subject}Pressure${kind}Avg60`, ago),
    avg300: figure(ring, `${subject}Pressure${kind}Avg300`, ago),
  })
  return { full: line('Full'), some: line('Some') }
}

function fileSystemOf(system: FileSystem, usage: number, baseUsage: number) {
  return {
    device: system.device,
    type: 'vfs',
    capacity: system.capacityBytes,
    usage,
    base_usage: baseUsage,
    available: system.availableBytes,
    has_inodes: true,
    inodes: system.inodes,
    inodes_free: system.inodesFree,
    reads_completed: 0,
    reads_merged: 0,
    sectors_read: 0,
    read_time: 0,
    writes_completed: 0,
    writes_merged: 0,
    sectors_written: 0,
    write_time: 0,
    io_in_progress: 0,
    io_time: 0,
    weighted_io_time: 0,
  }
}
