import type { Timer } from '../../../lib/clock.ts'
import type { RefusalLog } from '../../../lib/delivery/refusal-log.ts'
import type { LogContext } from '../context.ts'
import type { LogBatch } from '../log-batch.ts'
import { RoomWaiters } from '../room-waiters.ts'
import { Accounts } from './accounts.ts'
import { attemptSend } from './attempt.ts'
import { batchBytes } from './batch-lines.ts'
import type { BatchSpool } from './batch-spool.ts'
import type { DeadLines } from './dead-lines.ts'
import type { DeliverySettings } from './delivery-settings.ts'
import { countFitting, countLines, hashOf, Lane, oldestOf } from './lane.ts'
import type { Group, Owner, Part } from './lane.ts'
import { readOutcome } from './outcome.ts'
import { ReceiverState } from './receiver-state.ts'
import { RefusedRequestError } from './sink.ts'
import type { LineRef, LogSender, LogSink, LogSinkStats, SendOutcome } from './sink.ts'

/** What `stop` gives the receiver to take what is in memory. */
const flushMs = 4000
const closeMs = 2000
/** What is read from the spool ahead of its turn. */
const readAheadBytes = 8 << 20
/** One record of the spool, unless one batch alone is larger. */
const maxRecordBytes = 4 << 20

export interface DeliveryParts {
  readonly name: string
  readonly settings: DeliverySettings
  /** One for each request that may be on its way. */
  readonly senders: readonly LogSender[]
  readonly spool: BatchSpool | undefined
  readonly deadLines: DeadLines | undefined
  readonly refusals: RefusalLog
  readonly context: Pick<LogContext, 'clock' | 'random' | 'log'>
}

/**
 * The way of lines to one receiver, the same for every sink. Lines of a file belong to one lane, so their order is kept; lanes send at the same
 * time. While the receiver fails, what is in memory goes to the spool, and what is in the spool goes before what is not. One request at a time, with
 * backoff, probes a receiver that failed.
 */
export class Delivery implements LogSink {
  readonly name: string
  readonly #parts: DeliveryParts
  readonly #settings: DeliverySettings
  readonly #lanes: readonly Lane[]
  readonly #accounts = new Accounts()
  readonly #receiver: ReceiverState
  readonly #sending = new Set<AbortController>()
  readonly #roomWaiters = new RoomWaiters()
  /** Parts on their way to the spool. */
  #spillingParts: readonly Part[] = []
  #spilling: Promise<void> | undefined
  #refilling: Promise<void> | undefined
  #freshBytes = 0
  #storedBytes = 0
  #isSpoolRefusing = false
  #nextLane = 0
  #wake: Timer | undefined
  #isStarted = false
  #isStopping = false
  #isEnded = false
  #idle: (() => void) | undefined

  constructor(parts: DeliveryParts) {
    this.name = parts.name
    this.#parts = parts
    this.#settings = parts.settings
    this.#lanes = parts.senders.map(() => new Lane())
    this.#receiver = new ReceiverState(parts.context, this.#accounts, () => this.#pump())
  }

  async start(keepAccount: () => Promise<void> = async () => {}): Promise<void> {
    await this.#parts.spool?.open(keepAccount)
    this.#isStarted = true
    this.#refill()
    this.#pump()
  }

  deliver(batch: LogBatch, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#isStopping) return Promise.reject(stoppedError(this.name))
    if (batch.count === 0) return Promise.resolve()
    this.#accounts.accepted += batch.count
    if (this.#settings.onFull === 'drop' && this.#isFull) {
      this.#drop('memory-full', batch.count, { batch, index: 0 })
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const abandon = () => reject(stoppedError(this.name))
      signal.addEventListener('abort', abandon, { once: true })
      const settle = () => {
        signal.removeEventListener('abort', abandon)
        resolve()
      }
      this.#take(batch, { open: batch.count, since: this.#parts.context.clock.now(), isStored: false, settle, abandon })
      if (this.#shouldSpill) this.#spill()
      this.#pump()
    })
  }

  room(signal: AbortSignal): Promise<void> {
    return this.#roomWaiters.wait(() => this.#isFull && this.#settings.onFull !== 'drop' && !this.#isStopping, signal)
  }

