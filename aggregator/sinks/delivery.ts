import type { Clock, Timer } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { createBackoff } from '../../lib/retry.ts'
import type { Random } from '../../lib/random.ts'
import type { DeadLetters, Refusal } from '../../lib/delivery/dead-letters.ts'
import type { Destination, Outcome, PayloadEncoder, Retry } from './destination.ts'
import { RefusalLog } from '../../lib/delivery/refusal-log.ts'
import type { SinkStats } from './sink.ts'
import type { Payload, Spool, SpoolRecord } from '../../lib/delivery/spool.ts'

/** How long items wait for company. A kill costs at most what came in this time and what is on its way. */
const lingerMs = 250
/** Sealed payloads in memory; more go to the spool. */
const maxQueued = 16
/** What sealed payloads may take in memory while the disk takes no more. */
const maxQueuedBytes = 64 << 20
const firstBackoffMs = 500
const maxBackoffMs = 10_000
/** What `stop` gives the destination to take what is in memory before it goes to the spool. */
const flushMs = 3000

export interface DeliveryOptions {
  readonly destination: Destination
  readonly encoder: PayloadEncoder
  /** Applied to every body before it waits; `send` and the spool get what it gives. */
  readonly compress?: (body: Buffer) => Promise<Buffer>
  /** Payloads on their way at once. 1 keeps their order. */
  readonly concurrency: number
  /** Where payloads wait while the destination is away; without it they wait in memory and the oldest are dropped. */
  readonly spool: Spool | undefined
  /** Where refused items go; without it they are counted and logged only. */
  readonly deadLetters: DeadLetters | undefined
  /** Called when everything has been delivered after an outage; `since` is a time (ms) before the oldest item that had to wait. */
  readonly onRecovered?: (since: number) => void
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** A payload in memory; it is out of the hands of queue and spool while it is on its way. */
interface Task {
  pending: Payload[]
  /** Set while it is on disk too. */
  record: SpoolRecord | undefined
  isFinished: boolean
}

/**
 * The way of encoded items to one destination, the same for every network sink: queue, several requests in flight, retry with backoff, spool,
 * accounting. Promises: an item is delivered, or waits in memory or in the spool, or is counted under the reason of its loss; with a concurrency
 * of 1 items arrive in the order in which they came; nothing waits on the destination but the loop in here.
 */
export class Delivery {
  readonly #options: DeliveryOptions
  readonly #queue: Task[] = []
  readonly #inFlight = new Set<Task>()
  readonly #abort = new AbortController()
  readonly #lost: Record<string, number> = {}
  readonly #backoff: ReturnType<typeof createBackoff>
  readonly #refusals: RefusalLog
  #running: Promise<void> | undefined
  #spilling: Promise<void> | undefined
  #preparation: Promise<void> | undefined
  #linger: Timer | undefined
  #wake: (() => void) | undefined
  #isWoken = false
  #isStopping = false
  #isHealthy = true
  #outageSince: number | undefined
  #pauseMs = 0
  #sealing = 0
  #seals: Promise<unknown> = Promise.resolve()
  #spillingItems = 0
  #accepted = 0
  #restored = 0
  #delivered = 0
  #requests = 0
  #failedRequests = 0
  #lastError: string | undefined

  constructor(options: DeliveryOptions) {
    this.#options = options
    this.#refusals = new RefusalLog(options)
    this.#backoff = createBackoff({ initialMs: firstBackoffMs, maxMs: maxBackoffMs, random: options.random })
  }

