import type { Container } from '../container.ts'
import { column, fieldIndex, scalars } from '../metrics.ts'
import type { FieldOf, ScalarName } from '../metrics.ts'
import { oomKills } from '../stats-store.ts'
import { escapeLabel } from './exposition.ts'
import type { Family } from './exposition.ts'

/** A value of a family with the labels that it has beyond the container's, ready to print; empty for none. */
type Emit = (extraLabels: string, value: number) => void

/** What values need besides the container. */
export interface FamilyContext {
  readonly nowMs: number
  /** Size of the file system that writable layers are on; NaN where unknown. */
  readonly storageCapacityBytes: number
  readonly storageInodes: number
  readonly storageInodesFree: number
  /** Name of a disk by `major:minor`. */
  readonly diskName: (device: string) => string
}

/** A row: the family and where its values come from. `when` leaves a container out. */
export interface ContainerFamily extends Family {
  when?(container: Container): boolean
  values(container: Container, emit: Emit, context: FamilyContext): void
}

const nano = 1e-9
const micro = 1e-6

/** Memory limits from here on mean that there is none; upstream shows 0. */
const unlimitedFrom = 2 ** 62

const hasQuota = ({ spec }: Container) => spec.cpuQuotaUs !== undefined
const hasName = ({ description }: Container) => description.id !== ''