  async stop(): Promise<void> {
    if (this.#isStopping) return
    this.#isStopping = true
    this.#roomWaiters.call()
    await this.#refilling
    if (this.#accounts.isHealthy && this.#isStarted) await this.#flush()
    this.#isEnded = true
    this.#receiver.close()
    this.#wake?.cancel()
    for (const controller of this.#sending) controller.abort(stoppedError(this.name))
    await this.#idleOnce()
    await this.#spilling
    await this.#keepRest()
    const { senders, spool, context } = this.#parts
    const closing = Promise.all(senders.map((sender) => sender.close().catch(() => {})))
    const patience = new AbortController()
    await Promise.race([closing, context.clock.sleep(closeMs, patience.signal)])
    patience.abort()
    await spool?.close()
  }

  stats(): LogSinkStats {
    const { spool } = this.#parts
    const waiting = this.#lanes.reduce((sum, { lines }) => sum + lines, countLines(this.#spillingParts))
    const spooled = spool?.lines ?? 0
    const now = { name: this.name, restored: spool?.restored ?? 0, waiting, spooled, spoolBytes: spool?.stats().bytes ?? 0 }
    return this.#accounts.stats(now, spool?.lost ?? {})
  }

  #drop(reason: string, lines: number, line: LineRef): void {
    this.#parts.spool?.noteLoss()
    this.#accounts.drop(reason, lines, { ...line, now: this.#parts.context.clock.monotonic() })
  }

  get #isFull(): boolean {
    return this.#freshBytes >= this.#settings.memoryBytes
  }

  #laneOf(batch: LogBatch): Lane {
    return this.#lanes[hashOf(batch.file) % this.#lanes.length]!
  }

