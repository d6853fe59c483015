import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import type { Batch } from '../metric-set.ts'
import type { InfluxAnswer } from './connection.ts'
import type { DeadLetters } from './dead-letters.ts'
import { LineEncoder } from './line-protocol.ts'
import type { Spool, SpoolRecord } from './spool.ts'
import { readWriteAnswer } from './write-answer.ts'
import type { RejectReason, WriteOutcome } from './write-answer.ts'

const gzipAsync = promisify(gzip)
const gunzipAsync = promisify(gunzip)

/** InfluxDB's own advice; the last figure before throughput flattens. */
const pointsPerWrite = 5000
/** How long points wait for company. */
const lingerMs = 1000
/** Sealed batches in memory; more go to the spool. */
const maxQueued = 16
const firstBackoffMs = 500
const maxBackoffMs = 10_000
/** What `stop` gives InfluxDB to take what is in memory before it goes to the spool. */
const flushMs = 3000

export interface InfluxSinkOptions {
  readonly clusterName: string
  readonly connection: {
    /** Sends a gzipped body; rejects when there is no answer. */
    write(body: Buffer, signal: AbortSignal): Promise<InfluxAnswer>
    close(): void
  }
  /** Makes sure of the database; repeated until it resolves, and when InfluxDB says that there is none. */
  readonly prepare: () => Promise<void>
  /** Where batches wait while InfluxDB is away; without it they wait in memory and the oldest are dropped. */
  readonly spool: Spool | undefined
  /** Where points go that InfluxDB refuses for good; without it they are counted and logged only. */
  readonly deadLetters?: DeadLetters
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

export interface InfluxSinkStats {
  readonly pointsEncoded: number
  readonly pointsWritten: number
  readonly pointsRejected: Readonly<Partial<Record<RejectReason, number>>>
  /** Points that had no line (not finite), that a full spool or queue lost. */
  readonly pointsDropped: { readonly encoding: number; readonly queue: number; readonly spool: number }
  readonly writes: number
  readonly failedWrites: number
  readonly queuedBatches: number
  readonly spooledPoints: number
  readonly spoolBytes: number
  readonly isHealthy: boolean
}

interface Sealed {
  readonly payload: Promise<Buffer>
  readonly points: number
}

/**
 * Writes batches to InfluxDB. Promises: a point is either stored, or waits in memory or in the spool, or is counted under the reason for which
 * it is lost; points go out in the order in which they came; sending again is harmless since every point has its own time; nothing here
 * waits on InfluxDB except its own loop.
 */
export class InfluxSink {
  readonly #options: InfluxSinkOptions
  readonly #encoder: LineEncoder
  readonly #queue: Sealed[] = []
  readonly #abort = new AbortController()
  #running: Promise<void> | undefined
  #spilling: Promise<void> | undefined
  #linger: { cancel(): void } | undefined
  #wake: () => void = () => {}
  #isPrepared = false
  #isStopping = false
  #isHealthy = true
  #pointsEncoded = 0
  #pointsWritten = 0
  #pointsRejected: Partial<Record<RejectReason, number>> = {}
  #encodingDrops = 0
  #queueDrops = 0
  #writes = 0
  #failedWrites = 0

  constructor(options: InfluxSinkOptions) {
    this.#options = options
    this.#encoder = new LineEncoder(options)
  }

