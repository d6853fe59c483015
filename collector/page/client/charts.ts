import type { ChartDefinition } from './chart-view.ts'
import { formatBytes, formatBytesPerSecond, formatCores, formatCount, formatPercent } from './format.ts'

/** The charts of a container, in the order of the page; one without figures is left out. */
export const charts: readonly ChartDefinition[] = [
  {
    title: 'CPU, cores',
    figures: [
      ['cpu_usage_cores', 'in use'],
      ['cpu_user_cores', 'user'],
      ['cpu_system_cores', 'kernel'],
    ],
    format: formatCores,
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
    format: formatBytes,
    isAlways: true,
  },
  {
    title: 'Share of the nearest limit',
    figures: [
      ['cpu_limit_percent', 'CPU'],
      ['memory_limit_percent', 'memory'],
    ],
    format: formatPercent,
    isAlways: true,
  },
  { title: 'Throttled periods', figures: [['cpu_throttled_percent', 'of periods']], format: formatPercent },
  {
    title: 'Waiting (pressure)',
    figures: [
      ['cpu_pressure_some_percent', 'CPU'],
      ['memory_pressure_some_percent', 'memory'],
      ['io_pressure_some_percent', 'disk'],
    ],
    format: formatPercent,
  },
  {
    title: 'Network',
    figures: [
      ['network_receive_bytes_per_second', 'received'],
      ['network_transmit_bytes_per_second', 'sent'],
    ],
    format: formatBytesPerSecond,
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
    format: formatCount,
  },
  {
    title: 'Disk',
    figures: [
      ['disk_read_bytes_per_second', 'read'],
      ['disk_write_bytes_per_second', 'written'],
    ],
    format: formatBytesPerSecond,
  },
  {
    title: 'Disk operations per second',
    figures: [
      ['disk_reads_per_second', 'reads'],
      ['disk_writes_per_second', 'writes'],
    ],
    format: formatCount,
  },
  {
    title: 'Disk space',
    figures: [
      ['filesystem_usage_bytes', 'writable layer'],
      ['logs_usage_bytes', 'logs'],
    ],
    format: formatBytes,
  },
  {
    title: 'Tasks and descriptors',
    figures: [
      ['tasks', 'tasks'],
      ['file_descriptors', 'descriptors'],
      ['sockets', 'sockets'],
    ],
    format: formatCount,
  },
  { title: 'OOM kills', figures: [['memory_oom_kills', 'kills']], format: formatCount },
]
