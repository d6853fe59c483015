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

  drop(reason: string, lines: number): void {
    if (lines > 0) this.#dropped[reason] = (this.#dropped[reason] ?? 0) + lines
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
    return { ...now, accepted, delivered, deliveredBytes, sentBytes, requests, failedRequests, isHealthy, lastError, dropped }
  }
}
