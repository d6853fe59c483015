import type { Account } from '../accounts.ts'
import { PieceJoiner } from '../decoding/piece-joiner.ts'
import { createSlice, decodePlain, setTime, type Decode, type Slice } from '../decoding/slice.ts'
import type { LogBatch, LogOrigin } from '../log-batch.ts'
import type { BatchWriter, WrittenFile } from './batch-writer.ts'
import { Fingerprinter, noFingerprint, type Fingerprint } from './fingerprint.ts'
import { LineSplitter } from './line-splitter.ts'
import type { Progress } from './progress.ts'

/** What is done with the lines of one origin, between their decoding and their batch. One for each file, since it may hold on to lines. */
export interface LineProcessor {
  /** A whole line; `cut` bytes of it were left out. It writes to `output` what goes on. The slice is the caller's. */
  process(slice: Slice, position: number, cut: number): void
  /** The beginning of the oldest line that it holds on to; infinity where it does not. */
  readonly oldestHeld: number
  /** When it will not wait any longer for what it holds on to, by the monotonic clock; infinity where it holds nothing. */
  readonly dueAt: number
  /** Lets go of what it holds on to. */
  flush(): void
}

/** Takes what a processor lets through. */
export type LineOutput = BatchWriter['add']

/** What all files of a followed path have in common. */
export interface LineContext {
  readonly origin: LogOrigin
  readonly decode: Decode
  readonly account: Account
  readonly maxLineBytes: number
  readonly createProcessor: (output: LineOutput) => LineProcessor
  /** Hands a batch on; `done` is called when it is safe. */
  readonly deliver: (batch: LogBatch, done: () => void) => void
  /** ms since the epoch, for lines that have no time of their own. */
  readonly now: () => number
}

/** Bytes a physical line of a container runtime may have beyond its text. */
const framingBytes = 256 * 1024

/** Where a chain begins. */
export interface ChainStart {
  readonly position: number
  readonly fingerprint: Fingerprint
  /** What of the file's first bytes is known, where it does not begin with them. */
  readonly beginning?: Buffer
}

/** One file's way from bytes to batches. */
export class LineChain implements WrittenFile {
  readonly progress: Progress
  readonly #context: LineContext
  readonly #splitter: LineSplitter
  readonly #joiner: PieceJoiner
  #processor: LineProcessor
  #isStale = false
  readonly #fingerprinter: Fingerprinter
  readonly #slice = createSlice()
  #writer: BatchWriter | undefined
  #position: number

  constructor(context: LineContext, progress: Progress, start: ChainStart) {
    this.#context = context
    this.progress = progress
    this.#position = start.position
    this.#fingerprinter = new Fingerprinter(start.position, start.position === 0 ? noFingerprint : start.fingerprint, start.beginning)
    this.#splitter = new LineSplitter(start.position, context.maxLineBytes + framingBytes, (line, position, cut) =>
      this.#onLine(line, position, cut),
    )
    this.#joiner = new PieceJoiner(context.maxLineBytes, (slice, position, cut) => {
      if (slice.timeHigh === 0) setTime(slice, context.now())
      this.#processor.process(slice, position, cut)
    })
    this.#processor = this.#createProcessor()
  }

  get origin(): LogOrigin {
    return this.#context.origin
  }

  get name(): string {
    return this.progress.entry.file
  }

  /** The next byte to read. */
  get position(): number {
    return this.#position
  }

  get oldestUntold(): number {
    return Math.min(this.#joiner.safePosition, this.#processor.oldestHeld)
  }

  /** When lines that are held on to have to go on without any more bytes. */
  get dueAt(): number {
    return this.#processor.dueAt
  }

  /** Whether what was read first and last is still there. */
  isStillIn(fd: number): boolean {
    return this.#fingerprinter.isStillIn(fd)
  }

  fingerprint(): Fingerprint {
    return this.#fingerprinter.take()
  }

  /** The context's processing has changed. */
  renew(): void {
    this.#isStale = true
  }

  begin(writer: BatchWriter): void {
    this.#writer = writer
    writer.begin(this)
    if (!this.#isStale) return
    this.#isStale = false
    this.#processor.flush()
    this.#processor = this.#createProcessor()
  }

  /** Bytes of the file, as Latin 1. */
  feed(bytes: string): void {
    this.#position += bytes.length
    this.#context.account.read(bytes.length)
    this.#fingerprinter.feed(bytes)
    this.#splitter.feed(bytes)
  }

  /** Hands on what was made of the bytes since `begin`. */
  end(): void {
    const safe = Math.min(this.#splitter.safePosition, this.oldestUntold)
    this.#writer!.flush(safe)
    if (safe > this.progress.handed) this.progress.skipTo(safe, this.#fingerprinter.take(), this.#settlement())
  }

  /** Lines that are held on to go on. */
  flushHeld(writer: BatchWriter): void {
    this.begin(writer)
    this.#processor.flush()
    this.end()
  }

  /** The file has come to its end: what is unfinished is told as it is. */
  flushAll(writer: BatchWriter): void {
    this.begin(writer)
    this.#splitter.flush()
    this.#joiner.flush()
    this.#processor.flush()
    this.end()
  }

  onBatch(batch: LogBatch): void {
    const done = this.progress.begin(batch.nextPosition, this.#fingerprinter.take(), this.#settlement())
    this.#context.deliver(batch, done)
  }

  /** What was dropped up to here is counted for good when what goes on is safe. */
  #settlement(): (() => void) | undefined {
    const { account } = this.#context
    const dropped = account.takeDropped()
    return dropped === undefined ? undefined : () => account.settle(dropped)
  }

  #createProcessor(): LineProcessor {
    return this.#context.createProcessor((line, position, level, fields) => this.#writer!.add(line, position, level, fields))
  }

  #onLine(line: { readonly buffer: Buffer; readonly start: number; readonly end: number }, position: number, cut: number): void {
    const { decode, account } = this.#context
    const slice = this.#slice
    account.line()
    if (!decode(line.buffer, line.start, line.end, slice)) {
      account.odd()
      decodePlain(line.buffer, line.start, line.end, slice)
    }
    this.#joiner.push(slice, position, cut)
  }
}
