import { ByteWriter } from '../../../../lib/byte-writer.ts'
import type { LogContext } from '../../context.ts'
import { logLevels, logStreams } from '../../log-batch.ts'
import type { LogBatch, LogOrigin } from '../../log-batch.ts'
import type { SinkDeclaration } from '../declaration.ts'
import { jsonEscapes } from '../encoding/json-escapes.ts'
import { TimeReader } from '../encoding/line-time.ts'
import { readHeaders } from '../header-options.ts'
import { isHeaderValue, readAuthOptions, readTlsOptions } from '../http-options.ts'
import { BodyPoster, describeAnswer, requireTaken } from '../http-sending.ts'
import type { HttpOptions } from '../http-sending.ts'
import { countLinesOf, refuseSome } from '../line-refs.ts'
import type { LogSender, SendOutcome } from '../sink.ts'

const labelNames = ['namespace', 'pod', 'container', 'node', 'app', 'stream', 'level'] as const
type LabelName = (typeof labelNames)[number]

interface LokiOptions extends HttpOptions {
  readonly labels: readonly LabelName[]
  readonly staticLabels: Readonly<Record<string, string>>
  readonly hasMetadata: boolean
}

/**
 * Loki's push API. What may be a label is a list that does not grow with what is logged; everything else is the line. Loki takes a line with the same
 * time and text in the same stream once. With `structured_metadata` each line carries its `id` and level.
 */
export const loki: SinkDeclaration<LokiOptions> = {
  type: 'loki',
  delivery: { maxBytes: 1 << 20 },
  readOptions: (node) => {
    const url = node.url('url', ['https', 'http'])
    const tenant = node.text('tenant')
    if (tenant !== undefined && !isHeaderValue(tenant)) node.problem('tenant', 'must be printable ASCII')
    const labels = node.texts('labels') ?? ['namespace', 'pod', 'container', 'node', 'stream']
    const unknown = labels.find((name) => !(labelNames as readonly string[]).includes(name))
    if (unknown !== undefined) node.problem('labels', `allowed: ${labelNames.join(', ')}`)
    const staticLabels = node.textRecord('static_labels')
    const wrong = Object.keys(staticLabels).find((name) => !/^[a-zA-Z_][a-zA-Z0-9_]{0,63}$/.test(name))
    if (wrong !== undefined) node.problem('static_labels', 'must be letters, digits and "_" in names')
    if (labels.length === 0 && Object.keys(staticLabels).length === 0) node.problem('labels', 'must name one at least')
    return {
      url: url === '' ? '' : `${url.replace(/\/$/, '')}/loki/api/v1/push`,
      labels: labels as readonly LabelName[],
      staticLabels,
      hasMetadata: node.flag('structured_metadata', false),
      headers: { 'content-type': 'application/json', ...(tenant === undefined ? {} : { 'x-scope-orgid': tenant }), ...readHeaders(node) },
      auth: readAuthOptions(node),
      isCompressed: node.word('compression', ['none', 'gzip'], 'gzip') === 'gzip',
      tls: readTlsOptions(node),
    }
  },
  create: (options, context) => new LokiSender(options, context),
}

/** Lines of a batch with the same labels, with what the batch itself does not say. */
interface Portion {
  readonly batch: LogBatch
  readonly stream: number | undefined
  readonly level: number | undefined
}

const begin = Buffer.from('{"streams":[')
const end = Buffer.from(']}')
const streamPrefix = Buffer.from('{"stream":')
const valuesPrefix = Buffer.from(',"values":[')
const streamEnd = Buffer.from(']}')
const [comma, quote, openBracket, closeBracket] = [0x2c, 0x22, 0x5b, 0x5d]
const separator = Buffer.from('","')
const roomBytes = 256

class LokiSender implements LogSender {
  readonly #options: LokiOptions
  readonly #poster: BodyPoster
  readonly #writer = new ByteWriter()
  readonly #times = new TimeReader()
  readonly #labels = new WeakMap<LogOrigin, Map<string, string>>()

  constructor(options: LokiOptions, { clock }: LogContext) {
    this.#options = options
    this.#poster = new BodyPoster(options, clock)
  }

  async send(batches: readonly LogBatch[], signal: AbortSignal): Promise<SendOutcome> {
    this.#encode(batches)
    const { answer, bytes } = await this.#poster.post(this.#writer, signal)
    if (answer.status === 400) {
      // The good lines of the request are stored.
      const reason = reasonOf(answer.body)
      const ignored = Number(/total ignored: (\d+)/.exec(answer.body)?.[1] ?? 1)
      const isWhole = countLinesOf(batches) === 1
      if (reason !== undefined) return { ...refuseSome(batches, isWhole ? 1 : ignored, { reason, message: describeAnswer(answer) }), bytes }
    }
    requireTaken(answer)
    return { bytes }
  }

