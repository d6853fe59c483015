import type { Container } from '../container.ts'
import type { FileSystem } from '../machine/file-systems.ts'
import { column, fieldIndex } from '../metrics.ts'
import { oomKills } from '../stats-store.ts'
import { detailFamilies } from './detail-families.ts'
import { fact, labelled, perInstance, scalar } from './family.ts'
import type { ContainerFamily } from './family.ts'
import { renderLabels } from './labels.ts'

/** Memory limits from here on mean that there is none; upstream shows 0. */
const unlimitedFrom = 2 ** 62

const hasQuota = ({ spec }: Container) => spec.cpuQuotaUs !== undefined
const hasName = ({ description }: Container) => description.id !== ''

const totalCpu = renderLabels({ cpu: 'total' })
const layerDevice = renderLabels({ device: 'overlay' })

/** Every series of a container that `/metrics` and `/metrics/cadvisor` have, names and units as upstream. */
export const containerFamilies: readonly ContainerFamily[] = [
  {
    name: 'container_last_seen',
    help: 'When the container was last seen, seconds since the epoch',
    type: 'gauge',
    values: ({ ring }, emit) => emit(undefined, Math.floor(ring.timestamp() / 1000)),
  },
  {
    ...fact('container_health_state', 'Result of the container health check: 1 healthy, 0 starting or unhealthy, -1 none', (container) => {
      const { health } = container.description
      return health === undefined ? -1 : health === 'healthy' ? 1 : 0
    }),
    when: hasName,
  },
  fact('container_start_time_seconds', 'Start time of the container, seconds since the epoch', ({ description }) =>
    Math.floor(description.startedMs / 1000),
  ),
  fact('container_creation_time_seconds', 'Creation time of the container, seconds since the epoch', ({ description }) =>
    Math.floor(description.createdMs / 1000),
  ),
  fact('container_spec_cpu_period', 'CPU period of the container', ({ spec }) => spec.cpuPeriodUs),
  fact('container_spec_cpu_quota', 'CPU quota of the container', ({ spec }) => spec.cpuQuotaUs),
  fact('container_spec_cpu_shares', 'CPU share of the container', ({ spec }) => spec.cpuShares),
  fact('container_spec_memory_limit_bytes', 'Memory limit of the container, 0 for none', ({ spec }) => bounded(spec.memoryLimitBytes)),
  fact('container_spec_memory_swap_limit_bytes', 'Memory and swap limit of the container; absent for none', ({ spec }) =>
    known(spec.swapLimitBytes),
  ),
  fact('container_spec_memory_reservation_limit_bytes', 'Memory reservation of the container; absent for none', ({ spec }) =>
    known(spec.memoryReservationBytes),
  ),
  scalar('cpu', 'counter', 'container_cpu_user_seconds_total', 'cpuUser'),
  scalar('cpu', 'counter', 'container_cpu_system_seconds_total', 'cpuSystem'),
  {
    name: 'container_cpu_usage_seconds_total',
    help: 'CPU time used',
    type: 'counter',
    subject: 'cpu',
    // As upstream: where each core has a series there is no total beside them, so that a sum over all is right.
    values: ({ ring }, emit, { instanceLabels, hasCores }) => {
      const cores = hasCores ? ring.instances('perCpu') : []
      if (cores.length === 0) emit(totalCpu, ring.get(column.cpuUsage), 9)
      for (const core of cores) emit(instanceLabels.of('perCpu', core), ring.instanceValue('perCpu', core, coreUsage), 9)
    },
  },
  { ...scalar('cpu', 'counter', 'container_cpu_cfs_periods_total', 'cfsPeriods'), when: hasQuota },
  { ...scalar('cpu', 'counter', 'container_cpu_cfs_throttled_periods_total', 'cfsThrottledPeriods'), when: hasQuota },
  { ...scalar('cpu', 'counter', 'container_cpu_cfs_throttled_seconds_total', 'cfsThrottledTime'), when: hasQuota },
  { ...scalar('cpu', 'counter', 'container_cpu_cfs_burst_periods_total', 'cfsBursts'), when: hasQuota },
  { ...scalar('cpu', 'counter', 'container_cpu_cfs_burst_seconds_total', 'cfsBurstTime'), when: hasQuota },
  scalar('sched', 'counter', 'container_cpu_schedstat_run_seconds_total', 'schedRunTime'),
  scalar('sched', 'counter', 'container_cpu_schedstat_runqueue_seconds_total', 'schedRunqueueTime'),
  scalar('sched', 'counter', 'container_cpu_schedstat_run_periods_total', 'schedRunPeriods'),
  load('container_cpu_load_average_10s', 'Runnable tasks, smoothed over 10 s, thousandths', column.cpuLoadAverage),
  // To a linter the `d` is an abbreviation of days; container_tasks_state has the figure too.
  {
    ...load('container_cpu_load_d_average_10s', 'Tasks in uninterruptible sleep, smoothed over 10 s, thousandths', column.cpuLoadDAverage),
    isKubeletOnly: true,
  },
  labelled({ name: 'container_tasks_state', help: 'Tasks by state', type: 'gauge', subject: 'cpuLoad' }, [
    [{ state: 'sleeping' }, 'tasksSleeping'],
    [{ state: 'running' }, 'tasksRunning'],
    [{ state: 'stopped' }, 'tasksStopped'],
    [{ state: 'uninterruptible' }, 'tasksUninterruptible'],
    [{ state: 'iowaiting' }, 'tasksIoWait'],
  ]),
  scalar('memory', 'gauge', 'container_memory_usage_bytes', 'memoryUsage'),
  scalar('memory', 'gauge', 'container_memory_working_set_bytes', 'memoryWorkingSet'),
  scalar('memory', 'gauge', 'container_memory_cache', 'memoryCache'),
  scalar('memory', 'gauge', 'container_memory_rss', 'memoryRss'),
  scalar('memory', 'gauge', 'container_memory_swap', 'memorySwap'),
  scalar('memory', 'gauge', 'container_memory_mapped_file', 'memoryMappedFile'),
  scalar('memory', 'gauge', 'container_memory_kernel_usage', 'memoryKernel'),
  scalar('memory', 'gauge', 'container_memory_max_usage_bytes', 'memoryMaxUsage'),
  scalar('memory', 'gauge', 'container_memory_total_active_file_bytes', 'memoryActiveFile'),
  scalar('memory', 'gauge', 'container_memory_total_inactive_file_bytes', 'memoryInactiveFile'),
  scalar('memory', 'gauge', 'container_memory_file_dirty_bytes', 'memoryFileDirty'),
  scalar('memory', 'gauge', 'container_memory_file_writeback_bytes', 'memoryFileWriteback'),
  // Upstream's name without `_total` goes with no type that a linter takes but this.
  scalar('memory', 'untyped', 'container_memory_failcnt', 'memoryFailcnt'),
  scalar('memory', 'counter', 'container_memory_events_high_total', 'memoryEventsHigh'),
  scalar('memory', 'counter', 'container_memory_events_max_total', 'memoryEventsMax'),
  scalar('memory', 'counter', 'container_memory_pgscan_total', 'memoryPageScans'),
  scalar('memory', 'counter', 'container_memory_pgsteal_total', 'memoryPageSteals'),
  scalar('memory', 'counter', 'container_memory_workingset_refault_file_total', 'memoryRefaultsFile'),
  scalar('memory', 'counter', 'container_memory_workingset_refault_anon_total', 'memoryRefaultsAnon'),
  labelled({ name: 'container_memory_failures_total', help: 'Page faults', type: 'counter', subject: 'memory' }, [
    [{ failure_type: 'pgfault', scope: 'container' }, 'memoryPageFaults'],
    [{ failure_type: 'pgfault', scope: 'hierarchy' }, 'memoryPageFaultsTotal'],
    [{ failure_type: 'pgmajfault', scope: 'container' }, 'memoryMajorPageFaults'],
    [{ failure_type: 'pgmajfault', scope: 'hierarchy' }, 'memoryMajorPageFaultsTotal'],
  ]),
  {
    name: 'container_oom_events_total',
    help: 'Tasks killed for want of memory, earlier runs of the same container included',
    type: 'counter',
    subject: 'oom_event',
    values: (container, emit) => emit(undefined, oomKills(container)),
  },
  scalar('process', 'gauge', 'container_processes', 'processCount'),
  scalar('process', 'gauge', 'container_file_descriptors', 'fileDescriptors'),
  scalar('process', 'gauge', 'container_sockets', 'sockets'),
  scalar('process', 'gauge', 'container_threads', 'processes'),
  {
    ...fact('container_threads_max', 'Most tasks that the container may have, 0 for no limit', ({ spec, ring }) =>
      Number.isNaN(ring.get(column.processes)) ? undefined : (spec.processesLimit ?? 0),
    ),
    subject: 'process',
  },
  disk('container_fs_reads_bytes_total', 'Bytes read', 'readBytes'),
  disk('container_fs_reads_total', 'Reads completed', 'reads'),
  disk('container_fs_writes_bytes_total', 'Bytes written', 'writeBytes'),
  disk('container_fs_writes_total', 'Writes completed', 'writes'),
  diskTime('container_fs_sector_reads_total', 'Sectors read', 'readSectors'),
  diskTime('container_fs_reads_merged_total', 'Reads merged', 'readsMerged'),
  diskTime('container_fs_read_seconds_total', 'Time spent reading', 'readTime', 3),
  diskTime('container_fs_sector_writes_total', 'Sectors written', 'writtenSectors'),
  diskTime('container_fs_writes_merged_total', 'Writes merged', 'writesMerged'),
  diskTime('container_fs_write_seconds_total', 'Time spent writing', 'writeTime', 3),
  { ...diskTime('container_fs_io_current', 'Requests in flight', 'inProgress'), type: 'gauge' },
  diskTime('container_fs_io_time_seconds_total', 'Time in which requests were in flight', 'ioTime', 3),
  diskTime('container_fs_io_time_weighted_seconds_total', 'The same, times their number', 'weightedIoTime', 3),
  diskCost('container_fs_io_cost_usage_seconds_total', 'Device time used, by the cost model', 'usage'),
  diskCost('container_fs_io_cost_wait_seconds_total', 'Time for which requests were held back', 'wait'),
  diskCost('container_fs_io_cost_indebt_seconds_total', 'Time in debt to the cost model', 'indebt'),
  diskCost('container_fs_io_cost_indelay_seconds_total', 'Time delayed because of such a debt', 'indelay'),
  {
    name: 'container_blkio_device_usage_total',
    help: 'Bytes moved to and from a device',
    type: 'counter',
    subject: 'diskIO',
    values: ({ ring }, emit, { instanceLabels }) => {
      for (const instance of ring.instances('disk')) {
        emit(instanceLabels.ofBlockDevice(instance, 'Read'), ring.instanceValue('disk', instance, readBytes))
        emit(instanceLabels.ofBlockDevice(instance, 'Write'), ring.instanceValue('disk', instance, writeBytes))
      }
    },
  },
  {
    ...storage(
      'container_fs_usage_bytes',
      'Bytes used by writable layer and logs; for the machine, by device',
      ({ usedBytes }) => usedBytes,
    ),
    values: (container, emit, { fileSystems }) => {
      if (isMachine(container)) for (const { labels, system } of fileSystems) emit(labels, system.usedBytes)
      else emit(layerDevice, layerBytes(container))
    },
  },
  {
    ...storage('container_fs_limit_bytes', 'Size of that file system', ({ capacityBytes }) => capacityBytes),
    values: (container, emit, { fileSystems, storageCapacityBytes }) => {
      if (isMachine(container)) for (const { labels, system } of fileSystems) emit(labels, system.capacityBytes)
      else emit(layerDevice, container.layerMeasuredAtMs === undefined ? Number.NaN : storageCapacityBytes)
    },
  },
  // No counter in spite of upstream's name for it.
  { ...storage('container_fs_inodes_total', "Inodes of the machine's file systems", ({ inodes }) => inodes), type: 'untyped' },
  storage('container_fs_inodes_free', 'Free ones of those', ({ inodesFree }) => inodesFree),
  network('container_network_receive_bytes_total', 'Bytes received', 'rxBytes'),
  network('container_network_receive_packets_total', 'Packets received', 'rxPackets'),
  network('container_network_receive_packets_dropped_total', 'Packets dropped while receiving', 'rxDropped'),
  network('container_network_receive_errors_total', 'Errors while receiving', 'rxErrors'),
  network('container_network_transmit_bytes_total', 'Bytes sent', 'txBytes'),
  network('container_network_transmit_packets_total', 'Packets sent', 'txPackets'),
  network('container_network_transmit_packets_dropped_total', 'Packets dropped while sending', 'txDropped'),
  network('container_network_transmit_errors_total', 'Errors while sending', 'txErrors'),
  scalar('pressure', 'counter', 'container_pressure_cpu_waiting_seconds_total', 'cpuPressureSome'),
  scalar('pressure', 'counter', 'container_pressure_cpu_stalled_seconds_total', 'cpuPressureFull'),
  scalar('pressure', 'counter', 'container_pressure_memory_waiting_seconds_total', 'memoryPressureSome'),
  scalar('pressure', 'counter', 'container_pressure_memory_stalled_seconds_total', 'memoryPressureFull'),
  scalar('pressure', 'counter', 'container_pressure_io_waiting_seconds_total', 'ioPressureSome'),
  scalar('pressure', 'counter', 'container_pressure_io_stalled_seconds_total', 'ioPressureFull'),
  ...detailFamilies,
]

