import { mkdir, readdir, rm, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, Timer } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import type { LogBatch } from '../log-batch.ts'
import { RoomWaiters } from '../room-waiters.ts'
import type { LogSink, LogSinkStats } from '../sinks/sink.ts'
import { Coverage } from './coverage.ts'
import { Journal } from './journal.ts'
import type { JournalLines } from './journal.ts'
import { fileName, listLogFiles, LogFileError, openLogFile, readSegmentIndex } from './log-file.ts'
import type { LogFileName } from './log-file.ts'
import { sealJournal } from './sealing.ts'

export interface StoreWriterOptions {
  readonly name: string
  readonly folder: string
  /** What all files together may take. */
  readonly maxBytes: number
  /** Lines go at the latest when a file has nothing younger. */
  readonly maxAgeMs: number
  /** A journal that has so many bytes, or is so old, is compressed. */
  readonly journalBytes: number
  readonly journalAgeMs: number
  /** Told when everything is written and closed. */
  readonly onStop: () => void
  readonly clock: Clock
  readonly log: Log
}

/** So much may wait for the disk before `room` makes the reader wait. */
const maxWaitingBytes = 8 << 20
/** What one write takes at most, and half a journal at most. */
const maxWriteBytes = 4 << 20
/** Small batches cost a record each: a journal has at most so many. */
const maxJournalRecords = 8192
const failureDelayMs = 1000
const maxFailures = 3
const maxMaintenanceMs = 600_000

interface Waiting extends JournalLines {
  readonly bytes: number
  readonly lines: number
  readonly done: () => void
}

/**
 * Keeps lines in files of its own. A batch is safe when it is in the journal and the journal is on disk; all that came meanwhile shares one
 * `fdatasync`. Full journals become compressed segments; the oldest file goes when there is too much. A batch that comes again is recognised.
 * Nothing here blocks the thread: disk and compression are the pool's.
 */
export class StoreWriter implements LogSink {
  readonly name: string
  readonly #options: StoreWriterOptions
  readonly #coverage = new Coverage()
  readonly #stop = new AbortController()
  /** Number → bytes of closed files. */
  readonly #files = new Map<number, { readonly kind: LogFileName['kind']; readonly bytes: number }>()
  #journal: Journal | undefined
  #waiting: Waiting[] = []
  #waitingBytes = 0
  #waitingLines = 0
  #committing: Promise<void> | undefined
  #sealing: Promise<void> | undefined
  #unsealed = 0
  readonly #roomWaiters = new RoomWaiters()
  #stats = { accepted: 0, delivered: 0, deliveredBytes: 0, sentBytes: 0, requests: 0, failedRequests: 0, repeated: 0 }
  readonly #dropped: Record<string, number> = {}
  #lastError: string | undefined
  #timer: Timer | undefined

  constructor(options: StoreWriterOptions) {
    this.#options = options
    this.name = options.name
  }

