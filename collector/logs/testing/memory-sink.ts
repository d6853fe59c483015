import { lineId, lineText, type LogBatch } from '../log-batch.ts'
import type { LogSink, LogSinkStats } from '../sinks/sink.ts'

/** A sink in memory: the test decides when it acknowledges and whether there is room. */
export class MemorySink implements LogSink {
  readonly name: string
  readonly batches: LogBatch[] = []
  /** Resolvers of batches that wait for `acknowledge`. */
  readonly pending: (() => void)[] = []
  isAcknowledging = true
  /** How long it takes to start; it takes nothing before. */
  starting: Promise<void> = Promise.resolve()
  #isStarted = false
  #room = Promise.withResolvers<void>()

  constructor(name = 'memory') {
    this.name = name
    this.#room.resolve()
  }

  async start(): Promise<void> {
    await this.starting
    this.#isStarted = true
  }

  async stop(): Promise<void> {}

  async deliver(batch: LogBatch, signal: AbortSignal): Promise<void> {
    if (!this.#isStarted) throw new Error('not started')
    this.batches.push(batch)
    if (this.isAcknowledging) return
    await new Promise<void>((resolve, reject) => {
      this.pending.push(resolve)
      signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true })
    })
  }

  async room(signal: AbortSignal): Promise<void> {
    await Promise.race([
      this.#room.promise,
      new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
    ])
  }

  block(): void {
    this.#room = Promise.withResolvers()
  }

  unblock(): void {
    this.#room.resolve()
  }

  acknowledgeAll(): void {
    for (const resolve of this.pending.splice(0)) resolve()
  }

  /** Every line, in the order of delivery. */
  lines(): { readonly text: string; readonly id: string; readonly origin: string; readonly level: number; readonly time: bigint }[] {
    return this.batches.flatMap((batch) =>
      Array.from({ length: batch.count }, (_, index) => ({
        text: lineText(batch, index),
        id: lineId(batch, index),
        origin: batch.origin.id,
        level: batch.levels[index]!,
        time: batch.times[index]!,
      })),
    )
  }

  texts(): string[] {
    return this.lines().map(({ text }) => text)
  }

  stats(): LogSinkStats {
    const accepted = this.batches.reduce((sum, { count }) => sum + count, 0)
    return {
      name: this.name,
      accepted,
      restored: 0,
      delivered: accepted - this.pending.length,
      waiting: this.pending.length,
      spooled: 0,
      spoolBytes: 0,
      dropped: {},
      deliveredBytes: 0,
      sentBytes: 0,
      requests: 0,
      failedRequests: 0,
      isHealthy: true,
      lastError: undefined,
    }
  }
}