/** Every series of a container that `/metrics` and `/metrics/cadvisor` have, names and units as upstream. */
export const containerFamilies: readonly ContainerFamily[] = [
  {
    name: 'container_last_seen',
    help: 'When the container was last seen, seconds since the epoch',
    type: 'gauge',
    values: ({ ring }, emit) => emit('', Math.floor(ring.timestamp() / 1000)),
  },
  {
    name: 'container_health_state',
    help: 'Result of the container health check: 1 healthy, 0 starting or unhealthy, -1 none',
    type: 'gauge',
    when: hasName,
    values: ({ description: { health } }, emit) => emit('', health === undefined ? -1 : health === 'healthy' ? 1 : 0),
  },
  {
    name: 'container_start_time_seconds',
    help: 'Start time of the container, seconds since the epoch',
    type: 'gauge',
    values: ({ description }, emit) => emit('', Math.floor(description.startedMs / 1000)),
  },
  {
    name: 'container_creation_time_seconds',
    help: 'Creation time of the container, seconds since the epoch',
    type: 'gauge',
    values: ({ description }, emit) => emit('', Math.floor(description.createdMs / 1000)),
  },
  limit('container_spec_cpu_period', 'CPU period of the container', ({ spec }) => spec.cpuPeriodUs),
  limit('container_spec_cpu_quota', 'CPU quota of the container', ({ spec }) => spec.cpuQuotaUs),
  limit('container_spec_cpu_shares', 'CPU share of the container', ({ spec }) => spec.cpuShares),
  limit('container_spec_memory_limit_bytes', 'Memory limit of the container, 0 for none', ({ spec }) => bounded(spec.memoryLimitBytes)),
  limit('container_spec_memory_swap_limit_bytes', 'Memory and swap limit of the container, 0 for none', ({ spec }) =>
    bounded(spec.swapLimitBytes),
  ),
  limit('container_spec_memory_reservation_limit_bytes', 'Memory reservation of the container, 0 for none', ({ spec }) =>
    bounded(spec.memoryReservationBytes),
  ),
  scalar('container_cpu_user_seconds_total', 'counter', 'cpuUser', nano),
  scalar('container_cpu_system_seconds_total', 'counter', 'cpuSystem', nano),
  {
    name: 'container_cpu_usage_seconds_total',
    help: 'CPU time used',
    type: 'counter',
    values: ({ ring }, emit) => emit('cpu="total"', ring.get(column.cpuUsage) * nano),
  },
  { ...scalar('container_cpu_cfs_periods_total', 'counter', 'cfsPeriods', 1), when: hasQuota },
  { ...scalar('container_cpu_cfs_throttled_periods_total', 'counter', 'cfsThrottledPeriods', 1), when: hasQuota },
  { ...scalar('container_cpu_cfs_throttled_seconds_total', 'counter', 'cfsThrottledTime', nano), when: hasQuota },
  { ...scalar('container_cpu_cfs_burst_periods_total', 'counter', 'cfsBursts', 1), when: hasQuota },
  { ...scalar('container_cpu_cfs_burst_seconds_total', 'counter', 'cfsBurstTime', nano), when: hasQuota },
  scalar('container_memory_usage_bytes', 'gauge', 'memoryUsage'),
  scalar('container_memory_working_set_bytes', 'gauge', 'memoryWorkingSet'),
  scalar('container_memory_cache', 'gauge', 'memoryCache'),
  scalar('container_memory_rss', 'gauge', 'memoryRss'),
  scalar('container_memory_swap', 'gauge', 'memorySwap'),
  scalar('container_memory_mapped_file', 'gauge', 'memoryMappedFile'),
  scalar('container_memory_kernel_usage', 'gauge', 'memoryKernel'),
  scalar('container_memory_max_usage_bytes', 'gauge', 'memoryMaxUsage'),
  scalar('container_memory_total_active_file_bytes', 'gauge', 'memoryActiveFile'),
  scalar('container_memory_total_inactive_file_bytes', 'gauge', 'memoryInactiveFile'),
  scalar('container_memory_file_dirty_bytes', 'gauge', 'memoryFileDirty'),
  scalar('container_memory_file_writeback_bytes', 'gauge', 'memoryFileWriteback'),
  // Upstream's name without `_total` goes with no type that a linter takes but this.
  scalar('container_memory_failcnt', 'untyped', 'memoryFailcnt'),
  scalar('container_memory_events_high_total', 'counter', 'memoryEventsHigh'),
  scalar('container_memory_events_max_total', 'counter', 'memoryEventsMax'),
  scalar('container_memory_pgscan_total', 'counter', 'memoryPageScans'),
  scalar('container_memory_pgsteal_total', 'counter', 'memoryPageSteals'),
  scalar('container_memory_workingset_refault_file_total', 'counter', 'memoryRefaultsFile'),
  scalar('container_memory_workingset_refault_anon_total', 'counter', 'memoryRefaultsAnon'),
  {
    name: 'container_memory_failures_total',
    help: 'Page faults',
    type: 'counter',
    values: ({ ring }, emit) => {
      emit('failure_type="pgfault",scope="container"', ring.get(column.memoryPageFaults))
      emit('failure_type="pgfault",scope="hierarchy"', ring.get(column.memoryPageFaultsTotal))
      emit('failure_type="pgmajfault",scope="container"', ring.get(column.memoryMajorPageFaults))
      emit('failure_type="pgmajfault",scope="hierarchy"', ring.get(column.memoryMajorPageFaultsTotal))
    },
  },
  {
    name: 'container_oom_events_total',
    help: 'Tasks killed for want of memory, earlier runs of the same container included',
    type: 'counter',
    values: (container, emit) => emit('', oomKills(container)),
  },
  scalar('container_processes', 'gauge', 'processes'),
  limit('container_threads_max', 'Most tasks that the container may have, 0 for no limit', ({ spec, ring }) =>
    Number.isNaN(ring.get(column.processes)) ? undefined : (spec.processesLimit ?? 0),
  ),
  disk('container_fs_reads_bytes_total', 'Bytes read', 'readBytes'),
  disk('container_fs_reads_total', 'Reads completed', 'reads'),
  disk('container_fs_writes_bytes_total', 'Bytes written', 'writeBytes'),
  disk('container_fs_writes_total', 'Writes completed', 'writes'),
  {
    name: 'container_blkio_device_usage_total',
    help: 'Bytes moved to and from a device',
    type: 'counter',
    values: ({ ring }, emit, { diskName }) => {
      for (const instance of ring.instances('disk')) {
        const [major = '', minor = ''] = instance.name.split(':')
        const device = `device="${diskName(instance.name)}",major="${major}",minor="${minor}"`
        emit(`${device},operation="Read"`, ring.instanceValue('disk', instance, fieldIndex('disk', 'readBytes')))
        emit(`${device},operation="Write"`, ring.instanceValue('disk', instance, fieldIndex('disk', 'writeBytes')))
      }
    },
  },
  storage('container_fs_usage_bytes', 'Bytes used by the writable layer and the logs', ({ ring }) => {
    const logs = ring.get(column.logsUsage)
    return ring.get(column.fsUsage) + (Number.isNaN(logs) ? 0 : logs)
  }),
  storage(
    'container_fs_limit_bytes',
    'Bytes of the file system that the writable layer is on',
    (_, context) => context.storageCapacityBytes,
  ),
  // No counter in spite of upstream's name for it.
  {
    ...storage(
      'container_fs_inodes_total',
      'Inodes of the file system that the writable layer is on',
      (_, context) => context.storageInodes,
    ),
    type: 'untyped',
  },
  storage('container_fs_inodes_free', 'Free inodes of that file system', (_, context) => context.storageInodesFree),
  network('container_network_receive_bytes_total', 'Bytes received', 'rxBytes'),
  network('container_network_receive_packets_total', 'Packets received', 'rxPackets'),
  network('container_network_receive_packets_dropped_total', 'Packets dropped while receiving', 'rxDropped'),
  network('container_network_receive_errors_total', 'Errors while receiving', 'rxErrors'),
  network('container_network_transmit_bytes_total', 'Bytes sent', 'txBytes'),
  network('container_network_transmit_packets_total', 'Packets sent', 'txPackets'),
  network('container_network_transmit_packets_dropped_total', 'Packets dropped while sending', 'txDropped'),
  network('container_network_transmit_errors_total', 'Errors while sending', 'txErrors'),
  scalar('container_pressure_cpu_waiting_seconds_total', 'counter', 'cpuPressureSome', micro),
  scalar('container_pressure_cpu_stalled_seconds_total', 'counter', 'cpuPressureFull', micro),
  scalar('container_pressure_memory_waiting_seconds_total', 'counter', 'memoryPressureSome', micro),
  scalar('container_pressure_memory_stalled_seconds_total', 'counter', 'memoryPressureFull', micro),
  scalar('container_pressure_io_waiting_seconds_total', 'counter', 'ioPressureSome', micro),
  scalar('container_pressure_io_stalled_seconds_total', 'counter', 'ioPressureFull', micro),
]

