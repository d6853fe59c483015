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
  readonly fields?: Readonly<Record<string, string | number | boolean>>
}

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

  /** Resolves when they are on disk, or given up by the store. */
  async write(records: readonly StoredRecord[]): Promise<void> {
    const { signal } = new AbortController()
    const groups = Map.groupBy(records, ({ namespace }) => namespace)
    await Promise.all([...groups].map(([namespace, own]) => this.#options.sink.deliver(toBatch(this.#sourceOf(namespace), own), signal)))
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

function toBatch(source: Source, records: readonly StoredRecord[]): LogBatch {
  const first = source.next
  source.next += records.length
  const text = Buffer.allocUnsafe(records.reduce((total, each) => total + Buffer.byteLength(each.text), 0))
  let end = 0
  return {
    origin: source.origin,
    file: source.file,
    count: records.length,
    text,
    ends: Uint32Array.from(records, (each) => (end += text.write(each.text, end))),
    times: BigInt64Array.from(records, ({ time }) => BigInt(Math.round(time * 1000)) * 1000n),
    positions: Float64Array.from(records, (_, index) => first + index),
    nextPosition: source.next,
    levels: Uint8Array.from(records, ({ level }) => logLevels.indexOf(level)),
    streams: new Uint8Array(records.length),
    fields: records.some(({ fields }) => fields !== undefined) ? records.map(({ fields }) => fields) : undefined,
  }
}
