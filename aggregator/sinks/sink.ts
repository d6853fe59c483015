import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import type { InfluxOptions } from '../influx/options.ts'
import type { CustomSample } from '../custom-metrics.ts'
import type { ClusterEvent } from '../events.ts'
import type { Batch } from '../metric-set.ts'

/** Where batches go outside of this process. Nobody waits on a sink: `add` takes in and returns. */
export interface Sink {
  /** The name under which it is counted and its spool kept; unique among the sinks of an aggregator. */
  readonly name: string
  /** Takes in a finished batch; never throws for what is in it, never waits. */
  add(batch: Batch): void
  /** Absent where the protocol has no place for events. */
  addEvents?(events: readonly ClusterEvent[]): void
  /** Takes in samples of metrics that pods export; absent where only batches are written. */
  addCustomSamples?(samples: readonly CustomSample[]): void
  /** Rejects when the sink can never work, as with a spool folder that cannot be used. A destination that is away is no reason. */
  start(): Promise<void>
  /** Delivers or spools what it holds, within seconds, then closes. */
  stop(): Promise<void>
  stats(): SinkStats
}

/**
 * What became of what a sink was given, in points and events. At every moment
 * `accepted + restored = delivered + waiting + (sum of lost)`.
 */
export interface SinkStats {
  readonly accepted: number
  /** Found in the spool at the start. */
  readonly restored: number
  /** The destination has said that it has them; with UDP: handed to the system. */
  readonly delivered: number
  /** In memory, on their way, and in the spool. */
  readonly waiting: number
  /** By reason; a reason is there once it has happened. */
  readonly lost: Readonly<Record<string, number>>
  /** Of `waiting`, those on disk. */
  readonly spooled: number
  readonly spoolBytes: number
  readonly requests: number
  /** Requests that are to be repeated. */
  readonly failedRequests: number
  /** Whether the last request succeeded. */
  readonly isHealthy: boolean
  /** What the destination last complained about. */
  readonly lastError: string | undefined
  /** Of a sink that guards how many series there are: what is there, how many there may be, and how many were refused lately. */
  readonly series?: { readonly estimate: number; readonly limit: number; readonly refused: number }
}

/** What a sink is made with, besides its own options. */
export interface SinkContext {
  readonly clusterName: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Where points wait while a destination is away, in a folder per sink; absent: in memory, bounded. */
  readonly spoolDir?: string
  /** What the spool of one sink may take. Default 512 MiB. */
  readonly spoolMaxBytes?: number
}

/** A sink whose options have been read and found good. Nothing runs and nothing is opened before `create`. */
export interface SinkPlan {
  readonly kind: string
  readonly name: string
  /** Its URI with secrets left out, for people. */
  readonly description: string
  create(context: SinkContext): Sink
  /** Set where the sink is an InfluxDB whose history can be read. */
  readonly influx?: InfluxOptions
}