  async close(): Promise<void> {
    this.#poster.close()
  }

  #encode(batches: readonly LogBatch[]): void {
    const writer = this.#writer
    const streams = new Map<string, Portion[]>()
    for (const batch of batches) this.#portion(batch, streams)
    writer.reserve(roomBytes)
    writer.append(begin)
    let isFirst = true
    for (const [labels, portions] of streams) {
      writer.reserve(roomBytes)
      if (!isFirst) writer.appendByte(comma)
      isFirst = false
      writer.append(streamPrefix)
      writer.appendText(labels)
      writer.reserve(roomBytes)
      writer.append(valuesPrefix)
      const before = writer.length
      for (const portion of portions) this.#encodeLines(portion, before)
      writer.reserve(roomBytes)
      writer.append(streamEnd)
    }
    writer.append(end)
  }

  /** Which streams a batch has lines for. */
  #portion(batch: LogBatch, streams: Map<string, Portion[]>): void {
    const { labels } = this.#options
    const [byStream, byLevel] = [labels.includes('stream'), labels.includes('level')]
    const seen = new Set<number>()
    for (let index = 0; index < batch.count; index++) {
      const [stream, level] = [byStream ? batch.streams[index]! : undefined, byLevel ? batch.levels[index]! : undefined]
      const variant = (stream ?? 0) * 256 + (level ?? 0)
      if (seen.has(variant)) continue
      seen.add(variant)
      const key = this.#labelsOf(batch.origin, stream, level)
      const portions = streams.get(key)
      if (portions === undefined) streams.set(key, [{ batch, stream, level }])
      else portions.push({ batch, stream, level })
      if (!byStream && !byLevel) return
    }
  }

  #encodeLines({ batch, stream, level }: Portion, before: number): void {
    const { hasMetadata } = this.#options
    const writer = this.#writer
    this.#times.use(batch.times)
    for (let index = 0; index < batch.count; index++) {
      if ((stream !== undefined && batch.streams[index] !== stream) || (level !== undefined && batch.levels[index] !== level)) continue
      writer.reserve(roomBytes)
      if (writer.length > before) writer.appendByte(comma)
      writer.appendByte(openBracket)
      writer.appendByte(quote)
      this.#appendTime(index)
      writer.append(separator)
      writer.appendEscaped(batch.text, index === 0 ? 0 : batch.ends[index - 1]!, batch.ends[index]!, jsonEscapes)
      writer.reserve(roomBytes)
      writer.appendByte(quote)
      if (hasMetadata) {
        const metadata = {
          id: `${batch.file}-${batch.positions[index]!.toString(36)}`,
          level: logLevels[batch.levels[index]!] ?? 'unknown',
        }
        writer.appendText(`,${JSON.stringify(metadata)}`)
      }
      writer.reserve(roomBytes)
      writer.appendByte(closeBracket)
    }
  }

  #appendTime(index: number): void {
    const times = this.#times
    times.read(index)
    if (times.seconds >= 1e9 && times.seconds < 1e10) {
      this.#writer.appendDigits(times.seconds, 10)
      this.#writer.appendDigits(times.nanos, 9)
    } else {
      this.#writer.appendText(String(Math.max(0, times.seconds) * 1e9 + times.nanos))
      this.#writer.reserve(roomBytes)
    }
  }

  #labelsOf(origin: LogOrigin, stream: number | undefined, level: number | undefined): string {
    const variant = `${stream} ${level}`
    let known = this.#labels.get(origin)
    if (known === undefined) this.#labels.set(origin, (known = new Map()))
    const found = known.get(variant)
    if (found !== undefined) return found
    const values: Readonly<Record<LabelName, string>> = {
      namespace: origin.namespace,
      pod: origin.pod,
      container: origin.container,
      node: origin.node,
      app: origin.labels['app.kubernetes.io/name'] ?? origin.labels['app'] ?? '',
      stream: logStreams[stream ?? 0] ?? 'stdout',
      level: logLevels[level ?? 0] ?? 'unknown',
    }
    const named = this.#options.labels.filter((name) => values[name] !== '').map((name) => [name, values[name]])
    const labels = { ...Object.fromEntries(named), ...this.#options.staticLabels } as Readonly<Record<string, string>>
    // Loki refuses a stream without any.
    const text = JSON.stringify(Object.keys(labels).length === 0 ? { source: origin.kind } : labels)
    known.set(variant, text)
    return text
  }
}

/** What Loki says about single lines, as a word. */
function reasonOf(body: string): string | undefined {
  if (/out of order|too far behind/i.test(body)) return 'out-of-order'
  if (/too old|too new|greater_than_max_sample_age/i.test(body)) return 'time'
  if (/max entry size|line_too_long/i.test(body)) return 'too-large'
  return undefined
}
