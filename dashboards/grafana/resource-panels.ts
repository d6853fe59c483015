import type { BoardLink, ChartPanel } from './board.ts'
import type { MetricQuery } from './influx-query.ts'
import { each, type Scope } from './scope.ts'

type More = Partial<Pick<ChartPanel, 'title' | 'links' | 'span' | 'height'>>
type Select = typeof each

/** Panels that every level has, from the cluster down to the container; `select` says whether entities get lines of their own or are added up. */
interface PanelScope {
  readonly scope: Scope
  /** Behind the panel's title, e.g. `by node`. */
  readonly suffix: string
  readonly select?: Select
  readonly links?: readonly BoardLink[]
}

const millicores = { factor: 0.001 }
/** Figures of all devices together; the collector may add some of single devices beside them. */
const allDevices = '"resource_id" = \'all\''

function chart(of: PanelScope, panel: Omit<ChartPanel, 'kind'>, more: More = {}): ChartPanel {
  return { kind: 'chart', ...panel, title: `${panel.title}${of.suffix}`, ...(of.links === undefined ? {} : { links: of.links }), ...more }
}

/** CPU in use beside request and limit, and what there is where `allocatable` is set. */
export function cpuPanel(of: PanelScope, options: { readonly hasCapacity?: true } = {}): ChartPanel {
  const select = of.select ?? each
  return chart(of, {
    title: 'CPU',
    description: 'Cores in use, beside what is asked for (requests) and what is allowed (limits); zero where there is none.',
    unit: 'short',
    queries: [
      select(of.scope, 'cpu/usage_rate', 'in use', millicores),
      select(of.scope, 'cpu/request', 'requested', millicores),
      select(of.scope, 'cpu/limit', 'limit', millicores),
      ...(options.hasCapacity ? [select(of.scope, 'cpu/node_allocatable', 'allocatable', millicores)] : []),
    ],
  })
}

/** Memory in use beside request and limit. */
export function memoryPanel(of: PanelScope, options: { readonly hasCapacity?: true } = {}): ChartPanel {
  const select = of.select ?? each
  return chart(of, {
    title: 'Memory',
    description:
      'Usage with caches, working set without what can be reclaimed, beside what is asked for and what is allowed; zero where there is none.',
    unit: 'bytes',
    queries: [
      select(of.scope, 'memory/usage', 'usage'),
      select(of.scope, 'memory/working_set', 'working set'),
      select(of.scope, 'memory/request', 'requested'),
      select(of.scope, 'memory/limit', 'limit'),
      ...(options.hasCapacity ? [select(of.scope, 'memory/node_allocatable', 'allocatable')] : []),
    ],
  })
}

/** What memory is used for, and page faults that wait for a disk. */
export function memoryKindsPanels(of: PanelScope): ChartPanel[] {
  const select = of.select ?? each
  return [
    chart(of, {
      title: 'Memory by kind',
      description: 'Anonymous memory, file pages and swap.',
      unit: 'bytes',
      queries: [
        select(of.scope, 'memory/rss', 'anonymous'),
        select(of.scope, 'memory/cache', 'file pages'),
        select(of.scope, 'memory/swap', 'swap'),
      ],
    }),
    chart(of, {
      title: 'Major page faults',
      description: 'Page faults that had to wait for a disk: reads that more memory would have spared.',
      unit: 'cps',
      queries: [select(of.scope, 'memory/major_page_faults_rate', 'major faults')],
    }),
  ]
}

/** Bytes, packets, drops and errors of the network. */
export function networkPanels(of: PanelScope): ChartPanel[] {
  const both = (metric: 'rate' | 'packets_rate' | 'dropped_rate' | 'errors_rate', what = ''): MetricQuery[] => {
    const select = of.select ?? each
    return [select(of.scope, `network/rx_${metric}`, `received${what}`), select(of.scope, `network/tx_${metric}`, `sent${what}`)]
  }
  return [
    chart(of, { title: 'Network', description: 'Bytes received and sent per second.', unit: 'Bps', queries: both('rate') }),
    chart(of, { title: 'Packets', description: 'Packets received and sent per second.', unit: 'pps', queries: both('packets_rate') }),
    chart(of, {
      title: 'Packets dropped and broken',
      description: 'Packets that were dropped, and errors, per second. Anything but zero for long is worth a look at the network.',
      unit: 'pps',
      queries: [...both('dropped_rate', ', dropped'), ...both('errors_rate', ', errors')],
    }),
  ]
}

