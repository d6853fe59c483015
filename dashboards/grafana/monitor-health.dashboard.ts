import type { MetricName } from '../../aggregator/catalog.ts'
import type { Board, ChartPanel, FigurePanel, Unit } from './board.ts'
import type { MetricQuery } from './influx-query.ts'
import { each, sum, variables, type Scope } from './scope.ts'

const monitors: Scope = { of: 'monitor', where: ['"monitor_name" =~ /^$monitor$/'], per: ['monitor_name'], name: '$tag_monitor_name' }
/** Where a metric has several series: a line for each `resource_id`. */
const parts: Scope = { ...monitors, per: ['monitor_name', 'resource_id'], name: '$tag_monitor_name $tag_resource_id' }
const resource = (...names: readonly string[]) => [...monitors.where!, `"resource_id" =~ /^(${names.join('|')})$/`]

const chart = (title: string, description: string, unit: Unit, ...queries: readonly MetricQuery[]): ChartPanel => ({
  kind: 'chart',
  title,
  description,
  unit,
  queries,
})

const total = (metric: MetricName, name: string): MetricQuery => sum(monitors, metric, name, { where: resource(name) })

const figures: readonly FigurePanel[] = [
  {
    kind: 'figure',
    title: 'Nodes healthy',
    description: 'Nodes whose last scrape worked, by all aggregators together. Fewer than there are nodes: look at the failures below.',
    unit: 'short',
    redBelow: 1,
    queries: [total('monitor/nodes', 'healthy')],
  },
  {
    kind: 'figure',
    title: 'Nodes failing',
    description: 'Nodes whose last scrape failed; the failures below name the stage at which it did.',
    unit: 'short',
    warnAt: [1, 3],
    queries: [total('monitor/nodes', 'failing')],
  },
  {
    kind: 'figure',
    title: 'Oldest figures',
    description: 'Age of the newest figures of the node that has been waited for longest.',
    unit: 'ms',
    warnAt: [15_000, 60_000],
    queries: [each({ ...parts, name: monitors.name }, 'monitor/freshness', '', { where: resource('max') })],
  },
  {
    kind: 'figure',
    title: 'InfluxDB takes points',
    description: '1 while InfluxDB takes what is written. At 0 points wait on disk; a gap means that nothing could be written at all.',
    unit: 'short',
    redBelow: 1,
    queries: [each({ ...parts, name: monitors.name }, 'monitor/sink_up', '', { where: resource('influxdb') })],
  },
  {
    kind: 'figure',
    title: 'Points lost',
    description: 'Points that were refused or had no room, within the range. Anything but zero has a reason in the log.',
    unit: 'short',
    warnAt: [1, 1000],
    sumOfRange: true,
    queries: [sum(parts, 'monitor/points', 'lost', { where: resource('rejected', 'dropped'), aggregate: 'increase' })],
  },
  {
    kind: 'figure',
    title: 'Up',
    description: 'Time since the aggregator was started.',
    unit: 'ms',
    queries: [each(monitors, 'monitor/uptime', '', { aggregate: 'last' })],
  },
]

const rate = { aggregate: 'rate' } as const

/** Whether the way from the nodes to the graphs is in order: scrapes, lag, points, sinks, and what the aggregator itself uses. */
export const monitorHealthBoard: Board = {
  uid: 'binnacle-monitor-health',
  title: 'Binnacle / Monitor health',
  description: 'The way of the figures themselves: are all nodes scraped in time, is everything stored, what does it cost?',
  variables: [
    variables.cluster,
    { kind: 'tag', name: 'monitor', label: 'Aggregator', metric: 'monitor/uptime', of: 'monitor', tag: 'monitor_name' },
  ],
  sections: [
    { panels: figures },
    {
      title: 'Scrapes',
      panels: [
        chart(
          'Nodes by state',
          'Known to the cluster, scraped by this aggregator, of those healthy and failing.',
          'short',
          each(parts, 'monitor/nodes', ''),
        ),
        chart(
          'Scrapes by outcome',
          'Scrapes per second that worked, and that failed by the stage at which they did.',
          'cps',
          each(parts, 'monitor/scrapes', '', rate),
        ),
        chart(
          'Duration of scrapes',
          'How long the last scrape of a node took, over all nodes.',
          'ms',
          each(parts, 'monitor/scrape_duration', ''),
        ),
        chart('Age of figures', 'Time since the last successful scrape, over all nodes.', 'ms', each(parts, 'monitor/freshness', '')),
        chart(
          'Lateness',
          'How much later than planned scrapes begin. Growing: the process has too much to do; let another aggregator share the nodes.',
          'ms',
          each(parts, 'monitor/lateness', ''),
        ),
        chart('Batches', 'Batches delivered to the sinks per second.', 'cps', each(parts, 'monitor/batches', '', rate)),
      ],
    },
    {
      title: 'InfluxDB',
      panels: [
        chart('Points', 'Points per second by what became of them.', 'cps', each(parts, 'monitor/points', '', rate)),
        chart('Writes', 'Write requests per second, and those that had to be repeated.', 'cps', each(parts, 'monitor/writes', '', rate)),
        chart('Points that wait', 'Points on disk until InfluxDB takes them.', 'short', each(parts, 'monitor/points_waiting', '')),
        chart('Spool', 'Size of what waits on disk.', 'bytes', each(monitors, 'monitor/spool_bytes', '')),
      ],
    },
    {
      title: 'The process itself',
      isCollapsed: true,
      panels: [
        chart(
          'CPU',
          'Cores in use by the process, alerts and page included.',
          'short',
          each(monitors, 'monitor/cpu_usage_rate', 'in use', { factor: 0.001 }),
        ),
        chart(
          'CPU by stage',
          'Cores in use by each stage of the work.',
          'short',
          each(parts, 'monitor/stage_duration', '', { ...rate, factor: 0.001 }),
        ),
        chart(
          'Memory',
          'Resident memory of the process, its heap, and the memory window beside what it may take.',
          'bytes',
          each(monitors, 'monitor/memory_rss', 'resident'),
          each(monitors, 'monitor/heap_used', 'heap'),
          each(monitors, 'monitor/window_bytes', 'window'),
          each(monitors, 'monitor/window_limit', 'window limit'),
        ),
        chart(
          'Event loop delay',
          'How long the process kept itself waiting. Above 100 ms answers and scrapes come late.',
          'ms',
          each(parts, 'monitor/event_loop_delay', ''),
        ),
        chart(
          'Entities in memory',
          'Nodes, pods, containers and totals in the memory window.',
          'short',
          each(monitors, 'monitor/window_entities', ''),
        ),
        chart('Samples', 'Samples written to the memory window per second.', 'cps', each(monitors, 'monitor/window_samples', '', rate)),
        chart(
          'No room in memory',
          'Blocks of samples that were dropped before their time, and entities that were refused, per second.',
          'cps',
          each(parts, 'monitor/window_lost', '', rate),
        ),
        chart('Aggregators', 'How many share the nodes.', 'short', each(monitors, 'monitor/members', 'see')),
      ],
    },
  ],
}
