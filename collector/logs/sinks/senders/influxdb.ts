import { ByteWriter, Escapes } from '../../../../lib/byte-writer.ts'
import { readWriteAnswer } from '../../../../lib/influx-answer.ts'
import { encodeTags, escapeMeasurement, cleanTagValue } from '../../../../lib/line-protocol.ts'
import type { LogContext } from '../../context.ts'
import { logLevels, logStreams } from '../../log-batch.ts'
import type { LogBatch, LogOrigin } from '../../log-batch.ts'
import type { SinkDeclaration } from '../declaration.ts'
import { TimeReader } from '../encoding/line-time.ts'
import { readHeaders } from '../header-options.ts'
import { readAuthOptions, readTlsOptions } from '../http-options.ts'
import { BodyPoster, describeAnswer } from '../http-sending.ts'
import type { HttpOptions } from '../http-sending.ts'
import { countLinesOf, refuseSome } from '../line-refs.ts'
import { RefusedRequestError, SendError } from '../sink.ts'
import type { LogSender, SendOutcome } from '../sink.ts'

interface InfluxOptions extends HttpOptions {
  readonly measurement: string
  /** Where a missing database is made, with its statement; absent: it is not. */
  readonly creation: string | undefined
}

/**
 * InfluxDB's line protocol, 1.x (`database`) and 2.x (`org`, `bucket`, `token`). Tags are node, namespace, pod, container, stream and level, so that
 * series are bounded by what runs; `text` and `id` are fields. Points have times of their own, so a line that is sent twice is stored once.
 */
export const influxdb: SinkDeclaration<InfluxOptions> = {
  type: 'influxdb',
  readOptions: (node) => {
    const url = node.url('url', ['https', 'http']).replace(/\/$/, '')
    const [database, policy, org, bucket] = ['database', 'retention_policy', 'org', 'bucket'].map((key) => node.text(key))
    if (bucket === undefined && database === undefined) node.problem('database', 'or bucket is missing')
    if (bucket !== undefined && database !== undefined) node.problem('database', 'cannot be given together with bucket')
    const path =
      bucket === undefined
        ? `/write?${new URLSearchParams({ db: database ?? '', precision: 'ns', ...(policy === undefined ? {} : { rp: policy }) }).toString()}`
        : `/api/v2/write?${new URLSearchParams({ bucket, precision: 'ns', org: org ?? '' }).toString()}`
    const statement = `CREATE DATABASE "${(database ?? '').replaceAll(/["\\]/g, '\\$&')}"`
    const isMade = node.flag('create_database', true) && bucket === undefined && policy === undefined
    return {
      url: url === '' ? '' : url + path,
      measurement: node.text('measurement') ?? 'logs',
      creation: isMade ? `${url}/query?${new URLSearchParams({ q: statement }).toString()}` : undefined,
      headers: { 'content-type': 'text/plain; charset=utf-8', ...readHeaders(node) },
      auth: readAuthOptions(node, 'token', 'Token'),
      isCompressed: node.word('compression', ['none', 'gzip'], 'gzip') === 'gzip',
      tls: readTlsOptions(node),
    }
  },
  create: (options, context) => new InfluxSender(options, context),
}

/** InfluxDB refuses string fields over 64 KiB. */
const maxTextBytes = 64_000
const cutMark = Buffer.from('… (cut)')
const maxIdBytes = 1000
const textPrefix = Buffer.from(' text="')
const idPrefix = Buffer.from('",id="')
const idEnd = Buffer.from('" ')
const newline = 0x0a
const lineRoom = 128

/** A line end within quotes is part of a text; other control characters but the tab become spaces. */
const stringEscapes = new Escapes(
  new Map([
    ...[...Array.from({ length: 0x20 }, (_, byte) => byte), 0x7f]
      .filter((byte) => byte !== 0x09 && byte !== 0x0a)
      .map((byte): [number, string] => [byte, ' ']),
    [0x22, '\\"'],
    [0x5c, '\\\\'],
  ]),
)

class InfluxSender implements LogSender {
  readonly #measurement: string
  readonly #poster: BodyPoster
  readonly #creator: BodyPoster | undefined
  readonly #writer = new ByteWriter()
  readonly #times = new TimeReader()
  readonly #series = new WeakMap<LogOrigin, (Buffer | undefined)[]>()