/** Bytes and operations of disks. */
export function diskPanels(of: PanelScope): ChartPanel[] {
  const select = of.select ?? each
  const more = { where: [...(of.scope.where ?? []), allDevices] }
  return [
    chart(of, {
      title: 'Disk traffic',
      description: 'Bytes read from and written to disks per second; what caches serve does not count.',
      unit: 'Bps',
      queries: [select(of.scope, 'disk/io_read_bytes_rate', 'read', more), select(of.scope, 'disk/io_write_bytes_rate', 'written', more)],
    }),
    chart(of, {
      title: 'Disk operations',
      description: 'Reads and writes of disks per second.',
      unit: 'iops',
      queries: [select(of.scope, 'disk/io_reads_rate', 'reads', more), select(of.scope, 'disk/io_writes_rate', 'writes', more)],
    }),
  ]
}

/** CPU that quotas withheld, in cores. */
export function throttlingPanel(of: PanelScope): ChartPanel {
  const select = of.select ?? each
  return chart(of, {
    title: 'CPU withheld by limits',
    description: 'Cores that tasks were ready to use and that the CPU limit kept from them. Above zero for long: raise the limit.',
    unit: 'short',
    queries: [select(of.scope, 'cpu/cfs_throttled_time_rate', 'withheld', millicores)],
  })
}

/** Share of time that tasks waited for CPU, memory or a disk. */
export function pressurePanels(of: PanelScope): ChartPanel[] {
  const panel = (resource: string, some: MetricQuery['metric'], full: MetricQuery['metric']) =>
    chart(of, {
      title: `Waiting for ${resource}`,
      description: `Share of the last 10 s in which some tasks, or all of them, waited for ${resource} (pressure stall information of the kernel; no line where the kernel has none).`,
      unit: 'percent',
      span: 8,
      queries: [each(of.scope, some, 'some'), each(of.scope, full, 'all')],
    })
  return [
    panel('CPU', 'cpu/pressure', 'cpu/pressure_full'),
    panel('memory', 'memory/pressure', 'memory/pressure_full'),
    panel('disks', 'disk/io_pressure', 'disk/io_pressure_full'),
  ]
}

/** Kills for want of memory and restarts, as they happen. */
export function accidentPanels(of: PanelScope): ChartPanel[] {
  const select = of.select ?? each
  const increase = { aggregate: 'increase' } as const
  return [
    chart(of, {
      title: 'Killed for want of memory',
      description: 'Processes that the kernel killed because memory ran out, per interval. Kept when the container has gone.',
      unit: 'short',
      isBars: true,
      queries: [select(of.scope, 'memory/oom_kills', 'kills', increase)],
    }),
    chart(of, {
      title: 'Restarts',
      description: 'Containers that were started again, per interval.',
      unit: 'short',
      isBars: true,
      queries: [select(of.scope, 'restart_count', 'restarts', increase)],
    }),
  ]
}

/** Local disk in use beside request and limit. */
export function localDiskPanel(of: PanelScope): ChartPanel {
  const select = of.select ?? each
  return chart(of, {
    title: 'Local disk',
    description: 'Writable layers, logs and local volumes, beside what is asked for and what is allowed; zero where there is none.',
    unit: 'bytes',
    queries: [
      select(of.scope, 'ephemeral_storage/usage', 'in use'),
      select(of.scope, 'ephemeral_storage/request', 'requested'),
      select(of.scope, 'ephemeral_storage/limit', 'limit'),
    ],
  })
}

/** Each file system beside its size, and its inodes. */
export function fileSystemPanels(of: PanelScope, condition?: string): ChartPanel[] {
  const { scope } = of
  const perResource: Scope = {
    ...scope,
    where: [...(scope.where ?? []), ...(condition === undefined ? [] : [condition])],
    per: [...scope.per, 'resource_id'],
    name: `${scope.name} $tag_resource_id`,
  }
  return [
    chart(of, {
      title: 'File systems',
      description: 'Bytes in use on each file system beside its size.',
      unit: 'bytes',
      queries: [each(perResource, 'filesystem/usage', 'in use'), each(perResource, 'filesystem/limit', 'size')],
    }),
    chart(of, {
      title: 'Inodes',
      description: 'Free inodes of each file system beside all of them: at none left no file can be made, however much space there is.',
      unit: 'short',
      queries: [each(perResource, 'filesystem/inodes_free', 'free'), each(perResource, 'filesystem/inodes', 'in all')],
    }),
  ]
}

/** Processes; below the node also their threads and open files. */
export function processPanels(of: PanelScope): ChartPanel[] {
  const select = of.select ?? each
  const processes = select(of.scope, 'process/count', 'processes')
  if (of.scope.of === 'cluster' || of.scope.of === 'node')
    return [chart(of, { title: 'Processes', description: 'How many there are.', unit: 'short', queries: [processes] })]
  return [
    chart(of, {
      title: 'Processes and threads',
      description: 'How many there are.',
      unit: 'short',
      queries: [processes, select(of.scope, 'process/threads', 'threads')],
    }),
    chart(of, {
      title: 'Open files',
      description: 'Open file descriptors of all processes.',
      unit: 'short',
      queries: [select(of.scope, 'process/file_descriptors', 'open')],
    }),
  ]
}
