import type { InfluxSinkStats } from './influx/influx-sink.ts'
import type { WindowStats } from './memory-window.ts'
import type { SourceStatus } from './sources/node-source.ts'

/** Everything that the aggregator says about itself. */
export interface SelfReport {
  readonly sources: readonly SourceStatus[]
  readonly window: WindowStats
  readonly influx: InfluxSinkStats | undefined
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
const ofInflux = (value: (influx: InfluxSinkStats) => number | undefined): Family['samples'] => {
  return ({ influx }) => (influx === undefined ? [] : [[{}, value(influx)]])
}
const seconds = (ms: number | undefined) => (ms === undefined ? undefined : ms / 1000)

// oxfmt-ignore
const families: readonly Family[] = [
  { name: 'binnacle_aggregator_source_up', type: 'gauge', help: 'Whether the last scrape of the node succeeded.', samples: perNode(({ isHealthy }) => Number(isHealthy)) },
  { name: 'binnacle_aggregator_source_scrapes_total', type: 'counter', help: 'Scrapes of the node.', samples: perNode(({ scrapes }) => scrapes) },
  { name: 'binnacle_aggregator_source_failures_total', type: 'counter', help: 'Scrapes of the node that failed.', samples: perNode(({ failures }) => failures) },
  { name: 'binnacle_aggregator_source_duration_seconds', type: 'gauge', help: 'How long the last successful scrape took.', samples: perNode(({ lastDurationMs }) => seconds(lastDurationMs)) },
  { name: 'binnacle_aggregator_source_age_seconds', type: 'gauge', help: 'Time since the last successful scrape.', samples: perNode(({ lastSuccess }, { now }) => (lastSuccess === undefined ? undefined : (now - lastSuccess) / 1000)) },
  { name: 'binnacle_aggregator_window_entities', type: 'gauge', help: 'Entities in the memory window.', samples: ofWindow(({ entities }) => entities) },
  { name: 'binnacle_aggregator_window_bytes', type: 'gauge', help: 'Memory that the window takes.', samples: ofWindow(({ bytes }) => bytes) },
  { name: 'binnacle_aggregator_window_limit_bytes', type: 'gauge', help: 'Memory that the window may take.', samples: ofWindow(({ maxBytes }) => maxBytes) },
  { name: 'binnacle_aggregator_window_samples_total', type: 'counter', help: 'Samples written to the window.', samples: ofWindow(({ samples }) => samples) },
  { name: 'binnacle_aggregator_window_blocks_dropped_total', type: 'counter', help: 'Blocks of samples dropped early for want of memory.', samples: ofWindow(({ blocksDropped }) => blocksDropped) },
  { name: 'binnacle_aggregator_window_sets_refused_total', type: 'counter', help: 'Samples of entities that the window had no room for.', samples: ofWindow(({ setsRefused }) => setsRefused) },
  { name: 'binnacle_aggregator_influx_up', type: 'gauge', help: 'Whether InfluxDB took the last batch.', samples: ofInflux(({ isHealthy }) => Number(isHealthy)) },
  { name: 'binnacle_aggregator_influx_points_encoded_total', type: 'counter', help: 'Points encoded for InfluxDB.', samples: ofInflux(({ pointsEncoded }) => pointsEncoded) },
  { name: 'binnacle_aggregator_influx_points_written_total', type: 'counter', help: 'Points that InfluxDB has stored.', samples: ofInflux(({ pointsWritten }) => pointsWritten) },
  { name: 'binnacle_aggregator_influx_points_rejected_total', type: 'counter', help: 'Points that InfluxDB refused for good.', samples: ({ influx }) => Object.entries(influx?.pointsRejected ?? {}).map(([reason, count]) => [{ reason }, count]) },
  { name: 'binnacle_aggregator_influx_points_dropped_total', type: 'counter', help: 'Points lost before InfluxDB.', samples: ({ influx }) => Object.entries(influx?.pointsDropped ?? {}).map(([where, count]) => [{ where }, count]) },
  { name: 'binnacle_aggregator_influx_writes_total', type: 'counter', help: 'Write requests to InfluxDB.', samples: ofInflux(({ writes }) => writes) },
  { name: 'binnacle_aggregator_influx_failed_writes_total', type: 'counter', help: 'Write requests to be repeated.', samples: ofInflux(({ failedWrites }) => failedWrites) },
  { name: 'binnacle_aggregator_spool_points', type: 'gauge', help: 'Points on disk that wait for InfluxDB.', samples: ofInflux(({ spooledPoints }) => spooledPoints) },
  { name: 'binnacle_aggregator_spool_bytes', type: 'gauge', help: 'Size of the spool on disk.', samples: ofInflux(({ spoolBytes }) => spoolBytes) },
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
