import { createAggregator, type Aggregator } from '../../aggregator/app.ts'
import type { AggregatorConfiguration } from '../../aggregator/configuration.ts'
import { createAlerts, defaultRulesFile } from '../../alerts/app.ts'
import type { AlertsOptions } from '../../alerts/app.ts'
import { EventWindow } from '../../alerts/evaluation/event-window.ts'
import { createWeb } from '../../dashboards/web/app.ts'
import type { ReadHistory } from '../../dashboards/web/chart.ts'
import type { AlertRow, EventRow } from '../../dashboards/web/model.ts'
import { fromTimestamp, systemClock } from '../../lib/clock.ts'
import { systemRandom } from '../../lib/random.ts'
import { createHttpsTransport } from '../../orchestrator/client/https-transport.ts'
import { createInformerFactory } from '../../orchestrator/client/informer-factory.ts'
import { createClient } from '../../orchestrator/client/rest-client.ts'
import { readAggregatorConfiguration } from '../aggregator-configuration.ts'
import { complaintOf, jsonOf, probe } from '../doctor/probe.ts'
import { auditStoreFolder } from '../data-folder.ts'
import { readPair } from '../key-pair.ts'
import type { ClusterOptions } from '../options.ts'
import { runProcess, type Process, type ProcessContext } from './lifecycle.ts'

const loopback = '127.0.0.1'
/** What the page lists at most. */
const maxEvents = 1000

/** `binnacle monitor`: aggregator, alerts and page in one process. Resolves with the exit code. */
export function runMonitor(options: ClusterOptions): Promise<number> {
  return runProcess('monitor', options, async (context) => buildMonitor(context))
}

function buildMonitor({ options, folder, log }: ProcessContext): Process {
  const { ports } = options
  const shared = { clock: systemClock, random: systemRandom }
  const ca = readPair(folder, 'ca').cert
  const identity = readPair(folder, 'monitor')
  const transport = createHttpsTransport({
    server: `https://${loopback}:${ports.api}`,
    ca,
    ...identity,
    clock: systemClock,
    userAgent: 'binnacle-monitor',
  })
  const client = createClient(transport)
  const informers = createInformerFactory({ client, ...shared, log: log.child({ part: 'informers' }) })
  const settings = aggregatorSettings(readAggregatorConfiguration(options.aggregatorConfig), options)
  const events = new EventWindow(settings)
  const aggregator = createAggregator({
    client,
    informers,
    ...shared,
    log: log.child({ part: 'aggregator' }),
    ...settings,
    eventSinks: [events],
    kubelet: { ca, ...identity },
    http: { host: loopback, port: ports.aggregator },
    metricsApi: {
      hosts: [loopback],
      port: ports.metricsApi,
      tls: identity,
      authorities: { clientCa: ca, requestHeaderCa: readPair(folder, 'front-proxy-ca').cert, allowedNames: ['front-proxy-client'] },
    },
    spoolDir: folder.path('spool'),
    logs: { eventsDir: folder.path('events'), auditDir: auditStoreFolder(folder) },
  })
  const alerts = createAlerts({
    window: aggregator.window,
    sources: { ...ruleSources(aggregator), windowMs: settings.windowMs, events },
    ...shared,
    log: log.child({ part: 'alerts' }),
    dataDir: folder.path('alerts'),
    rulesFiles: options.rules.length === 0 ? [defaultRulesFile] : options.rules,
    ...(options.alertsConfig === undefined ? {} : { configFile: options.alertsConfig }),
    http: { host: loopback, port: ports.alerts },
    externalUrl: `http://${loopback}:${ports.alerts}`,
    evaluationIntervalMs: options.resolutionMs,
  })
  const web = createWeb({
    window: aggregator.window,
    listAlerts: () => listAlerts(`http://${loopback}:${ports.alerts}`),
    listEvents: () => listEvents(`http://${loopback}:${ports.aggregator}`),
    ...(aggregator.history === undefined ? {} : { readHistory: readFrom(aggregator.history) }),
    logs: aggregator.logs,
    clock: systemClock,
    log: log.child({ part: 'web' }),
    http: { host: loopback, port: ports.web },
  })
  const abort = new AbortController()
  let running: Promise<void> | undefined
  return {
    start: async () => {
      running = informers.run(abort.signal)
      await Promise.all([aggregator.start(), alerts.start(), web.start()])
    },
    stop: async () => {
      await Promise.all([web.stop(), alerts.stop(), aggregator.stop()])
      abort.abort()
      await running
      transport.close()
    },
  }
}

/** What a configuration file says goes before the flags; a sink of it with the name `influxdb` takes the place of the cluster's own. */
function aggregatorSettings(configuration: AggregatorConfiguration, { influxdb, resolutionMs }: ClusterOptions) {
  const { clusterName, window, sinks = [] } = configuration
  const hasOwnInflux = influxdb !== undefined && influxdb !== 'none' && sinks.every(({ name }) => name !== 'influxdb')
  return {
    configuration,
    resolutionMs: configuration.resolutionMs ?? resolutionMs,
    windowMs: window.durationMs,
    windowMaxBytes: window.maxBytes,
    sinks,
    ...(clusterName === undefined ? {} : { clusterName }),
    ...(hasOwnInflux ? { influx: { url: influxdb } } : {}),
  }
}

/** What rules read besides the memory window. */
function ruleSources({ customWindow, history, queries, inventory }: Aggregator): NonNullable<AlertsOptions['sources']> {
  if (history === undefined || queries === undefined) return { customWindow, inventory }
  const read = { series: history.series.bind(history), select: queries.ask.bind(queries) }
  return { customWindow, inventory, history: read }
}

interface ActiveAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly startsAt: string
  readonly status: { readonly state: string }
}

/** The JSON that one of this process's own APIs answers; rejects with what it says instead. */
async function ask(url: string): Promise<unknown> {
  const answer = await probe(url)
  const value = jsonOf(answer)
  if (value === undefined) throw new Error(`${url}: ${complaintOf(answer)}`)
  return value
}

/** The active alerts through the API that everybody uses. */
async function listAlerts(url: string): Promise<AlertRow[]> {
  const alerts = (await ask(`${url}/api/v2/alerts?active=true`)) as ActiveAlert[]
  return alerts.map(({ labels, annotations, startsAt, status }) => ({
    name: labels['alertname'] ?? '',
    state: status.state,
    severity: labels['severity'] ?? '',
    labels,
    summary: annotations['summary'] ?? annotations['description'] ?? '',
    startsAt: fromTimestamp(startsAt) ?? null,
  }))
}

interface KnownEvent extends Pick<EventRow, 'type' | 'reason' | 'namespace' | 'message' | 'count'> {
  readonly object: { readonly kind: string; readonly name: string }
  readonly lastSeen: string
}

/** The newest events through the API that everybody uses. */
async function listEvents(url: string): Promise<EventRow[]> {
  const { items } = (await ask(`${url}/api/v1/events?limit=${maxEvents}`)) as { readonly items: readonly KnownEvent[] }
  return items.map(({ type, reason, namespace, message, count, object, lastSeen }) => ({
    time: fromTimestamp(lastSeen) ?? 0,
    type,
    reason,
    namespace,
    object: `${object.kind}/${object.name}`,
    message,
    count,
  }))
}

/** The largest value of each step, so that no spike is lost on a long chart. */
function readFrom(history: NonNullable<Aggregator['history']>): ReadHistory {
  return async ({ stepMs, ...request }) =>
    (await history.buckets(request, ['max'], stepMs)).map(([time, value = null]) => [time, value] as const)
}
