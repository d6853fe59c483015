import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import type { ClusterEvent } from '../events.ts'
import { retryOf } from './destination.ts'
import type { Destination, Outcome } from './destination.ts'
import type { Refusal } from '../../lib/delivery/dead-letters.ts'
import { createEncodedSink } from './encoded-sink.ts'
import { authorizationHeader, HttpPoster, isTemporary } from '../../lib/http-poster.ts'
import type { HttpAnswer, HttpPosterOptions } from '../../lib/http-poster.ts'
import { outsideLabels } from './points.ts'
import type { Point } from './points.ts'
import { readTls } from './sink-tls.ts'
import { SinkUriError } from './sink-uri.ts'
import type { SinkDeclaration } from './sinks.ts'
import type { Payload } from '../../lib/delivery/spool.ts'
import { createTextEncoder } from './text-encoder.ts'

const gzipAsync = promisify(gzip)
const gunzipAsync = promisify(gunzip)

const timeoutMs = 30_000
const pointsPerRequest = 2000
/** An answer has an entry of a few hundred bytes per document. */
const maxAnswerBytes = 8 << 20
const newline = 10

/** `elasticsearch:http://host:9200?index=heapster`: one document per point and event in an index per day, by the bulk API. */
export const elasticsearch: SinkDeclaration = {
  kind: 'elasticsearch',
  example: 'http://localhost:9200?index=heapster',
  read(uri) {
    const url = uri.address(['http', 'https'], 'http://localhost:9200')
    const index = uri.text('index', {
      default: 'heapster',
      pattern: /^[a-z0-9][a-z0-9._-]{0,199}$/,
      allowed: 'lower-case letters, digits, ".", "_" and "-"',
    })
    const isDaily = uri.flag('daily', true)
    // A data stream takes nothing but "create".
    const action = uri.oneOf('op', ['index', 'create'], 'index')
    const [user, password, apiKey] = [uri.text('user'), uri.secret('pw'), uri.secret('apikey')]
    if (user !== undefined && apiKey !== undefined) throw new SinkUriError('sink elasticsearch: user and apikey exclude each other')
    const tls = readTls(uri)
    const headers = {
      'content-type': 'application/x-ndjson',
      'content-encoding': 'gzip',
      ...(apiKey === undefined ? authorizationHeader({ user, password }) : { authorization: `ApiKey ${apiKey}` }),
    }
    url.pathname = `${url.pathname.replace(/\/$/, '')}/_bulk`
    const indexOf = (timestamp: number) =>
      isDaily ? `${index}-${new Date(timestamp).toISOString().slice(0, 10).replaceAll('-', '.')}` : index
    return {
      create: (name, context) =>
        createEncodedSink(name, context, {
          encoder: createTextEncoder({
            point: (point) => formatOperation(action, indexOf(point.timestamp), pointDocument(point, context.clusterName)),
            event: (event) => formatOperation(action, indexOf(event.lastSeen), eventDocument(event, context.clusterName)),
            join: (operations) => operations.join(''),
          }),
          destination: new ElasticsearchDestination({ url, headers, tls, clock: context.clock, timeoutMs, maxAnswerBytes }),
          compress: (body) => gzipAsync(body, { level: 1 }),
          concurrency: 2,
          pointsPerRequest,
        }),
    }
  },
}

