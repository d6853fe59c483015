import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'

/** What every part of the pipeline's thread is given: sinks by `createSink(settings, context)`, the store by `createStore(settings, context)`. */
export interface LogContext {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly nodeName: string
  /** A folder of the pipeline's own; parts make folders of their own in it, such as `spool/<sink>` and `store`. */
  readonly dataFolder: string
}

/** A GET below `/api/v1/logs`, handed from the collector's door to the pipeline's thread. */
export interface LogRequest {
  /** Behind `/api/v1/logs`: `/status`, `/query`. */
  readonly path: string
  readonly query: Readonly<Record<string, string | readonly string[] | undefined>>
}

/** What is answered. A body in parts is asked for its next part when the client has taken the one before, and returned when the client leaves. */
export interface LogAnswer {
  readonly code: number
  readonly type: string
  readonly body: string | Buffer | AsyncIterable<string | Buffer>
}

/** Answers requests by path; `signal` aborts when the client has left. */
export type LogRoutes = Readonly<Record<string, (request: LogRequest, signal: AbortSignal) => Promise<LogAnswer>>>

/** A figure of the pipeline for the collector's `/metrics`: `binnacle_log_<name>`, or a name of the user's own where `isNamedByUser`. */
export interface LogFigure {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}
