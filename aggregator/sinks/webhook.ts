import { createHash } from 'node:crypto'
import type { ClusterEvent } from '../events.ts'
import { retryOf } from './destination.ts'
import type { Destination, Outcome } from './destination.ts'
import { createEncodedSink } from './encoded-sink.ts'
import { authorizationHeader, HttpPoster, isTemporary } from '../../lib/http-poster.ts'
import type { HttpPosterOptions } from '../../lib/http-poster.ts'
import { outsideLabels } from './points.ts'
import type { Point } from './points.ts'
import { readTls } from './sink-tls.ts'
import type { SinkDeclaration } from './sinks.ts'
import type { Payload } from '../../lib/delivery/spool.ts'
import { createTextEncoder } from './text-encoder.ts'

const timeoutMs = 15_000
const pointsPerRequest = 1000

/** `webhook:https://host/path`: JSON `{"cluster", "items": [{"kind": "metric"|"event", …}]}` by POST; any 2xx is a yes. */
export const webhook: SinkDeclaration = {
  kind: 'webhook',
  example: 'https://example.com/hook',
  read(uri) {
    const url = uri.address(['http', 'https'], 'https://example.com/hook')
    const content = uri.oneOf('content', ['all', 'metrics', 'events'], 'all')
    const credentials = { user: uri.text('user'), password: uri.secret('pw'), token: uri.secret('token') }
    const headers = { 'content-type': 'application/json', 'user-agent': 'binnacle', ...authorizationHeader(credentials) }
    const tls = readTls(uri)
    return {
      create: (name, context) => {
        const { clusterName, clock } = context
        const encoder = createTextEncoder({
          point: (point) => JSON.stringify(pointItem(point, clusterName)),
          event: (event) => JSON.stringify(eventItem(event)),
          join: (items) => joinItems(clusterName, items),
        })
        const sink = createEncodedSink(name, context, {
          encoder,
          destination: new WebhookDestination({ url, headers, tls, clock, timeoutMs }),
          concurrency: 1,
          pointsPerRequest,
        })
        const isFor = (kind: 'metrics' | 'events') => content === 'all' || content === kind
        return {
          ...sink,
          ...(isFor('metrics') ? {} : { add: () => {}, addCustomSamples: () => {} }),
          ...(isFor('events') ? {} : { addEvents: () => {} }),
        }
      },
    }
  },
}

function pointItem(point: Point, clusterName: string): object {
  const { name, value, timestamp } = point
  return { kind: 'metric', name, labels: outsideLabels(point, clusterName), value, timestamp: new Date(timestamp).toISOString() }
}

function eventItem({ lastSeen, firstSeen, ...event }: ClusterEvent): object {
  return { kind: 'event', ...event, firstSeen: new Date(firstSeen).toISOString(), lastSeen: new Date(lastSeen).toISOString() }
}

function joinItems(clusterName: string, items: readonly string[]): string {
  return `{"cluster":${JSON.stringify(clusterName)},"items":[${items.join(',')}]}`
}

/** An address that takes JSON. The header `Idempotency-Key` is the same when a body is sent again. */
class WebhookDestination implements Destination {
  readonly #poster: HttpPoster

  constructor(options: HttpPosterOptions) {
    this.#poster = new HttpPoster(options)
  }

  async send(payload: Payload, signal: AbortSignal): Promise<Outcome> {
    const key = createHash('sha256').update(payload.body).digest('hex').slice(0, 32)
    const answer = await this.#poster.post(payload.body, signal, { 'idempotency-key': key })
    const { status, body } = answer
    if (status >= 200 && status < 300) return {}
    if (status === 413 && payload.items > 1) return { remaining: halve(payload) }
    if (isTemporary(status)) return { remaining: [payload], retry: retryOf(answer) }
    const reason = status === 413 ? 'too-large' : 'rejected'
    const message = `HTTP ${status}: ${body}`
    return { refusals: [{ reason, message, items: payload.items, samples: [payload.body.toString('utf8', 0, 2000)] }] }
  }

  close(): void {
    this.#poster.close()
  }
}

function halve({ body, items: count }: Payload): readonly Payload[] {
  const { cluster, items } = JSON.parse(body.toString()) as { readonly cluster: string; readonly items: readonly unknown[] }
  const middle = count >> 1
  return [items.slice(0, middle), items.slice(middle)].map((half) => ({
    body: Buffer.from(
      joinItems(
        cluster,
        half.map((item) => JSON.stringify(item)),
      ),
    ),
    items: half.length,
  }))
}