/** A limit for Prometheus: no limit is 0. */
function bounded(limitBytes: number | undefined): number {
  return limitBytes === undefined || limitBytes >= unlimitedFrom ? 0 : limitBytes
}

function scalar(name: string, type: Family['type'], metric: ScalarName, factor = 1): ContainerFamily {
  return {
    name,
    type,
    help: scalars[metric].help,
    values: ({ ring }, emit) => emit('', ring.get(column[metric]) * factor),
  }
}

function limit(name: string, help: string, of: (container: Container) => number | undefined): ContainerFamily {
  return { name, help, type: 'gauge', values: (container, emit) => emit('', of(container) ?? Number.NaN) }
}

function storage(name: string, help: string, of: (container: Container, context: FamilyContext) => number): ContainerFamily {
  return {
    name,
    help,
    type: 'gauge',
    when: ({ layerMeasuredAtMs }) => layerMeasuredAtMs !== undefined,
    values: (container, emit, context) => emit('device="overlay"', of(container, context)),
  }
}

function disk(name: string, help: string, field: FieldOf<'disk'>): ContainerFamily {
  const index = fieldIndex('disk', field)
  return {
    name,
    help,
    type: 'counter',
    values: ({ ring }, emit, { diskName }) => {
      for (const instance of ring.instances('disk'))
        emit(`device="${diskName(instance.name)}"`, ring.instanceValue('disk', instance, index))
    },
  }
}

function network(name: string, help: string, field: FieldOf<'network'>): ContainerFamily {
  const index = fieldIndex('network', field)
  return {
    name,
    help,
    type: 'counter',
    values: ({ ring }, emit) => {
      for (const instance of ring.instances('network'))
        emit(`interface="${escapeLabel(instance.name)}"`, ring.instanceValue('network', instance, index))
    },
  }
}
