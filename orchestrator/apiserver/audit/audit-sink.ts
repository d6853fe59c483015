/** Events as they are written down, in the order in which they were made; line `i` ends at `ends[i]`. */
export interface AuditBatch {
  readonly count: number
  /** Lines of JSON, each with its newline. Somebody else's again when `write` has settled. */
  readonly bytes: Buffer
  /** Where each line ends, its newline included. */
  readonly ends: readonly number[]
  /** When its stage was reached, ms since the epoch. */
  readonly times: readonly number[]
  /** Of the object, empty where there is none. */
  readonly namespaces: readonly string[]
  /** Of the answer; 0 where there is none yet. */
  readonly codes: readonly number[]
}

/** Where events are written. */
export interface AuditSink {
  /** Resolves when they are written; rejects when they are not. Calls do not overlap. */
  write(batch: AuditBatch): Promise<void>
  /** Closes files. */
  close(): Promise<void>
}
