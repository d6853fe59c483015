import type { IncomingMessage, ServerResponse } from 'node:http'
import { createSecureServer, type Http2SecureServer } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import { badRequest, internalError, statusOf } from '../../api/status-error.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import { impersonated } from '../auth/impersonation.ts'
import type { Authorizer } from '../auth/authorizer.ts'
import type { Handler } from '../handler.ts'
import type { ApiRequest } from '../request.ts'
import type { RequestMetrics } from '../discovery/metrics.ts'
import { type Accepted, nothingAcceptable, parseAccept } from '../rest/negotiation.ts'
import { parseRequestInfo, type RequestInfo } from '../rest/request-info.ts'
import type { AnswerWriter, Exchange } from './answer-writer.ts'
import { readBody } from './body.ts'

export interface HttpServerOptions {
  readonly hosts: readonly string[]
  readonly port: number
  readonly tls: { readonly cert: string; readonly key: string; readonly clientCas: readonly string[] }
  readonly clock: Clock
  readonly log: Log
  readonly authenticator: Authenticator
  readonly authorizer: Authorizer
  readonly handler: Handler
  readonly writer: AnswerWriter
  readonly metrics: RequestMetrics
}

const jsonAccepted: Accepted = { as: 'object', mediaType: 'application/json', parameters: {} }
/** A client that is this slow to send its head is cut off. */
const headersTimeoutMs = 60_000

/** The network end: HTTPS with HTTP/1.1 and HTTP/2 on one port, client certificates asked for and not demanded. */
export class HttpServer {
  readonly #options: HttpServerOptions
  readonly #servers: Http2SecureServer[] = []
  readonly #sockets = new Set<Socket>()

  constructor(options: HttpServerOptions) {
    this.#options = options
  }

  /** Where it listens; with port 0 the system's choice. */
  get address(): { readonly host: string; readonly port: number } {
    const { address, port } = this.#servers[0]!.address() as AddressInfo
    return { host: address, port }
  }

  /** Rejects with a plain error when an address cannot be had. */
  async start(): Promise<void> {
    let { port } = this.#options
    for (const host of this.#options.hosts) {
      const server = this.#createServer()
      this.#servers.push(server)
      await listen(server, host, port)
      port = (server.address() as AddressInfo).port
    }
  }

  /** Stops listening and closes every connection. */
  async stop(): Promise<void> {
    const closing = this.#servers.splice(0).map((server) => new Promise<void>((resolve) => server.close(() => resolve())))
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(closing)
  }

  #createServer(): Http2SecureServer {
    const { cert, key, clientCas } = this.#options.tls
    const server = createSecureServer({
      allowHTTP1: true,
      cert,
      key,
      ca: [...clientCas],
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      settings: { maxConcurrentStreams: 1000, initialWindowSize: 1024 * 1024 },
    })
    server.on('request', (request, response) => {
      void this.#serve(request as unknown as IncomingMessage, response as unknown as ServerResponse)
    })
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      void this.#upgrade(request, socket, head)
    })
    server.on('secureConnection', (socket) => this.#track(socket))
    // Broken handshakes and half-closed sessions are the client's affair.
    server.on('tlsClientError', (_, socket) => socket.destroy())
    server.on('clientError', (_: Error, socket: Duplex) => socket.destroy())
    server.on('sessionError', () => {})
    server.on('error', (error) => this.#options.log.error({ err: error }, 'the API listener failed'))
    Object.assign(server, { headersTimeout: headersTimeoutMs, requestTimeout: 0, keepAliveTimeout: 90_000 })
    return server
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { clock, writer, metrics, log } = this.#options
    const startedAt = clock.monotonic()
    request.on('error', () => {})
    response.on('error', () => {})
    const exchange: { -readonly [K in keyof Exchange]: Exchange[K] } = {
      request,
      response,
      accepted: jsonAccepted,
      warnings: [],
      isPretty: false,
    }
    let info: RequestInfo | undefined
    try {
      const { path, query } = splitUrl(request.url ?? '/')
      info = parseRequestInfo(request.method ?? 'GET', path, query)
      response.on('close', () => {
        metrics.observe(info, response.statusCode, clock.monotonic() - startedAt)
      })
      exchange.isPretty = query.get('pretty') === 'true' || query.get('pretty') === '1'
      const apiRequest = await this.#toApiRequest(request, { info, query })
      exchange.accepted = apiRequest.accepted
      exchange.warnings = apiRequest.warnings
      await writer.write(exchange, await this.#options.handler.handle(apiRequest))
    } catch (error) {
      // A client that goes away in the middle of its body is no failure of ours.
      if (statusOf(error) === undefined && !request.destroyed)
        log.error({ err: error, method: request.method, path: info?.path }, 'request failed')
      await writer.writeError(exchange, error)
    }
    // An unread body would keep the connection from its next request.
    if (!request.complete) request.resume()
  }

  async #toApiRequest(
    request: IncomingMessage,
    parts: { readonly info: RequestInfo | undefined; readonly query: URLSearchParams },
  ): Promise<ApiRequest> {
    const { info, query } = parts
    if (info === undefined) throw badRequest(`the path is not percent-encoded correctly`)
    const { authenticator, authorizer } = this.#options
    const user = impersonated(authorizer, await authenticator.authenticate(socketOf(request), request.headers), request.headers)
    const accepted = parseAccept(request.headers.accept)[0]
    // What is passed on to somebody else is for them to judge, its body streams through.
    const isPassedOn = info.rest !== '' || passedOn.has(info.subresource) || !this.#options.handler.servesItself(info)
    if (accepted === undefined && !isPassedOn && info.isResource) throw nothingAcceptable()
    const hasBody = !isPassedOn && info.method !== 'GET' && info.method !== 'HEAD'
    return {
      info,
      query,
      user,
      accepted: accepted ?? jsonAccepted,
      userAgent: request.headers['user-agent'] ?? '',
      body: hasBody ? await readBody(request) : undefined,
      warnings: [],
    }
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy())
    try {
      const { path, query } = splitUrl(request.url ?? '/')
      const info = parseRequestInfo(request.method ?? 'GET', path, query)
      const answer = await this.#options.handler.handle(await this.#toApiRequest(request, { info, query }))
      if (answer.type !== 'proxy') throw badRequest('this path does not support protocol upgrades')
      answer.upgrade(request, socket, head)
    } catch (error) {
      refuseUpgrade(socket, error)
    }
  }
}

const passedOn = new Set(['log', 'exec', 'attach', 'portforward', 'proxy'])

function splitUrl(url: string): { readonly path: string; readonly query: URLSearchParams } {
  const mark = url.indexOf('?')
  return mark < 0
    ? { path: url, query: new URLSearchParams() }
    : { path: url.slice(0, mark), query: new URLSearchParams(url.slice(mark + 1)) }
}

/** The TLS socket beneath a request, whichever HTTP it came by. */
function socketOf(request: IncomingMessage): unknown {
  const { stream } = request as unknown as { readonly stream?: { readonly session?: { readonly socket: unknown } } }
  return stream === undefined ? request.socket : stream.session?.socket
}

function listen(server: Http2SecureServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(`the API server cannot listen on ${host}:${port}: the port is in use by another process`, { cause: error })
          : error,
      )
    }
    server.once('error', fail)
    server.listen(port, host, () => {
      server.off('error', fail)
      resolve()
    })
  })
}

function refuseUpgrade(socket: Duplex, error: unknown): void {
  const status = statusOf(error) ?? internalError(error).status
  const body = JSON.stringify(status)
  socket.end(
    `HTTP/1.1 ${status.code} ${status.reason ?? 'Error'}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}