  constructor(options: InfluxOptions, { clock }: LogContext) {
    this.#measurement = escapeMeasurement(cleanTagValue(options.measurement, 256))
    this.#poster = new BodyPoster(options, clock)
    this.#creator =
      options.creation === undefined ? undefined : new BodyPoster({ ...options, url: options.creation, isCompressed: false }, clock)
  }

  send(batches: readonly LogBatch[], signal: AbortSignal): Promise<SendOutcome> {
    return this.#write(batches, signal, this.#creator)
  }

  /** `creator`: makes the database if it is missing. */
  async #write(batches: readonly LogBatch[], signal: AbortSignal, creator: BodyPoster | undefined): Promise<SendOutcome> {
    for (const batch of batches) this.#encode(batch)
    const { answer, bytes } = await this.#poster.post(this.#writer, signal)
    const lines = countLinesOf(batches)
    const outcome = readWriteAnswer(answer.status, answer.body, lines)
    if (outcome.kind === 'stored') return { bytes }
    if (outcome.kind === 'rejected') return { ...refuseSome(batches, outcome.rejected, outcome), bytes }
    if (outcome.kind === 'too-large') throw new RefusedRequestError('too-large', describeAnswer(answer), { isAboutLines: true })
    if (!outcome.isMissingDatabase || creator === undefined) throw new SendError(outcome.message, answer.retryAfterMs)
    const { answer: made } = await creator.post(new ByteWriter(), signal)
    if (made.status !== 200) throw new SendError(`${outcome.message}; it cannot be made: ${describeAnswer(made)}`)
    return this.#write(batches, signal, undefined)
  }

  async close(): Promise<void> {
    this.#poster.close()
    this.#creator?.close()
  }

  #encode(batch: LogBatch): void {
    const writer = this.#writer
    const file = Buffer.from(`${batch.file.slice(0, maxIdBytes)}-`)
    this.#times.use(batch.times)
    for (let index = 0; index < batch.count; index++) {
      const series = this.#seriesOf(batch.origin, batch.streams[index]!, batch.levels[index]!)
      writer.reserve(series.length + lineRoom)
      writer.append(series)
      writer.append(textPrefix)
      this.#appendText(batch, index)
      writer.reserve(lineRoom)
      writer.append(idPrefix)
      writer.appendEscaped(file, 0, file.length, stringEscapes)
      writer.appendText(batch.positions[index]!.toString(36))
      writer.reserve(lineRoom)
      writer.append(idEnd)
      this.#appendTime(index, batch.positions[index]!)
      writer.reserve(1)
      writer.appendByte(newline)
    }
  }

  #appendText(batch: LogBatch, index: number): void {
    const start = index === 0 ? 0 : batch.ends[index - 1]!
    let end = batch.ends[index]!
    const isCut = end - start > maxTextBytes
    if (isCut) {
      end = start + maxTextBytes - cutMark.length
      // Not within a character.
      while ((batch.text[end]! & 0xc0) === 0x80) end--
    }
    this.#writer.appendEscaped(batch.text, start, end, stringEscapes)
    if (!isCut) return
    this.#writer.reserve(lineRoom)
    this.#writer.append(cutMark)
  }

  /**
   * Two points of a series at one time would be one, and the lines of a burst often have the same: what the place in the file adds is below the
   * precision of the time, or below a microsecond, and the same whenever the line is sent.
   */
  #appendTime(index: number, position: number): void {
    const times = this.#times
    times.read(index)
    const span = times.nanos % 1e6 === 0 ? 1e6 : 1000
    const nanos = times.nanos + (position % span)
    const seconds = Math.max(0, times.seconds + Math.floor(nanos / 1e9))
    this.#writer.appendText(seconds === 0 ? String(nanos % 1e9) : `${seconds}${String(nanos % 1e9).padStart(9, '0')}`)
  }

  /** Measurement and tags. */
  #seriesOf(origin: LogOrigin, stream: number, level: number): Buffer {
    let known = this.#series.get(origin)
    if (known === undefined) this.#series.set(origin, (known = []))
    const variant = stream * 16 + level
    const found = known[variant]
    if (found !== undefined) return found
    const { node, namespace, pod, container, kind, id } = origin
    const tags = encodeTags({
      node,
      namespace,
      pod,
      container,
      ...(pod === '' ? { source: kind === 'container' || kind === 'file' || kind === 'journal' ? id : kind } : {}),
      stream: logStreams[stream] ?? 'stdout',
      level: logLevels[level] ?? 'unknown',
    })
    return (known[variant] = Buffer.from(this.#measurement + tags))
  }
}
