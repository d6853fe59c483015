import type { IncomingMessage, ServerResponse } from 'node:http'
import { createSecureServer, type Http2SecureServer } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import { badRequest, internalError, statusOf } from '../../api/status-error.ts'
import type { AuditRecord, Auditor } from '../audit/auditor.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import { impersonated } from '../auth/impersonation.ts'
import type { Authorizer } from '../auth/authorizer.ts'
import type { User } from '../auth/user.ts'
import type { Handler } from '../handler.ts'
import type { Answer, ApiRequest } from '../request.ts'
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
  /** Absent: nothing is written down. */
  readonly auditor: Auditor | undefined
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
    let record: AuditRecord | undefined
    try {
      const { path, query } = splitUrl(request.url ?? '/')
      info = parseRequestInfo(request.method ?? 'GET', path, query)
      response.on('close', () => {
        metrics.observe(info, response.statusCode, clock.monotonic() - startedAt)
        record?.complete(response.statusCode)
      })
      exchange.isPretty = query.get('pretty') === 'true' || query.get('pretty') === '1'
      const apiRequest = await this.#toApiRequest(request, { info, query }, (begun) => {
        record = begun
        response.setHeader('audit-id', begun.id)
      })
      exchange.accepted = apiRequest.accepted
      exchange.warnings = apiRequest.warnings
      const answer = await this.#options.handler.handle(apiRequest)
      const noted = record === undefined ? undefined : this.#noteAnswer(record, answer)
      if (noted !== undefined) await noted
      await writer.write(exchange, answer)
    } catch (error) {
      // A client that goes away in the middle of its body is no failure of ours.
      if (statusOf(error) === undefined && !request.destroyed)
        log.error({ err: error, method: request.method, path: info?.path }, 'request failed')
      await this.#noteFailure(record, error)
      await writer.writeError(exchange, error)
    }
    // An unread body would keep the connection from its next request.
    if (!request.complete) request.resume()
  }

  /** What is known of an answer before it is written; a promise where it is not written before that is settled. */
  #noteAnswer(record: AuditRecord, answer: Answer): Promise<void> | undefined {
    record.setAnswer(answer)
    if (answer.type === 'watch' || answer.type === 'proxy') record.write('ResponseStarted', 200)
    else if (this.#options.auditor?.isBlocking === true) record.complete(answer.type === 'list' ? 200 : answer.code)
    return this.#options.auditor?.settled()
  }

  async #noteFailure(record: AuditRecord | undefined, error: unknown): Promise<void> {
    record?.complete(statusOf(error)?.code ?? 500, error)
    await this.#options.auditor?.settled()
  }

  async #toApiRequest(
    request: IncomingMessage,
    parts: { readonly info: RequestInfo | undefined; readonly query: URLSearchParams },
    onRecord: (record: AuditRecord) => void,
  ): Promise<ApiRequest> {
    const { info, query } = parts
    if (info === undefined) throw badRequest(`the path is not percent-encoded correctly`)
    const { authenticator, authorizer, auditor } = this.#options
    const begin = (asker?: User) => {
      const { url = '', headers } = request
      const userAgent = headers['user-agent'] ?? ''
      const begun = auditor?.begin({ id: headers['audit-id'], url, userAgent, info, user: asker, remoteAddress: addressOf(request) })
      if (begun !== undefined) onRecord(begun)
      return begun
    }
    const asker = await authenticator.authenticate(socketOf(request), request.headers).catch((error: unknown) => {
      begin()
      throw error
    })
    const record = begin(asker)
    const user = impersonated(authorizer, asker, request.headers)
    record?.setUser(user)
    const accepted = parseAccept(request.headers.accept)[0]
    // What is passed on to somebody else is for them to judge, its body streams through.
    const isPassedOn = info.rest !== '' || passedOn.has(info.subresource) || !this.#options.handler.servesItself(info)
    if (accepted === undefined && !isPassedOn && info.isResource) throw nothingAcceptable()
    const hasBody = !isPassedOn && info.method !== 'GET' && info.method !== 'HEAD'
    const body = hasBody ? await readBody(request) : undefined
    record?.setBody(body)
    return {
      info,
      query,
      user,
      accepted: accepted ?? jsonAccepted,
      userAgent: request.headers['user-agent'] ?? '',
      body,
      warnings: [],
      ...(record === undefined ? {} : { audit: record }),
    }
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy())
    let record: AuditRecord | undefined
    try {
      const { path, query } = splitUrl(request.url ?? '/')
      const info = parseRequestInfo(request.method ?? 'GET', path, query)
      const apiRequest = await this.#toApiRequest(request, { info, query }, (begun) => {
        record = begun
      })
      const answer = await this.#options.handler.handle(apiRequest)
      if (answer.type !== 'proxy') throw badRequest('this path does not support protocol upgrades')
      record?.write('ResponseStarted', 101)
      socket.once('close', () => record?.complete(101))
      await this.#options.auditor?.settled()
      answer.upgrade(request, socket, head)
    } catch (error) {
      await this.#noteFailure(record, error)
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

/** Where a request comes from, as the kernel says. */
function addressOf(request: IncomingMessage): string {
  return (socketOf(request) as Socket | undefined)?.remoteAddress?.replace(/^::ffff:/, '') ?? ''
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
