import { createHash } from 'node:crypto'
import { ByteWriter } from '../../../../lib/byte-writer.ts'
import type { HttpAnswer } from '../../../../lib/http-poster.ts'
import type { LogContext } from '../../context.ts'
import type { LogBatch, LogOrigin } from '../../log-batch.ts'
import type { SinkDeclaration } from '../declaration.ts'
import { JsonLineEncoder } from '../encoding/json-lines.ts'
import { TimeReader } from '../encoding/line-time.ts'
import { readHeaders } from '../header-options.ts'
import { readAuthOptions, readTlsOptions } from '../http-options.ts'
import { BodyPoster, requireTaken } from '../http-sending.ts'
import type { HttpOptions } from '../http-sending.ts'
import { lineRefs } from '../line-refs.ts'
import { SendError } from '../sink.ts'
import type { LineRef, LogSender, RefusedLine, SendOutcome } from '../sink.ts'

interface ElasticsearchOptions extends HttpOptions {
  readonly index: string
}

/**
 * Elasticsearch's and OpenSearch's bulk API. Each line is a document whose `_id` is its `lineId`, made by `create`: sent twice it is there once. `index`
 * may name `{namespace}`, `{node}` and `{date}` (of the line, UTC); a data stream works, too.
 */
export const elasticsearch: SinkDeclaration<ElasticsearchOptions> = {
  type: 'elasticsearch',
  readOptions: (node) => {
    const url = node.url('url', ['https', 'http'])
    const pipeline = node.text('pipeline')
    const index = node.matching(
      'index',
      /^[a-z0-9](?:[a-z0-9._-]|\{(?:namespace|node|date)\})*$/,
      'lower-case letters, digits, ".", "_", "-", {namespace}, {node} or {date}',
    )
    const query = new URLSearchParams({
      filter_path: 'errors,items.create.status,items.create.error.type,items.create.error.reason,items.create.error.caused_by.reason',
      ...(pipeline === undefined ? {} : { pipeline }),
    })
    return {
      url: url === '' ? '' : `${url.replace(/\/$/, '')}/_bulk?${query.toString()}`,
      index: index ?? 'logs-{date}',
      headers: { 'content-type': 'application/x-ndjson', ...readHeaders(node) },
      auth: readAuthOptions(node, 'api_key', 'ApiKey'),
      isCompressed: node.word('compression', ['none', 'gzip'], 'gzip') === 'gzip',
      tls: readTlsOptions(node),
    }
  },
  create: (options, context) => new ElasticsearchSender(options, context),
}

const secondsOfDay = 86_400
/** Elasticsearch takes 512 bytes; the place in the file comes behind. */
const maxFileBytes = 400
const maxIndexBytes = 255
const actionEnd = Buffer.from('"}}\n')
const newline = 0x0a

class ElasticsearchSender implements LogSender {
  readonly #index: string
  readonly #poster: BodyPoster
  readonly #encoder = new JsonLineEncoder({ dot: '_' })
  readonly #writer = new ByteWriter()
  readonly #times = new TimeReader()

  constructor(options: ElasticsearchOptions, { clock }: LogContext) {
    this.#index = options.index
    this.#poster = new BodyPoster(options, clock)
  }

  async send(batches: readonly LogBatch[], signal: AbortSignal): Promise<SendOutcome> {
    for (const batch of batches) this.#encode(batch.file.length > maxFileBytes ? { ...batch, file: digest(batch.file) } : batch)
    const { answer, bytes } = await this.#poster.post(this.#writer, signal)
    requireTaken(answer)
    return { ...readItems(batches, answer), bytes }
  }

  async close(): Promise<void> {
    this.#poster.close()
  }

  #encode(batch: LogBatch): void {
    const writer = this.#writer
    this.#times.use(batch.times)
    let day = Number.NaN
    let action = Buffer.alloc(0)
    for (let index = 0; index < batch.count; index++) {
      this.#times.read(index)
      const ofLine = Math.floor(this.#times.seconds / secondsOfDay)
      if (ofLine !== day) {
        day = ofLine
        action = Buffer.from(`{"create":{"_index":${JSON.stringify(indexName(this.#index, batch.origin, day))},"_id":"`)
      }
      writer.reserve(action.length + 6 * batch.file.length + 64)
      writer.append(action)
      this.#encoder.appendId(writer, batch, index)
      writer.append(actionEnd)
      this.#encoder.append(writer, batch, index)
      writer.reserve(1)
      writer.appendByte(newline)
    }
  }
}

function digest(file: string): string {
  return createHash('sha256').update(file).digest('base64url')
}

function indexName(pattern: string, { namespace, node }: LogOrigin, day: number): string {
  const date = new Date(day * secondsOfDay * 1000).toISOString().slice(0, 10).replaceAll('-', '.')
  const safe = (text: string) => text.toLowerCase().replaceAll(/[^a-z0-9._-]/g, '_')
  return pattern
    .replaceAll('{namespace}', namespace === '' ? 'none' : safe(namespace))
    .replaceAll('{node}', safe(node))
    .replaceAll('{date}', date)
    .slice(0, maxIndexBytes)
}

interface Item {
  readonly create?: {
    readonly status?: number
    readonly error?: { readonly type?: string; readonly reason?: string; readonly caused_by?: { readonly reason?: string } }
  }
}

/** An answer of 200 says for each document what became of it. */
function readItems(batches: readonly LogBatch[], answer: HttpAnswer): Omit<SendOutcome, 'bytes'> {
  const { errors, items } = parseAnswer(answer.body)
  if (!errors) return {}
  const lines = lineRefs(batches)
  if (items.length !== lines.length) throw new SendError(`${items.length} answers to ${lines.length} documents`)
  const refused: RefusedLine[] = []
  const again: LineRef[] = []
  for (const [index, { create }] of items.entries()) {
    const status = create?.status ?? 0
    // 409: a document with this id is there, from the first time that it was sent.
    if ((status >= 200 && status < 300) || status === 409) continue
    const { type = 'unknown', reason = '', caused_by: cause } = create?.error ?? {}
    if (status === 429 || status >= 500 || status === 0) again.push(lines[index]!)
    else
      refused.push({
        ...lines[index]!,
        reason: type.includes('parsing') ? 'parse' : 'rejected',
        message: `${type}: ${reason} ${cause?.reason ?? ''}`.trim(),
      })
  }
  if (again.length === 0) return { refused }
  return { refused, again: { lines: again, message: `${again.length} documents were put off`, retryAfterMs: answer.retryAfterMs } }
}

function parseAnswer(body: string): { readonly errors: boolean; readonly items: readonly Item[] } {
  try {
    const { errors, items = [] } = JSON.parse(body) as { readonly errors?: unknown; readonly items?: unknown }
    if (typeof errors === 'boolean' && Array.isArray(items)) return { errors, items: items as readonly Item[] }
  } catch {
    // An answer that cannot be understood says nothing about what is there.
  }
  throw new SendError(`not an answer of the bulk API: ${body.slice(0, 200)}`)
}
