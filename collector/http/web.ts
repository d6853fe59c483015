import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http'
import type { ServerOptions as TlsOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { parse as parseQuery, type ParsedUrlQuery } from 'node:querystring'

/** A request as handlers see it. */
export interface WebRequest {
  readonly raw: IncomingMessage
  /** Path and query, behind the prefix. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly query: ParsedUrlQuery
  /** What `*` in the route's path stands for, decoded. */
  readonly params: { readonly '*': string }
  /** The body of a POST, else empty. */
  readonly body: string
}

/** What a handler answers with; `send` ends it, `hijack` leaves `raw` to the handler. */
export interface WebReply {
  readonly raw: ServerResponse
  code(status: number): this
  type(contentType: string): this
  header(name: string, value: string | readonly string[]): this
  send(body?: string | Buffer): this
  hijack(): void
}

/** Handlers call `send` or `hijack` before they are done. */
export type WebHandler = (request: WebRequest, reply: WebReply) => WebReply | Promise<WebReply>

export interface WebServerOptions {
  /** Serve HTTPS. */
  readonly tls?: TlsOptions
  /** The path behind a prefix. */
  readonly rewritePath: (url: string) => string
  /** Whether a request may be answered at all; asked before anything else, for paths that don't exist, too. */
  readonly isAdmitted: (request: IncomingMessage) => boolean
  /** What is wanted of those who may not, a line `WWW-Authenticate` each. */
  readonly challenges: readonly string[]
  /** Told of errors that are this server's own fault. */
  readonly onFault: (error: unknown, path: string) => void
}

const requestTimeoutMs = 30_000
const maxBodyBytes = 64 * 1024
const text = 'text/plain; charset=utf-8'

/** An error that is answered with this status and its message. */
class WebError extends Error {
  readonly statusCode: number

  constructor(statusCode: number, message: string) {
    super(message)
    this.statusCode = statusCode
  }
}

/**
 * Routes over Node's own server: exact paths, and folders whose path ends in `/*`. A collector runs on every node, where a framework would
 * take a quarter of its memory; this has what a dozen routes need.
 */
export class WebServer {
  readonly #options: WebServerOptions
  readonly #exact = new Map<string, WebHandler>()
  readonly #folders: { readonly key: string; readonly handler: WebHandler }[] = []
  readonly #closers: (() => void)[] = []
  #server: Server | undefined

  constructor(options: WebServerOptions) {
    this.#options = options
  }

  /** GET and HEAD. */
  get(path: string, handler: WebHandler): void {
    this.#add('GET', path, handler)
  }

  post(path: string, handler: WebHandler): void {
    this.#add('POST', path, handler)
  }

  /** Called when the server closes, before its connections are. */
  onClose(closer: () => void): void {
    this.#closers.push(closer)
  }

  /** Resolves with the port. */
  async listen(host: string, port: number): Promise<number> {
    const { tls } = this.#options
    const listener = (request: IncomingMessage, response: ServerResponse) => void this.#answer(request, response)
    // As an import, `node:http` brings Node's whole HTTP client along.
    const server =
      tls === undefined
        ? process.getBuiltinModule('node:http').createServer(listener)
        : process.getBuiltinModule('node:https').createServer(tls, listener)
    this.#server = server
    server.requestTimeout = requestTimeoutMs
    server.on('clientError', (_, socket) => socket.destroy())
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port }, () => {
        server.off('error', reject)
        server.on('error', (error) => this.#options.onFault(error, ''))
        resolve()
      })
    })
    return (server.address() as AddressInfo).port
  }

  /** Ends every connection. */
  async close(): Promise<void> {
    const server = this.#server
    if (server?.listening !== true) return
    for (const closer of this.#closers) closer()
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }

  #add(method: string, path: string, handler: WebHandler): void {
    if (path.endsWith('/*')) this.#folders.push({ key: `${method} ${path.slice(0, -1)}`, handler })
    else this.#exact.set(`${method} ${path}`, handler)
  }

  async #answer(raw: IncomingMessage, response: ServerResponse): Promise<void> {
    const reply = new Reply(response, raw.method === 'HEAD')
    response.on('error', () => {})
    try {
      if (!this.#options.isAdmitted(raw)) {
        reply
          .code(401)
          .header('www-authenticate', this.#options.challenges)
          .type(text)
          .send('a client certificate or bearer token is needed\n')
        return
      }
      const url = this.#options.rewritePath(raw.url ?? '/')
      const mark = url.indexOf('?')
      const path = mark < 0 ? url : url.slice(0, mark)
      const { handler, rest } = this.#find(raw.method === 'HEAD' ? 'GET' : (raw.method ?? 'GET'), path)
      const query = mark < 0 ? {} : parseQuery(url.slice(mark + 1))
      const body = raw.method === 'POST' ? await bodyOf(raw) : ''
      await handler({ raw, url, headers: raw.headers, query, params: { '*': decoded(rest) }, body }, reply)
    } catch (error) {
      const status = error instanceof WebError ? error.statusCode : 500
      if (status >= 500) this.#options.onFault(error, raw.url ?? '')
      if (response.headersSent) response.destroy()
      else
        reply
          .code(status)
          .type(text)
          .send(`${error instanceof Error ? error.message : String(error)}\n`)
    }
  }

  #find(method: string, path: string): { readonly handler: WebHandler; readonly rest: string } {
    const key = `${method} ${path}`
    const exact = this.#exact.get(key)
    if (exact !== undefined) return { handler: exact, rest: '' }
    const folder = this.#folders.find((candidate) => key.startsWith(candidate.key))
    if (folder === undefined) throw new WebError(404, `nothing is served at ${method} ${path}`)
    return { handler: folder.handler, rest: key.slice(folder.key.length) }
  }
}

class Reply implements WebReply {
  readonly raw: ServerResponse
  readonly #isHead: boolean

  constructor(raw: ServerResponse, isHead: boolean) {
    this.raw = raw
    this.#isHead = isHead
  }

  code(status: number): this {
    this.raw.statusCode = status
    return this
  }

  type(contentType: string): this {
    return this.header('content-type', contentType)
  }

  header(name: string, value: string | readonly string[]): this {
    this.raw.setHeader(name, value)
    return this
  }

  send(body: string | Buffer = ''): this {
    if (this.raw.statusCode !== 304) this.raw.setHeader('content-length', Buffer.byteLength(body))
    this.raw.end(this.#isHead ? undefined : body)
    return this
  }

  hijack(): void {
    // Node's own response is all that a handler needs.
  }
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    throw new WebError(400, `${JSON.stringify(path)} is not a well-formed path`)
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > maxBodyBytes) throw new WebError(413, `the body is too large, allowed are ${maxBodyBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