  /** Makes the folder, reads what is stored and cuts off what a crash left behind. */
  async start(): Promise<void> {
    const { folder } = this.#options
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const files = await listLogFiles(folder)
    for (const name of await readdir(folder)) {
      const isLeft = name.endsWith('.new') || (name.endsWith('.journal') && !files.some((file) => fileName(file) === name))
      if (isLeft && /^\d+\./.test(name)) await rm(join(folder, name), { force: true })
    }
    for (const file of files) await (file.kind === 'segment' ? this.#loadSegment(file) : this.#loadJournal(file, file === files.at(-1)))
    this.#journal ??= await this.#openJournal((files.at(-1)?.sequence ?? 0) + 1)
    this.#sealClosed()
    this.#maintain()
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
    await this.#committing
    this.#stop.abort()
    await this.#sealing
    await this.#journal?.close()
    this.#journal = undefined
    this.#options.onStop()
  }

  async deliver(batch: LogBatch, signal: AbortSignal): Promise<void> {
    if (batch.count === 0) return
    signal.throwIfAborted()
    if (this.#stop.signal.aborted || this.#journal === undefined) throw new Error(`the log store in ${this.#options.folder} is not running`)
    const runs = this.#coverage.missing(batch)
    this.#stats.repeated += batch.count - runs.reduce((total, [from, to]) => total + to - from, 0)
    if (runs.length === 0) {
      // The first time may still be on its way to the disk.
      await this.#committing
      return
    }
    this.#coverage.add(batch.file, [batch.positions[0]!, batch.nextPosition], this.#journal.sequence)
    const isSafe = new Promise<void>((resolve) => this.#enqueue(batch, runs, resolve))
    this.#committing ??= this.#commit()
    await isSafe
  }

  room(signal: AbortSignal): Promise<void> {
    return this.#roomWaiters.wait(() => this.#waitingBytes > maxWaitingBytes || this.#unsealed > 2, signal)
  }

  stats(): LogSinkStats {
    const { accepted, delivered, deliveredBytes, sentBytes, requests, failedRequests } = this.#stats
    return {
      name: this.name,
      accepted,
      restored: 0,
      delivered,
      waiting: this.#waitingLines,
      spooled: 0,
      spoolBytes: 0,
      dropped: { ...this.#dropped },
      deliveredBytes,
      sentBytes,
      requests,
      failedRequests,
      isHealthy: this.#lastError === undefined,
      lastError: this.#lastError,
    }
  }

  /** What the files take, how many there are, and how many lines came a second time. */
  sizes(): { readonly bytes: number; readonly files: number; readonly repeatedLines: number } {
    return { bytes: this.#storedBytes(), files: this.#files.size + 1, repeatedLines: this.#stats.repeated }
  }

  #storedBytes(): number {
    let total = this.#journal?.size ?? 0
    for (const { bytes } of this.#files.values()) total += bytes
    return total
  }

  #enqueue(batch: LogBatch, runs: Waiting['runs'], done: () => void): void {
    const lines = runs.reduce((total, [from, to]) => total + to - from, 0)
    const bytes = batch.text.length
    this.#waiting.push({ batch, runs, bytes, lines, done })
    this.#waitingBytes += bytes
    this.#waitingLines += lines
    this.#stats.accepted += lines
  }

  /** Writes what waits, again and again, until nothing does. */
  async #commit(): Promise<void> {
    // What is handed over in the same turn is one write.
    await Promise.resolve()
    if (this.#isJournalFull()) await this.#rotate()
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup()
      if (await this.#write(group)) {
        this.#stats.delivered += lines(group)
        this.#stats.deliveredBytes += bytes(group)
      } else this.#dropped['disk'] = (this.#dropped['disk'] ?? 0) + lines(group)
      this.#waitingBytes -= bytes(group)
      this.#waitingLines -= lines(group)
      for (const { done } of group) done()
      this.#roomWaiters.call()
      if (this.#isJournalFull()) await this.#rotate()
    }
    this.#committing = undefined
  }

  #takeGroup(): readonly Waiting[] {
    const most = Math.min(maxWriteBytes, this.#options.journalBytes / 2)
    let size = 0
    let count = 0
    while (count < this.#waiting.length && count < maxJournalRecords / 4 && (count === 0 || size < most))
      size += this.#waiting[count++]!.bytes
    return this.#waiting.splice(0, count)
  }

  /** False where the disk has refused several times. */
  async #write(group: readonly Waiting[]): Promise<boolean> {
    const journal = this.#journal!
    const records = journal.encode(group)
    for (let failures = 0; failures < maxFailures;) {
      this.#stats.requests++
      try {
        await journal.append(records)
        this.#stats.sentBytes += records.bytes.length
        this.#lastError = undefined
        return true
      } catch (error) {
        this.#stats.failedRequests++
        this.#noteFailure(error, 'log lines cannot be stored')
        if (await this.#removeOldest()) continue
        failures++
        await this.#options.clock.sleep(failureDelayMs, this.#stop.signal)
      }
    }
    journal.giveUp()
    return false
  }

  #noteFailure(error: unknown, message: string): void {
    const text = error instanceof Error ? error.message : String(error)
    if (this.#lastError !== text) this.#options.log.warn({ err: error, folder: this.#options.folder }, message)
    this.#lastError = text
  }

  #isJournalFull(): boolean {
    const { journalBytes, journalAgeMs, clock } = this.#options
    const { size, records, openedAt } = this.#journal!
    return size >= journalBytes || records >= maxJournalRecords || (records > 0 && clock.now() - openedAt > journalAgeMs)
  }

  /** Between two writes only. */
  async #rotate(): Promise<void> {
    const journal = this.#journal!
    try {
      this.#journal = await this.#openJournal(journal.sequence + 1)
      await journal.close()
      this.#files.set(journal.sequence, { kind: 'journal', bytes: journal.size })
      this.#sealClosed()
    } catch (error) {
      this.#noteFailure(error, 'the log store cannot make its next file')
    }
  }

  /** What has to happen when no lines come, too. */
  #maintain(): void {
    const { clock, journalAgeMs } = this.#options
    this.#timer = clock.setTimer(Math.min(journalAgeMs, maxMaintenanceMs), () => {
      this.#committing ??= this.#commit()
      void this.#committing.then(() => this.#retain()).finally(() => this.#maintain())
    })
  }

