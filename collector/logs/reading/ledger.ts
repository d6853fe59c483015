import { mkdirSync, readFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import { noFingerprint, type Fingerprint } from './fingerprint.ts'

/** How far a file was read and acknowledged. */
export interface LedgerEntry {
  /** The path that is followed; the file may have another name by now. */
  readonly path: string
  /** The inode, by `inodeName`. */
  readonly inode: string
  /** What `LogBatch.file` says; a copy or a compressed form of a file keeps the file's. */
  readonly file: string
  /** How often the inode was emptied. */
  readonly generation: number
  readonly offset: number
  readonly fingerprint: Fingerprint
  /** Read to its end, and its writer is gone. */
  readonly isFinished: boolean
  /** Where positions are names, as the journal's are. */
  readonly cursor?: string
}

const version = 1
/** Finished files that are remembered per path, beside those that are there: rotations that are under way. */
const maxEntriesPerPath = 64

export interface LedgerOptions {
  readonly path: string
  readonly clock: Clock
  readonly log: Log
  /** What is saved beside the positions, as JSON: figures that are true of just these. */
  readonly figures?: () => unknown
}

/**
 * What was acknowledged, on disk: one file that is replaced as a whole, synced before it counts. Saving runs beside reading, at most once a
 * second, and never two at a time.
 */
export class Ledger {
  readonly #path: string
  readonly #clock: Clock
  readonly #log: Log
  readonly #figures: () => unknown
  readonly #entries = new Map<string, LedgerEntry[]>()
  #savedFigures: unknown
  #isDirty = false
  #saving: Promise<void> = Promise.resolve()
  #failures = 0
  #saves = 0

  /** Reads what an earlier run left. A file that can't be read is told, and everything is read from its beginning. */
  constructor(options: LedgerOptions) {
    this.#path = options.path
    this.#figures = options.figures ?? (() => undefined)
    this.#clock = options.clock
    this.#log = options.log
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 })
    this.#load()
  }

  get stats(): { readonly failures: number; readonly saves: number; readonly paths: number } {
    return { failures: this.#failures, saves: this.#saves, paths: this.#entries.size }
  }

  /** The figures that an earlier run left; `undefined` without any. */
  get savedFigures(): unknown {
    return this.#savedFigures
  }

  /** Of one followed path, oldest first. */
  entriesOf(path: string): readonly LedgerEntry[] {
    return this.#entries.get(path) ?? []
  }

  paths(): readonly string[] {
    return [...this.#entries.keys()]
  }

  /** Writes down or replaces an entry: `before` leaves. */
  put(entry: LedgerEntry, before: LedgerEntry | undefined): LedgerEntry {
    const entries = this.#entries.get(entry.path) ?? []
    const index = before === undefined ? -1 : entries.indexOf(before)
    if (index >= 0) entries[index] = entry
    else entries.push(entry)
    if (entries.length > maxEntriesPerPath) {
      const oldest = entries.findIndex(({ isFinished }) => isFinished)
      entries.splice(Math.max(0, oldest), 1)
    }
    this.#entries.set(entry.path, entries)
    this.#isDirty = true
    return entry
  }

  /** Forgets a path whose file is gone for good. */
  forget(path: string): void {
    this.#isDirty = this.#entries.delete(path) || this.#isDirty
  }

  /** Keeps only the entries of a path that are wanted. */
  keep(path: string, isWanted: (entry: LedgerEntry) => boolean): void {
    const entries = this.entriesOf(path)
    const kept = entries.filter(isWanted)
    if (kept.length === entries.length) return
    this.#entries.set(path, kept)
    this.#isDirty = true
  }

  /** Saves now and then until the signal aborts. `prepare` is called before each save. */
  async run(intervalMs: number, prepare: () => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(intervalMs, signal)
      prepare()
      await this.save()
    }
  }

  /** As `save`, where the figures alone may have changed. */
  saveFigures(): Promise<void> {
    this.#isDirty = true
    return this.save()
  }

  /** Resolves when what was acknowledged before the call is on disk, or when that failed, which is counted and tried again next time. */
  async save(): Promise<void> {
    await this.#saving
    // Somebody else who waited may have begun to write what was there at the call.
    if (!this.#isDirty) return this.#saving
    this.#isDirty = false
    this.#saving = this.#write().catch((err: unknown) => {
      this.#isDirty = true
      if (this.#failures++ === 0)
        this.#log.error({ err, path: this.#path }, 'how far logs were read can not be saved: after a restart more is read again')
    })
    await this.#saving
  }

  async #write(): Promise<void> {
    const text = JSON.stringify({ version, files: [...this.#entries.values()].flat(), figures: this.#figures() })
    const temporary = `${this.#path}.tmp`
    const file = await open(temporary, 'w', 0o600)
    try {
      await file.writeFile(text)
      await file.datasync()
    } finally {
      await file.close()
    }
    await rename(temporary, this.#path)
    // The rename itself has to be on disk, too.
    const folder = await open(dirname(this.#path), 'r')
    await folder.sync().finally(() => folder.close())
    this.#saves++
  }

  #load(): void {
    let text
    try {
      text = readFileSync(this.#path, 'utf8')
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== 'ENOENT')
        this.#log.error({ err, path: this.#path }, 'how far logs were read is not known')
      return
    }
    try {
      const content = JSON.parse(text) as { version?: unknown; files?: unknown; figures?: unknown }
      if (content.version !== version || !Array.isArray(content.files)) throw new TypeError('this is no ledger of this version')
      for (const entry of content.files)
        if (isEntry(entry)) this.put({ ...entry, fingerprint: entry.fingerprint ?? noFingerprint }, undefined)
      this.#savedFigures = content.figures
    } catch (err) {
      this.#log.error({ err, path: this.#path }, 'how far logs were read is damaged: they are read from their beginning')
    }
    this.#isDirty = false
  }
}

function isEntry(value: unknown): value is LedgerEntry {
  if (typeof value !== 'object' || value === null) return false
  const { path, inode, file, offset } = value as Record<string, unknown>
  const areTexts = typeof path === 'string' && typeof inode === 'string' && typeof file === 'string'
  return areTexts && typeof offset === 'number' && offset >= 0
}
