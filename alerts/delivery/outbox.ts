import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import { mergeChanges } from '../state/journal.ts'
import type { Change, EntryDraft, Journal } from '../state/journal.ts'
import type { Delivery, Integration, Notification, Refusal, ThreadRecord } from './notification.ts'
import { statusOf } from './notification.ts'
import { Threads } from './threads.ts'

/** First pause between attempts; it doubles up to the longest one. */
const firstPauseMs = 1000
const longestPauseMs = 120_000

/** Pauses are longer or shorter by up to this share, so that lanes do not come back all at once. */
const jitter = 0.2

/** A receiver may ask for a longer pause, up to this. */
const longestAskedPauseMs = 3_600_000

/** A notification that could not be delivered for this long is given up and told so. */
const giveUpAfterMs = 432_000_000

/** Notifications that one lane may have waiting; then new ones are held back in their group. */
const maxPerLane = 100

/** Deliveries at the same time to one integration of one receiver. */
const maxConcurrent = 8

/** How long a stop waits for what is under way. */
const stopTimeoutMs = 5000

export interface OutboxOptions {
  readonly journal: Journal
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Called after each attempt, once its result is on disk. */
  readonly onAttempt?: (notification: Notification, delivery: Delivery, isDone: boolean) => void
  /** Whether an attempt may begin: false where another server has taken over. */
  readonly mayAttempt?: () => boolean
}

/** Counters of one kind of integration. */
export interface DeliveryCounters {
  attempts: number
  delivered: number
  retried: number
  failed: number
}

/**
 * Delivers what is on disk. Each lane is worked off in order, one notification at a time: tried until it is delivered, or refused for good, or
 * too old. The result is on disk before the next one begins, so after a crash at most the one under way is sent again, under the same ID.
 */
export class Outbox {
  readonly counters = new Map<string, DeliveryCounters>()
  readonly threads = new Threads()
  readonly #options: OutboxOptions
  readonly #lanes = new Map<string, Notification[]>()
  readonly #slots = new Map<string, Slots>()
  readonly #running = new Set<Promise<void>>()
  #integrations: ReadonlyMap<string, Integration> = new Map()
  #idle = new AbortController()
  #hurry = new AbortController()
  #isStarted = false

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  /** Swaps the integrations, by `receiver/integration`. Those that are gone are closed; what waits for them is given up. */
  use(integrations: ReadonlyMap<string, Integration>): void {
    const old = this.#integrations
    this.#integrations = integrations
    for (const integration of old.values()) integration.close()
    for (const { kind } of integrations.values()) this.#countersOf(kind)
  }

  /** Takes over what the disk holds, before anything new is added. */
  restore(pending: Iterable<Notification>, threads: Iterable<readonly [string, ThreadRecord]>): void {
    this.threads.restore(threads)
    const ordered = [...pending].sort((left, right) => left.sequence - right.sequence)
    for (const notification of ordered) this.add(notification)
  }