  /** Compresses closed journals, oldest first, beside everything else. */
  #sealClosed(): void {
    this.#unsealed = [...this.#files.values()].filter(({ kind }) => kind === 'journal').length
    this.#sealing ??= this.#sealAll().finally(() => (this.#sealing = undefined))
  }

  async #sealAll(): Promise<void> {
    for (;;) {
      const next = [...this.#files].filter(([, { kind }]) => kind === 'journal').map(([sequence]) => sequence)
      const sequence = next.length === 0 ? undefined : Math.min(...next)
      if (sequence === undefined || this.#stop.signal.aborted) break
      try {
        const size = await sealJournal(this.#options.folder, sequence)
        if (size === 0) this.#files.delete(sequence)
        else this.#files.set(sequence, { kind: 'segment', bytes: size })
      } catch (error) {
        this.#noteFailure(error, 'log lines cannot be compressed, they stay as they are')
        if (!(await this.#removeOldest())) await this.#options.clock.sleep(failureDelayMs * 10, this.#stop.signal)
      }
      this.#unsealed = next.length - 1
      this.#roomWaiters.call()
      await this.#retain()
    }
  }

  /** Removes what is too much and what is too old. */
  async #retain(): Promise<void> {
    const { maxBytes, maxAgeMs, folder, clock } = this.#options
    while (this.#storedBytes() > maxBytes && (await this.#removeOldest())) continue
    const oldest = clock.now() - maxAgeMs
    for (const [sequence, { kind }] of this.#files) {
      if (kind !== 'segment') continue
      const found = await stat(join(folder, fileName({ sequence, kind }))).catch(() => undefined)
      if (found === undefined || found.mtimeMs >= oldest) return
      await this.#remove(sequence)
    }
  }

  /** False where there is none that could go. */
  async #removeOldest(): Promise<boolean> {
    const segments = [...this.#files].filter(([, { kind }]) => kind === 'segment').map(([sequence]) => sequence)
    if (segments.length === 0) return false
    return this.#remove(Math.min(...segments))
  }

  async #remove(sequence: number): Promise<boolean> {
    this.#files.delete(sequence)
    this.#coverage.forget(sequence)
    return unlink(join(this.#options.folder, fileName({ sequence, kind: 'segment' }))).then(
      () => true,
      () => false,
    )
  }

  #openJournal(sequence: number): Promise<Journal> {
    return Journal.create(this.#options.folder, sequence, this.#options.clock.now())
  }

  async #loadSegment(name: LogFileName): Promise<void> {
    const handle = await openLogFile(this.#options.folder, name)
    if (handle === undefined) return
    try {
      const { sources } = await readSegmentIndex(handle, fileName(name))
      for (const { file, covered = [] } of sources) for (const interval of covered) this.#coverage.add(file, interval, name.sequence)
    } catch (error) {
      if (!(error instanceof LogFileError)) throw error
      this.#options.log.warn({ err: error }, 'a file of the log store is damaged')
    } finally {
      this.#files.set(name.sequence, { kind: 'segment', bytes: (await handle.stat()).size })
      await handle.close()
    }
  }

  /** The last journal is written on, behind its last whole record; those before are compressed. */
  async #loadJournal(name: LogFileName, isLast: boolean): Promise<void> {
    const loaded = await Journal.load(this.#options.folder, name, this.#options.clock.now())
    if (loaded === undefined) return
    const { journal, part } = loaded
    for (const { header } of part.entries)
      this.#coverage.add(part.sources[header.source]!.file, [header.firstPosition, header.nextPosition], name.sequence)
    if (isLast) this.#journal = journal
    else {
      await journal.close()
      this.#files.set(name.sequence, { kind: 'journal', bytes: journal.size })
    }
  }
}

const lines = (group: readonly Waiting[]) => group.reduce((total, each) => total + each.lines, 0)
const bytes = (group: readonly Waiting[]) => group.reduce((total, each) => total + each.bytes, 0)
