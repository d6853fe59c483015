import type { Container } from './container.ts'
import { column, fieldIndex } from './metrics.ts'
import type { FieldOf, ScalarName } from './metrics.ts'
import type { SampleRing } from './sample-ring.ts'
import { oomKills } from './stats-store.ts'

/** A figure that is ready to be shown: its unit, what it says, and how it comes out of the samples. */
export interface FigureDefinition {
  readonly unit: 'cores' | 'percent' | 'bytes' | 'bytes per second' | 'per second' | 'count' | 'tasks'
  readonly help: string
  /**
   * Over the span that ends `ago` samples back and began `back` samples before; a gauge has its value at the end of the span.
   * NaN where it can't be known. Makes no object: it runs for every figure of every sample.
   */
  readonly of: (container: Container, ago: number, back: number) => number
}

const nano = 1e-9
const percent = 100

/**
 * Every ready-made figure, defined once: JSON, pages, histories, percentiles and Prometheus all read this table. Rates are growth by the
 * monotonic clock and never cross a counter's reset.
 */
export const figures = {
  cpu_usage_cores: { unit: 'cores', help: 'CPU in use', of: growthOf('cpuUsage', nano) },
  cpu_user_cores: { unit: 'cores', help: 'CPU in use in user mode', of: growthOf('cpuUser', nano) },
  cpu_system_cores: { unit: 'cores', help: 'CPU in use in the kernel', of: growthOf('cpuSystem', nano) },
  cpu_limit_percent: { unit: 'percent', help: 'CPU in use as a share of the nearest limit; the machine has one too', of: cpuOfLimit },
  cpu_throttled_percent: { unit: 'percent', help: 'Quota periods in which tasks were held back', of: throttled },
  cpu_pressure_some_percent: {
    unit: 'percent',
    help: 'Time in which some task waited for CPU, last 10 s',
    of: gaugeOf('cpuPressureSomeAvg10'),
  },
  cpu_pressure_full_percent: {
    unit: 'percent',
    help: 'Time in which all tasks waited for CPU, last 10 s',
    of: gaugeOf('cpuPressureFullAvg10'),
  },
  cpu_load: { unit: 'tasks', help: 'Runnable tasks, smoothed; of the machine its load average of a minute', of: loadOf },
  memory_usage_bytes: { unit: 'bytes', help: 'Memory in use, all caches included', of: gaugeOf('memoryUsage') },
  memory_working_set_bytes: { unit: 'bytes', help: 'Usage without inactive file pages', of: gaugeOf('memoryWorkingSet') },
  memory_rss_bytes: { unit: 'bytes', help: 'Anonymous memory', of: gaugeOf('memoryRss') },
  memory_cache_bytes: { unit: 'bytes', help: 'File pages', of: gaugeOf('memoryCache') },
  memory_swap_bytes: { unit: 'bytes', help: 'Swap in use', of: gaugeOf('memorySwap') },
  memory_limit_percent: {
    unit: 'percent',
    help: 'Working set as a share of the nearest limit; the machine has one too',
    of: memoryOfLimit,
  },
  memory_major_faults_per_second: {
    unit: 'per second',
    help: 'Page faults that needed a disk',
    of: growthOf('memoryMajorPageFaultsTotal', 1),
  },
  memory_oom_kills: { unit: 'count', help: 'Tasks killed for want of memory, earlier containers of the same name included', of: kills },
  memory_pressure_some_percent: {
    unit: 'percent',
    help: 'Time in which some task waited for memory, last 10 s',
    of: gaugeOf('memoryPressureSomeAvg10'),
  },
  memory_pressure_full_percent: {
    unit: 'percent',
    help: 'Time in which all tasks waited for memory, last 10 s',
    of: gaugeOf('memoryPressureFullAvg10'),
  },
  disk_read_bytes_per_second: { unit: 'bytes per second', help: 'Read from disks', of: diskOf('readBytes') },
  disk_write_bytes_per_second: { unit: 'bytes per second', help: 'Written to disks', of: diskOf('writeBytes') },
  disk_reads_per_second: { unit: 'per second', help: 'Read operations', of: diskOf('reads') },
  disk_writes_per_second: { unit: 'per second', help: 'Write operations', of: diskOf('writes') },
  io_pressure_some_percent: {
    unit: 'percent',
    help: 'Time in which some task waited for a disk, last 10 s',
    of: gaugeOf('ioPressureSomeAvg10'),
  },
  io_pressure_full_percent: {
    unit: 'percent',
    help: 'Time in which all tasks waited for a disk, last 10 s',
    of: gaugeOf('ioPressureFullAvg10'),
  },
  network_receive_bytes_per_second: { unit: 'bytes per second', help: 'Received', of: networkOf('rxBytes') },
  network_transmit_bytes_per_second: { unit: 'bytes per second', help: 'Sent', of: networkOf('txBytes') },
  network_receive_packets_per_second: { unit: 'per second', help: 'Packets received', of: networkOf('rxPackets') },
  network_transmit_packets_per_second: { unit: 'per second', help: 'Packets sent', of: networkOf('txPackets') },
  network_receive_drops_per_second: { unit: 'per second', help: 'Packets dropped on receipt', of: networkOf('rxDropped') },
  network_transmit_drops_per_second: { unit: 'per second', help: 'Packets dropped on sending', of: networkOf('txDropped') },
  network_errors_per_second: { unit: 'per second', help: 'Packets received or sent with errors', of: networkErrorsOf() },
  filesystem_usage_bytes: { unit: 'bytes', help: 'Disk space of the writable layer, by the last look', of: gaugeOf('fsUsage') },
  filesystem_inodes: { unit: 'count', help: 'Files of the writable layer, by the last look', of: gaugeOf('fsInodes') },
  logs_usage_bytes: { unit: 'bytes', help: 'Disk space of the log files, by the last look', of: gaugeOf('logsUsage') },
  tasks: { unit: 'count', help: 'Tasks: every thread counts', of: gaugeOf('processes') },
  processes: { unit: 'count', help: 'Processes', of: gaugeOf('processCount') },
  file_descriptors: { unit: 'count', help: 'Open descriptors of all processes', of: gaugeOf('fileDescriptors') },
  sockets: { unit: 'count', help: 'Open descriptors that are sockets', of: gaugeOf('sockets') },
} as const satisfies Record<string, FigureDefinition>

