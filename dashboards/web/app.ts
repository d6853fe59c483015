import { fastify, type FastifyInstance, type FastifyReply } from 'fastify'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { registerLogRoute } from '../../aggregator/logs/log-routes.ts'
import type { LogDoor } from '../../aggregator/logs/log-routes.ts'
import type { MetricWindow } from '../../aggregator/window.ts'
import type { Clock, Timer } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { loadPageAssets } from '../../lib/page-assets.ts'
import type { PageAssets } from '../../lib/page-assets.ts'
import { ChartRequestError, chartLines, parseChartRequest, type ReadHistory } from './chart.ts'
import type { AlertRow, EventList, EventRow } from './model.ts'
import { listContainers, listMonitorFigures, takeSnapshot, type Moment } from './snapshot.ts'

/** What the page is built from. */
export interface WebOptions {
  readonly window: MetricWindow
  /** How often nodes are scraped: what is older than a few scrapes is gone. Default 5 s. */
  readonly resolutionMs?: number
  /** The alerts that are active now. */
  readonly listAlerts: () => Promise<readonly AlertRow[]>
  /** What happened in the cluster lately, newest first. */
  readonly listEvents: () => Promise<readonly EventRow[]>
  /** For charts that reach further back than the window; absent: they begin where it begins. */
  readonly readHistory?: ReadHistory
  /** Searches logs of all nodes; absent: there are none to be seen. */
  readonly logs?: LogDoor
  readonly clock: Clock
  readonly log: Log
  readonly http: { readonly host: string; readonly port: number }
}

/** The built-in page: read-only, without anything from other hosts. */
export interface Web {
  /** Listens; rejects when it cannot. */
  start(): Promise<void>
  stop(): Promise<void>
  /** Where it listens, after `start`. */
  readonly address: { readonly host: string; readonly port: number }
}

/** A stream gets a snapshot at most this often, and at least every `quietMs`. */
const throttleMs = 1000
const quietMs = 15_000
const maxStreams = 100
/** A reader that is this far behind is cut off; its browser connects again by itself. */
const maxUnsentBytes = 4 * 1024 * 1024
const localHosts = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Builds the page's server. */
export function createWeb(options: WebOptions): Web {
  const { clock, http, resolutionMs = 5000 } = options
  const moment = (): Moment => ({ now: clock.now(), resolutionMs })
  const server = fastify({ logger: false, forceCloseConnections: true })
  const streams = new SnapshotStreams(options, moment)
  addGuards(server, http.host)
  server.get('/api/snapshot', async () => streams.snapshot())
  server.get('/api/series', async (request) =>
    chartLines(options.window, parseChartRequest(request.query as Record<string, unknown>, clock.now()), {
      read: options.readHistory,
      now: clock.now(),
    }),
  )
  server.get('/api/containers', async (request) => {
    const { pod } = request.query as Record<string, unknown>
    return listContainers(options.window, typeof pod === 'string' ? pod : undefined, moment())
  })
  server.get('/api/monitor', async () => listMonitorFigures(options.window, moment()))
  server.get('/api/events', async () => listEvents(options))
  if (options.logs !== undefined) registerLogRoute(server, options.logs, http.host)
  server.get('/api/stream', (_request, reply) => streams.add(reply))
  server.get('/healthz', async () => 'ok')
  server.setErrorHandler((error, _request, reply) => {
    if (error instanceof ChartRequestError) return reply.code(400).send({ error: error.message })
    options.log.error({ err: error }, 'request failed')
    return reply.code(500).send({ error: 'internal error' })
  })
  return {
    start: async () => {
      addAssets(server, await loadPageAssets({ clientFolder: fileURLToPath(new URL('client', import.meta.url)) }))
      await server.listen({ host: http.host, port: http.port })
      streams.start()
    },
    stop: async () => {
      streams.stop()
      await server.close()
    },
    get address() {
      const { address, port } = server.server.address() as AddressInfo
      return { host: address, port }
    },
  }
}

async function listEvents(options: WebOptions): Promise<EventList> {
  return options.listEvents().then(
    (rows) => ({ rows, problem: null }),
    (error: unknown) => ({ rows: [], problem: messageOf(error) }),
  )
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** On loopback only requests that name this machine are answered, so that no web site can read figures through a name of its own. */
function addGuards(server: FastifyInstance, host: string): void {
  const isLocal = host === '127.0.0.1' || host === '::1' || host === 'localhost'
  server.addHook('onRequest', async (request, reply) => {
    const name = (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase()
    if (isLocal && !localHosts.has(name)) return reply.code(403).send({ error: `host ${JSON.stringify(name)}: use localhost or 127.0.0.1` })
    void reply.header('x-content-type-options', 'nosniff').header('referrer-policy', 'no-referrer')
  })
}

function addAssets(server: FastifyInstance, { files, contentSecurityPolicy }: PageAssets): void {
  for (const [path, { type, bytes, etag }] of files) {
    server.get(path, async (request, reply) => {
      void reply
        .header('etag', etag)
        .header('cache-control', 'no-cache')
        .header('content-security-policy', contentSecurityPolicy)
        .type(type)
      return request.headers['if-none-match'] === etag ? reply.code(304).send() : reply.send(bytes)
    })
  }
}

/** The open event streams; each change of the window reaches all of them with one serialisation. */
class SnapshotStreams {
  readonly #options: WebOptions
  readonly #moment: () => Moment
  readonly #replies = new Set<FastifyReply>()
  #unsubscribe: (() => void) | undefined
  #timer: Timer | undefined
  #lastSentAt = 0

  constructor(options: WebOptions, moment: () => Moment) {
    this.#options = options
    this.#moment = moment
  }

  start(): void {
    this.#unsubscribe = this.#options.window.onBatch(() => this.#schedule(throttleMs))
    this.#schedule(quietMs)
  }

  stop(): void {
    this.#unsubscribe?.()
    this.#timer?.cancel()
    for (const reply of this.#replies) reply.raw.end()
    this.#replies.clear()
  }

  async snapshot(): Promise<ReturnType<typeof takeSnapshot>> {
    const alerts = await this.#options.listAlerts().then(
      (rows) => ({ rows, problem: null }),
      (error: unknown) => ({ rows: [], problem: messageOf(error) }),
    )
    return takeSnapshot(this.#options.window, alerts, this.#moment())
  }

  add(reply: FastifyReply): FastifyReply {
    if (this.#replies.size >= maxStreams) return reply.code(503).send({ error: `${maxStreams} streams are open already` })
    reply.hijack()
    const { raw } = reply
    raw.on('error', () => this.#replies.delete(reply))
    raw.on('close', () => this.#replies.delete(reply))
    raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
    this.#replies.add(reply)
    void this.#send([reply])
    return reply
  }

  #schedule(afterMs: number): void {
    const dueMs = Math.max(0, this.#lastSentAt + afterMs - this.#options.clock.monotonic())
    this.#timer?.cancel()
    this.#timer = this.#options.clock.setTimer(dueMs, () => {
      void this.#send([...this.#replies]).then(() => this.#schedule(quietMs))
    })
  }

  async #send(replies: readonly FastifyReply[]): Promise<void> {
    this.#lastSentAt = this.#options.clock.monotonic()
    if (replies.length === 0) return
    const text = `data: ${JSON.stringify(await this.snapshot())}\n\n`
    for (const { raw } of replies) {
      if (raw.writableLength > maxUnsentBytes) raw.destroy()
      else raw.write(text)
    }
  }
}