const coreUsage = fieldIndex('perCpu', 'usage')
const readBytes = fieldIndex('disk', 'readBytes')
const writeBytes = fieldIndex('disk', 'writeBytes')

/** A limit for Prometheus: no limit is 0. */
function bounded(limitBytes: number | undefined): number {
  return limitBytes === undefined || limitBytes >= unlimitedFrom ? 0 : limitBytes
}

/** A limit that is there. */
function known(limitBytes: number | undefined): number | undefined {
  return bounded(limitBytes) === 0 ? undefined : limitBytes
}

/** Loads are thousandths upstream, whatever their names say. */
function load(name: string, help: string, index: number): ContainerFamily {
  return { name, help, type: 'gauge', subject: 'cpuLoad', values: ({ ring }, emit) => emit(undefined, Math.round(ring.get(index) * 1000)) }
}

const isMachine = ({ description }: Container) => description.name === '/'

/** What a container has written: its layer and its logs, by the last walk. */
function layerBytes({ ring, layerMeasuredAtMs }: Container): number {
  const logs = ring.get(column.logsUsage)
  return layerMeasuredAtMs === undefined ? Number.NaN : ring.get(column.fsUsage) + (Number.isNaN(logs) ? 0 : logs)
}

/** A figure of each of the machine's file systems. Containers have none of their own: theirs is the one that writable layers are on. */
function storage(name: string, help: string, of: (system: FileSystem) => number): ContainerFamily {
  return {
    name,
    help,
    type: 'gauge',
    subject: 'disk',
    values: (container, emit, { fileSystems }) => {
      if (!isMachine(container)) return
      for (const { labels, system } of fileSystems) emit(labels, of(system))
    },
  }
}

type DiskField = 'readBytes' | 'reads' | 'writeBytes' | 'writes'

function disk(name: string, help: string, field: DiskField): ContainerFamily {
  return perInstance({ name, help, type: 'counter', subject: 'diskIO' }, 'disk', field)
}

function diskTime(name: string, help: string, field: Parameters<typeof fieldIndex<'diskTimes'>>[1], decimals = 0): ContainerFamily {
  return perInstance({ name, help, type: 'counter', subject: 'diskIO' }, 'diskTimes', field, decimals)
}

function diskCost(name: string, help: string, field: Parameters<typeof fieldIndex<'diskCost'>>[1]): ContainerFamily {
  return perInstance({ name, help, type: 'counter', subject: 'diskIO' }, 'diskCost', field, 6)
}

function network(name: string, help: string, field: Parameters<typeof fieldIndex<'network'>>[1]): ContainerFamily {
  return perInstance({ name, help, type: 'counter', subject: 'network' }, 'network', field)
}