  /** Opens the spool and begins to send. Rejects when the spool's folder cannot be used. */
  async start(): Promise<void> {
    const { spool, clock } = this.#options
    await spool?.open()
    this.#restored = spool?.stats().items ?? 0
    if (this.#restored > 0) this.#outageSince = clock.now()
    this.#running ??= this.#run()
  }

  /** To be called after items were encoded: sends them soon. */
  sealSoon(): void {
    if (this.#isStopping || this.#options.encoder.items === 0) return
    this.#linger ??= this.#options.clock.setTimer(lingerMs, () => this.seal())
  }

  /** Sends what is encoded so far. */
  seal(): void {
    this.#linger?.cancel()
    this.#linger = undefined
    const { body, items, lost = {}, release } = this.#options.encoder.take()
    for (const [reason, count] of Object.entries(lost)) {
      this.#accepted += count
      this.#lose(reason, count)
    }
    if (items === 0) return release?.()
    this.#accepted += items
    this.#sealing += items
    const { compress } = this.#options
    // Without compression it is the body itself that is sent, and nobody gives it back.
    const sealed = compress === undefined ? body : compress(body).finally(release)
    // One after the other, whichever is compressed first.
    this.#seals = Promise.all([sealed, this.#seals]).then(
      ([finished]) => {
        this.#sealing -= items
        this.#enqueue({ body: finished, items })
      },
      (err: unknown) => {
        this.#sealing -= items
        this.#lose('not-encoded', items)
        this.#options.log.error({ err, items }, 'points could not be compressed')
      },
    )
  }

  /** Whether `stop` has been called: what comes now is not taken. */
  get isStopping(): boolean {
    return this.#isStopping
  }

  /** Delivers what is in memory if the destination takes it within three seconds, else puts it in the spool. */
  async stop(): Promise<void> {
    if (this.#isStopping) return
    this.seal()
    this.#isStopping = true
    const { clock, destination, spool } = this.#options
    await this.#seals
    if (!this.#isHealthy) this.#abort.abort()
    this.#signal()
    const deadline = clock.setTimer(flushMs, () => {
      this.#abort.abort()
      this.#signal()
    })
    await this.#running
    deadline.cancel()
    await this.#spill()
    this.#giveUp()
    await spool?.close()
    destination.close()
  }

  stats(): SinkStats {
    const spool = this.#options.spool?.stats()
    const held = [...this.#inFlight, ...this.#queue].reduce((sum, { pending }) => sum + count(pending), 0)
    const lost = { ...this.#lost }
    if (spool !== undefined && spool.droppedItems > 0) lost['spool-full'] = spool.droppedItems
    if (spool !== undefined && spool.unreadableItems > 0) lost['spool-unreadable'] = spool.unreadableItems
    return {
      accepted: this.#accepted,
      restored: this.#restored,
      delivered: this.#delivered,
      waiting: this.#sealing + this.#spillingItems + held + (spool?.items ?? 0),
      lost,
      spooled: spool?.items ?? 0,
      spoolBytes: spool?.bytes ?? 0,
      requests: this.#requests,
      failedRequests: this.#failedRequests,
      isHealthy: this.#isHealthy,
      lastError: this.#lastError,
    }
  }

  #lose(reason: string, items: number): void {
    if (items > 0) this.#lost[reason] = (this.#lost[reason] ?? 0) + items
  }

  #enqueue(payload: Payload): void {
    this.#queue.push({ pending: [payload], record: undefined, isFinished: false })
    if (this.#queue.length > maxQueued || this.#options.spool?.isEmpty === false) void this.#spill()
    this.#signal()
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      const slots = this.#isHealthy ? this.#options.concurrency : 1
      const task = this.#inFlight.size < slots ? await this.#next() : undefined
      if (task === undefined) {
        if (this.#isStopping && this.#inFlight.size === 0 && this.#queue.length === 0) return
        this.#noteRecovery()
        await this.#signalled()
        continue
      }
      const carrying = this.#carry(task)
      // While nothing is known of the destination one request at a time probes it.
      if (!this.#isHealthy || this.#requests <= 1) await carrying
      if (this.#isStopping && !this.#isHealthy) break
      await this.#pause()
    }
    while (this.#inFlight.size > 0) await this.#signalled()
  }

  async #pause(): Promise<void> {
    const { clock } = this.#options
    if (this.#pauseMs > 0) await clock.sleep(this.#pauseMs, this.#abort.signal)
    this.#pauseMs = 0
  }

  /** The oldest there is: what has to be sent again, then the spool, then the queue. When stopping, the spool keeps what it has. */
  async #next(): Promise<Task | undefined> {
    const { spool, clock } = this.#options
    if (this.#queue[0]?.record === undefined && spool?.isEmpty === false) {
      if (this.#isStopping) return undefined
      await this.#spill()
      const record = await spool.lease()
      if (record === undefined) return undefined
      this.#outageSince = Math.min(this.#outageSince ?? clock.now(), record.begunAt)
      return this.#launch({ pending: [record], record, isFinished: false })
    }
    // What is on its way to the spool goes before what is behind it in the queue.
    if (this.#spilling !== undefined) return this.#spilling.then(() => this.#next())
    const task = this.#queue.shift()
    return task === undefined ? undefined : this.#launch(task)
  }

  #launch(task: Task): Task {
    this.#inFlight.add(task)
    return task
  }

  /** Sends what a task holds until nothing is left or the destination wants time; then it goes back to the head of the queue. */
  async #carry(task: Task): Promise<void> {
    for (let payload = task.pending[0]; payload !== undefined; payload = task.pending[0]) {
      const { refusals = [], remaining = [], retry } = await this.#send(payload)
      this.#delivered += payload.items - count(remaining) - count(refusals)
      for (const { reason, items } of refusals) this.#lose(reason, items)
      task.pending.splice(0, 1, ...remaining)
      this.#note(retry)
      for (const refusal of refusals) await this.#bury(refusal)
      if (retry === undefined) continue
      this.#inFlight.delete(task)
      if (task.pending.length > 0) this.#queue.unshift(task)
      await this.#spill()
      return this.#signal()
    }
    task.isFinished = true
    this.#inFlight.delete(task)
    if (task.record !== undefined) await this.#options.spool?.acknowledge(task.record)
    this.#signal()
  }

  async #send(payload: Payload): Promise<Outcome> {
    const { destination } = this.#options
    try {
      this.#preparation ??= destination.prepare?.() ?? Promise.resolve()
      await this.#preparation
    } catch (error) {
      this.#preparation = undefined
      return { remaining: [payload], retry: { message: (error as Error).message } }
    }
    try {
      this.#requests++
      return await destination.send(payload, this.#abort.signal)
    } catch (error) {
      return { remaining: [payload], retry: { message: (error as Error).message } }
    }
  }

  #note(retry: Retry | undefined): void {
    const { log, clock } = this.#options
    if (retry === undefined) {
      if (!this.#isHealthy) log.info({}, 'the destination takes points again')
      this.#isHealthy = true
      this.#backoff.reset()
      return
    }
    this.#failedRequests++
    if (this.#pauseMs === 0) this.#pauseMs = Math.max(Math.min(retry.afterMs ?? 0, maxRetryAfterMs), this.#backoff.next())
    this.#lastError = retry.message.slice(0, maxMessageLength)
    if (retry.isUnprepared === true) this.#preparation = undefined
    if (this.#isHealthy) log.warn({ err: this.#lastError }, 'the destination takes no points; they wait')
    this.#isHealthy = false
    this.#outageSince ??= clock.now() - lingerMs
  }

  #noteRecovery(): void {
    const { spool, onRecovered } = this.#options
    const isClear = this.#isHealthy && this.#inFlight.size === 0 && this.#queue.length === 0 && spool?.isEmpty !== false
    if (!isClear || this.#outageSince === undefined) return
    const since = this.#outageSince
    this.#outageSince = undefined
    onRecovered?.(since)
  }

  async #bury(refusal: Refusal): Promise<void> {
    const { deadLetters, log } = this.#options
    this.#lastError = refusal.message.slice(0, maxMessageLength)
    this.#refusals.note({ ...refusal, message: this.#lastError })
    await deadLetters?.add(refusal).catch((err: unknown) => log.warn({ err }, 'refused points could not be kept'))
  }

  /** Moves what is in memory to the spool, oldest first; without a spool drops what is over its bound. One at a time. */
  #spill(): Promise<void> {
    this.#spilling ??= this.#moveToSpool().finally(() => (this.#spilling = undefined))
    return this.#spilling
  }

  async #moveToSpool(): Promise<void> {
    const { spool } = this.#options
    if (spool === undefined) return this.#dropOver(maxQueued)
    for (const task of this.#inFlight) if (task.record === undefined) await this.#keepInFlight(task, spool)
    for (let task = this.#firstUnkept(); task !== undefined; task = this.#firstUnkept()) {
      if (!(await this.#keepQueued(task, spool))) return this.#dropOver(Infinity)
    }
  }

  #firstUnkept(): Task | undefined {
    return this.#queue.find(({ record }) => record === undefined)
  }

  /** What is on its way is put on disk too, so that a kill does not cost it and its order is kept. */
  async #keepInFlight(task: Task, spool: Spool): Promise<void> {
    const [payload] = task.pending
    if (payload === undefined || task.pending.length > 1) return
    const record = await spool.append(payload, true)
    if (record === undefined) return
    task.record = record
    if (task.isFinished) await spool.acknowledge(record)
  }

  async #keepQueued(task: Task, spool: Spool): Promise<boolean> {
    this.#queue.splice(this.#queue.indexOf(task), 1)
    for (let payload = task.pending.shift(); payload !== undefined; payload = task.pending.shift()) {
      this.#spillingItems = payload.items + count(task.pending)
      const isKept = (await spool.append(payload)) !== undefined
      this.#spillingItems = 0
      if (isKept) continue
      task.pending.unshift(payload)
      this.#queue.unshift(task)
      return false
    }
    return true
  }

  /** Gives up the oldest in memory until no more than `maxTasks` and the bytes that are allowed are left. */
  #dropOver(maxTasks: number): void {
    const bytes = () => this.#queue.reduce((sum, { pending }) => sum + pending.reduce((size, { body }) => size + body.length, 0), 0)
    for (let task = this.#firstUnkept(); task !== undefined; task = this.#firstUnkept()) {
      if (this.#queue.length <= maxTasks && bytes() <= maxQueuedBytes) return
      this.#queue.splice(this.#queue.indexOf(task), 1)
      this.#lose('queue-full', count(task.pending))
    }
  }

  /** What neither the destination nor the disk has taken by the end is lost. */
  #giveUp(): void {
    let items = 0
    for (let task = this.#firstUnkept(); task !== undefined; task = this.#firstUnkept()) {
      items += count(task.pending)
      this.#queue.splice(this.#queue.indexOf(task), 1)
    }
    if (items === 0) return
    this.#lose('stopped', items)
    this.#options.log.warn({ items }, 'points are lost: the destination was away at the end')
  }

  #signal(): void {
    this.#isWoken = true
    this.#wake?.()
  }

  /** Resolves when something has happened since the last time that this was waited for. */
  async #signalled(): Promise<void> {
    if (!this.#isWoken) await new Promise<void>((resolve) => (this.#wake = resolve))
    this.#isWoken = false
  }
}

/** No destination may ask for more patience than this. */
const maxRetryAfterMs = 300_000
const maxMessageLength = 500

function count(parts: readonly { readonly items: number }[]): number {
  return parts.reduce((sum, { items }) => sum + items, 0)
}
