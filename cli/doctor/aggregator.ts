import { ok, problem, shorten, warn } from './finding.ts'
import type { Finding } from './finding.ts'
import { formatBytes } from './installation.ts'
import { complaintOf, jsonOf, probe, samplesOf } from './probe.ts'
import type { Examination } from './subject.ts'

/** An entry of `/api/v1/sources`. */
interface Source {
  readonly node?: string
  readonly namespace?: string
  readonly pod?: string
  readonly address?: string
  readonly isHealthy: boolean
  readonly scrapes: number
  readonly consecutiveFailures: number
  readonly lastSuccess?: string
  readonly rejected: number
  readonly lastError?: { readonly stage: string; readonly message: string; readonly advice: string }
}

interface Sources {
  readonly sources: readonly Source[]
  readonly pods?: readonly Source[]
}

const maxListed = 20
/** A process that keeps its loop waiting this long is short of CPU. */
const maxLoopDelaySeconds = 1

/** The aggregator: its scrapes of nodes and pods, its window, its sinks, its own pace. */
export const aggregatorExamination: Examination = {
  name: 'aggregator',
  async examine({ urls, now, resolutionMs }) {
    if (urls.aggregator === undefined) return []
    const ready = await probe(`${urls.aggregator}/readyz`)
    if (ready.status === 0)
      return [problem('aggregator', `${urls.aggregator}: ${complaintOf(ready)}`, 'is the process monitor running? Read its log')]
    const [sources, metrics] = await Promise.all([probe(`${urls.aggregator}/api/v1/sources`), probe(`${urls.aggregator}/metrics`)])
    const known = jsonOf(sources) as Sources | undefined
    return [
      ready.status === 200
        ? ok('aggregator', `is ready at ${urls.aggregator}`)
        : problem('aggregator', `is not ready: ${ready.text.trim().replaceAll('\n', '; ')}`, 'see the nodes'),
      ...(known === undefined
        ? [problem('aggregator', complaintOf(sources), 'read its log')]
        : examineSources(known, { now, resolutionMs })),
      ...(metrics.status === 200 ? examineMetrics(metrics.text) : [problem('aggregator', complaintOf(metrics), 'read its log')]),
    ]
  },
}

/** A line per node or pod that cannot be scraped; one for all that can. */
export function examineSources({ sources, pods = [] }: Sources, known: { readonly now: number; readonly resolutionMs: number }): Finding[] {
  const nodes = sources.flatMap((source) => examineSource(`scrape of node ${source.node}`, source, known))
  const exporters = pods.flatMap((source) => examineSource(`scrape of pod ${source.namespace}/${source.pod}`, source, known))
  const healthy = sources.filter(({ isHealthy }) => isHealthy).length
  const summary =
    sources.length === 0
      ? problem('scrapes', 'no node is scraped', 'does the aggregator see the nodes of the API?')
      : ok('scrapes', `${healthy} of ${sources.length} nodes give figures`)
  return [summary, ...shorten(nodes, maxListed), ...shorten(exporters, maxListed)]
}

function examineSource(
  where: string,
  source: Source,
  { now, resolutionMs }: { readonly now: number; readonly resolutionMs: number },
): Finding[] {
  const { isHealthy, lastError, consecutiveFailures, lastSuccess, rejected, scrapes } = source
  if (!isHealthy && lastError !== undefined)
    return [problem(where, `fails at stage ${lastError.stage} (${consecutiveFailures} times): ${lastError.message}`, lastError.advice)]
  if (!isHealthy) return [warn(where, scrapes === 0 ? 'has not begun yet' : 'has given nothing yet', 'look again in a moment')]
  const ageMs = now - Date.parse(lastSuccess ?? '')
  if (ageMs > 3 * resolutionMs)
    return [
      problem(where, `its newest figures are ${Math.round(ageMs / 1000)} s old`, 'is the aggregator short of CPU? See its event loop'),
    ]
  return rejected > 0
    ? [warn(where, `${rejected} fields or entries of its last answer were malformed or too many`, 'ask it for /stats/summary and look')]
    : []
}

function examineMetrics(text: string): Finding[] {
  const value = (family: string) => samplesOf(text, `binnacle_aggregator_${family}`)[0]?.value ?? 0
  const [bytes, limit] = [value('window_bytes'), value('window_limit_bytes')]
  const dropped = value('window_sets_refused_total')
  const window = `${value('window_entities')} entities, ${formatBytes(bytes)} of ${formatBytes(limit)}`
  const delay =
    samplesOf(text, 'binnacle_aggregator_event_loop_delay_seconds').find(({ labels }) => labels['statistic'] === 'max')?.value ?? 0
  return [
    dropped > 0
      ? warn('memory window', `${window}; ${dropped} sets of figures had no room`, 'give the window more memory, or add an aggregator')
      : ok('memory window', window),
    ...samplesOf(text, 'binnacle_aggregator_sink_up').flatMap(({ labels }) => examineSink(text, labels['sink']!)),
    ...(delay > maxLoopDelaySeconds
      ? [
          warn(
            'aggregator',
            `kept its event loop waiting for ${delay.toFixed(1)} s lately`,
            'it is short of CPU: add an aggregator (sharding), or a longer resolution',
          ),
        ]
      : []),
  ]
}

function examineSink(text: string, sink: string): Finding[] {
  const of = (family: string) => samplesOf(text, `binnacle_aggregator_${family}`).filter(({ labels }) => labels['sink'] === sink)
  const value = (family: string) => of(family)[0]?.value ?? 0
  const where = `sink ${sink}`
  const [waiting, spooled] = [value('sink_waiting'), value('spool_points')]
  const backlog = `${waiting} points wait, ${spooled} of them on disk (${formatBytes(value('spool_bytes'))})`
  const state =
    value('sink_up') === 0
      ? problem(where, `takes no points; ${backlog}`, 'is it running? The points are sent when it is back')
      : spooled > 0
        ? warn(where, `takes points again; ${backlog}`, 'the backlog is being sent')
        : ok(where, `takes points: ${value('sink_delivered_total')} delivered`)
  const lost = of('sink_lost_total').filter((sample) => sample.value > 0)
  return [
    state,
    ...lost.map((sample) =>
      warn(where, `${sample.value} points lost: ${sample.labels['reason']}`, adviceForLoss(sample.labels['reason'] ?? '')),
    ),
  ]
}

function adviceForLoss(reason: string): string {
  if (/spool|queue|disk/.test(reason)) return 'make room for the spool, or let it have more'
  return 'read refused.jsonl in the folder of the spool: it has the reasons and the points'
}
