import type { CustomWindow } from './custom-window.ts'
import type { EventCount } from './logs/event-archive.ts'
import type { WindowStats } from './memory-window.ts'
import type { RuntimeReading } from './runtime-probe.ts'
import type { SinkStats } from './sinks/sink.ts'
import type { EventSourceStatus } from './sources/event-source.ts'
import type { SourceStatus } from './sources/node-source.ts'
import type { PodSourceStatus } from './sources/pod-source.ts'

/** Everything that the aggregator says about itself. */
export interface SelfReport {
  readonly sources: readonly SourceStatus[]
  readonly pods: readonly PodSourceStatus[]
  /** Absent: events are not followed. */
  readonly events: EventSourceStatus | undefined
  /** What happened in the cluster; absent: events are not kept. */
  readonly eventCounts?: readonly EventCount[]
  readonly window: WindowStats
  /** What pods export. */
  readonly customWindow: ReturnType<CustomWindow['stats']>
  readonly sinks: readonly { readonly name: string; readonly stats: SinkStats }[]
  /** Nodes of the cluster, those that other aggregators scrape included. */
  readonly nodesKnown: number
  /** Scrapes of nodes by how they ended, since the start. */
  readonly outcomes: ReadonlyMap<string, number>
  /** Time spent per stage since the start, ms. */
  readonly stages: ReadonlyMap<string, number>
  readonly batches: { readonly node: number; readonly totals: number }
  /** Aggregators that share the nodes, this one included. */
  readonly members: number
  /** Absent before the first sample. */
  readonly runtime: RuntimeReading | undefined
  readonly now: number
}

interface Family {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly samples: (report: SelfReport) => readonly (readonly [labels: Readonly<Record<string, string>>, value: number | undefined])[]
}

const perNode = (value: (status: SourceStatus, report: SelfReport) => number | undefined): Family['samples'] => {
  return (report) => report.sources.map((status) => [{ node: status.node }, value(status, report)])
}
const ofWindow = (value: (window: WindowStats) => number | undefined): Family['samples'] => {
  return ({ window }) => [[{}, value(window)]]
}
const perSink = (value: (sink: SinkStats) => number | undefined): Family['samples'] => {
  return ({ sinks }) => sinks.map(({ name, stats }) => [{ sink: name }, value(stats)])
}
const ofRuntime = (value: (runtime: RuntimeReading) => number): Family['samples'] => {
  return ({ runtime }) => (runtime === undefined ? [] : [[{}, value(runtime)]])
}
const byName = (label: string, values: (report: SelfReport) => ReadonlyMap<string, number>, factor = 1): Family['samples'] => {
  return (report) => [...values(report)].map(([name, value]) => [{ [label]: name }, value * factor])
}
const seconds = (ms: number | undefined) => (ms === undefined ? undefined : ms / 1000)

