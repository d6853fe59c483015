import { oomKills } from '../stats-store.ts'
import type { Container } from '../container.ts'
import { column, fieldIndex } from '../metrics.ts'
import type { FieldOf, ScalarName } from '../metrics.ts'
import type { FileSystem } from '../machine/file-systems.ts'
import type { Instance, SampleRing } from '../sample-ring.ts'
import { timeOf } from '../kubelet/container-stats.ts'
import type { StatsRequest } from './containers-v1.ts'
import { hugetlbOf, numaOf, socketsOf, ulimitsOf } from './details.ts'

/** What the shapes of samples need besides the container. */
export interface StatsContext {
  /** Path of a disk by `major:minor`. */
  readonly deviceOf: (majorMinor: string) => string
  /** The machine's file systems, shown for the root. */
  readonly fileSystems: readonly FileSystem[]
  /** The file system of writable layers. */
  readonly storage: FileSystem | undefined
  /** The root's samples, which have the counters of disks. */
  readonly root: SampleRing | undefined
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
    schedstat: {
      run_time: figure(ring, 'schedRunTime', ago),
      runqueue_time: figure(ring, 'schedRunqueueTime', ago),
      run_periods: figure(ring, 'schedRunPeriods', ago),
    },
    load_average: Math.round((ring.get(column.cpuLoadAverage, ago) || figure(ring, 'load', ago)) * 1000),
    load_d_average: Math.round(figure(ring, 'cpuLoadDAverage', ago) * 1000),
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
export function memoryOf(container: Container, ago: number) {
  const { ring } = container
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
    container_data: {
      pgfault: of('memoryPageFaults'),
      pgmajfault: of('memoryMajorPageFaults'),
      numa_stats: numaOf(container, 'container'),
    },
    hierarchical_data: {
      pgfault: of('memoryPageFaultsTotal'),
      pgmajfault: of('memoryMajorPageFaultsTotal'),
      numa_stats: numaOf(container, 'hierarchical'),
    },
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

const cost = { io_cost_usage: 'usage', io_cost_wait: 'wait', io_cost_indebt: 'indebt', io_cost_indelay: 'indelay' } as const

/** cAdvisor's `DiskIoStats`; operations that the kernel doesn't tell apart, and tables without any disk, are left out. */
export function diskOf(ring: SampleRing, ago: number, { deviceOf }: StatsContext) {
  const placeOf = (instance: Instance) => {
    const [major = 0, minor = 0] = instance.name.split(':').map(Number)
    return { device: deviceOf(instance.name), major, minor }
  }
  const table = (fields: Readonly<Record<string, FieldOf<'disk'>>>) =>
    ring.instances('disk').map((instance) => ({ ...placeOf(instance), stats: operationsOf(ring, instance, fields, ago) }))
  const costs = Object.entries(cost).map(([name, field]) => [
    name,
    ring.instances('diskCost').map((instance) => ({
      ...placeOf(instance),
      stats: { Count: zero(ring.instanceValue('diskCost', instance, fieldIndex('diskCost', field), ago)) },
    })),
  ])
  return {
    ...(ring.instances('disk').length === 0 ? {} : { io_service_bytes: table(serviceBytes), io_serviced: table(serviced) }),
    ...(ring.instances('diskCost').length === 0 ? {} : Object.fromEntries(costs)),
    psi: pressureOf(ring, 'io', ago),
  }
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

/** What upstream writes where there is no interface. */
const noInterface = {
  name: '',
  rx_bytes: 0,
  rx_packets: 0,
  rx_errors: 0,
  rx_dropped: 0,
  tx_bytes: 0,
  tx_packets: 0,
  tx_errors: 0,
  tx_dropped: 0,
}

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

/** cAdvisor's v1 `FsStats`: all file systems for the root, one for a container whose layer has been measured. */
export function fileSystemsOf(container: Container, ago: number, context: StatsContext) {
  const { fileSystems, storage } = context
  if (container.description.name === '/') {
    return fileSystems.map((system) => ({
      device: system.device,
      type: 'vfs',
      capacity: system.capacityBytes,
      usage: system.usedBytes,
      base_usage: 0,
      available: system.availableBytes,
      has_inodes: true,
      inodes: system.inodes,
      inodes_free: system.inodesFree,
      ...diskCountersOf(system.device, context),
    }))
  }
  const used = container.ring.get(column.fsUsage, ago)
  if (storage === undefined || Number.isNaN(used)) return undefined
  return [
    {
      device: storage.device,
      type: 'vfs',
      capacity: storage.capacityBytes,
      usage: used + figure(container.ring, 'logsUsage', ago),
      base_usage: used,
      available: 0,
      has_inodes: false,
      inodes: figure(container.ring, 'fsInodes', ago),
      inodes_free: 0,
      ...diskCountersOf(storage.device, context),
    },
  ]
}

/** Counters of the disk that a file system is on, from the root's newest sample; zeros where it is on none. */
export function diskCountersOf(device: string, { root, deviceOf }: StatsContext) {
  const find = (group: 'disk' | 'diskTimes') => root?.instances(group).find(({ name }) => deviceOf(name) === device)
  const [disk, times] = [find('disk'), find('diskTimes')]
  const count = (field: FieldOf<'disk'>) => (disk === undefined ? 0 : zero(root!.instanceValue('disk', disk, fieldIndex('disk', field))))
  const time = (field: FieldOf<'diskTimes'>) =>
    times === undefined ? 0 : zero(root!.instanceValue('diskTimes', times, fieldIndex('diskTimes', field)))
  return {
    reads_completed: count('reads'),
    reads_merged: time('readsMerged'),
    sectors_read: time('readSectors'),
    read_time: time('readTime'),
    writes_completed: count('writes'),
    writes_merged: time('writesMerged'),
    sectors_written: time('writtenSectors'),
    write_time: time('writeTime'),
    io_in_progress: time('inProgress'),
    io_time: time('ioTime'),
    weighted_io_time: time('weightedIoTime'),
  }
}

/** cAdvisor's `ProcessStats`. */
export function processesOf(container: Container, ago: number) {
  const { ring, spec } = container
  const threads = figure(ring, 'processes', ago)
  const ulimits = ulimitsOf(container)
  return {
    process_count: figure(ring, 'processCount', ago),
    fd_count: figure(ring, 'fileDescriptors', ago),
    socket_count: figure(ring, 'sockets', ago),
    ...(threads === 0 ? {} : { threads_current: threads }),
    ...(spec.processesLimit === undefined ? {} : { threads_max: spec.processesLimit }),
    ...(ulimits === undefined ? {} : { ulimits }),
  }
}

/** cAdvisor's `LoadStats`. */
export function tasksOf(ring: SampleRing, ago: number) {
  return {
    nr_sleeping: figure(ring, 'tasksSleeping', ago),
    nr_running: figure(ring, 'tasksRunning', ago),
    nr_stopped: figure(ring, 'tasksStopped', ago),
    nr_uninterruptible: figure(ring, 'tasksUninterruptible', ago),
    nr_io_wait: figure(ring, 'tasksIoWait', ago),
  }
}

/** Whether a container has a network of its own to be told of; the root has the machine's. */
export function hasNetwork({ description }: Container): boolean {
  return description.name === '/' || description.hasNetwork
}

/** cAdvisor's v1 `ContainerStats` of one sample. */
export function containerStatsV1(container: Container, ago: number, context: StatsContext) {
  const { ring, description, details } = container
  const interfaces = interfacesOf(ring, ago)
  const ooms = ago === 0 ? oomKills(container) : container.oomKillsBefore + figure(ring, 'memoryOomKills', ago)
  const referenced = figure(ring, 'referencedMemory', ago)
  return {
    timestamp: timeOf(ring.timestamp(ago)),
    cpu: cpuOf(ring, ago),
    diskio: diskOf(ring, ago, context),
    memory: memoryOf(container, ago),
    hugetlb: hugetlbOf(container),
    ...(hasNetwork(container)
      ? { network: { ...noInterface, ...interfaces[0], ...(interfaces.length === 0 ? {} : { interfaces }), ...socketsOf(container) } }
      : {}),
    filesystem: fileSystemsOf(container, ago, context),
    task_stats: tasksOf(ring, ago),
    processes: processesOf(container, ago),
    ...(referenced === 0 ? {} : { referenced_memory: referenced }),
    resctrl: {},
    cpuset: { memory_migrate: details.memoryMigrate ?? 0 },
    ...(ooms === 0 ? {} : { oom_events: ooms }),
    health: { status: description.health ?? '' },
  }
}

/** The samples to show: how far back each is, oldest first. */
export function agesOf(ring: SampleRing, { count, startMs, endMs, stepMs = 0 }: StatsRequest): number[] {
  const ages: number[] = []
  let next = Number.POSITIVE_INFINITY
  for (let ago = 0; ago < ring.count && (count < 0 || ages.length < count); ago++) {
    const timestamp = ring.timestamp(ago)
    if (startMs !== undefined && timestamp < startMs) break
    if (timestamp > Math.min(next, endMs ?? timestamp)) continue
    ages.push(ago)
    // Samples come a little early or late.
    next = timestamp - stepMs * 0.95
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
