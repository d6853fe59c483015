import type { LogRecord } from '../../collector/logs/store/log-records.ts'
import type { LogQuery } from '../../collector/logs/store/log-query.ts'

/** One place that has stored lines: a node, or a store of this machine. */
export interface LogSource {
  /** Of the node; of the store otherwise. */
  readonly name: string
  /** Whether it can have what is asked for at all. */
  mayAnswer(query: LogQuery): boolean
  /**
   * The records of its own answer with marks, in chunks. Throws where the source cannot be reached, refuses or breaks off; the message says why. `from`
   * instead of what the query asks for: what came behind a place that it named before.
   */
  open(query: LogQuery, from: string | undefined, signal: AbortSignal): AsyncIterable<readonly LogRecord[]>
}

/** The places that lines are asked of. */
export interface LogSources {
  list(): readonly LogSource[]
  /** Calls back when there may be another one. Returns what ends that. */
  onAdded(callback: () => void): () => void
}
