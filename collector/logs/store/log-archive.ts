import { watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import type { LogOrigin } from '../log-batch.ts'
import type { BlockLines } from './block.ts'
import {
  fileName,
  listLogFiles,
  LogFileError,
  magic,
  openLogFile,
  readAt,
  readBlock,
  readJournalPart,
  readSegmentIndex,
} from './log-file.ts'
import type { BlockEntry, LogFileName, LogSource } from './log-file.ts'

/** A place in what is stored, in the order in which lines came: behind it is what came later. */
export interface LogPlace {
  readonly sequence: number
  /** Byte of the journal of that number, also where it has become a segment. */
  readonly offset: number
}

/** A block and how to read it. */
export interface ArchivedBlock extends BlockEntry {
  readonly file: ArchivedFile
  readonly origin: LogOrigin
  /** Identity of the file that the lines were in. */
  readonly lineFile: string
}

/** One file of the store as a reader sees it. Kept open only while somebody reads, journals always. */
export class ArchivedFile {
  readonly name: LogFileName
  readonly sources: LogSource[] = []
  readonly blocks: ArchivedBlock[] = []
  /** Of journals: as far as it was read. */
  end = magic.length
  readonly #folder: string
  #handle: FileHandle | undefined
  #opening: Promise<void> | undefined
  #users = 0

  constructor(folder: string, name: LogFileName) {
    this.#folder = folder
    this.name = name
  }

  /** False where the file is gone. Each `true` needs a `release`. */
  async acquire(): Promise<boolean> {
    this.#users++
    this.#opening ??= openLogFile(this.#folder, this.name).then((handle) => {
      this.#handle = handle
    })
    await this.#opening
    if (this.#handle !== undefined) return true
    this.#users--
    this.#opening = undefined
    return false
  }

  release(): void {
    if (--this.#users > 0) return
    const handle = this.#handle
    this.#handle = undefined
    this.#opening = undefined
    void handle?.close().catch(() => {})
  }

  /** Between `acquire` and `release`. */
  async read(block: ArchivedBlock): Promise<BlockLines> {
    return readBlock(this.#handle!, block, fileName(this.name))
  }

  /** Reads a segment's index, or what a journal has behind `end`. */
  async refresh(): Promise<void> {
    if (this.name.kind === 'segment') {
      this.#add(await readSegmentIndex(this.#handle!, fileName(this.name)))
      return
    }
    const { size } = await this.#handle!.stat()
    while (this.end < size) {
      const bytes = await readAt(this.#handle!, this.end, Math.min(size - this.end, readBytes))
      const part = readJournalPart(bytes, this.end, this.sources.length)
      // A record larger than what is read at once.
      const whole = part.end === this.end && size - this.end > readBytes ? await this.#readRest(size) : part
      if (whole.end === this.end) return
      this.#add(whole)
      this.end = whole.end
    }
  }

  async #readRest(size: number) {
    return readJournalPart(await readAt(this.#handle!, this.end, size - this.end), this.end, this.sources.length)
  }

  #add({ sources, entries }: { readonly sources: readonly LogSource[]; readonly entries: readonly BlockEntry[] }): void {
    this.sources.push(...sources)
    for (const entry of entries) {
      const source = this.sources[entry.header.source]
      if (source !== undefined) this.blocks.push({ ...entry, file: this, origin: source.origin, lineFile: source.file })
    }
  }
}

/** What was stored at one moment. Its journals stay readable until `release`, also when they have become segments meanwhile. */
export interface LogView {
  readonly blocks: readonly ArchivedBlock[]
  readonly place: LogPlace
  /** To be called once. */
  release(): void
}

const readBytes = 4 << 20
/** Where the kernel tells nobody of changes, they are looked for. */
const lookMs = 1000

/**
 * The reading side of a store: needs nothing but its folder, so it may be in another thread or process than the writer. It has the index of all blocks in
 * memory and no text.
 */
export class LogArchive {
  readonly #folder: string
  readonly #clock: Clock
  readonly #log: Log
  readonly #files = new Map<number, ArchivedFile>()
  readonly #damaged = new Set<string>()
  readonly #listeners = new Set<() => void>()
  #watcher: FSWatcher | undefined
  #refreshing: Promise<void> | undefined

  constructor(options: { readonly folder: string; readonly clock: Clock; readonly log: Log }) {
    this.#folder = options.folder
    this.#clock = options.clock
    this.#log = options.log
  }

  /** All that is stored now, in the order of files, and the place behind it. */
  async look(): Promise<LogView> {
    await this.#refresh()
    const files = [...this.#files.values()].sort((a, b) => a.name.sequence - b.name.sequence)
    const journals = files.filter(({ name }) => name.kind === 'journal')
    // They are open: this is only one more user.
    for (const journal of journals) void journal.acquire()
    return {
      blocks: files.flatMap(({ blocks }) => blocks),
      place: placeBehind(files),
      release: () => {
        for (const journal of journals) journal.release()
      },
    }
  }

  /** Files that could not be read, by name. */
  get damaged(): readonly string[] {
    return [...this.#damaged]
  }

  /** Resolves when something was written since the last look, or may have been, or when `signal` aborts. */
  async changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    this.#watcher ??= this.#watch()
    const isWatching = this.#watcher !== undefined
    await new Promise<void>((resolve) => {
      const timer = isWatching ? undefined : this.#clock.setTimer(lookMs, resolve)
      const finish = () => {
        this.#listeners.delete(finish)
        signal.removeEventListener('abort', finish)
        timer?.cancel()
        resolve()
      }
      this.#listeners.add(finish)
      signal.addEventListener('abort', finish, { once: true })
    })
  }

  close(): void {
    this.#watcher?.close()
    this.#watcher = undefined
    for (const listener of this.#listeners) listener()
    for (const file of this.#files.values()) if (file.name.kind === 'journal') file.release()
    this.#files.clear()
  }

  #watch(): FSWatcher | undefined {
    try {
      const watcher = watch(this.#folder, { persistent: false }, () => {
        for (const listener of this.#listeners) listener()
      })
      watcher.on('error', () => {
        this.#watcher = undefined
      })
      return watcher
    } catch {
      return undefined
    }
  }

  async #refresh(): Promise<void> {
    // What was written after a look began may have been missed by it.
    while (this.#refreshing !== undefined) await this.#refreshing
    this.#refreshing = this.#read().finally(() => (this.#refreshing = undefined))
    await this.#refreshing
  }

  async #read(): Promise<void> {
    const names = await listLogFiles(this.#folder)
    const present = new Set(names.map(({ sequence }) => sequence))
    for (const [sequence, file] of this.#files) if (!present.has(sequence)) this.#forget(file)
    for (const name of names) {
      const known = this.#files.get(name.sequence)
      if (known?.name.kind === name.kind) {
        if (name.kind === 'journal') await known.refresh()
        continue
      }
      const isNew = await this.#open(name)
      if (known !== undefined && isNew) known.release()
    }
  }

  /** False where the file went, or became a segment, in between: it is found at the next look. */
  async #open(name: LogFileName): Promise<boolean> {
    if (this.#damaged.has(fileName(name))) return false
    const file = new ArchivedFile(this.#folder, name)
    if (!(await file.acquire())) {
      if (name.kind === 'segment') return false
      // A journal that went became a segment.
      return this.#open({ sequence: name.sequence, kind: 'segment' })
    }
    try {
      await file.refresh()
      this.#files.set(name.sequence, file)
    } catch (error) {
      if (!(error instanceof LogFileError)) throw error
      this.#damaged.add(fileName(name))
      this.#log.warn({ err: error }, 'a file of the log store is damaged')
      file.release()
      return false
    }
    if (name.kind === 'segment') file.release()
    return true
  }

  #forget(file: ArchivedFile): void {
    this.#files.delete(file.name.sequence)
    if (file.name.kind === 'journal') file.release()
  }
}

function placeBehind(files: readonly ArchivedFile[]): LogPlace {
  const last = files.at(-1)
  if (last === undefined) return { sequence: 0, offset: 0 }
  return last.name.kind === 'journal' ? { sequence: last.name.sequence, offset: last.end } : { sequence: last.name.sequence + 1, offset: 0 }
}

export const formatPlace = ({ sequence, offset }: LogPlace): string => `${sequence}.${offset}`

/** The place that `formatPlace` wrote, or `undefined`. */
export function parsePlace(text: string): LogPlace | undefined {
  const match = /^(\d{1,15})\.(\d{1,15})$/.exec(text)
  return match === null ? undefined : { sequence: Number(match[1]), offset: Number(match[2]) }
}
