import { h } from 'preact'
import { Chart, type ChartProps } from './chart-view.ts'
import { binarySteps, decimalSteps, type Unit } from '../../../lib/page/line-chart.ts'
import { formatBytes, formatCount, formatCpu, formatPercent, formatPerSecond, formatRate, formatShare } from './format.ts'

type ChartSpec = Pick<ChartProps, 'title' | 'unit' | 'metrics'>

const cpu: Unit = { format: formatCpu, steps: decimalSteps(0) }
const bytes: Unit = { format: formatBytes, steps: binarySteps }
const bytesPerSecond: Unit = { format: formatRate, steps: binarySteps }
const perSecond: Unit = { format: formatPerSecond, steps: decimalSteps(-1) }
const percent: Unit = { format: formatPercent, steps: decimalSteps(-1) }
const share: Unit = { format: (value) => (value == null ? '–' : formatShare(value, 1)), steps: decimalSteps(-2) }
const count: Unit = { format: formatCount, steps: decimalSteps(0) }

const line = (name: string, label: string) => ({ name, label })

const first: readonly ChartSpec[] = [
  {
    title: 'CPU',
    unit: cpu,
    metrics: [
      line('cpu/usage_rate', 'in use'),
      line('cpu/request', 'requested'),
      line('cpu/limit', 'limit'),
      line('cpu/node_allocatable', 'allocatable'),
    ],
  },
  {
    title: 'Memory',
    unit: bytes,
    metrics: [
      line('memory/working_set', 'working set'),
      line('memory/request', 'requested'),
      line('memory/limit', 'limit'),
      line('memory/node_allocatable', 'allocatable'),
    ],
  },
  { title: 'Network', unit: bytesPerSecond, metrics: [line('network/rx_rate', 'received'), line('network/tx_rate', 'sent')] },
]

const more: readonly ChartSpec[] = [
  {
    title: 'Waiting for CPU, memory, disks',
    unit: percent,
    metrics: [line('cpu/pressure', 'CPU'), line('memory/pressure', 'memory'), line('disk/io_pressure', 'disks')],
  },
  { title: 'CPU withheld by limits', unit: cpu, metrics: [line('cpu/cfs_throttled_time_rate', 'withheld')] },
  { title: 'Throttled periods', unit: share, metrics: [line('cpu/cfs_throttled_share', 'throttled')] },
  {
    title: 'Disk traffic',
    unit: bytesPerSecond,
    metrics: [line('disk/io_read_bytes_rate@all', 'read'), line('disk/io_write_bytes_rate@all', 'written')],
  },
  {
    title: 'Disk operations',
    unit: perSecond,
    metrics: [line('disk/io_reads_rate@all', 'reads'), line('disk/io_writes_rate@all', 'writes')],
  },
  { title: 'Root file system', unit: bytes, metrics: [line('filesystem/usage@/', 'in use'), line('filesystem/limit@/', 'size')] },
  {
    title: 'Packets',
    unit: perSecond,
    metrics: [line('network/rx_packets_rate', 'received'), line('network/tx_packets_rate', 'sent')],
  },
  {
    title: 'Packets dropped and broken',
    unit: perSecond,
    metrics: [
      line('network/rx_dropped_rate', 'received, dropped'),
      line('network/tx_dropped_rate', 'sent, dropped'),
      line('network/rx_errors_rate', 'received, errors'),
      line('network/tx_errors_rate', 'sent, errors'),
    ],
  },
  {
    title: 'Kills for want of memory, restarts',
    unit: count,
    metrics: [line('memory/oom_kills', 'kills so far'), line('restart_count', 'restarts so far')],
  },
]

const monitor: readonly ChartSpec[] = [
  {
    title: 'Nodes',
    unit: count,
    metrics: [line('monitor/nodes@owned', 'scraped'), line('monitor/nodes@healthy', 'healthy'), line('monitor/nodes@failing', 'failing')],
  },
  {
    title: 'Age of figures, duration of scrapes (ms)',
    unit: count,
    metrics: [
      line('monitor/freshness@max', 'oldest'),
      line('monitor/scrape_duration@max', 'slowest scrape'),
      line('monitor/lateness@max', 'latest begin'),
    ],
  },
  { title: 'CPU of the process', unit: cpu, metrics: [line('monitor/cpu_usage_rate', 'in use')] },
  {
    title: 'Memory of the process',
    unit: bytes,
    metrics: [line('monitor/memory_rss', 'resident'), line('monitor/window_bytes', 'window'), line('monitor/window_limit', 'window limit')],
  },
  { title: 'Points that wait for InfluxDB', unit: count, metrics: [line('monitor/points_waiting@spool', 'waiting')] },
  {
    title: 'Event loop delay (ms)',
    unit: count,
    metrics: [
      line('monitor/event_loop_delay@mean', 'mean'),
      line('monitor/event_loop_delay@p99', '99 %'),
      line('monitor/event_loop_delay@max', 'largest'),
    ],
  },
]

const sets = { first, all: [...first, ...more], monitor } as const

interface ChartsProps {
  readonly entityKey: string
  readonly minutes: number
  readonly tick: number
  readonly set: keyof typeof sets
}

/** The charts of an entity; what it does not have is left out. */
export function Charts({ entityKey, minutes, tick, set }: ChartsProps) {
  return h(
    'section',
    { class: 'charts', key: `${entityKey} ${set}` },
    sets[set].map((spec) => h(Chart, { ...spec, key: spec.title, entityKey, minutes, tick })),
  )
}
