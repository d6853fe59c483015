import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import type { PodManager } from '../pod/pod-manager.ts'
import type { ContainerRuntime } from '../runtime/runtime.ts'
import type { VolumeStatistics } from '../volumes/volume-statistics.ts'
import { logContainerOf, parseLogQuery, sendLogs } from './container-logs.ts'
import { decodePart, HttpError, statusCodeOf } from './http-error.ts'
import type { Authenticator } from './node-authentication.ts'
import { StreamServer } from './stream-server.ts'

/** Where the server listens and who it is. */
export interface NodeServerOptions {
  /** Addresses to listen on, e.g. `127.0.0.1` and the pods' gateway. The first must be there; others are tried until they appear. */
  readonly hosts: readonly string[]
  /** 0: any free one, the same on all hosts. */
  readonly port: number
  /** PEM texts: the server's own pair, and the authority of client certificates. */
  readonly tls: { readonly cert: string; readonly key: string; readonly clientCa: string }
}

/** Answers of the node's collector. */
export interface StatsSource {
  summary(): Promise<unknown>
  metricsResource(): Promise<string>
  metricsCadvisor(): Promise<string>
  /** Figures made of log lines; absent where no logs are collected. */
  metricsLogs?(): Promise<string>
  /** A question about the logs that are kept here; absent: none are. `path` is what follows `/api/v1/logs`. `signal` aborts when the client has left. */
  askLogs?(
    request: { readonly path: string; readonly query: Readonly<Record<string, string | readonly string[]>> },
    signal: AbortSignal,
  ): Promise<{ readonly code: number; readonly type: string; readonly body: string | Buffer | AsyncIterable<string | Buffer> }>
}

interface Dependencies extends NodeServerOptions {
  readonly runtime: ContainerRuntime
  readonly pods: Pick<PodManager, 'find' | 'workers'>
  readonly stats: StatsSource
  readonly volumes: Pick<VolumeStatistics, 'addTo' | 'metrics'>
  readonly authenticator: Authenticator
  readonly clock: Clock
  readonly log: Log
}

/** Where the collector's questions about logs are passed on. */
const logsPath = '/api/v1/logs'
const onlyOf = (values: readonly string[]) => (values.length === 1 ? values[0]! : values)
const metricsType = 'text/plain; version=0.0.4; charset=utf-8'
/** An address that is not there yet (the bridge of a network to be made) is looked for this often. */
const listenRetryMs = 500

/** How long a connection stays that nobody uses. */
const keepAliveMs = 120_000

/** The kubelet's HTTPS interface: logs, exec, attach, port-forward, pods, statistics. */
export class NodeServer {
  readonly #options: Dependencies
  readonly #streams: StreamServer
  readonly #servers: Server[] = []
  readonly #abort = new AbortController()
  #port: number
  #tls: NodeServerOptions['tls']

  constructor(options: Dependencies) {
    this.#options = options
    this.#tls = options.tls
    this.#port = options.port
    this.#streams = new StreamServer(options)
  }

  get port(): number {
    return this.#port
  }

  /** Resolves when the first host is listened on; rejects where that is impossible, saying which address it was. */
  async start(): Promise<void> {
    const [first, ...others] = this.#options.hosts
    if (first === undefined) throw new RangeError('server.hosts: at least one address is needed')
    await this.#listen(first)
    for (const host of others) void this.#listenWhenPossible(host)
  }