// oxfmt-ignore
const families: readonly Family[] = [
  { name: 'binnacle_aggregator_source_up', type: 'gauge', help: 'Whether the last scrape of the node succeeded.', samples: perNode(({ isHealthy }) => Number(isHealthy)) },
  { name: 'binnacle_aggregator_source_scrapes_total', type: 'counter', help: 'Scrapes of the node.', samples: perNode(({ scrapes }) => scrapes) },
  { name: 'binnacle_aggregator_source_failures_total', type: 'counter', help: 'Scrapes of the node that failed.', samples: perNode(({ failures }) => failures) },
  { name: 'binnacle_aggregator_source_duration_seconds', type: 'gauge', help: 'How long the last successful scrape took.', samples: perNode(({ lastDurationMs }) => seconds(lastDurationMs)) },
  { name: 'binnacle_aggregator_source_age_seconds', type: 'gauge', help: 'Time since the last successful scrape.', samples: perNode(({ lastSuccess }, { now }) => (lastSuccess === undefined ? undefined : (now - lastSuccess) / 1000)) },
  { name: 'binnacle_aggregator_nodes', type: 'gauge', help: 'Nodes of the cluster, and those of them that are scraped here.', samples: ({ nodesKnown, sources }) => [[{ state: 'known' }, nodesKnown], [{ state: 'owned' }, sources.length], [{ state: 'healthy' }, sources.filter(({ isHealthy }) => isHealthy).length]] },
  { name: 'binnacle_aggregator_scrapes_total', type: 'counter', help: 'Scrapes of nodes by the stage that failed, or ok.', samples: byName('outcome', ({ outcomes }) => outcomes) },
  { name: 'binnacle_aggregator_lateness_seconds', type: 'gauge', help: 'How much later than planned the last scrape of a node began, at most.', samples: ({ sources }) => [[{}, seconds(Math.max(0, ...sources.map(({ lastLatenessMs }) => lastLatenessMs ?? 0)))]] },
  { name: 'binnacle_aggregator_freshness_seconds', type: 'gauge', help: 'Age of the oldest newest figures of a node.', samples: ({ sources, now }) => [[{}, seconds(Math.max(0, ...sources.map(({ lastSuccess }) => now - (lastSuccess ?? now))))]] },
  { name: 'binnacle_aggregator_stage_duration_seconds_total', type: 'counter', help: 'Time spent computing, by stage.', samples: byName('stage', ({ stages }) => stages, 1e-3) },
  { name: 'binnacle_aggregator_batches_total', type: 'counter', help: 'Batches given to the sinks.', samples: ({ batches }) => Object.entries(batches).map(([of, count]) => [{ of }, count]) },
  { name: 'binnacle_aggregator_members', type: 'gauge', help: 'Aggregators that share the nodes, this one included.', samples: ({ members }) => [[{}, members]] },
  { name: 'binnacle_aggregator_event_loop_delay_seconds', type: 'gauge', help: 'How long the event loop was kept waiting in the last interval.', samples: ({ runtime }) => Object.entries(runtime?.loopDelayMs ?? {}).map(([statistic, ms]) => [{ statistic }, ms / 1000]) },
  { name: 'process_resident_memory_bytes', type: 'gauge', help: 'Resident memory of the process.', samples: ofRuntime(({ rssBytes }) => rssBytes) },
  { name: 'binnacle_aggregator_cpu_cores', type: 'gauge', help: 'CPU in use by the process in the last interval.', samples: ofRuntime(({ cpuMillicores }) => cpuMillicores / 1000) },
  { name: 'binnacle_aggregator_window_entities', type: 'gauge', help: 'Entities in the memory window.', samples: ofWindow(({ entities }) => entities) },
  { name: 'binnacle_aggregator_window_bytes', type: 'gauge', help: 'Memory that the window takes.', samples: ofWindow(({ bytes }) => bytes) },
  { name: 'binnacle_aggregator_window_limit_bytes', type: 'gauge', help: 'Memory that the window may take.', samples: ofWindow(({ maxBytes }) => maxBytes) },
  { name: 'binnacle_aggregator_window_samples_total', type: 'counter', help: 'Samples written to the window.', samples: ofWindow(({ samples }) => samples) },
  { name: 'binnacle_aggregator_window_blocks_dropped_total', type: 'counter', help: 'Blocks of samples dropped early for want of memory.', samples: ofWindow(({ blocksDropped }) => blocksDropped) },
  { name: 'binnacle_aggregator_window_sets_refused_total', type: 'counter', help: 'Samples of entities that the window had no room for.', samples: ofWindow(({ setsRefused }) => setsRefused) },
  { name: 'binnacle_aggregator_custom_window_series', type: 'gauge', help: "Series of pods' own metrics in memory.", samples: ({ customWindow }) => [[{}, customWindow.series]] },
  { name: 'binnacle_aggregator_custom_window_bytes', type: 'gauge', help: "Memory that samples of pods' own metrics take.", samples: ({ customWindow }) => [[{}, customWindow.bytes]] },
  { name: 'binnacle_aggregator_custom_window_limit_bytes', type: 'gauge', help: "Memory that samples of pods' own metrics may take.", samples: ({ customWindow }) => [[{}, customWindow.maxBytes]] },
  { name: 'binnacle_aggregator_custom_window_refused_total', type: 'counter', help: "Samples of pods' own metrics that there was no room for.", samples: ({ customWindow }) => [[{}, customWindow.refused]] },
  { name: 'binnacle_aggregator_sink_up', type: 'gauge', help: 'Whether the sink took the last request.', samples: perSink(({ isHealthy }) => Number(isHealthy)) },
  { name: 'binnacle_cluster_events_total', type: 'counter', help: 'What happened in the cluster, repetitions counted one by one.', samples: ({ eventCounts = [] }) => eventCounts.map(({ count, ...labels }) => [labels, count]) },
  { name: 'binnacle_aggregator_sink_accepted_total', type: 'counter', help: 'Points and events that the sink was given.', samples: perSink(({ accepted }) => accepted) },
  { name: 'binnacle_aggregator_sink_restored_total', type: 'counter', help: 'Points and events found in the spool at the start.', samples: perSink(({ restored }) => restored) },
  { name: 'binnacle_aggregator_sink_delivered_total', type: 'counter', help: 'Points and events that the destination has.', samples: perSink(({ delivered }) => delivered) },
  { name: 'binnacle_aggregator_sink_waiting', type: 'gauge', help: 'Points and events on their way, those in the spool included.', samples: perSink(({ waiting }) => waiting) },
  { name: 'binnacle_aggregator_sink_lost_total', type: 'counter', help: 'Points and events that were lost, by reason.', samples: ({ sinks }) => sinks.flatMap(({ name, stats }) => Object.entries(stats.lost).map(([reason, count]) => [{ sink: name, reason }, count] as const)) },
  { name: 'binnacle_aggregator_sink_requests_total', type: 'counter', help: 'Requests to the destination.', samples: perSink(({ requests }) => requests) },
  { name: 'binnacle_aggregator_sink_failed_requests_total', type: 'counter', help: 'Requests to be repeated.', samples: perSink(({ failedRequests }) => failedRequests) },
  { name: 'binnacle_aggregator_sink_series', type: 'gauge', help: 'Series at the destination, as far as it is known.', samples: ({ sinks }) => sinks.flatMap(({ name, stats: { series } }) => (series === undefined ? [] : [[{ sink: name }, series.estimate] as const])) },
  { name: 'binnacle_aggregator_sink_series_limit', type: 'gauge', help: 'Series that there may be at the destination.', samples: ({ sinks }) => sinks.flatMap(({ name, stats: { series } }) => (series === undefined ? [] : [[{ sink: name }, series.limit] as const])) },
  { name: 'binnacle_aggregator_spool_points', type: 'gauge', help: 'Points and events on disk that wait for the destination.', samples: perSink(({ spooled }) => spooled) },
  { name: 'binnacle_aggregator_spool_bytes', type: 'gauge', help: 'Size of the spool on disk.', samples: perSink(({ spoolBytes }) => spoolBytes) },
]

/** The report in Prometheus' text format. */
export function renderSelfMetrics(report: SelfReport): string {
  return families.map((family) => renderFamily(family, report)).join('')
}

function renderFamily({ name, type, help, samples }: Family, report: SelfReport): string {
  const lines = samples(report).flatMap(([labels, value]) => (value === undefined ? [] : [`${name}${renderLabels(labels)} ${value}\n`]))
  return lines.length === 0 ? '' : `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function renderLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`,
  )
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}