interface Document {
  readonly id: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** The id is a hash of what tells documents apart, so that one which is sent twice is there once. */
function pointDocument(point: Point, clusterName: string): Document {
  const labels = outsideLabels(point, clusterName)
  const time = new Date(point.timestamp).toISOString()
  const id = hashOf([
    point.name,
    time,
    ...Object.keys(labels)
      .sort()
      .flatMap((name) => [name, labels[name]!]),
  ])
  return { id, fields: { '@timestamp': time, kind: 'metric', name: point.name, value: point.value, labels } }
}

function eventDocument(event: ClusterEvent, clusterName: string): Document {
  const time = new Date(event.lastSeen).toISOString()
  return {
    id: hashOf([event.uid, time, String(event.count)]),
    fields: { '@timestamp': time, kind: 'event', cluster_name: clusterName, event },
  }
}

function formatOperation(action: string, index: string, { id, fields }: Document): string {
  return `${JSON.stringify({ [action]: { _index: index, _id: id } })}\n${JSON.stringify(fields)}\n`
}

/** Length before each part, so that no two lists look alike. */
function hashOf(parts: readonly string[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${part.length}:${part}`)
  return hash.digest('base64url').slice(0, 24)
}

interface ItemAnswer {
  readonly status: number
  readonly error?: unknown
}

/** The bulk API: an answer of 200 says for each document what became of it. */
class ElasticsearchDestination implements Destination {
  readonly #poster: HttpPoster

  constructor(options: HttpPosterOptions) {
    this.#poster = new HttpPoster(options)
  }

  async send(payload: Payload, signal: AbortSignal): Promise<Outcome> {
    const answer = await this.#poster.post(payload.body, signal)
    const { status, body } = answer
    if (status === 413) return split(payload)
    if (status >= 200 && status < 300) return readItems(payload, answer)
    if (isTemporary(status)) return { remaining: [payload], retry: retryOf(answer) }
    const samples = (await operationsOf(payload)).slice(0, 50).map(String)
    return { refusals: [{ reason: 'rejected', message: `HTTP ${status}: ${body}`, items: payload.items, samples }] }
  }

  close(): void {
    this.#poster.close()
  }
}

async function readItems(payload: Payload, answer: HttpAnswer): Promise<Outcome> {
  const items = parseItems(answer.body)
  // An answer that cannot be understood says nothing about what is there.
  if (items === undefined)
    return { remaining: [payload], retry: { message: `not an answer of the bulk API: ${answer.body.slice(0, 200)}` } }
  if (!items.hasErrors) return {}
  const operations = await operationsOf(payload)
  if (items.answers.length !== operations.length) {
    return { remaining: [payload], retry: { message: `${items.answers.length} answers to ${operations.length} documents` } }
  }
  const busy: Buffer[] = []
  const refused = new Map<string, { items: number; samples: string[] }>()
  for (const [index, { status, error }] of items.answers.entries()) {
    // 409: a document with this id is there, from the first time that it was sent.
    if ((status >= 200 && status < 300) || status === 409) continue
    if (status === 429 || status >= 500) busy.push(operations[index]!)
    else note(refused, JSON.stringify(error ?? status).slice(0, 400), operations[index]!)
  }
  const refusals: Refusal[] = [...refused].map(([message, { items: count, samples }]) => ({
    reason: 'rejected',
    message,
    items: count,
    samples,
  }))
  if (busy.length === 0) return { refusals }
  const rest = { body: await gzipAsync(Buffer.concat(busy), { level: 1 }), items: busy.length }
  return { refusals, remaining: [rest], retry: retryOf({ ...answer, status: 429, body: `${busy.length} documents were refused for now` }) }
}

function note(refused: Map<string, { items: number; samples: string[] }>, message: string, operation: Buffer): void {
  // Messages quote values; beyond a few kinds they are one.
  const key = refused.has(message) || refused.size < 10 ? message : 'other errors'
  const found = refused.get(key) ?? { items: 0, samples: [] }
  found.items++
  if (found.samples.length < 20) found.samples.push(operation.toString())
  refused.set(key, found)
}

function parseItems(body: string): { readonly hasErrors: boolean; readonly answers: readonly ItemAnswer[] } | undefined {
  try {
    const { errors, items } = JSON.parse(body) as { errors?: unknown; items?: unknown }
    if (typeof errors !== 'boolean' || !Array.isArray(items)) return undefined
    const answers = items.map((item: Readonly<Record<string, ItemAnswer>>) => Object.values(item)[0]!)
    return answers.every((item) => typeof item.status === 'number') ? { hasErrors: errors, answers } : undefined
  } catch {
    return undefined
  }
}

/** The pairs of lines of a body. */
async function operationsOf({ body }: Payload): Promise<readonly Buffer[]> {
  const lines = await gunzipAsync(body)
  const operations: Buffer[] = []
  for (let start = 0; start < lines.length;) {
    const end = lines.indexOf(newline, lines.indexOf(newline, start) + 1) + 1
    if (end === 0) break
    operations.push(lines.subarray(start, end))
    start = end
  }
  return operations
}

async function split(payload: Payload): Promise<Outcome> {
  const operations = await operationsOf(payload)
  if (operations.length < 2) {
    return { refusals: [{ reason: 'too-large', message: 'a single document is too large', items: payload.items, samples: [] }] }
  }
  const middle = operations.length >> 1
  const halves = [operations.slice(0, middle), operations.slice(middle)]
  return {
    remaining: await Promise.all(
      halves.map(async (half) => ({ body: await gzipAsync(Buffer.concat(half), { level: 1 }), items: half.length })),
    ),
  }
}