/** The name of a ready-made figure. */
export type FigureName = keyof typeof figures

/** All names, in the order of the table. */
export const figureNames = Object.keys(figures) as readonly FigureName[]

/** Ready-made figures of one container. */
export interface Rates {
  /** When the span ended, milliseconds since the epoch. */
  readonly timestampMs: number
  /** The span that the rates are over: the samples that fit into the window asked for, at least one interval. */
  readonly windowSeconds: number
  /** What is absent could not be known. */
  readonly values: Readonly<Partial<Record<FigureName, number>>>
}

/** The window of rates where nothing else is asked for. */
export const defaultRateWindowMs = 10_000

/** A container's ready-made figures over the newest `windowMs`; `undefined` before the second sample. */
export function ratesOf(container: Container, windowMs = defaultRateWindowMs): Rates | undefined {
  const { ring } = container
  if (ring.count < 2) return undefined
  let back = 1
  let spanMs = ring.intervalMs(0)
  // Half an interval is allowed for, so that samples that come a little late don't shorten the span by one.
  while (back + 1 < ring.count && spanMs + ring.intervalMs(back) / 2 <= windowMs) spanMs += ring.intervalMs(back++)
  const values: Partial<Record<FigureName, number>> = {}
  for (const name of figureNames) {
    const value = figures[name].of(container, 0, back)
    if (!Number.isNaN(value)) values[name] = value
  }
  return { timestampMs: ring.timestamp(), windowSeconds: spanMs / 1000, values }
}

