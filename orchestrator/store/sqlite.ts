import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Clock } from '../../lib/clock.ts'
import { openEngine } from './engine.ts'
import type { HistoryLimits } from './history.ts'
import type { Medium, Recovered, Write } from './medium.ts'
import { sealedMedium, type Sealing } from './sealed-medium.ts'
import type { PackedWrites, WriterAnswer, WriterOptions, WriterRequest } from './sqlite-messages.ts'
import { type Store, StoreError } from './store.ts'

export interface SqliteStoreOptions {
  /** Made if it is missing; holds `store.sqlite` and SQLite's own files beside it. */
  readonly folder: string
  readonly clock: Clock
  readonly history?: Partial<HistoryLimits>
  /** How far the database file may grow, by default 8 GiB. */
  readonly maxBytes?: number
  /** What of it is encrypted; nothing by default. */
  readonly sealing?: Sealing
}

const defaultMaxBytes = 8 * 1024 ** 3

/**
 * Opens the store in a folder: a SQLite file in WAL mode with `synchronous=FULL`, written by a thread of its own, so that a slow
 * disk never holds up the event loop. Rejects with `newer`, `locked`, `full` or `broken`;
 * `broken`, too, for a value that `sealing` cannot open.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  await mkdir(options.folder, { recursive: true, mode: 0o700 })
  const file = join(options.folder, 'store.sqlite')
  const medium = new SqliteMedium({ file, maxBytes: options.maxBytes ?? defaultMaxBytes })
  return openEngine({ ...options, medium: options.sealing === undefined ? medium : sealedMedium(medium, options.sealing) })
}

interface Waiting {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** The main thread's end of the writer thread. */
class SqliteMedium implements Medium {
  readonly #options: WriterOptions
  readonly #recovered: Write[] = []
  #worker: Worker | undefined
  #revision = 0
  #waiting: Waiting | undefined
  /** Why the thread is gone; later requests are refused with it. */
  #gone: StoreError | undefined

  constructor(options: WriterOptions) {
    this.#options = options
  }

  async open(): Promise<Recovered> {
    const worker = new Worker(new URL('./sqlite-writer.ts', import.meta.url), { workerData: this.#options, name: 'store writer' })
    this.#worker = worker
    worker.on('message', (answer: WriterAnswer) => this.#receive(answer))
    worker.on('error', (error) =>
      this.#lose(new StoreError('broken', `the store's writer thread failed: ${error.message}`, { cause: error })),
    )
    worker.on('exit', () => this.#lose(new StoreError('broken', "the store's writer thread has ended")))
    try {
      await this.#wait(() => {})
    } catch (error) {
      await worker.terminate()
      throw error
    }
    return { revision: this.#revision, writes: this.#recovered.splice(0) }
  }

  commit(batch: readonly Write[]): Promise<void> {
    const packed = packWrites(batch)
    return this.#ask({ type: 'commit', batch: packed }, [packed.bytes.buffer])
  }

  scrub(): Promise<void> {
    return this.#ask({ type: 'scrub' })
  }

  async close(): Promise<void> {
    try {
      if (this.#gone === undefined) await this.#ask({ type: 'close' })
    } finally {
      await this.#worker?.terminate()
    }
  }

  #ask(request: WriterRequest, transfer: ArrayBuffer[] = []): Promise<void> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone)
    return this.#wait(() => this.#worker!.postMessage(request, transfer))
  }

  #wait(start: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      start()
    })
  }

  #receive(answer: WriterAnswer): void {
    if (answer.type === 'rows') {
      for (const write of unpackWrites(answer.rows)) this.#recovered.push(write)
      return
    }
    const waiting = this.#waiting
    this.#waiting = undefined
    if (answer.type === 'failed') return waiting?.reject(new StoreError(answer.code, answer.message))
    if (answer.type === 'opened') this.#revision = answer.revision
    waiting?.resolve()
  }

  #lose(error: StoreError): void {
    this.#gone ??= error
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.reject(this.#gone)
  }
}

function packWrites(batch: readonly Write[]): PackedWrites {
  const bytes = new Uint8Array(batch.reduce((sum, write) => sum + (write.bytes?.length ?? 0), 0))
  let offset = 0
  for (const write of batch) {
    if (write.bytes === undefined) continue
    bytes.set(write.bytes, offset)
    offset += write.bytes.length
  }
  return {
    keys: batch.map((write) => write.key),
    revisions: batch.map((write) => write.revision),
    createRevisions: batch.map((write) => write.createRevision),
    lengths: batch.map((write) => write.bytes?.length ?? -1),
    bytes,
  }
}

function* unpackWrites({ keys, revisions, createRevisions, lengths, bytes }: PackedWrites): Generator<Write> {
  let offset = 0
  for (const [index, key] of keys.entries()) {
    const end = offset + lengths[index]!
    yield {
      key,
      revision: revisions[index]!,
      createRevision: createRevisions[index]!,
      bytes: Buffer.from(bytes.buffer, offset, end - offset),
    }
    offset = end
  }
}