  /** Shows another certificate to whoever connects from now on. */
  useCertificate(pair: { readonly cert: string; readonly key: string }): void {
    this.#tls = { ...this.#tls, ...pair }
    for (const server of this.#servers) server.setSecureContext({ ...pair, ca: this.#tls.clientCa })
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    this.#streams.stop()
    await Promise.all(
      this.#servers.map((server) => {
        const closed = new Promise((resolve) => server.close(resolve))
        server.closeAllConnections()
        return closed
      }),
    )
  }

  async #listenWhenPossible(host: string): Promise<void> {
    const { clock, log } = this.#options
    for (let isFirst = true; !this.#abort.signal.aborted; isFirst = false) {
      try {
        return await this.#listen(host)
      } catch (error) {
        if (isFirst) log.debug({ host, err: error }, 'an address is not there yet, will be tried again')
        await clock.sleep(listenRetryMs, this.#abort.signal)
      }
    }
  }

  async #listen(host: string): Promise<void> {
    const tls = this.#tls
    // Every client is let in so far that its request can be answered with 401.
    const server = createServer({ cert: tls.cert, key: tls.key, ca: tls.clientCa, requestCert: true, rejectUnauthorized: false })
    // Longer than anybody waits between two scrapes: Node's five seconds would cost a handshake for each.
    server.keepAliveTimeout = keepAliveMs
    server.on('request', (request: IncomingMessage, response: ServerResponse) => void this.#answer(request, response))
    server.on('upgrade', (request: IncomingMessage, socket, head: Buffer) => {
      socket.on('error', () => {})
      void this.#streams.upgrade(request, socket, head)
    })
    server.on('tlsClientError', () => {})
    server.on('clientError', (_error, socket) => socket.destroy())
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(new Error(`cannot listen on ${host}:${this.#port}: ${error.message}`, { cause: error })))
      server.listen({ host, port: this.#port }, resolve)
    })
    server.on('error', (error) => this.#options.log.error({ err: error, host }, 'the node server failed'))
    this.#port = (server.address() as AddressInfo).port
    if (this.#abort.signal.aborted) server.close()
    else this.#servers.push(server)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {})
    try {
      const url = new URL(request.url ?? '/', 'https://node')
      await this.#options.authenticator.authorize(request, url.pathname)
      await this.#route(request, response, url)
    } catch (error) {
      const code = statusCodeOf(error)
      if (code >= 500) this.#options.log.warn({ err: error, path: request.url }, 'a request failed')
      if (response.headersSent) response.destroy()
      else sendText(response, code, (error as Error).message)
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const { stats, pods, volumes } = this.#options
    const parts = url.pathname.split('/').slice(1).map(decodePart)
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    if (parts[0] === 'exec' || parts[0] === 'attach' || parts[0] === 'portForward') {
      throw new HttpError(400, 'unable to upgrade: missing upgrade headers in request')
    }
    if (!isRead) throw new HttpError(405, `method ${request.method} is not allowed here`)
    switch (url.pathname) {
      case '/healthz':
        return sendText(response, 200, 'ok')
      case '/pods':
        return sendJson(response, {
          kind: 'PodList',
          apiVersion: 'v1',
          metadata: {},
          items: pods.workers.map(({ pod, status }) => (status === undefined ? pod : { ...pod, status })),
        })
      case '/stats/summary':
        return sendJson(response, volumes.addTo(await stats.summary()))
      case '/metrics':
        return sendText(response, 200, volumes.metrics(), metricsType)
      case '/metrics/resource':
        return sendText(response, 200, await stats.metricsResource(), metricsType)
      case '/metrics/cadvisor':
        return sendText(response, 200, await stats.metricsCadvisor(), metricsType)
      case '/metrics/logs':
        if (stats.metricsLogs !== undefined) return sendText(response, 200, await stats.metricsLogs(), metricsType)
    }
    if (url.pathname === logsPath || url.pathname.startsWith(`${logsPath}/`)) return this.#askLogs(response, url)
    if (parts[0] === 'containerLogs' && parts.length === 4) return this.#sendLogs(response, url, parts as [string, string, string, string])
    throw new HttpError(404, '404 page not found')
  }

  async #askLogs(response: ServerResponse, url: URL): Promise<void> {
    const { stats } = this.#options
    if (stats.askLogs === undefined) throw new HttpError(404, 'no logs are kept here')
    const left = new AbortController()
    response.once('close', () => left.abort())
    const { searchParams } = url
    const query = Object.fromEntries([...new Set(searchParams.keys())].map((name) => [name, onlyOf(searchParams.getAll(name))]))
    const { code, type, body } = await stats
      .askLogs({ path: url.pathname.slice(logsPath.length), query }, left.signal)
      .catch((error: unknown) => {
        throw new HttpError(503, error instanceof Error ? error.message : String(error))
      })
    response.writeHead(code, { 'content-type': type })
    if (typeof body === 'string' || Buffer.isBuffer(body)) {
      response.end(body)
      return
    }
    response.flushHeaders()
    await pipeline(Readable.from(body, { objectMode: true, highWaterMark: 1 }), response).catch((error: unknown) => {
      if (!left.signal.aborted) throw error
    })
  }

  async #sendLogs(response: ServerResponse, url: URL, [, namespace, name, container]: [string, string, string, string]): Promise<void> {
    const { pods, runtime, clock } = this.#options
    const request = parseLogQuery(url.searchParams, clock.now())
    const worker = pods.find(namespace, name)
    if (worker === undefined) throw new HttpError(404, `pod "${name}" not found`)
    await sendLogs({ runtime, clock, request, response, container: logContainerOf(worker, container, request.previous) })
  }
}

function sendText(response: ServerResponse, code: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(code, { 'content-type': type, 'content-length': Buffer.byteLength(text) }).end(text)
}

function sendJson(response: ServerResponse, value: unknown): void {
  sendText(response, 200, JSON.stringify(value), 'application/json')
}
