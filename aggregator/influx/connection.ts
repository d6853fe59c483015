import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { Clock } from '../../lib/clock.ts'

/** Where InfluxDB is and what it is to keep for how long. */
export interface InfluxOptions {
  /** `http://host:8086` or `https://…`, without a path or with the one a proxy adds. */
  readonly url: string
  /** Default `k8s`, as Heapster's. */
  readonly database?: string
  readonly username?: string
  readonly password?: string
  /** How long points are kept, e.g. `30d`; `INF` (the default) for ever. Applied to an existing database too. */
  readonly retention?: string
}

/** An answer of InfluxDB, its body cut to what a message needs. */
export interface InfluxAnswer {
  readonly status: number
  readonly body: string
  readonly retryAfter: string | undefined
}

const maxAnswerBytes = 256 * 1024

/** Heapster's name of the retention policy that points go to. */
export const retentionPolicy = 'default'

/**
 * The write path to InfluxDB: one request at a time over a connection that is kept open, each under a deadline from the first byte sent to the
 * last one received.
 */
export class InfluxConnection {
  readonly #url: URL
  readonly #agent: HttpAgent
  readonly #clock: Clock
  readonly #headers: Readonly<Record<string, string>>
  readonly #timeoutMs: number

  constructor(options: InfluxOptions & { readonly clock: Clock; readonly timeoutMs: number }) {
    this.#url = new URL(options.url)
    this.#url.pathname = `${this.#url.pathname.replace(/\/$/, '')}/write`
    this.#url.search = new URLSearchParams({ db: options.database ?? 'k8s', rp: retentionPolicy, precision: 'ms' }).toString()
    this.#agent = this.#url.protocol === 'https:' ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true })
    this.#clock = options.clock
    this.#timeoutMs = options.timeoutMs
    this.#headers = {
      'content-type': 'text/plain; charset=utf-8',
      'content-encoding': 'gzip',
      ...(options.username === undefined
        ? {}
        : { authorization: `Basic ${Buffer.from(`${options.username}:${options.password ?? ''}`).toString('base64')}` }),
    }
  }

  /** Sends a gzipped body of lines. Rejects when there is no answer before the deadline, or when `signal` aborts. */
  write(body: Buffer, signal: AbortSignal): Promise<InfluxAnswer> {
    return new Promise((resolve, reject) => {
      const send = this.#url.protocol === 'https:' ? httpsRequest : httpRequest
      const request = send(this.#url, {
        method: 'POST',
        agent: this.#agent,
        signal,
        headers: { ...this.#headers, 'content-length': String(body.length) },
      })
      const deadline = this.#clock.setTimer(this.#timeoutMs, () =>
        request.destroy(new Error(`InfluxDB did not answer within ${this.#timeoutMs} ms`)),
      )
      const finish = (settle: () => void) => {
        deadline.cancel()
        settle()
      }
      request.on('error', (error) => finish(() => reject(error)))
      request.on('response', (response) => {
        readAnswer(response).then(
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

async function readAnswer(response: IncomingMessage): Promise<InfluxAnswer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length <= maxAnswerBytes) chunks.push(chunk)
  }
  return { status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString(), retryAfter: response.headers['retry-after'] }
}

/** Throws a RangeError that names the field when an option cannot be used. */
export function validateInfluxOptions({ url, database = 'k8s', retention = 'INF' }: InfluxOptions): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || !['http:', 'https:'].includes(parsed.protocol)) {
    throw new RangeError(`influx.url: ${JSON.stringify(url)} is not an http:// or https:// URL`)
  }
  if (!/^[\w][\w.-]{0,63}$/.test(database)) {
    throw new RangeError(
      `influx.database: ${JSON.stringify(database)} must be 1 to 64 letters, digits, "_", "." or "-", beginning with a letter or digit`,
    )
  }
  if (!/^(INF|(\d{1,9}(ns|u|ms|s|m|h|d|w))+)$/.test(retention)) {
    throw new RangeError(
      `influx.retention: ${JSON.stringify(retention)} must be "INF" or a duration such as "30d" or "12h" (units: s, m, h, d, w)`,
    )
  }
}