function gaugeOf(name: ScalarName): FigureDefinition['of'] {
  const index = column[name]
  return ({ ring }, ago) => ring.get(index, ago)
}

function growthOf(name: ScalarName, scale: number): FigureDefinition['of'] {
  const index = column[name]
  return ({ ring }, ago, back) => perSecond(ring, ago, back, growth(ring, index, ago, back)) * scale
}

/** What a counter has grown by: over a reset nothing is added, and what is missing at either end makes it unknown. */
function growth(ring: SampleRing, index: number, ago: number, back: number): number {
  let total = 0
  let later = ring.get(index, ago)
  for (let step = 1; step <= back; step++) {
    const earlier = ring.get(index, ago + step)
    if (later >= earlier) total += later - earlier
    else if (Number.isNaN(later) || Number.isNaN(earlier)) return Number.NaN
    else if (back === 1) return Number.NaN
    later = earlier
  }
  return total
}

function perSecond(ring: SampleRing, ago: number, back: number, grown: number): number {
  let ms = 0
  for (let step = 0; step < back; step++) ms += ring.intervalMs(ago + step)
  return ms > 0 ? (grown * 1000) / ms : Number.NaN
}

function cpuOfLimit(container: Container, ago: number, back: number): number {
  const limit = container.nearest.cpu
  return limit === undefined ? Number.NaN : (figures.cpu_usage_cores.of(container, ago, back) / limit.cores) * percent
}

function memoryOfLimit({ ring, nearest }: Container, ago: number): number {
  const limit = nearest.memory
  return limit === undefined ? Number.NaN : (ring.get(column.memoryWorkingSet, ago) / limit.bytes) * percent
}

/** Without a quota there are no periods, and nothing to be held back by. */
function throttled({ ring }: Container, ago: number, back: number): number {
  const periods = growth(ring, column.cfsPeriods, ago, back)
  const held = growth(ring, column.cfsThrottledPeriods, ago, back)
  return periods > 0 ? (held / periods) * percent : periods === 0 && held === 0 ? 0 : Number.NaN
}

function loadOf({ ring }: Container, ago: number): number {
  const load = ring.get(column.cpuLoadAverage, ago)
  return Number.isNaN(load) ? ring.get(column.load, ago) : load
}

function kills(container: Container, ago: number): number {
  if (ago === 0) return oomKills(container)
  return container.oomKillsBefore + container.ring.get(column.memoryOomKills, ago)
}

type GroupGrowth = (ring: SampleRing, ago: number, back: number) => number

/** The growth of a field over all instances that were there at both ends of a step; NaN where there was none. */
function groupGrowth(group: 'disk' | 'network', field: number): GroupGrowth {
  return (ring, ago, back) => {
    let total = Number.NaN
    for (const instance of ring.instances(group)) {
      for (let step = 0; step < back; step++) {
        const grown = ring.instanceValue(group, instance, field, ago + step) - ring.instanceValue(group, instance, field, ago + step + 1)
        if (grown >= 0) total = (Number.isNaN(total) ? 0 : total) + grown
      }
    }
    return total
  }
}

function diskOf(field: FieldOf<'disk'>): FigureDefinition['of'] {
  const grown = groupGrowth('disk', fieldIndex('disk', field))
  return ({ ring }, ago, back) => perSecond(ring, ago, back, grown(ring, ago, back))
}

function networkOf(field: FieldOf<'network'>): FigureDefinition['of'] {
  const grown = groupGrowth('network', fieldIndex('network', field))
  return ({ ring }, ago, back) => perSecond(ring, ago, back, grown(ring, ago, back))
}

function networkErrorsOf(): FigureDefinition['of'] {
  const received = groupGrowth('network', fieldIndex('network', 'rxErrors'))
  const sent = groupGrowth('network', fieldIndex('network', 'txErrors'))
  return ({ ring }, ago, back) => perSecond(ring, ago, back, received(ring, ago, back) + sent(ring, ago, back))
}