  /** Begins to deliver. */
  start(): void {
    this.#isStarted = true
    for (const [name, queue] of this.#lanes) this.#launch(name, queue)
  }

  /** Takes a notification that is on disk. */
  add(notification: Notification): void {
    const lane = this.#lanes.get(notification.lane)
    if (lane !== undefined) return void lane.push(notification)
    const queue = [notification]
    this.#lanes.set(notification.lane, queue)
    if (this.#isStarted) this.#launch(notification.lane, queue)
  }

  hasRoom(lane: string): boolean {
    return (this.#lanes.get(lane)?.length ?? 0) < maxPerLane
  }

  isIdle(lane: string): boolean {
    return !this.#lanes.has(lane)
  }

  /** Notifications that are not delivered yet. */
  get size(): number {
    return [...this.#lanes.values()].reduce((total, queue) => total + queue.length, 0)
  }

  /** Lets attempts under way end, for a few seconds; everything else stays on disk. */
  async stop(): Promise<void> {
    this.#idle.abort()
    const timer = this.#options.clock.setTimer(stopTimeoutMs, () => this.#hurry.abort())
    await Promise.all(this.#running)
    timer.cancel()
    for (const integration of this.#integrations.values()) integration.close()
  }

  #launch(name: string, queue: Notification[]): void {
    const run = this.#runLane(name, queue).finally(() => this.#running.delete(run))
    this.#running.add(run)
  }

  async #runLane(name: string, queue: Notification[]): Promise<void> {
    while (queue.length > 0 && !this.#idle.signal.aborted) {
      try {
        const rest = await this.#deliver(queue[0]!)
        if (rest === undefined) queue.shift()
        else queue[0] = rest
      } catch (err) {
        // The result could not be written: whether it arrived is unknown to the disk, so it is tried again under the same ID.
        this.#options.log.error({ err, notification: queue[0]!.id }, 'delivery could not be recorded')
        await this.#options.clock.sleep(longestPauseMs, this.#idle.signal)
      }
    }
    if (queue.length === 0) this.#lanes.delete(name)
  }

  /** One attempt and its record. Gives the notification as it is to be tried again, or `undefined` when it is done with. */
  async #deliver(notification: Notification): Promise<Notification | undefined> {
    const { clock } = this.#options
    if (notification.notBefore > clock.now()) await clock.sleep(notification.notBefore - clock.now(), this.#idle.signal)
    const key = `${notification.receiver}/${notification.integration}`
    const release = await this.#slotsOf(key).take()
    try {
      if (this.#idle.signal.aborted) return notification
      if (this.#options.mayAttempt?.() === false) return await this.#holdBack(notification)
      const replyTo = this.threads.find(notification)
      const attempt = replyTo === undefined ? notification : { ...notification, replyTo }
      const delivery = await this.#attempt(attempt, this.#integrations.get(key))
      if (delivery === undefined) return notification
      const attempted = { ...attempt, attempts: notification.attempts + 1 }
      const rest = this.#plan(attempted, delivery)
      const thread = this.threads.changeOf(attempted, delivery)
      await this.#options.journal.commit(
        mergeChanges(this.#describe(attempted, delivery, rest), thread === undefined ? {} : { put: [thread] }),
      )
      if (thread !== undefined) this.threads.keep(thread)
      this.#count(notification.integration, rest, delivery)
      this.#options.onAttempt?.(attempted, delivery, rest === undefined)
      return rest
    } finally {
      release()
    }
  }

  /** Another server may be delivering this very notification: it is left alone until that is known. */
  async #holdBack(notification: Notification): Promise<Notification> {
    await this.#options.clock.sleep(firstPauseMs, this.#idle.signal)
    return notification
  }

  /**
   * One attempt now, beside all lanes and without a record of what was told: the answer to whether an integration can be reached. It is noted
   * in the journal.
   */
  async probe(notification: Notification): Promise<{ readonly delivery: Delivery; readonly latencyMs: number }> {
    const { clock, journal } = this.#options
    const { receiver, integration, id, alerts } = notification
    const startedAt = clock.monotonic()
    const delivery = (await this.#attempt(notification, this.#integrations.get(`${receiver}/${integration}`))) ?? {
      outcome: 'retry',
      reason: 'the server is stopping',
    }
    const latencyMs = clock.monotonic() - startedAt
    const text = `test of ${receiver}/${integration}: ${delivery.outcome}: ${delivery.outcome === 'delivered' ? delivery.detail : delivery.reason}`
    const alertname = alerts[0]?.labels['alertname'] ?? ''
    await journal.commit({ entries: [{ time: clock.now(), kind: 'tested', alertname, receiver, notification: id, text }] })
    return { delivery, latencyMs }
  }

  /** What a lane has not delivered yet, in order. */
  waiting(lane: string): readonly Notification[] {
    return this.#lanes.get(lane) ?? []
  }

  /** `undefined` where the process is stopping and the attempt proves nothing. */
  async #attempt(notification: Notification, integration: Integration | undefined): Promise<Delivery | undefined> {
    if (integration === undefined) return { outcome: 'failed', reason: 'the receiver is not in the configuration any more' }
    try {
      const delivery = await integration.send(notification, this.#hurry.signal)
      return delivery.outcome !== 'delivered' && this.#hurry.signal.aborted ? undefined : delivery
    } catch (err) {
      return this.#hurry.signal.aborted ? undefined : { outcome: 'retry', reason: (err as Error).message }
    }
  }

  #plan(notification: Notification, delivery: Delivery): Notification | undefined {
    const now = this.#options.clock.now()
    if (delivery.outcome !== 'retry' || now - notification.createdAt > giveUpAfterMs) return undefined
    const backoff = Math.min(firstPauseMs * 2 ** Math.min(notification.attempts - 1, 20), longestPauseMs)
    const spread = backoff * (1 + jitter * (2 * this.#options.random.fraction() - 1))
    // Asked for a pause, never come early.
    const pause = delivery.afterMs === undefined ? spread : Math.max(Math.min(delivery.afterMs, longestAskedPauseMs), 0) + spread * jitter
    return { ...notification, notBefore: now + Math.round(pause), ...(delivery.recipients && { recipients: delivery.recipients }) }
  }

  #describe(notification: Notification, delivery: Delivery, rest: Notification | undefined): Change {
    const now = this.#options.clock.now()
    const { log } = this.#options
    const place = `${notification.receiver}/${notification.integration}, attempt ${notification.attempts}`
    const fields = { notification: notification.id, receiver: notification.receiver, integration: notification.integration }
    const entry = (kind: EntryDraft['kind'], text: string): EntryDraft[] =>
      notification.alerts.map(({ fingerprint, labels, status }) => ({
        time: now,
        kind,
        fingerprint,
        alertname: labels['alertname'] ?? '',
        receiver: notification.receiver,
        notification: notification.id,
        text: `${status} to ${place}: ${text}`,
      }))
    const refusals = (delivery.refused ?? []).flatMap((refusal) => entry('failed', describeRefusal(refusal)))
    for (const refusal of delivery.refused ?? []) log.error({ ...fields, reason: describeRefusal(refusal) }, 'recipient refused for good')
    if (delivery.outcome === 'delivered') {
      log.info({ ...fields, attempts: notification.attempts, status: statusOf(notification) }, 'notification delivered')
      return { remove: [removal(notification)], entries: [...refusals, ...entry('delivered', delivery.detail)] }
    }
    if (rest === undefined) {
      log.error({ ...fields, reason: delivery.reason }, 'notification failed for good')
      const reason = delivery.outcome === 'retry' ? `given up: ${delivery.reason}` : delivery.reason
      return { remove: [removal(notification)], entries: [...refusals, ...entry('failed', reason)] }
    }
    // A receiver that is away for days must not push everything else out of the journal.
    const isNoted = Number.isInteger(Math.log2(notification.attempts))
    const retries = isNoted ? entry('retried', delivery.reason) : []
    log.warn({ ...fields, reason: delivery.reason, retryInMs: rest.notBefore - now }, 'notification will be tried again')
    return { put: [{ table: 'notification', key: rest.id, value: rest }], entries: [...refusals, ...retries] }
  }

  #count(integration: string, rest: Notification | undefined, delivery: Delivery): void {
    const counters = this.#countersOf(integration.replace(/\[.*/, ''))
    counters.attempts++
    if (rest !== undefined) counters.retried++
    else if (delivery.outcome === 'delivered') counters.delivered++
    else counters.failed++
  }

  #countersOf(kind: string): DeliveryCounters {
    const counters = this.counters.get(kind) ?? { attempts: 0, delivered: 0, retried: 0, failed: 0 }
    this.counters.set(kind, counters)
    return counters
  }

  #slotsOf(key: string): Slots {
    const slots = this.#slots.get(key) ?? new Slots(maxConcurrent)
    this.#slots.set(key, slots)
    return slots
  }
}

/** Lets so many in at a time, the others in the order they came. */
class Slots {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  async take(): Promise<() => void> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    return () => {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }
}

function removal(notification: Notification) {
  return { table: 'notification', key: notification.id } as const
}

function describeRefusal(refusal: Refusal): string {
  return `${refusal.recipient}: ${refusal.reason}`
}
