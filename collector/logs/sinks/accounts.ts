import { lineText, type LogBatch } from '../log-batch.ts'
import { describeLostLine, LostLines } from '../lost-lines.ts'
import type { LogSinkStats } from './sink.ts'

const maxMessageLength = 500

/** What became of the lines of one sink, except of those that are somewhere now. */
export class Accounts {
  accepted = 0
  delivered = 0
  deliveredBytes = 0
  sentBytes = 0
  requests = 0
  failedRequests = 0
  isHealthy = true
  lastError: string | undefined
  readonly #dropped: Record<string, number> = {}
  readonly #samples = new LostLines()

  /** Counts lines that are given up, one of which is line `index` of `batch`; `now` is monotonic, in ms. */
  drop(
    reason: string,
    lines: number,
    { batch, index, now }: { readonly batch: LogBatch; readonly index: number; readonly now: number },
  ): void {
    this.#dropped[reason] = (this.#dropped[reason] ?? 0) + lines
    if (!this.#samples.wants(reason, now)) return
    const text = lineText(batch, index)
    this.#samples.add(reason, now, describeLostLine(Number(batch.times[index]! / 1_000_000n), Buffer.byteLength(text), text))
  }

  complain(message: string): void {
    this.lastError = message.slice(0, maxMessageLength)
  }

  stats(
    now: Pick<LogSinkStats, 'name' | 'restored' | 'waiting' | 'spooled' | 'spoolBytes'>,
    lost: Readonly<Record<string, number>>,
  ): LogSinkStats {
    const { accepted, delivered, deliveredBytes, sentBytes, requests, failedRequests, isHealthy, lastError } = this
    const dropped = { ...this.#dropped, ...lost }
    const samples = Object.fromEntries(Object.keys(this.#dropped).map((reason) => [reason, this.#samples.of(reason)]))
    return { ...now, accepted, delivered, deliveredBytes, sentBytes, requests, failedRequests, isHealthy, lastError, dropped, samples }
  }
}
