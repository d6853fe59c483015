import type { ClientRequest, IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { StringDecoder } from 'node:string_decoder'
import { createSecureContext, type SecureContext } from 'node:tls'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { HttpAgent, httpRequest } from '../../lib/http.ts'
import type { Clock } from '../../lib/clock.ts'
import type { KubeObject, WatchEvent } from '../api/object.ts'
import { StatusError } from '../api/status-error.ts'
import type { Status } from '../api/status-error.ts'
import type { Transport, TransportRequest } from './client.ts'

/** A request that must answer within this time, as the server's own request timeout. */
const defaultTimeoutMs = 60_000
/** A watch is asked to end after this time, so that a dead connection is noticed; it is then simply opened anew. */
const watchTimeoutSeconds = 600
/** How much longer than asked a watch may stay silent before it counts as dead. */
const watchGraceMs = 30_000
/** One watch frame holds one object, and objects are at most 3 MiB on their way in. */
const maxFrameCharacters = 16 * 1024 * 1024

export interface HttpsTransportOptions {
  /** `https://host:port`; plain `http://` is possible for a local proxy. */
  readonly server: string
  /** PEM of the authorities to trust; the machine's where absent. */
  readonly ca?: string
  /** PEM of the client certificate and its key. */
  readonly cert?: string
  readonly key?: string
  /** A bearer token, or what answers the current one. */
  readonly token?: string | (() => string)
  /** The name to expect in the server's certificate where it differs from the host. */
  readonly tlsServerName?: string
  /** Accepts any server certificate. */
  readonly isInsecure?: boolean
  readonly clock: Clock
  readonly timeoutMs?: number
  readonly userAgent?: string
}

/** The network, a TLS peer or a malformed answer stood between the client and the server. `code` is Node's, or one of ours. */
export class TransportError extends Error {
  readonly code: string

  constructor(message: string, code: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'TransportError'
    this.code = code
  }
}

/** A transport that can give its connections back. */
export interface HttpsTransport extends Transport {
  /** Shows another client certificate from now on. Requests and watches that run end as they are. */
  useCertificate(pair: { readonly cert: string; readonly key: string }): void
  /** Closes idle and busy connections. */
  close(): void
}

/** A transport over HTTP/1.1 with kept-alive connections. Answers of status >= 400 reject with their `StatusError`, anything else that goes wrong with a `TransportError`. */
export function createHttpsTransport(options: HttpsTransportOptions): HttpsTransport {
  return new NodeHttpsTransport(options)
}

class NodeHttpsTransport implements HttpsTransport {
  readonly #options: HttpsTransportOptions
  readonly #base: URL
  readonly #isTls: boolean
  #agent: HttpsAgent | HttpAgent

  constructor(options: HttpsTransportOptions) {
    this.#options = options
    this.#base = parseServer(options.server)
    this.#isTls = this.#base.protocol === 'https:'
    this.#agent = this.#createAgent(options)
  }

  useCertificate(pair: { readonly cert: string; readonly key: string }): void {
    const before = this.#agent
    this.#agent = this.#createAgent(pair)
    // Connections with the old certificate go as soon as nobody uses them.
    before.maxFreeSockets = 0
    for (const sockets of Object.values(before.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
  }

  close(): void {
    this.#agent.destroy()
  }

  #createAgent({ cert, key }: Pick<HttpsTransportOptions, 'cert' | 'key'>): HttpsAgent | HttpAgent {
    const { ca, tlsServerName, isInsecure } = this.#options
    const keepAlive = { keepAlive: true, maxSockets: Infinity, maxFreeSockets: 64, timeout: 0, scheduling: 'lifo' as const }
    if (!this.#isTls) return new HttpAgent(keepAlive)
    return new HttpsAgent({
      ...keepAlive,
      secureContext: readCertificates({ ca, cert, key }),
      ...(tlsServerName === undefined ? {} : { servername: tlsServerName }),
      rejectUnauthorized: isInsecure !== true,
    })
  }

  async request(request: TransportRequest): Promise<unknown> {
    const deadline = this.#deadline(request, this.#options.timeoutMs ?? defaultTimeoutMs)
    try {
      const response = await this.#send(request, deadline.signal, 'gzip')
      const bytes = await readAll(response)
      return parseAnswer(describe(request), response.statusCode!, await decode(response, bytes))
    } catch (error) {
      throw deadline.explain(error)
    } finally {
      deadline.cancel()
    }
  }

  async *stream(request: TransportRequest, signal: AbortSignal): AsyncIterable<WatchEvent<KubeObject>> {
    const query = { timeoutSeconds: String(watchTimeoutSeconds), ...request.query }
    const silence = this.#deadline({ ...request, signal }, Number(query.timeoutSeconds) * 1000 + watchGraceMs)
    try {
      const response = await this.#send({ ...request, query }, silence.signal, 'identity')
      if (response.statusCode! >= 400) {
        parseAnswer(describe(request), response.statusCode!, (await readAll(response)).toString('utf8'))
      }
      for await (const line of readLines(response)) {
        silence.extend()
        yield parseFrame(describe(request), line)
      }
    } catch (error) {
      if (!signal.aborted) throw silence.explain(error)
    } finally {
      silence.cancel()
      silence.abort()
    }
  }

  /** Sends and resolves with the head of the answer. Retries once when a kept-alive connection turned out to be closed before anything came back. */
  async #send(request: TransportRequest, signal: AbortSignal, encoding: string): Promise<IncomingMessage> {
    const body = request.body === undefined ? undefined : JSON.stringify(request.body)
    try {
      return await this.#sendOnce(request, body, signal, encoding)
    } catch (error) {
      if (!isStaleConnection(error)) throw error
      return await this.#sendOnce(request, body, signal, encoding)
    }
  }

  #sendOnce(request: TransportRequest, body: string | undefined, signal: AbortSignal, encoding: string): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const query = request.query === undefined ? '' : new URLSearchParams(request.query).toString()
      const path = `${this.#base.pathname.replace(/\/$/, '')}${request.path}${query === '' ? '' : `?${query}`}`
      const options = {
        method: request.method,
        host: this.#base.hostname.replace(/^\[|\]$/g, ''),
        port: this.#base.port === '' ? (this.#isTls ? 443 : 80) : Number(this.#base.port),
        path,
        agent: this.#agent,
        headers: this.#headers(request, body, encoding),
        signal,
      }
      const outgoing = this.#isTls ? httpsRequest(options) : httpRequest(options)
      outgoing.on('response', resolve)
      outgoing.on('error', (error) => reject(tagReused(error, outgoing)))
      outgoing.end(body)
    })
  }

  #headers(request: TransportRequest, body: string | undefined, encoding: string): Record<string, string> {
    const { token } = this.#options
    const bearer = typeof token === 'function' ? token() : token
    return {
      accept: 'application/json',
      'accept-encoding': encoding,
      'user-agent': this.#options.userAgent ?? 'binnacle',
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      ...(body === undefined
        ? {}
        : { 'content-type': request.contentType ?? 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
    }
  }

  /** A signal that aborts with the caller's or after `ms` (counted anew by `extend`), and tells the two apart afterwards. */
  #deadline(request: TransportRequest, ms: number) {
    const abort = new AbortController()
    const onAbort = () => abort.abort()
    if (request.signal?.aborted) abort.abort()
    request.signal?.addEventListener('abort', onAbort, { once: true })
    let isLate = false
    const expire = () => {
      isLate = true
      abort.abort()
    }
    let timer = this.#options.clock.setTimer(ms, expire)
    let startedAt = this.#options.clock.monotonic()
    return {
      signal: abort.signal,
      extend: () => {
        // Moving the timer once a second at most keeps a busy watch cheap.
        if (this.#options.clock.monotonic() - startedAt < 1000) return
        timer.cancel()
        startedAt = this.#options.clock.monotonic()
        timer = this.#options.clock.setTimer(ms, expire)
      },
      cancel: () => {
        timer.cancel()
        request.signal?.removeEventListener('abort', onAbort)
      },
      abort: onAbort,
      explain: (error: unknown) =>
        isLate
          ? new TransportError(`${describe(request)}: no answer within ${ms} ms`, 'ETIMEDOUT', { cause: error })
          : wrap(request, error),
    }
  }
}

