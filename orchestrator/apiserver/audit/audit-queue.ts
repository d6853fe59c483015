import type { Clock, Timer } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import type { AuditLine, AuditSink } from './audit-sink.ts'

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
  #waiting: AuditLine[] = []
  #waitingBytes = 0
  #timer: Timer | undefined
  #writing: Promise<void> | undefined
  #totals = { events: 0, dropped: 0, failed: 0 }
  #lastError: string | undefined

  constructor(options: AuditQueueOptions) {
    this.#options = options
  }

  add(line: AuditLine): void {
    if (this.#waiting.length >= maxWaiting || this.#waitingBytes + line.json.length > maxWaitingBytes) {
      this.#totals.dropped++
      return
    }
    this.#totals.events++
    this.#waiting.push(line)
    this.#waitingBytes += line.json.length
    if (this.#waiting.length >= maxBatch) this.#start()
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
    if (this.#waiting.length > 0) this.#writing ??= this.#write()
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, maxBatch)
      for (const { json } of batch) this.#waitingBytes -= json.length
      const outcomes = await Promise.allSettled(this.#options.sinks.map((sink) => sink.write(batch)))
      const refusal = outcomes.find((outcome) => outcome.status === 'rejected')
      if (refusal === undefined) this.#lastError = undefined
      else this.#noteFailure(refusal.reason, batch.length)
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
