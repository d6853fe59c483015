import type { Aggregator } from '../../aggregator/app.ts'
import { createAlerts, defaultRulesFile } from '../../alerts/app.ts'
import type { AlertsOptions } from '../../alerts/app.ts'
import type { EventWindow } from '../../alerts/evaluation/event-window.ts'
import { createWeb } from '../../dashboards/web/app.ts'
import type { ReadHistory } from '../../dashboards/web/chart.ts'
import type { AlertRow, EventRow } from '../../dashboards/web/model.ts'
import { fromTimestamp, systemClock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { systemRandom } from '../../lib/random.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import type { AlertPeerSettings } from '../alert-peer-flags.ts'
import { createPeeredAlerts } from '../alert-peers.ts'
import { complaintOf, jsonOf, probe } from '../doctor/probe.ts'
import type { Process } from './lifecycle.ts'

/** What the page lists at most. */
const maxEvents = 1000

interface Listener {
  readonly host: string
  readonly port: number
}

export interface InstrumentsOptions {
  readonly aggregator: Aggregator
  /** One of the aggregator's event sinks. */
  readonly events: EventWindow
  /** How far back the aggregator's memory window reaches. */
  readonly windowMs: number
  /** How often it scrapes. */
  readonly resolutionMs: number
  readonly alerts: Pick<AlertsOptions, 'dataDir' | 'configFile' | 'evaluationIntervalMs'> & {
    readonly http: Listener
    /** Files of rules; the shipped ones where there are none. */
    readonly rulesFiles: readonly string[]
    /** Among whom the alerts are shared; by default nobody. */
    readonly sharing?: { readonly peers: AlertPeerSettings; readonly client: Client }
  }
  readonly page: Listener
  readonly log: Log
}

/** The instruments, and where they listen once they are started. */
export interface Instruments extends Process {
  readonly addresses: { readonly alerts: string; readonly page: string }
}

/** What makes an aggregator's figures of use to people: alert rules with their receivers, and the page. */
export function createInstruments({ aggregator, events, windowMs, resolutionMs, log, ...options }: InstrumentsOptions): Instruments {
  const { rulesFiles, http, sharing, ...settings } = options.alerts
  const alertOptions = {
    window: aggregator.window,
    sources: { ...ruleSources(aggregator), windowMs, events },
    clock: systemClock,
    random: systemRandom,
    log: log.child({ part: 'alerts' }),
    ...settings,
    rulesFiles: rulesFiles.length === 0 ? [defaultRulesFile] : rulesFiles,
    http,
    externalUrl: `http://${http.host}:${http.port}`,
  }
  const alerts = sharing === undefined ? createAlerts(alertOptions) : createPeeredAlerts(alertOptions, sharing.peers, sharing.client)
  const web = createWeb({
    window: aggregator.window,
    resolutionMs,
    listAlerts: () => listAlerts(`http://${alerts.address}`),
    listEvents: () => listEvents(aggregator.addresses.http),
    ...(aggregator.history === undefined ? {} : { readHistory: readFrom(aggregator.history) }),
    logs: aggregator.logs,
    clock: systemClock,
    log: log.child({ part: 'web' }),
    http: options.page,
  })
  return {
    start: async () => {
      await Promise.all([alerts.start(), web.start()])
    },
    stop: async () => {
      await Promise.all([web.stop(), alerts.stop()])
    },
    get addresses() {
      const { host, port } = web.address
      return { alerts: `http://${alerts.address}`, page: `http://${host.includes(':') ? `[${host}]` : host}:${port}` }
    },
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
