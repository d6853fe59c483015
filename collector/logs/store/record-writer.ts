import { ByteWriter } from '../../../lib/byte-writer.ts'
import type { Clock } from '../../../lib/clock.ts'
import { logLevels } from '../log-batch.ts'
import type { LogBatch, LogLevel, LogOrigin } from '../log-batch.ts'
import type { LogSink } from '../sinks/sink.ts'

/** Something that this process itself has to say, as a line of a store. */
export interface StoredRecord {
  /** ms since the epoch. */
  readonly time: number
  /** Empty where there is none. */
  readonly namespace: string
  readonly level: LogLevel
  readonly text: string
  readonly fields?: LineFields
}

/** The same of many, as columns: text `i` are the bytes from the end of the text before, and the `gap` behind that, up to `ends[i]`. */
export interface RecordColumns {
  readonly count: number
  readonly bytes: Buffer
  readonly ends: readonly number[]
  /** Bytes between texts that are no text. */
  readonly gap: number
  readonly times: readonly number[]
  readonly namespaces: readonly string[]
  /** Indexes of `logLevels`. */
  readonly levels: readonly number[]
  readonly fields?: readonly (LineFields | undefined)[] | undefined
}

type LineFields = Readonly<Record<string, string | number | boolean>>

export interface RecordWriterOptions {
  /** Of a store; started and stopped by whoever made it. */
  readonly sink: Pick<LogSink, 'deliver'>
  readonly kind: LogOrigin['kind']
  readonly clock: Clock
}

interface Source {
  readonly origin: LogOrigin
  /** No file: a name that no other source of the store ever has. */
  readonly file: string
  next: number
}

/** Namespaces come and go; those beyond get sources anew. */
const maxSources = 1000

/** Writes records that are made here, which have no file that they could be read from again, into a store: one source per namespace. */
export class RecordWriter {
  readonly #options: RecordWriterOptions
  readonly #sources = new Map<string, Source>()
  readonly #startedAt: number
  #sourceCount = 0

  constructor(options: RecordWriterOptions) {
    this.#options = options
    this.#startedAt = options.clock.now()
  }

  /** Resolves when they are on disk, or given up by the store. The columns' bytes are copied before this returns. */
  async write(columns: RecordColumns): Promise<void> {
    const { signal } = new AbortController()
    const groups = new Map<string, number[]>()
    for (const [index, namespace] of columns.namespaces.entries()) {
      const own = groups.get(namespace)
      if (own === undefined) groups.set(namespace, [index])
      else own.push(index)
    }
    const batches = [...groups].map(([namespace, indexes]) => toBatch(this.#sourceOf(namespace), columns, indexes))
    await Promise.all(batches.map((batch) => this.#options.sink.deliver(batch, signal)))
  }

  #sourceOf(namespace: string): Source {
    const known = this.#sources.get(namespace)
    if (known !== undefined) return known
    const { kind } = this.#options
    const none = { node: '', pod: '', podUid: '', container: '', containerId: '', image: '' }
    const source: Source = {
      origin: { id: `${kind}/${namespace}`, kind, namespace, ...none, owner: undefined, labels: {}, annotations: {} },
      file: `${kind}-${this.#startedAt}-${this.#sourceCount++}`,
      next: 0,
    }
    if (this.#sources.size >= maxSources) this.#sources.clear()
    this.#sources.set(namespace, source)
    return source
  }
}

/** Records as columns. */
export function toColumns(records: readonly StoredRecord[]): RecordColumns {
  const writer = new ByteWriter()
  const ends = records.map(({ text }) => {
    writer.appendText(text)
    return writer.length
  })
  return {
    count: records.length,
    bytes: writer.take(),
    ends,
    gap: 0,
    times: records.map(({ time }) => time),
    namespaces: records.map(({ namespace }) => namespace),
    levels: records.map(({ level }) => logLevels.indexOf(level)),
    fields: records.some(({ fields }) => fields !== undefined) ? records.map(({ fields }) => fields) : undefined,
  }
}

/** The records at some indexes. */
function toBatch(source: Source, columns: RecordColumns, indexes: readonly number[]): LogBatch {
  const { bytes, ends, gap, times, levels, fields } = columns
  const count = indexes.length
  const startOf = (index: number) => (index === 0 ? 0 : ends[index - 1]! + gap)
  const text = Buffer.allocUnsafe(indexes.reduce((total, index) => total + ends[index]! - startOf(index), 0))
  const batch = {
    origin: source.origin,
    file: source.file,
    count,
    text,
    ends: new Uint32Array(count),
    times: new BigInt64Array(count),
    positions: new Float64Array(count),
    nextPosition: source.next + count,
    levels: new Uint8Array(count),
    streams: new Uint8Array(count),
    fields: fields === undefined ? undefined : indexes.map((index) => fields[index]),
  }
  let length = 0
  let lastTime = Number.NaN
  let nanoseconds = 0n
  for (let line = 0; line < count; line++) {
    const index = indexes[line]!
    const time = times[index]!
    // Many have the time of the one before.
    if (time !== lastTime) nanoseconds = BigInt(Math.round(time * 1000)) * 1000n
    lastTime = time
    length += bytes.copy(text, length, startOf(index), ends[index])
    batch.ends[line] = length
    batch.times[line] = nanoseconds
    batch.positions[line] = source.next + line
    batch.levels[line] = levels[index]!
  }
  source.next += count
  return batch
}