/** Parses the certificates, once for all connections. */
function readCertificates({ ca, cert, key }: Pick<HttpsTransportOptions, 'ca' | 'cert' | 'key'>): SecureContext {
  try {
    return createSecureContext({ ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert, key }) })
  } catch (error) {
    throw new TransportError(`the certificates cannot be used: ${(error as Error).message}`, 'EINVALIDCERTIFICATE', { cause: error })
  }
}

const describe = (request: TransportRequest) => `${request.method} ${request.path}`

function parseServer(server: string): URL {
  const url = URL.canParse(server) ? new URL(server) : undefined
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new TransportError(`server: ${JSON.stringify(server)} is not a URL that starts with https:// or http://`, 'EINVALIDSERVER')
  }
  return url
}

function wrap(request: TransportRequest, error: unknown): unknown {
  if (error instanceof StatusError || error instanceof TransportError) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'EUNKNOWN'
  return new TransportError(`${describe(request)}: ${error instanceof Error ? error.message : String(error)}`, code, { cause: error })
}

/** Notes on the error whether it hit a connection that had been used before. */
const tagReused = (error: Error, outgoing: ClientRequest) => Object.assign(error, { reusedSocket: outgoing.reusedSocket })

/** The server closed an idle connection at the moment that we used it: nothing of the request was processed. */
function isStaleConnection(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  return error.code === 'ECONNRESET' && 'reusedSocket' in error && error.reusedSocket === true
}

