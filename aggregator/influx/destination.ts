import { promisify } from 'node:util'
import { gunzip, gzipSync } from 'node:zlib'
import type { Clock } from '../../lib/clock.ts'
import type { Destination, Outcome } from '../sinks/destination.ts'
import { HttpPoster } from '../../lib/http-poster.ts'
import type { HttpAnswer } from '../../lib/http-poster.ts'
import type { Payload } from '../../lib/delivery/spool.ts'
import type { InfluxSettings } from './options.ts'
import { readWriteAnswer } from '../../lib/influx-answer.ts'

/** What 5,000 lines come to at most, mostly. */
const compressChunkBytes = 64 << 10
const gunzipAsync = promisify(gunzip)

const newline = 10

/**
 * Presses lines as InfluxDB takes them, at once: 5,000 of them take 1 ms. In the thread pool they would wait for turns of the event loop, and
 * pile up in memory when it is busiest.
 */
export const compressLines = async (lines: Buffer): Promise<Buffer> => gzipSync(lines, { level: 1, chunkSize: compressChunkBytes })

/** The address and the header fields of a write, in the words of the server's version. */
function writeRequest({ url: base, database, policy, credentials, v2 }: InfluxSettings): {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
} {
  const url = new URL(base)
  const path = url.pathname.replace(/\/$/, '')
  const headers: Record<string, string> = { 'content-type': 'text/plain; charset=utf-8', 'content-encoding': 'gzip' }
  if (v2 === undefined) {
    url.pathname = `${path}/write`
    url.search = new URLSearchParams({ db: database, rp: policy, precision: 'ns' }).toString()
    if (credentials !== undefined) {
      const { username, password } = credentials
      headers['authorization'] = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
    }
  } else {
    url.pathname = `${path}/api/v2/write`
    url.search = new URLSearchParams({ org: v2.org, bucket: v2.bucket, precision: 'ns' }).toString()
    headers['authorization'] = `Token ${v2.token}`
  }
  return { url, headers }
}

/** InfluxDB as the other end: points have times of their own, so sending them twice changes nothing. */
export class InfluxDestination implements Destination {
  readonly prepare: () => Promise<void>
  readonly #poster: { post(body: Buffer, signal: AbortSignal): Promise<HttpAnswer>; close(): void }

  constructor(options: {
    readonly settings: InfluxSettings
    /** Makes sure of the database. */
    readonly prepare: () => Promise<void>
    readonly clock: Clock
    readonly timeoutMs: number
  }) {
    const { settings, clock, timeoutMs } = options
    this.prepare = options.prepare
    this.#poster = new HttpPoster({ ...writeRequest(settings), tls: settings.tls, clock, timeoutMs })
  }

  async send(payload: Payload, signal: AbortSignal): Promise<Outcome> {
    const { status, body, retryAfterMs } = await this.#poster.post(payload.body, signal)
    const answer = readWriteAnswer(status, body, payload.items)
    switch (answer.kind) {
      case 'stored':
        return {}
      case 'too-large':
        return halve(payload)
      case 'rejected': {
        const { reason, message, rejected } = answer
        const lines = (await gunzipAsync(payload.body)).toString('utf8').trimEnd().split('\n')
        return { refusals: [{ reason, message, items: rejected, samples: meantLines(message, rejected, lines) }] }
      }
      case 'retry': {
        const { message, isMissingDatabase: isUnprepared } = answer
        return { remaining: [payload], retry: { message, isUnprepared, ...(retryAfterMs === undefined ? {} : { afterMs: retryAfterMs }) } }
      }
    }
  }

  close(): void {
    this.#poster.close()
  }
}

async function halve(payload: Payload): Promise<Outcome> {
  const lines = await gunzipAsync(payload.body)
  const middle = lines.indexOf(newline, lines.length >> 1) + 1
  if (payload.items < 2 || middle === 0 || middle === lines.length) {
    const samples = [lines.toString('utf8', 0, 2000)]
    return { refusals: [{ reason: 'too-large', message: 'a single point is too large', items: payload.items, samples }] }
  }
  const first = lines.subarray(0, middle)
  const firstItems = first.reduce((sum, byte) => sum + (byte === newline ? 1 : 0), 0)
  return {
    remaining: [
      { body: await compressLines(first), items: firstItems },
      { body: await compressLines(lines.subarray(middle)), items: payload.items - firstItems },
    ],
  }
}

/** The lines that the answer speaks of: all where none was stored, those of the measurement that it names, or those that it quotes. */
export function meantLines(message: string, rejected: number, lines: readonly string[]): readonly string[] {
  if (rejected >= lines.length) return lines
  const measurement = /on measurement "((?:[^"\\]|\\.)*)"/.exec(message)?.[1]
  return lines.filter((line) => (measurement === undefined ? message.includes(line) : /^(?:[^,\\]|\\.)*/.exec(line)?.[0] === measurement))
}
