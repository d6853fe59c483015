import type { MetricRow } from './catalog.ts'

const monitor = ['monitor'] as const

/**
 * What the aggregator says of itself, as rows of the catalogue: the entity is `monitor:<name>`, one per aggregator, tags `type=monitor` and
 * `monitor_name`. Bounded: no row has a series per node or pod. The values of `resource_id` are in each description.
 */
// oxfmt-ignore
export const selfRows = [
  { name: 'monitor/uptime', type: 'cumulative', unit: 'milliseconds', valueType: 'int', entities: monitor, isAdditive: false, prometheus: 'binnacle_aggregator_uptime_seconds', source: 'time since the start', description: 'Time since the start of the aggregator' },
  { name: 'monitor/cpu_usage_rate', type: 'gauge', unit: 'millicores', valueType: 'float', entities: monitor, isAdditive: false, prometheus: 'process_cpu_seconds_total', source: 'process.cpuUsage over the interval', description: 'CPU in use by the process, alerts and page included' },
  { name: 'monitor/memory_rss', type: 'gauge', unit: 'bytes', valueType: 'int', entities: monitor, isAdditive: false, prometheus: 'process_resident_memory_bytes', source: 'process.memoryUsage.rss', description: 'Resident memory of the process' },
  { name: 'monitor/heap_used', type: 'gauge', unit: 'bytes', valueType: 'int', entities: monitor, isAdditive: false, prometheus: 'nodejs_heap_size_used_bytes', source: 'process.memoryUsage.heapUsed', description: 'JavaScript heap in use, garbage included' },
  { name: 'monitor/event_loop_delay', type: 'gauge', unit: 'milliseconds', valueType: 'float', entities: monitor, isAdditive: false, isLabelled: true, prometheus: 'binnacle_aggregator_event_loop_delay_seconds', source: 'perf_hooks.monitorEventLoopDelay over the interval', description: 'How long the process kept its event loop waiting; resource_id: mean, p99, max' },

  { name: 'monitor/nodes', type: 'gauge', unit: 'count', valueType: 'int', entities: monitor, isAdditive: false, isLabelled: true, prometheus: 'binnacle_aggregator_nodes', source: 'node sources', description: 'Nodes; resource_id: known (in the cluster), owned (scraped by this aggregator), healthy, failing' },
  { name: 'monitor/scrapes', type: 'cumulative', unit: 'count', valueType: 'int', entities: monitor, isAdditive: false, isLabelled: true, prometheus: 'binnacle_aggregator_scrapes_total', source: 'node sources', description: 'Scrapes of nodes; resource_id: ok, or the stage that failed (address, dns, connect, tls, authentication, authorization, status, timeout, size, parse)' },
  { name: 'monitor/scrape_duration', type: 'gauge', unit: 'milliseconds', valueType: 'float', entities: monitor, isAdditive: false, isLabelled: true, prometheus: 'binnacle_aggregator_scrape_duration_seconds', source: 'last scrape of each node', description: 'How long the last successful scrapes took; resource_id: median, p99, max over nodes' },
  { name: 'monitor/freshness', type: 'gauge', unit: 'milliseconds', valueType: 'int', entities: monitor, isAdditive: false, isLabelled: true, prometheus: 'binnacle_aggregator_freshness_seconds', source: 'now - last successful scrape', description: 'Age of the newest figures of the nodes; resource_id: median, max over nodes' },
  { name: 'monitor/lateness', type: 'gauge', unit: 'milliseconds', valueType: 'float', entities: monitor, isAdditive: false, isLabelled: true, prometheus: 'binnacle_aggregator_lateness_seconds', source: 'begin of the scrape - its planned moment', description: 'How much later than planned the last scrapes began; resource_id: median, max over nodes' },
  { name: 'monitor/stage_duration', type: 'cumulative', unit: 'milliseconds', valueType: 'float', entities: monitor, isAdditive: false, isLabelled: true, prometheus: 'binnacle_aggregator_stage_duration_seconds_total', source: 'time spent in the stage', description: 'Time spent computing; its growth per second in ms is thousandths of a core; resource_id: read, process, totals, metrics-api, window, and each sink by its name' },
  { name: 'monitor/batches', type: 'cumulative', unit: 'count', valueType: 'int', entities: monitor, isAdditive: false, isLabelled: true, prometheus: 'binnacle_aggregator_batches_total', source: 'pipeline', description: 'Batches delivered to the sinks; resource_id: node, totals' },

  { name: 'monitor/points', type: 'cumulative', unit: 'count', valueType: 'int', entities: monitor, isAdditive: false, isLabelled: true, prometheus: 'binnacle_aggregator_influx_points_total', source: 'InfluxDB sink', description: 'Points by what became of them; resource_id: encoded, written, rejected, dropped' },
  { name: 'monitor/points_waiting', type: 'gauge', unit: 'count', valueType: 'int', entities: monitor, isAdditive: false, isLabelled: true, prometheus: 'binnacle_aggregator_spool_points', source: 'InfluxDB sink', description: 'Points that wait for InfluxDB; resource_id: spool' },
  { name: 'monitor/spool_bytes', type: 'gauge', unit: 'bytes', valueType: 'int', entities: monitor, isAdditive: false, prometheus: 'binnacle_aggregator_spool_bytes', source: 'InfluxDB sink', description: 'Size of the spool on disk' },
  { name: 'monitor/writes', type: 'cumulative', unit: 'count', valueType: 'int', entities: monitor, isAdditive: false, isLabelled: true, prometheus: 'binnacle_aggregator_influx_writes_total', source: 'InfluxDB sink', description: 'Write requests to InfluxDB; resource_id: sent, failed' },
  { name: 'monitor/sink_up', type: 'gauge', unit: 'count', valueType: 'int', entities: monitor, isAdditive: false, isLabelled: true, prometheus: 'binnacle_aggregator_influx_up', source: 'InfluxDB sink', description: '1 while the sink takes points, else 0; resource_id: influxdb' },

  { name: 'monitor/window_entities', type: 'gauge', unit: 'count', valueType: 'int', entities: monitor, isAdditive: false, prometheus: 'binnacle_aggregator_window_entities', source: 'memory window', description: 'Entities in the memory window' },
  { name: 'monitor/window_bytes', type: 'gauge', unit: 'bytes', valueType: 'int', entities: monitor, isAdditive: false, prometheus: 'binnacle_aggregator_window_bytes', source: 'memory window', description: 'Memory that the window takes' },
  { name: 'monitor/window_limit', type: 'gauge', unit: 'bytes', valueType: 'int', entities: monitor, isAdditive: false, prometheus: 'binnacle_aggregator_window_limit_bytes', source: 'memory window', description: 'Memory that the window may take' },
  { name: 'monitor/window_samples', type: 'cumulative', unit: 'count', valueType: 'int', entities: monitor, isAdditive: false, prometheus: 'binnacle_aggregator_window_samples_total', source: 'memory window', description: 'Samples written to the window' },
  { name: 'monitor/window_lost', type: 'cumulative', unit: 'count', valueType: 'int', entities: monitor, isAdditive: false, isLabelled: true, prometheus: '', source: 'memory window', description: 'What the window had no room for; resource_id: blocks (dropped early), sets (refused)' },

  { name: 'monitor/members', type: 'gauge', unit: 'count', valueType: 'int', entities: monitor, isAdditive: false, prometheus: 'binnacle_aggregator_members', source: 'leases', description: 'Aggregators that share the nodes, this one included' },
] as const satisfies readonly MetricRow[]

/** The name of a metric that the aggregator has of itself. */
export type SelfMetricName = (typeof selfRows)[number]['name']
