import type { ChartDefinition } from './chart-view.ts'
import { binarySteps, decimalSteps, type Unit } from '../../../lib/page/line-chart.ts'
import { formatBytes, formatBytesPerSecond, formatCores, formatCount, formatPercent } from './format.ts'

const cores: Unit = { format: formatCores, steps: decimalSteps(-3) }
const bytes: Unit = { format: formatBytes, steps: binarySteps }
const bytesPerSecond: Unit = { format: formatBytesPerSecond, steps: binarySteps }
const percent: Unit = { format: formatPercent, steps: decimalSteps(-1) }
const count: Unit = { format: formatCount, steps: decimalSteps(0) }
const rate: Unit = { format: formatCount, steps: decimalSteps(-1) }

/** The charts of a container, in the order of the page; one without figures is left out. */
export const charts: readonly ChartDefinition[] = [
  {
    title: 'CPU, cores',
    figures: [
      ['cpu_usage_cores', 'in use'],
      ['cpu_user_cores', 'user'],
      ['cpu_system_cores', 'kernel'],
    ],
    unit: cores,
    isAlways: true,
  },
  {
    title: 'Memory',
    figures: [
      ['memory_working_set_bytes', 'working set'],
      ['memory_usage_bytes', 'with caches'],
      ['memory_rss_bytes', 'anonymous'],
      ['memory_swap_bytes', 'swap'],
    ],
    unit: bytes,
    isAlways: true,
  },
  {
    title: 'Share of the nearest limit',
    figures: [
      ['cpu_limit_percent', 'CPU'],
      ['memory_limit_percent', 'memory'],
    ],
    unit: percent,
    isAlways: true,
  },
  { title: 'Throttled periods', figures: [['cpu_throttled_percent', 'of periods']], unit: percent },
  {
    title: 'Waiting (pressure)',
    figures: [
      ['cpu_pressure_some_percent', 'CPU'],
      ['memory_pressure_some_percent', 'memory'],
      ['io_pressure_some_percent', 'disk'],
    ],
    unit: percent,
  },
  {
    title: 'Network',
    figures: [
      ['network_receive_bytes_per_second', 'received'],
      ['network_transmit_bytes_per_second', 'sent'],
    ],
    unit: bytesPerSecond,
    isAlways: true,
  },
  {
    title: 'Packets per second',
    figures: [
      ['network_receive_packets_per_second', 'received'],
      ['network_transmit_packets_per_second', 'sent'],
      ['network_receive_drops_per_second', 'dropped'],
      ['network_errors_per_second', 'errors'],
    ],
    unit: rate,
  },
  {
    title: 'Disk',
    figures: [
      ['disk_read_bytes_per_second', 'read'],
      ['disk_write_bytes_per_second', 'written'],
    ],
    unit: bytesPerSecond,
  },
  {
    title: 'Disk operations per second',
    figures: [
      ['disk_reads_per_second', 'reads'],
      ['disk_writes_per_second', 'writes'],
    ],
    unit: rate,
  },
  {
    title: 'Disk space',
    figures: [
      ['filesystem_usage_bytes', 'writable layer'],
      ['logs_usage_bytes', 'logs'],
    ],
    unit: bytes,
  },
  {
    title: 'Tasks and descriptors',
    figures: [
      ['tasks', 'tasks'],
      ['file_descriptors', 'descriptors'],
      ['sockets', 'sockets'],
    ],
    unit: count,
  },
  { title: 'OOM kills', figures: [['memory_oom_kills', 'kills']], unit: count },
]
