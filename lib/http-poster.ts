import type { IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { HttpAgent, httpRequest } from './http.ts'
import type { Clock } from './clock.ts'

/** An answer, its body cut to what is needed. */
export interface HttpAnswer {
  readonly status: number
  readonly body: string
  readonly retryAfterMs: number | undefined
}

/** What a client trusts, and how it shows who it is. */
export interface TlsSettings {
  /** PEM; absent: the system's authorities. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** Any certificate will do. */
  readonly isUnverified?: boolean
  /** The name that the certificate must be for; absent: the one of the address. */
  readonly serverName?: string
}

export interface HttpPosterOptions {
  /** The whole URL. */
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly tls: TlsSettings
  readonly clock: Clock
  /** From the first byte sent to the last one received. */
  readonly timeoutMs: number
  /** How much of an answer is kept. Default 256 KiB. */
  readonly maxAnswerBytes?: number
}

/** One request, where it is not a POST to the URL of the options. */
export interface HttpRequest {
  readonly method: 'POST' | 'PUT'
  /** On the same host. */
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** Posts bodies to one URL over connections that are kept open, each under a deadline. Redirects are not followed. */
export class HttpPoster {
  readonly #options: HttpPosterOptions
  readonly #agent: HttpAgent

  constructor(options: HttpPosterOptions) {
    this.#options = options
    const { ca, cert, key, isUnverified, serverName } = options.tls
    const isSecure = options.url.protocol === 'https:'
    this.#agent = isSecure
      ? new HttpsAgent({ keepAlive: true, ca, cert, key, rejectUnauthorized: isUnverified !== true, servername: serverName })
      : new HttpAgent({ keepAlive: true })
  }

  /** `more` are header fields of this request only. Rejects when there is no answer before the deadline, or when `signal` aborts. */
  post(body: Buffer, signal: AbortSignal, more: Readonly<Record<string, string>> = {}): Promise<HttpAnswer> {
    return this.request({ method: 'POST', url: this.#options.url, headers: more, body }, signal)
  }

  /** As `post`, of any request to the same host. */
  async request(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    try {
      return await this.#attempt(request, signal)
    } catch (error) {
      // The other side closed a connection that was kept, while the request was on its way to it.
      if (!(error instanceof StaleConnectionError) || signal.aborted) throw error
      return this.#attempt(request, signal)
    }
  }

  #attempt({ method, url, headers: more, body }: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const { headers, clock, timeoutMs, maxAnswerBytes = 256 * 1024 } = this.#options
    return new Promise((resolve, reject) => {
      const send = url.protocol === 'https:' ? httpsRequest : httpRequest
      const request = send(url, {
        method,
        agent: this.#agent,
        signal,
        headers: { ...headers, ...more, 'content-length': String(body.length) },
      })
      const deadline = clock.setTimer(timeoutMs, () => request.destroy(new Error(`${url.host} did not answer within ${timeoutMs} ms`)))
      const finish = (settle: () => void) => {
        deadline.cancel()
        settle()
      }
      request.on('error', (error: NodeJS.ErrnoException) => {
        const isStale = request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
        finish(() => reject(isStale ? new StaleConnectionError(error.message, { cause: error }) : error))
      })
      request.on('response', (response) => {
        readAnswer(response, maxAnswerBytes).then(
          (answer) => finish(() => resolve(answer)),
          (error: Error) => finish(() => reject(error)),
        )
      })
      request.end(body)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

class StaleConnectionError extends Error {}

/** `Basic` for a user, `Bearer` for a token, nothing for neither. */
export function authorizationHeader(credentials: {
  readonly user?: string | undefined
  readonly password?: string | undefined
  readonly token?: string | undefined
}): Readonly<Record<string, string>> {
  const { user, password = '', token } = credentials
  if (token !== undefined) return { authorization: `Bearer ${token}` }
  return user === undefined ? {} : { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
}

/** Whether an answer says that nothing is wrong with what was sent. */
export function isTemporary(status: number): boolean {
  return status >= 500 || [401, 403, 404, 408, 425, 429].includes(status)
}

async function readAnswer(response: IncomingMessage, maxBytes: number): Promise<HttpAnswer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length <= maxBytes) chunks.push(chunk)
  }
  return { status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString(), retryAfterMs: readRetryAfter(response) }
}

/** Seconds, or a date by the answer's own clock. */
function readRetryAfter({ headers }: IncomingMessage): number | undefined {
  const text = headers['retry-after']
  if (text === undefined) return undefined
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.parse(headers.date ?? '')
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined
}
