import type { Clock, Timer } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import { AuditLines, type LentBatch } from './audit-lines.ts'
import type { AuditSink } from './audit-sink.ts'

export interface AuditQueueOptions {
  readonly sinks: readonly AuditSink[]
  readonly clock: Clock
  readonly log: Log
}

/** Upstream's numbers of its batch mode, with less delay. */
const maxWaiting = 10_000
const maxWaitingBytes = 32 << 20
const maxBatch = 1000
const delayMs = 250

/**
 * Events on their way to the sinks, in batches, beside everything else. When sinks are slower than requests for long, events are dropped and counted:
 * the server goes on.
 */
export class AuditQueue {
  readonly #options: AuditQueueOptions
  readonly #lines = new AuditLines()
  /** Batches that are full. */
  readonly #waiting: LentBatch[] = []
  #waitingEvents = 0
  #waitingBytes = 0
  #timer: Timer | undefined
  #writing: Promise<void> | undefined
  #totals = { events: 0, dropped: 0, failed: 0 }
  #lastError: string | undefined

  constructor(options: AuditQueueOptions) {
    this.#options = options
  }

  /** An event as JSON, when its stage was reached, the object's namespace, and the answer's code. */
  add(json: string, time: number, namespace: string, code: number): void {
    const lines = this.#lines
    if (this.#waitingEvents + lines.count >= maxWaiting || this.#waitingBytes + lines.byteLength + json.length > maxWaitingBytes) {
      this.#totals.dropped++
      return
    }
    this.#totals.events++
    lines.add(json, time, namespace, code)
    if (lines.count >= maxBatch) this.#start()
    else this.#timer ??= this.#options.clock.setTimer(delayMs, () => this.#start())
  }

  /** Resolves when everything that was added is written or counted as failed. */
  async flush(): Promise<void> {
    this.#start()
    while (this.#writing !== undefined) await this.#writing
  }

  async close(): Promise<void> {
    await this.flush()
    for (const sink of this.#options.sinks) await sink.close().catch((error: unknown) => this.#noteFailure(error, 0))
  }

  /** `failed`: events that some sink did not take. */
  totals(): { readonly events: number; readonly dropped: number; readonly failed: number } {
    return { ...this.#totals }
  }

  #start(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#lines.count > 0) {
      const batch = this.#lines.take()
      this.#waiting.push(batch)
      this.#waitingEvents += batch.count
      this.#waitingBytes += batch.bytes.length
    }
    if (this.#waiting.length > 0) this.#writing ??= this.#write()
  }

  async #write(): Promise<void> {
    for (let batch = this.#waiting.shift(); batch !== undefined; batch = this.#waiting.shift()) {
      const { count, bytes } = batch
      this.#waitingEvents -= count
      this.#waitingBytes -= bytes.length
      const outcomes = await Promise.allSettled(this.#options.sinks.map((sink) => sink.write(batch)))
      const refusal = outcomes.find((outcome) => outcome.status === 'rejected')
      if (refusal === undefined) this.#lastError = undefined
      else this.#noteFailure(refusal.reason, count)
      batch.release()
    }
    this.#writing = undefined
  }

  #noteFailure(error: unknown, events: number): void {
    this.#totals.failed += events
    const text = error instanceof Error ? error.message : String(error)
    if (text !== this.#lastError) this.#options.log.error({ err: error }, 'audit events cannot be written')
    this.#lastError = text
  }
}
