/** An event as it is written down. */
export interface AuditLine {
  /** One line of JSON, without its end. */
  readonly json: string
  /** When its stage was reached, ms since the epoch. */
  readonly time: number
  /** Of the object, empty where there is none. */
  readonly namespace: string
  /** Of the answer; 0 where there is none yet. */
  readonly code: number
}

/** Where events are written. */
export interface AuditSink {
  /** Resolves when they are written; rejects when they are not. Calls do not overlap. */
  write(lines: readonly AuditLine[]): Promise<void>
  /** Closes files. */
  close(): Promise<void>
}