async function readAll(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
}

const decode = async (response: IncomingMessage, bytes: Buffer): Promise<string> =>
  (response.headers['content-encoding'] === 'gzip' ? await promisify(gunzip)(bytes) : bytes).toString('utf8')

function parseAnswer(what: string, code: number, text: string): unknown {
  const parsed = tryParse(text)
  if (code >= 400) {
    if (isStatus(parsed)) throw new StatusError(parsed)
    throw new StatusError({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: `${what}: ${text.slice(0, 500) || `status ${code}`}`,
      reason: reasonOfCode(code),
      code,
    })
  }
  if (parsed === undefined) throw new TransportError(`${what}: the answer is not JSON: ${JSON.stringify(text.slice(0, 200))}`, 'EMALFORMED')
  return parsed
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const isStatus = (value: unknown): value is Status =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'Status'

function reasonOfCode(code: number): Status['reason'] {
  if (code === 401) return 'Unauthorized'
  if (code === 403) return 'Forbidden'
  if (code === 404) return 'NotFound'
  if (code === 429) return 'TooManyRequests'
  return code === 503 ? 'ServiceUnavailable' : 'InternalError'
}

async function* readLines(response: IncomingMessage): AsyncIterable<string> {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  for await (const chunk of response) {
    rest += decoder.write(chunk as Buffer)
    let start = 0
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', start)) {
      if (end > start) yield rest.slice(start, end)
      start = end + 1
    }
    rest = rest.slice(start)
    if (rest.length > maxFrameCharacters)
      throw new TransportError(`a watch frame is longer than ${maxFrameCharacters} characters`, 'EMALFORMED')
  }
  if (rest.trim() !== '') throw new TransportError(`the watch ended within a frame: ${JSON.stringify(rest.slice(0, 200))}`, 'EMALFORMED')
}

function parseFrame(what: string, line: string): WatchEvent<KubeObject> {
  const frame = tryParse(line) as { type?: string; object?: KubeObject } | undefined
  if (frame?.type === undefined || frame.object === undefined) {
    throw new TransportError(`${what}: malformed watch frame: ${JSON.stringify(line.slice(0, 200))}`, 'EMALFORMED')
  }
  if (frame.type === 'ERROR') throw new StatusError(frame.object as unknown as Status)
  return frame as WatchEvent<KubeObject>
}
