import type { LogBatch } from '../log-batch.ts'
import type { LostLine } from '../lost-lines.ts'

/** Line `index` of a batch. */
export interface LineRef {
  readonly batch: LogBatch
  readonly index: number
}

/** A line that the receiver will never take. */
export interface RefusedLine extends LineRef {
  /** A short word out of a few, under which it is counted: `parse`, `too-large`, `out-of-order`. */
  readonly reason: string
  /** What the receiver said. */
  readonly message: string
}

/** How one request went: whatever is neither refused nor to be sent again was acknowledged. */
export interface SendOutcome {
  readonly refused?: readonly RefusedLine[]
  /** Lines that the receiver put off while it took others. */
  readonly again?: { readonly lines: readonly LineRef[]; readonly message: string; readonly retryAfterMs?: number | undefined }
  /** Bytes that went out for the request. */
  readonly bytes: number
}

/** Nothing can be said of the lines; the same are sent again. */
export class SendError extends Error {
  readonly code = 'ESEND'
  readonly retryAfterMs: number | undefined

  constructor(message: string, retryAfterMs?: number) {
    super(message)
    this.retryAfterMs = retryAfterMs
  }
}

/**
 * The receiver refused a request as a whole and did not say for which of its lines: the delivery sends smaller ones until those are found.
 * Nothing of the request was stored, or storing it twice does no harm.
 */
export class RefusedRequestError extends Error {
  readonly code = 'EREFUSED'
  /** As of `RefusedLine`. */
  readonly reason: string
  /** Surely about what is in lines. Else a receiver that refuses many in a row is taken to be set up wrongly, and lines wait. */
  readonly isAboutLines: boolean

  constructor(reason: string, message: string, { isAboutLines = false }: { readonly isAboutLines?: boolean } = {}) {
    super(message)
    this.reason = reason
    this.isAboutLines = isAboutLines
  }
}

/**
 * Speaks one receiver's language. It makes one attempt and holds no queue: grouping, retries, deadlines, the spool, dead letters and accounts are
 * the delivery's, the same for every sink. `send` is never called while another one is under way: a sink with several requests at once has several
 * senders.
 */
export interface LogSender {
  /**
   * Sends and resolves when the receiver has acknowledged. Throws a `RefusedRequestError` where the request as a whole was wrong or too large;
   * any other error means that nothing can be said of the lines (outage, timeout, 429, 5xx): the delivery then sends the same again, in the same
   * group, with the same `lineId`s. `signal` aborts at the deadline; nothing of the request goes on after that.
   */
  send(batches: readonly LogBatch[], signal: AbortSignal): Promise<SendOutcome>
  /** Closes connections and files. Never while a `send` is under way. */
  close(): Promise<void>
}

/**
 * Exact accounts of one sink, in lines: at every moment `accepted + restored = delivered + waiting + spooled + sum of dropped`. After a stop,
 * `waiting` is what was handed back to the readers.
 */
export interface LogSinkStats {
  readonly name: string
  readonly accepted: number
  /** Found in the spool at the start. */
  readonly restored: number
  readonly delivered: number
  /** In memory or on their way. */
  readonly waiting: number
  /** On disk and not on their way. */
  readonly spooled: number
  readonly spoolBytes: number
  /** Reason → lines. */
  readonly dropped: Readonly<Record<string, number>>
  /** Reason → the last few of those lines, where they can still be told. */
  readonly samples?: Readonly<Record<string, readonly LostLine[]>>
  /** Bytes of text that the receiver acknowledged. */
  readonly deliveredBytes: number
  /** Bytes that went out in requests that were answered. */
  readonly sentBytes: number
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
   * with a reason. Rejects only when `signal` is aborted or the sink has stopped; the batch is then read and handed over again after the next start.
   * Batches of one file are delivered in the order of the calls.
   */
  deliver(batch: LogBatch, signal: AbortSignal): Promise<void>
  /** Resolves when there is room, or the sink stops. A reader waits for it before it reads on: this is the back-pressure. */
  room(signal: AbortSignal): Promise<void>
  /**
   * Rejects when the sink can never work, as with a spool folder that cannot be used. A receiver that is away is no reason. `keepAccount` saves
   * `stats()`: to be awaited before lines that no reader holds any more are given up, so that a crash does not cost the count of them.
   */
  start(keepAccount?: () => Promise<void>): Promise<void>
  /** Gives what is under way a few seconds, then keeps the rest in the spool, if there is one. */
  stop(): Promise<void>
  stats(): LogSinkStats
}
