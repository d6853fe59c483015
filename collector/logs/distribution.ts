import type { LogBatch } from './log-batch.ts'
import { RoomWaiters } from './room-waiters.ts'
import { batchBytes } from './sinks/batch-lines.ts'
import type { LogSink } from './sinks/sink.ts'

/** Bounds what was read and is not safe yet, over all sinks. */
export class Unacknowledged {
  readonly #maxBytes: number
  #bytes = 0
  #batches = 0
  readonly #waiters = new RoomWaiters()

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  get batches(): number {
    return this.#batches
  }

  add(bytes: number): void {
    this.#bytes += bytes
    this.#batches++
  }

  remove(bytes: number): void {
    this.#bytes -= bytes
    this.#batches--
    if (!this.#isFull) this.#waiters.call()
  }

  room(signal: AbortSignal): Promise<void> {
    return this.#waiters.wait(() => this.#isFull, signal)
  }

  get #isFull(): boolean {
    return this.#bytes >= this.#maxBytes
  }
}

/** Some sinks that get the same batches. */
export class Distribution {
  readonly #sinks: readonly LogSink[]
  readonly #unacknowledged: Unacknowledged
  readonly #signal: AbortSignal

  constructor(sinks: readonly LogSink[], unacknowledged: Unacknowledged, signal: AbortSignal) {
    this.#sinks = sinks
    this.#unacknowledged = unacknowledged
    this.#signal = signal
  }

  /** Hands a batch to every sink. `done` is called when each of them has it safe, and never where one of them gave up because it stops. */
  deliver(batch: LogBatch, done: () => void): void {
    const bytes = batchBytes(batch)
    this.#unacknowledged.add(bytes)
    Promise.all(this.#sinks.map((sink) => sink.deliver(batch, this.#signal))).then(
      () => {
        this.#unacknowledged.remove(bytes)
        done()
      },
      () => this.#unacknowledged.remove(bytes),
    )
  }

  /** Resolves when every sink has room, and there is some left for what waits. */
  async room(signal: AbortSignal): Promise<void> {
    await this.#unacknowledged.room(signal)
    for (const sink of this.#sinks) await sink.room(signal)
  }
}
