import { open, truncate, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { LogBatch, LogOrigin } from '../log-batch.ts'
import { encodeLines, frameRecord, recordTypes } from './block.ts'
import { fileName, magic, readAt, readJournalPart } from './log-file.ts'
import type { JournalPart, LogFileName } from './log-file.ts'
import { syncFolder } from './sealing.ts'

/** Lines of a batch: half-open ranges of indexes. */
export interface JournalLines {
  readonly batch: LogBatch
  readonly runs: readonly (readonly [from: number, to: number])[]
}

/** Framed records, one behind another. */
export interface JournalRecords {
  readonly bytes: Buffer
  readonly count: number
}

interface JournalState {
  readonly handle: FileHandle
  readonly sequence: number
  readonly openedAt: number
  readonly size: number
  readonly part: Omit<JournalPart, 'end'>
}

/** The file that lines are appended to. One write at a time. */
export class Journal {
  readonly sequence: number
  readonly openedAt: number
  readonly #handle: FileHandle
  /** Index of a source by its origin and file. An origin that changes is another object. */
  readonly #sources: Map<string, { readonly index: number; readonly origin: LogOrigin }>
  #sourceCount: number
  #writtenSources: number
  #size: number
  #records: number

  private constructor({ handle, sequence, openedAt, size, part: { sources, entries } }: JournalState) {
    this.#handle = handle
    this.sequence = sequence
    this.openedAt = openedAt
    this.#size = size
    this.#sources = new Map(sources.map(({ origin, file }, index) => [keyOf(origin, file), { index, origin }]))
    this.#sourceCount = sources.length
    this.#writtenSources = sources.length
    this.#records = sources.length + entries.length
  }

  /** Begins an empty one, whose name is on disk when this resolves. */
  static async create(folder: string, sequence: number, openedAt: number): Promise<Journal> {
    const handle = await open(join(folder, fileName({ sequence, kind: 'journal' })), 'w', 0o600)
    await handle.write(magic, 0, magic.length, 0)
    await syncFolder(folder)
    return new Journal({ handle, sequence, openedAt, size: magic.length, part: { sources: [], entries: [] } })
  }

  /** Opens one that is there, cuts off what is not whole, and tells what it has; `undefined` where it was none, and is gone. */
  static async load(
    folder: string,
    name: LogFileName,
    openedAt: number,
  ): Promise<{ readonly journal: Journal; readonly part: JournalPart } | undefined> {
    const path = join(folder, fileName(name))
    const handle = await open(path, 'r+')
    const { size } = await handle.stat()
    const bytes = await readAt(handle, 0, size)
    if (!bytes.subarray(0, magic.length).equals(magic)) {
      await handle.close()
      await unlink(path)
      return undefined
    }
    const part = readJournalPart(bytes.subarray(magic.length), magic.length, 0)
    if (part.end < size) {
      await truncate(path, part.end)
      await handle.sync()
    }
    return { journal: new Journal({ handle, sequence: name.sequence, openedAt, size: part.end, part }), part }
  }

  get size(): number {
    return this.#size
  }

  get records(): number {
    return this.#records
  }

  /** The records of lines, to be appended before any others are made, or given up. */
  encode(lines: readonly JournalLines[]): JournalRecords {
    const records: Buffer[] = []
    for (const { batch, runs } of lines) {
      const source = this.#sourceIndex(batch, records)
      for (const run of runs) encodeLines(batch, run, source, records)
    }
    return { bytes: records.length === 1 ? records[0]! : Buffer.concat(records), count: records.length }
  }

  /** Resolves when they are on disk. Rejects when the disk refuses; what is left of the attempt is written over by the next one. */
  async append({ bytes, count }: JournalRecords): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await this.#handle.write(bytes, at, bytes.length - at, this.#size + at)
      at += bytesWritten
    }
    await this.#handle.datasync()
    this.#size += bytes.length
    this.#records += count
    this.#writtenSources = this.#sourceCount
  }

  /** Records that were made are not in the file, and so may be the names of their sources: all are named again. */
  giveUp(): void {
    this.#sourceCount = this.#writtenSources
    this.#sources.clear()
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  /** Index of a batch's source; a record for it where it has none yet. */
  #sourceIndex({ origin, file }: LogBatch, records: Buffer[]): number {
    const key = keyOf(origin, file)
    const known = this.#sources.get(key)
    if (known?.origin === origin) return known.index
    const isSame = known !== undefined && JSON.stringify(known.origin) === JSON.stringify(origin)
    const index = isSame ? known.index : this.#sourceCount++
    this.#sources.set(key, { index, origin })
    if (!isSame) records.push(frameRecord(recordTypes.source, Buffer.from(JSON.stringify({ origin, file }))))
    return index
  }
}

const keyOf = (origin: LogOrigin, file: string) => `${origin.id}\n${file}`
