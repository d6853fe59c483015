import { fastify } from 'fastify'
import type { FastifyInstance } from 'fastify'
import type { CustomWindow } from './custom-window.ts'
import { registerEventApi } from './event-api.ts'
import type { EventLog } from './event-log.ts'
import { QueryError } from './heapster-api/query-parameters.ts'
import { registerExportApi } from './heapster-api/export-api.ts'
import { registerHistoricalApi } from './heapster-api/historical-api.ts'
import { registerModelApi } from './heapster-api/model-api.ts'
import type { InfluxHistory } from './influx/history.ts'
import type { Batch } from './metric-set.ts'
import { renderSelfMetrics } from './self-metrics.ts'
import type { SelfReport } from './self-metrics.ts'
import type { SourceHealth } from './sources/source-health.ts'
import type { MetricWindow } from './window.ts'

export interface HttpServerOptions {
  readonly window: MetricWindow
  /** What pods export. */
  readonly customWindow: CustomWindow
  /** The last batch of each node. */
  readonly latest: () => readonly Batch[]
  readonly report: () => SelfReport
  /** Absent: there is no InfluxDB, and no history. */
  readonly history: InfluxHistory | undefined
  readonly events: EventLog
  /** Whether unknown entities are a 404 in the model API; else, as upstream, an empty answer. */
  readonly isStrict: boolean
  readonly now: () => number
  /** Why requests cannot be answered well yet; empty when they can. */
  readonly unready: () => readonly string[]
}

/** Heapster's HTTP interface (port 8082 by default) and what the aggregator says about itself. Not listening yet. */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const { latest, report, unready, history, events, now } = options
  const server = fastify({
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 4096 },
    bodyLimit: 1024,
    forceCloseConnections: true,
  })
  server.setErrorHandler((error: Error & { statusCode?: number }, _, reply) => {
    const status = error instanceof QueryError ? 400 : (error.statusCode ?? 500)
    return reply.code(status).type('text/plain; charset=utf-8').send(`${error.message}\n`)
  })
  listPaths(server)
  registerModelApi(server, options)
  registerExportApi(server, latest)
  if (history !== undefined) registerHistoricalApi(server, history, now)
  registerEventApi(server, events)
  server.get('/api/v1/sources', () => {
    const { sources, pods, events: followed } = report()
    return { sources: sources.map(formatSource), pods: pods.map(formatSource), events: followed }
  })
  server.get('/metrics', (_, reply) => reply.type('text/plain; version=0.0.4; charset=utf-8').send(renderSelfMetrics(report())))
  server.get('/healthz', (_, reply) => reply.type('text/plain').send('ok'))
  server.get('/readyz', (_, reply) => {
    const reasons = unready()
    return reply
      .code(reasons.length === 0 ? 200 : 503)
      .type('text/plain; charset=utf-8')
      .send(reasons.length === 0 ? ['ok', ...remarks(report(), now())].join('\n') : `${reasons.join('\n')}\n`)
  })
  return server
}

/** What is said when there are more entities than the memory window has room for. */
export const windowFullMessage =
  'the memory window is full: some entities have no figures in the model API, alerts and the page; give it more (window.maxBytes, from 6 kB per entity), or add an aggregator'

/** How long a refusal is worth a remark. */
const remarkMs = 120_000

/** What is not well, but nothing to wait for. */
function remarks({ window: { lastRefusal, entities } }: SelfReport, now: number): readonly string[] {
  return lastRefusal === undefined || now - lastRefusal > remarkMs ? [] : [`${windowFullMessage} (it has ${entities} entities)`]
}

/** Where nothing is served, what is served below is listed: a GET of `/` or `/api/v1/model/` shows where to go on. */
function listPaths(server: FastifyInstance): void {
  const paths: string[] = []
  server.addHook('onRoute', ({ method, url }) => {
    if (method === 'GET') paths.push(url)
  })
  server.setNotFoundHandler((request, reply) => {
    const [path = ''] = request.url.split('?', 1)
    const below = paths.filter((known) => known.startsWith(`${path.replace(/\/+$/, '')}/`))
    if (request.method === 'GET' && below.length > 0) return reply.send({ paths: below })
    const message = `nothing is served at ${request.url.slice(0, 200)}; / lists what is\n`
    return reply.code(404).type('text/plain; charset=utf-8').send(message)
  })
}

function formatSource({ lastSuccess, lastError, ...status }: SourceHealth): object {
  return {
    ...status,
    lastSuccess: lastSuccess === undefined ? undefined : new Date(lastSuccess).toISOString(),
    lastError: lastError === undefined ? undefined : { ...lastError, at: new Date(lastError.at).toISOString() },
  }
}