  /** Takes in a batch: encodes it at once, sends it soon. */
  add(batch: Batch): void {
    if (this.#isStopping) return
    this.#encoder.addBatch(batch, pointsPerWrite, () => this.#seal())
    if (this.#encoder.points > 0 && this.#linger === undefined) this.#linger = this.#options.clock.setTimer(lingerMs, () => this.#seal())
  }

  /** Opens the spool and begins to send. Rejects when the spool's folder cannot be used. */
  async start(): Promise<void> {
    await this.#options.spool?.open()
    this.#running ??= this.#run()
  }

  /** Sends what is in memory if InfluxDB takes it within three seconds, else puts it in the spool. */
  async stop(): Promise<void> {
    if (this.#isStopping) return
    this.#seal()
    this.#isStopping = true
    if (!this.#isHealthy) this.#abort.abort()
    this.#wake()
    const deadline = this.#options.clock.setTimer(flushMs, () => {
      this.#abort.abort()
      this.#wake()
    })
    await this.#running
    deadline.cancel()
    await this.#spill()
    await this.#options.spool?.close()
    this.#options.connection.close()
  }

  stats(): InfluxSinkStats {
    const spool = this.#options.spool?.stats()
    return {
      pointsEncoded: this.#pointsEncoded,
      pointsWritten: this.#pointsWritten,
      pointsRejected: this.#pointsRejected,
      pointsDropped: { encoding: this.#encodingDrops, queue: this.#queueDrops, spool: spool?.droppedPoints ?? 0 },
      writes: this.#writes,
      failedWrites: this.#failedWrites,
      queuedBatches: this.#queue.length,
      spooledPoints: spool?.points ?? 0,
      spoolBytes: spool?.bytes ?? 0,
      isHealthy: this.#isHealthy,
    }
  }

  #seal(): void {
    this.#linger?.cancel()
    this.#linger = undefined
    const { lines, counts } = this.#encoder.take()
    this.#encodingDrops += counts.dropped
    this.#pointsEncoded += counts.points
    if (counts.points === 0) return
    const payload = gzipAsync(lines, { level: 1 })
    payload.catch(() => {})
    this.#queue.push({ payload, points: counts.points })
    if (this.#queue.length > maxQueued || this.#options.spool?.isEmpty === false) void this.#spill()
    this.#wake()
  }

  async #run(): Promise<void> {
    let failures = 0
    while (!this.#abort.signal.aborted) {
      const task = await this.#next()
      if (task === undefined) {
        if (this.#isStopping) return
        // Checked in the same breath as the wake-up is set, so that none is missed.
        if (this.#queue.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve))
        continue
      }
      const outcome = await this.#deliver(task.record)
      if (outcome.kind !== 'retry') {
        failures = 0
        await task.done()
        continue
      }
      failures++
      await this.#spill()
      if (this.#isStopping) return
      await this.#options.clock.sleep(this.#backoffMs(failures, outcome.retryAfterMs), this.#abort.signal)
    }
  }

  /** The oldest record: of the spool while it has any, else of the queue. When stopping, the spool keeps what it has. */
  async #next(): Promise<{ readonly record: SpoolRecord; readonly done: () => Promise<void> } | undefined> {
    const { spool } = this.#options
    if (spool?.isEmpty === false) {
      if (this.#isStopping) return undefined
      await this.#spill()
      const record = await spool.peek()
      return record === undefined ? undefined : { record, done: () => spool.acknowledge(record) }
    }
    const sealed = this.#queue[0]
    if (sealed === undefined) return undefined
    const record = { payload: await sealed.payload, points: sealed.points }
    return {
      record,
      done: async () => {
        if (this.#queue[0] === sealed) this.#queue.shift()
      },
    }
  }

  async #deliver(record: SpoolRecord): Promise<WriteOutcome> {
    const outcome = await this.#send(record)
    if (outcome.kind === 'retry') {
      if (this.#isHealthy) this.#options.log.warn({ err: outcome.message }, 'InfluxDB takes no points; they wait')
      this.#isHealthy = false
      this.#failedWrites++
      if (outcome.isMissingDatabase) this.#isPrepared = false
      return outcome
    }
    if (!this.#isHealthy) this.#options.log.info({}, 'InfluxDB takes points again')
    this.#isHealthy = true
    if (outcome.kind === 'too-large') return this.#deliverHalves(record)
    const rejected = outcome.kind === 'rejected' ? outcome.rejected : 0
    if (outcome.kind === 'rejected') {
      this.#pointsRejected[outcome.reason] = (this.#pointsRejected[outcome.reason] ?? 0) + rejected
      this.#options.log.warn({ points: rejected, reason: outcome.reason, err: outcome.message.slice(0, 500) }, 'InfluxDB refused points')
      await this.#bury(record, outcome)
    }
    this.#pointsWritten += record.points - rejected
    return outcome
  }

  async #send(record: SpoolRecord): Promise<WriteOutcome> {
    try {
      if (!this.#isPrepared) {
        await this.#options.prepare()
        this.#isPrepared = true
      }
      this.#writes++
      const { status, body, retryAfter } = await this.#options.connection.write(record.payload, this.#abort.signal)
      return readWriteAnswer(status, body, record.points, retryAfter)
    } catch (error) {
      return { kind: 'retry', message: (error as Error).message, isMissingDatabase: false, retryAfterMs: undefined }
    }
  }

  async #bury({ payload }: SpoolRecord, { reason, message, rejected }: WriteOutcome & { kind: 'rejected' }): Promise<void> {
    const { deadLetters, log } = this.#options
    if (deadLetters === undefined) return
    try {
      const lines = (await gunzipAsync(payload)).toString('utf8').trimEnd().split('\n')
      await deadLetters.add({ reason, message, rejected, lines })
    } catch (err) {
      log.warn({ err }, 'refused points could not be kept')
    }
  }

  async #deliverHalves(record: SpoolRecord): Promise<WriteOutcome> {
    const lines = await gunzipAsync(record.payload)
    const middle = lines.indexOf(10, lines.length >> 1) + 1
    if (record.points < 2 || middle === 0 || middle === lines.length) {
      return { kind: 'rejected', rejected: record.points, reason: 'other', message: 'a single point is too large' }
    }
    const firstPoints = lines.subarray(0, middle).reduce((count, byte) => count + (byte === 10 ? 1 : 0), 0)
    const halves: readonly [Buffer, number][] = [
      [lines.subarray(0, middle), firstPoints],
      [lines.subarray(middle), record.points - firstPoints],
    ]
    for (const [half, points] of halves) {
      const outcome = await this.#deliver({ payload: await gzipAsync(half, { level: 1 }), points })
      if (outcome.kind === 'retry') return outcome
    }
    return { kind: 'stored' }
  }

  /** Moves the queue to the spool, oldest first; without a spool drops what is over its bound. One at a time. */
  #spill(): Promise<void> {
    this.#spilling ??= this.#moveQueue().finally(() => (this.#spilling = undefined))
    return this.#spilling
  }

  async #moveQueue(): Promise<void> {
    const { spool, log } = this.#options
    if (spool === undefined) {
      while (this.#queue.length > maxQueued) this.#queueDrops += this.#queue.shift()!.points
      return
    }
    for (let sealed = this.#queue[0]; sealed !== undefined; sealed = this.#queue[0]) {
      const isKept = await spool.append({ payload: await sealed.payload, points: sealed.points })
      if (!isKept) log.error({ points: sealed.points, err: spool.stats().lastError }, 'the spool takes no more: points are lost')
      if (this.#queue[0] === sealed) this.#queue.shift()
    }
  }

  #backoffMs(failures: number, retryAfterMs: number | undefined): number {
    const backoff = Math.min(maxBackoffMs, firstBackoffMs * 2 ** (failures - 1))
    return Math.max(retryAfterMs ?? 0, backoff * (0.5 + this.#options.random.fraction() / 2))
  }
}
