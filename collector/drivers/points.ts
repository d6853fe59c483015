import type { Container } from '../container.ts'
import { column, fieldIndex } from '../metrics.ts'
import type { FieldOf, ScalarName } from '../metrics.ts'
import type { SampleRing } from '../sample-ring.ts'
import { oomKills } from '../stats-store.ts'
import type { ContainerSample, Point } from './driver.ts'

interface ScalarRow {
  readonly measurement: string
  readonly metric: ScalarName
  readonly tags?: Readonly<Record<string, string>>
  /** Loads are thousandths and shares are percent, as upstream has them. */
  readonly factor?: number
  readonly isFloat?: true
}

function row(measurement: string, metric: ScalarName, tags?: Readonly<Record<string, string>>): ScalarRow {
  return { measurement, metric, ...(tags === undefined ? {} : { tags }) }
}

function pressure(resource: 'cpu' | 'memory' | 'io'): ScalarRow[] {
  return [
    row('pressure_waiting', `${resource}PressureSome`, { resource }),
    row('pressure_stalled', `${resource}PressureFull`, { resource }),
    { ...row('pressure_waiting_avg10', `${resource}PressureSomeAvg10`, { resource }), isFloat: true },
    { ...row('pressure_stalled_avg10', `${resource}PressureFullAvg10`, { resource }), isFloat: true },
  ]
}

/** cAdvisor's measurements, and behind them what its drivers lack: throttling, pressure, tasks. Times in nanoseconds, pressure in microseconds. */
const scalarRows: readonly ScalarRow[] = [
  row('cpu_usage_total', 'cpuUsage'),
  row('cpu_usage_system', 'cpuSystem'),
  row('cpu_usage_user', 'cpuUser'),
  { ...row('load_average', 'cpuLoadAverage'), factor: 1000 },
  row('memory_usage', 'memoryUsage'),
  row('memory_max_usage', 'memoryMaxUsage'),
  row('memory_cache', 'memoryCache'),
  row('memory_rss', 'memoryRss'),
  row('memory_swap', 'memorySwap'),
  row('memory_mapped_file', 'memoryMappedFile'),
  row('memory_working_set', 'memoryWorkingSet'),
  row('memory_total_active_file', 'memoryActiveFile'),
  row('memory_total_inactive_file', 'memoryInactiveFile'),
  row('memory_failcnt', 'memoryFailcnt'),
  row('memory_failure', 'memoryPageFaults', { failure_type: 'pgfault', scope: 'container' }),
  row('memory_failure', 'memoryPageFaultsTotal', { failure_type: 'pgfault', scope: 'hierarchical' }),
  row('memory_failure', 'memoryMajorPageFaults', { failure_type: 'pgmajfault', scope: 'container' }),
  row('memory_failure', 'memoryMajorPageFaultsTotal', { failure_type: 'pgmajfault', scope: 'hierarchical' }),
  row('referenced_memory', 'referencedMemory'),
  row('cpu_cfs_periods', 'cfsPeriods'),
  row('cpu_cfs_throttled_periods', 'cfsThrottledPeriods'),
  row('cpu_cfs_throttled_time', 'cfsThrottledTime'),
  row('tasks', 'processes'),
  ...pressure('cpu'),
  ...pressure('memory'),
  ...pressure('io'),
]

const networkRows = (
  [
    ['rx_bytes', 'rxBytes'],
    ['rx_packets', 'rxPackets'],
    ['rx_errors', 'rxErrors'],
    ['rx_dropped', 'rxDropped'],
    ['tx_bytes', 'txBytes'],
    ['tx_packets', 'txPackets'],
    ['tx_errors', 'txErrors'],
    ['tx_dropped', 'txDropped'],
  ] as const satisfies readonly (readonly [string, FieldOf<'network'>])[]
).map(([measurement, field]) => ({ measurement, field: fieldIndex('network', field) }))

const diskRows = (
  [
    ['disk_read_bytes', 'readBytes'],
    ['disk_write_bytes', 'writeBytes'],
    ['disk_reads', 'reads'],
    ['disk_writes', 'writes'],
  ] as const satisfies readonly (readonly [string, FieldOf<'disk'>])[]
).map(([measurement, field]) => ({ measurement, field: fieldIndex('disk', field) }))

const coreUsage = fieldIndex('perCpu', 'usage')

/** What sinks are told about a machine besides its containers. */
export interface PointContext {
  readonly machine: string
  /** Size of the file system that writable layers are on; NaN where unknown. */
  readonly storageCapacityBytes: number
}

/**
 * The samples of a container that are newer than `afterMs`, oldest first. Tags are a fixed set, whatever labels containers carry: every value of
 * a tag makes a series of its own in most sinks.
 */
export function samplesOf(container: Container, afterMs: number, context: PointContext): ContainerSample[] {
  const { ring, description } = container
  const { name, aliases, id, pod } = description
  const containerName = id === '' ? name : (aliases[0] ?? name)
  const tags = {
    machine: context.machine,
    container_name: containerName,
    ...(pod === undefined ? {} : { pod_name: pod.name, namespace: pod.namespace, pod_container: pod.container }),
  }
  const samples: ContainerSample[] = []
  for (let ago = 0; ago < ring.count && ring.timestamp(ago) > afterMs; ago++) {
    samples.unshift({ timestampMs: ring.timestamp(ago), containerName, id: name, tags, points: pointsOf(container, ago, context) })
  }
  return samples
}

function pointsOf(container: Container, ago: number, { storageCapacityBytes }: PointContext): Point[] {
  const { ring } = container
  const points: Point[] = []
  const add = (measurement: string, value: number, tags?: Readonly<Record<string, string>>, isFloat?: true) => {
    if (Number.isNaN(value)) return
    points.push({
      measurement,
      value: isFloat === true ? value : Math.round(value),
      isInteger: isFloat !== true,
      ...(tags === undefined ? {} : { tags }),
    })
  }
  for (const { measurement, metric, tags, factor = 1, isFloat } of scalarRows)
    add(measurement, ring.get(column[metric], ago) * factor, tags, isFloat)
  addInstances(ring, ago, add)
  const layer = ring.get(column.fsUsage, ago)
  if (!Number.isNaN(layer)) {
    const tags = { device: 'overlay', type: 'vfs' }
    add('fs_usage', layer + (ring.get(column.logsUsage, ago) || 0), tags)
    add('fs_limit', storageCapacityBytes, tags)
  }
  if (ago === 0) add('oom_events', oomKills(container))
  return points
}

function addInstances(
  ring: SampleRing,
  ago: number,
  add: (measurement: string, value: number, tags: Readonly<Record<string, string>>) => void,
): void {
  for (const instance of ring.instances('perCpu')) {
    add('cpu_usage_per_cpu', ring.instanceValue('perCpu', instance, coreUsage, ago), { instance: instance.name })
  }
  for (const instance of ring.instances('network')) {
    const tags = { interface: instance.name }
    for (const { measurement, field } of networkRows) add(measurement, ring.instanceValue('network', instance, field, ago), tags)
  }
  for (const instance of ring.instances('disk')) {
    const tags = { device: instance.name }
    for (const { measurement, field } of diskRows) add(measurement, ring.instanceValue('disk', instance, field, ago), tags)
  }
}
