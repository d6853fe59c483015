import type { LogBatch } from '../log-batch.ts'

/** A line that the receiver will never take. */
export interface RefusedLine {
  readonly batch: LogBatch
  readonly index: number
  readonly reason: string
}

/** How one request went: whatever is not refused was acknowledged. */
export interface SendOutcome {
  readonly refused: readonly RefusedLine[]
  /** Bytes of the request's body. */
  readonly bytes: number
}

/**
 * Speaks one receiver's language. It makes one attempt and holds no queue: grouping, retries, the spool, dead letters and accounts are the
 * delivery's, the same for every sink.
 */
export interface LogSender {
  /**
   * Sends and resolves when the receiver has acknowledged. Throws when nothing can be said of the lines (outage, timeout, 429, 5xx): the
   * delivery then sends the same again, with the same `lineId`s. An error may carry `retryAfterMs`.
   */
  send(batches: readonly LogBatch[], signal: AbortSignal): Promise<SendOutcome>
  /** Closes connections and files. */
  close(): Promise<void>
}

/** Exact accounts of one sink: `accepted = delivered + waiting + spooled + sum of dropped`, in lines and in bytes of text. */
export interface LogSinkStats {
  readonly name: string
  readonly accepted: number
  readonly delivered: number
  readonly waiting: number
  readonly spooled: number
  /** Reason → lines. */
  readonly dropped: Readonly<Record<string, number>>
  readonly deliveredBytes: number
  readonly requests: number
  readonly failedRequests: number
  readonly isHealthy: boolean
  readonly lastError: string | undefined
}

/** Where lines go, as the reader sees it. */
export interface LogSink {
  readonly name: string
  /**
   * Takes a batch and resolves when it is safe without its file: acknowledged by the receiver, on disk in the spool, or counted as dropped
   * with a reason. Rejects only when `signal` is aborted; the batch is then read and handed over again after the next start.
   */
  deliver(batch: LogBatch, signal: AbortSignal): Promise<void>
  /** Resolves when there is room. A reader waits for it before it reads on: this is the back-pressure. */
  room(signal: AbortSignal): Promise<void>
  start(): Promise<void>
  /** Gives what is under way a few seconds. */
  stop(): Promise<void>
  stats(): LogSinkStats
}