  #take(batch: LogBatch, owner: Owner): void {
    const bytes = batchBytes(batch)
    if (owner.isStored) this.#storedBytes += bytes
    else this.#freshBytes += bytes
    this.#laneOf(batch).push({ owner, batch, bytes, at: this.#parts.context.clock.monotonic() })
  }

  /** Something of `owner` is out of our hands. */
  #release(owner: Owner, lines: number, bytes: number): void {
    if (owner.isStored) this.#storedBytes -= bytes
    else this.#freshBytes -= bytes
    owner.open -= lines
    if (owner.open === 0) owner.settle()
    if (!this.#isFull) this.#roomWaiters.call()
  }

  /** Only when the spool holds nothing older. */
  get #mayTakeFresh(): boolean {
    return this.#parts.spool === undefined || (this.#parts.spool.isEmpty && this.#spilling === undefined && this.#refilling === undefined)
  }

  /** Sends what can be sent now and sees to it that it is called again when more can. */
  #pump(): void {
    this.#wake?.cancel()
    this.#wake = undefined
    if (!this.#isStarted || this.#isEnded || this.#receiver.isPausing) return
    const now = this.#parts.context.clock.monotonic()
    const slots = this.#receiver.isTaking ? this.#lanes.length : 1
    let earliest = Infinity
    for (let turn = 0; turn < this.#lanes.length && this.#sending.size < slots; turn++) {
      const index = (this.#nextLane + turn) % this.#lanes.length
      const readyAt = this.#lanes[index]!.readyAt(this.#settings, this.#mayTakeFresh)
      if (readyAt === undefined) continue
      if (readyAt > now && !this.#isStopping) earliest = Math.min(earliest, readyAt)
      else void this.#carry(index)
    }
    this.#nextLane = (this.#nextLane + 1) % this.#lanes.length
    if (earliest < Infinity) this.#wake = this.#parts.context.clock.setTimer(earliest - now, () => this.#pump())
  }

  async #carry(index: number): Promise<void> {
    const lane = this.#lanes[index]!
    const group = lane.take(this.#settings, this.#mayTakeFresh)
    if (group === undefined) return
    const controller = new AbortController()
    this.#sending.add(controller)
    this.#accounts.requests++
    const batches = group.parts.map(({ batch }) => batch)
    const { clock } = this.#parts.context
    const outcome = await attemptSend(this.#parts.senders[index]!, batches, { clock, timeoutMs: this.#settings.timeoutMs, controller })
    if (!(outcome instanceof Error)) await this.#settle(lane, group, outcome)
    else if (outcome instanceof RefusedRequestError) await this.#narrow(lane, group, outcome)
    else await this.#fail(lane, group.parts, outcome)
    this.#sending.delete(controller)
    if (this.#shouldSpill) this.#spill()
    this.#refill()
    this.#pump()
    if (this.#sending.size === 0) this.#idle?.()
  }

  async #settle(lane: Lane, group: Group, outcome: SendOutcome): Promise<void> {
    const { deadLines, refusals, context } = this.#parts
    const { parts, left, refused } = readOutcome(group, outcome)
    this.#accounts.sentBytes += outcome.bytes
    // What is given up is counted before it is released.
    for (const { reason, message, lines } of refused) {
      this.#drop(reason, lines.length, lines[0]!)
      this.#accounts.complain(message)
      refusals.note({ reason, message, items: lines.length })
    }
    for (const { owner, bytes, lines, delivered, deliveredBytes } of parts) {
      this.#accounts.delivered += delivered
      this.#accounts.deliveredBytes += deliveredBytes
      this.#release(owner, lines, bytes)
    }
    lane.finish()
    if (left.length > 0) lane.again(left)
    this.#receiver.noteAnswer(
      parts.some(({ delivered }) => delivered > 0),
      outcome.again,
    )
    for (const refusal of refused) {
      await deadLines?.add(refusal).catch((err: unknown) => context.log.warn({ err }, 'refused lines could not be kept'))
    }
  }

  /** A request was refused as a whole: a smaller one tells more; one line alone is the one that was meant. */
  async #narrow(lane: Lane, group: Group, error: RefusedRequestError): Promise<void> {
    if (group.lines > 1) return lane.narrow()
    if (!this.#receiver.isBelieved(error)) return this.#fail(lane, group.parts, error)
    const line = { batch: group.parts[0]!.batch, index: 0, reason: error.reason, message: error.message }
    await this.#settle(lane, group, { refused: [line], bytes: 0 })
  }

  async #fail(lane: Lane, parts: readonly Part[], error: Error): Promise<void> {
    this.#receiver.noteFailure(error, this.#isEnded)
    this.#isSpoolRefusing = false
    await this.#keepOnDisk(parts)
    lane.again(parts)
    this.#giveUp()
  }

  /** Drops what has waited for too long. */
  #giveUp(): void {
    const { giveUpAfterMs } = this.#settings
    if (giveUpAfterMs === undefined) return
    const before = this.#parts.context.clock.now() - giveUpAfterMs
    for (const lane of this.#lanes) {
      for (const { owner, batch, bytes } of lane.takeOlderThan(before)) {
        this.#drop('gave-up', batch.count, { batch, index: 0 })
        this.#release(owner, batch.count, bytes)
      }
    }
  }

  get #shouldSpill(): boolean {
    const { spool } = this.#parts
    if (spool === undefined || !this.#isStarted || this.#isEnded || this.#isSpoolRefusing) return false
    return !this.#accounts.isHealthy || !spool.isEmpty || this.#isFull
  }

  /** What is to be sent again goes to disk too: a kill does not cost it, and its file may go. It stays the group that it is. */
  async #keepOnDisk(parts: readonly Part[]): Promise<void> {
    const { spool } = this.#parts
    const fresh = parts.filter(({ owner }) => !owner.isStored)
    if (spool === undefined || fresh.length === 0) return
    const since = oldestOf(fresh)
    const record = await spool.appendLeased(
      fresh.map(({ batch }) => batch),
      since,
    )
    if (record === undefined) return
    const owner = this.#storedOwner(record, countLines(fresh), since)
    for (const part of fresh) {
      this.#release(part.owner, part.batch.count, part.bytes)
      this.#storedBytes += part.bytes
      part.owner = owner
    }
  }

  #storedOwner(record: Parameters<BatchSpool['acknowledge']>[0], lines: number, since: number): Owner {
    const settle = () => {
      this.#isSpoolRefusing = false
      void this.#parts.spool!.acknowledge(record)
    }
    return { open: lines, since, isStored: true, settle, abandon: () => {} }
  }

  /** Moves what is in memory to the spool. One at a time. */
  #spill(): void {
    this.#spilling ??= this.#moveToSpool().finally(() => {
      this.#spilling = undefined
      this.#refill()
      this.#pump()
    })
  }

  async #moveToSpool(): Promise<void> {
    while (this.#shouldSpill) {
      const parts = this.#lanes.flatMap((lane) => (lane.canSpill ? lane.takeFresh() : []))
      if (parts.length === 0) return
      await this.#store(parts)
    }
  }

  /** Puts parts in the spool, or back where the disk does not take them. */
  async #store(parts: Part[]): Promise<void> {
    this.#spillingParts = parts
    while (this.#spillingParts.length > 0) {
      const count = countFitting(this.#spillingParts, Math.min(maxRecordBytes, this.#settings.spoolBytes / 16))
      const chunk = this.#spillingParts.slice(0, count)
      const isStored = await this.#parts.spool!.append(
        chunk.map(({ batch }) => batch),
        oldestOf(chunk),
      )
      if (!isStored) break
      this.#spillingParts = this.#spillingParts.slice(count)
      for (const { owner, batch, bytes } of chunk) this.#release(owner, batch.count, bytes)
    }
    if (this.#spillingParts.length === 0) return
    this.#isSpoolRefusing = true
    const rest = Map.groupBy(this.#spillingParts, ({ batch }) => this.#laneOf(batch))
    this.#spillingParts = []
    for (const [lane, own] of rest) lane.putBack(own)
  }

  /** What has been read from the spool cannot be dropped from it: while the receiver fails, no more is read than a request needs. */
  get #hasReadAheadRoom(): boolean {
    const limit = this.#accounts.isHealthy ? Math.min(readAheadBytes, this.#settings.spoolBytes / 4) : 1
    return this.#storedBytes < limit
  }

  /** Reads ahead from the spool. One at a time. */
  #refill(): void {
    const { spool } = this.#parts
    if (spool === undefined || spool.isEmpty || !this.#isStarted || this.#isStopping || !this.#hasReadAheadRoom) return
    this.#refilling ??= this.#readFromSpool(spool).finally(() => {
      this.#refilling = undefined
      this.#pump()
    })
  }

  async #readFromSpool(spool: BatchSpool): Promise<void> {
    while (this.#hasReadAheadRoom && !this.#isStopping) {
      const found = await spool.lease()
      if (found === undefined) return
      const lines = found.batches.reduce((sum, { count }) => sum + count, 0)
      const owner = this.#storedOwner(found.record, lines, found.since)
      if (lines === 0) owner.settle()
      for (const batch of found.batches) this.#take(batch, owner)
      this.#pump()
    }
  }

  /** Gives the receiver a few seconds for what is in memory. */
  async #flush(): Promise<void> {
    const { clock } = this.#parts.context
    const end = clock.monotonic() + flushMs
    this.#pump()
    while (this.#sending.size > 0 && clock.monotonic() < end) {
      const patience = new AbortController()
      await Promise.race([this.#idleOnce(), clock.sleep(end - clock.monotonic(), patience.signal)])
      patience.abort()
    }
  }

  /** Resolves when no request is on its way. */
  #idleOnce(): Promise<void> {
    return this.#sending.size === 0 ? Promise.resolve() : new Promise((resolve) => (this.#idle = resolve))
  }

  /** At the end: what is in memory alone goes to disk, or back to its readers. */
  async #keepRest(): Promise<void> {
    const { spool } = this.#parts
    for (const lane of this.#lanes) {
      lane.putBack(lane.takeRetry())
      spool?.takeBack(countLines(lane.stored))
      lane.stored = []
    }
    if (spool !== undefined && this.#isStarted) await this.#store(this.#lanes.flatMap((lane) => lane.takeFresh()))
    for (const { fresh } of this.#lanes) for (const { owner } of fresh) owner.abandon()
  }
}

function stoppedError(name: string): Error {
  return new DOMException(`the sink ${name} has stopped`, 'AbortError')
}
