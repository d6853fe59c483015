import type { ByteWriter } from '../../../../lib/byte-writer.ts'
import { logLevels, logStreams } from '../../log-batch.ts'
import type { LogBatch, LogOrigin } from '../../log-batch.ts'
import { jsonEscapes } from './json-escapes.ts'
import { TimeReader } from './line-time.ts'

export interface JsonLineOptions {
  /** Whether the labels of pods are in it. Default true. */
  readonly hasLabels?: boolean
  /** What stands for a dot in the name of a label: Elasticsearch takes `a` and `a.b` for a value and an object. */
  readonly dot?: string
}

const timePrefix = Buffer.from('{"@timestamp":"')
const messagePrefix = Buffer.from('","message":"')
const idPrefix = Buffer.from(',"id":"')
const fieldsPrefix = Buffer.from(',"fields":')
const quote = 0x22
/** `","level":"info","stream":"stdout"`, by level and stream. */
const kinds = logLevels.map((level) => logStreams.map((stream) => Buffer.from(`","level":"${level}","stream":"${stream}"`)))
/** Room for everything of a line that is short. */
const shortBytes = 512

/**
 * Lines as JSON objects, spliced of bytes: `@timestamp` (ns, UTC), `message`, `level`, `stream`, `id`, `origin`, and `fields` where a parser found
 * some. What is the same for all lines of an origin is encoded once.
 */
export class JsonLineEncoder {
  readonly #options: JsonLineOptions
  readonly #origins = new WeakMap<LogOrigin, Buffer>()
  readonly #times = new TimeReader()
  #batch: LogBatch | undefined
  #origin: Buffer = Buffer.alloc(0)
  #file: Buffer = Buffer.alloc(0)

  constructor(options: JsonLineOptions = {}) {
    this.#options = options
  }

  /** Appends one line as `{…}` without a line end. */
  append(writer: ByteWriter, batch: LogBatch, index: number): void {
    if (batch !== this.#batch) this.#use(batch)
    writer.reserve(shortBytes)
    writer.append(timePrefix)
    this.#times.append(writer, index, 9)
    writer.append(messagePrefix)
    writer.appendEscaped(batch.text, index === 0 ? 0 : batch.ends[index - 1]!, batch.ends[index]!, jsonEscapes)
    writer.reserve(shortBytes + this.#file.length + this.#origin.length)
    writer.append(kinds[batch.levels[index]!]?.[batch.streams[index]!] ?? kinds[0]![0]!)
    writer.append(idPrefix)
    this.appendId(writer, batch, index)
    writer.appendByte(quote)
    const fields = batch.fields?.[index]
    if (fields !== undefined) {
      writer.append(fieldsPrefix)
      writer.appendText(JSON.stringify(fields))
      writer.reserve(this.#origin.length)
    }
    writer.append(this.#origin)
  }

  /** The line's `lineId`, escaped for JSON; needs room for the file's name and 16 bytes. */
  appendId(writer: ByteWriter, batch: LogBatch, index: number): void {
    if (batch !== this.#batch) this.#use(batch)
    writer.append(this.#file)
    writer.appendBase36(batch.positions[index]!)
  }

  #use(batch: LogBatch): void {
    this.#batch = batch
    this.#times.use(batch.times)
    this.#file = Buffer.from(`${JSON.stringify(batch.file).slice(1, -1)}-`)
    let origin = this.#origins.get(batch.origin)
    if (origin === undefined) this.#origins.set(batch.origin, (origin = this.#encodeOrigin(batch.origin)))
    this.#origin = origin
  }

  #encodeOrigin({ id, kind, node, namespace, pod, podUid, container, containerId, image, owner, labels }: LogOrigin): Buffer {
    const { hasLabels = true, dot = '.' } = this.#options
    const named = Object.entries({ id, kind, node, namespace, pod, podUid, container, containerId, image }).filter(
      ([, text]) => text !== '',
    )
    const shown = Object.entries(labels).map(([name, value]) => [name.replaceAll('.', dot), value])
    const origin = {
      ...Object.fromEntries(named),
      ...(owner === undefined ? {} : { owner }),
      ...(hasLabels && shown.length > 0 ? { labels: Object.fromEntries(shown) as Readonly<Record<string, string>> } : {}),
    }
    return Buffer.from(`,"origin":${JSON.stringify(origin)}}`)
  }
}
