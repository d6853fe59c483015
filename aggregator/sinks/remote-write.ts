import type { Clock } from '../../lib/clock.ts'
import { retryOf } from './destination.ts'
import type { Destination, Outcome } from './destination.ts'
import { createEncodedSink } from './encoded-sink.ts'
import { authorizationHeader, HttpPoster, isTemporary } from '../../lib/http-poster.ts'
import type { HttpPosterOptions } from '../../lib/http-poster.ts'
import { RemoteWriteEncoder } from './remote-write-encoder.ts'
import { decompressSnappy, readLabels, splitSeries } from './remote-write-reader.ts'
import { readTls } from './sink-tls.ts'
import type { SinkDeclaration } from './sinks.ts'
import { compressSnappy } from './snappy.ts'
import type { Payload } from '../../lib/delivery/spool.ts'

const timeoutMs = 30_000
const pointsPerRequest = 2000
/** Requests a minute that go into finding out which samples a receiver does not take. */
const bisectionsPerMinute = 600

/** `remote-write:https://host/api/v1/write`: Prometheus' remote write 1.0. One request at a time, since receivers want samples in order. */
export const remoteWrite: SinkDeclaration = {
  kind: 'remote-write',
  example: 'https://prometheus:9090/api/v1/write',
  read(uri) {
    const url = uri.address(['http', 'https'], 'https://prometheus:9090/api/v1/write')
    const prefix = uri.text('prefix', {
      default: 'binnacle_',
      pattern: /^[a-zA-Z_:][a-zA-Z0-9_:]*$/,
      allowed: 'the beginning of a metric name',
    })
    const tenant = uri.text('tenant', {
      pattern: /^[\w.*'()!-]{1,150}$/,
      allowed: "a tenant of at most 150 letters, digits or ! - _ . * ' ( )",
    })
    const credentials = { user: uri.text('user'), password: uri.secret('pw'), token: uri.secret('token') }
    const headers = {
      'content-type': 'application/x-protobuf',
      'content-encoding': 'snappy',
      'x-prometheus-remote-write-version': '0.1.0',
      'user-agent': 'binnacle',
      ...(tenant === undefined ? {} : { 'x-scope-orgid': tenant }),
      ...authorizationHeader(credentials),
    }
    const tls = readTls(uri)
    return {
      create: (name, context) =>
        createEncodedSink(name, context, {
          encoder: new RemoteWriteEncoder({ prefix, clusterName: context.clusterName }),
          destination: new RemoteWriteDestination({ url, headers, tls, clock: context.clock, timeoutMs }),
          compress: async (body) => compressSnappy(body),
          concurrency: 1,
          pointsPerRequest,
        }),
    }
  },
}

/**
 * A receiver of remote writes. It takes a request whole or not at all: one that is refused for good is halved until the samples are found that are
 * not taken, as far as a number of requests a minute allows.
 */
class RemoteWriteDestination implements Destination {
  readonly #poster: HttpPoster
  readonly #clock: Clock
  #bisections = 0
  #minute = 0

  constructor(options: HttpPosterOptions) {
    this.#poster = new HttpPoster(options)
    this.#clock = options.clock
  }

  async send(payload: Payload, signal: AbortSignal): Promise<Outcome> {
    const answer = await this.#poster.post(payload.body, signal)
    const { status, body } = answer
    if (status >= 200 && status < 300) return {}
    if (status !== 413 && isTemporary(status)) return { remaining: [payload], retry: retryOf(answer) }
    const series = seriesOf(payload)
    if (series.length > 1 && this.#mayBisect()) return { remaining: halve(series) }
    const samples = series.map((one) => JSON.stringify(Object.fromEntries(readLabels(one))))
    return { refusals: [{ reason: reasonOf(status, body), message: `HTTP ${status}: ${body}`, items: payload.items, samples }] }
  }

  close(): void {
    this.#poster.close()
  }

  #mayBisect(): boolean {
    const minute = Math.floor(this.#clock.monotonic() / 60_000)
    if (minute !== this.#minute) this.#bisections = 0
    this.#minute = minute
    return ++this.#bisections <= bisectionsPerMinute
  }
}

/** None where the body is no such request: what another version left in the spool must not be tried for ever. */
function seriesOf({ body }: Payload): readonly Buffer[] {
  try {
    return splitSeries(decompressSnappy(body))
  } catch {
    return []
  }
}

function halve(series: readonly Buffer[]): readonly Payload[] {
  const middle = series.length >> 1
  return [series.slice(0, middle), series.slice(middle)].map((half) => ({
    body: compressSnappy(Buffer.concat(half)),
    items: half.length,
  }))
}

function reasonOf(status: number, body: string): string {
  if (status === 413) return 'too-large'
  if (/out of order|too old|out of bounds|duplicate/i.test(body)) return 'out-of-order'
  return 'rejected'
}
