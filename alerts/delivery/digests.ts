import type { Clock, Timer } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { formatDuration } from '../../lib/duration.ts'
import type { RateLimit } from '../routing/extensions.ts'
import type { Journal } from '../state/journal.ts'
import { fingerprintOf } from '../state/labels.ts'
import type { DigestRecord, Notification, NotifiedAlert } from './notification.ts'

const maxNames = 20
const maxExamples = 20
const retryMs = 10_000

/** The name of the alert that stands for those that were put together. */
const digestName = 'NotificationDigest'

export interface DigestOptions {
  readonly clock: Clock
  readonly log: Log
  readonly journal: Journal
  readonly externalUrl: string
  /** Gives a notification its ID and its place in the order, noted on disk with `change`. */
  readonly number: (lane: string) => { readonly id: string; readonly sequence: number }
  /** Takes the notification for delivery once it is on disk. */
  readonly deliver: (notification: Notification) => void
}

/**
 * What is beyond a receiver's rate: it is counted, on disk, and told at the end of the rate's time in one message with the numbers. While
 * something waits in a digest, what comes after it goes there too, so nothing overtakes.
 */
export class Digests {
  readonly #options: DigestOptions
  readonly #records = new Map<string, DigestRecord>()
  readonly #timers = new Map<string, Timer>()
  readonly #flushing = new Set<Promise<void>>()
  #isStopped = false

  constructor(options: DigestOptions) {
    this.#options = options
  }

  /** Takes over what the disk holds; what is due is told at once. */
  restore(records: Iterable<readonly [string, DigestRecord]>): void {
    for (const [key, record] of records) this.#keep(key, record)
  }

  isPending(key: string): boolean {
    return this.#records.has(key)
  }

  /** Counts one more notification, and gives the record to be put on disk together with the decision. */
  add(key: string, notification: Notification, limit: RateLimit): DigestRecord {
    const { receiver, integration, alerts } = notification
    const now = this.#options.clock.now()
    const before: DigestRecord = this.#records.get(key) ?? {
      receiver,
      integration,
      since: now,
      dueAt: now + limit.perMs,
      notifications: 0,
      firing: 0,
      resolved: 0,
      names: {},
      others: 0,
      examples: [],
    }
    const names = { ...before.names }
    let { others } = before
    for (const { labels } of alerts) {
      const name = labels['alertname'] ?? ''
      if (Object.hasOwn(names, name) || Object.keys(names).length < maxNames) names[name] = (names[name] ?? 0) + 1
      else others++
    }
    const firing = alerts.filter((alert) => alert.status === 'firing').length
    const latest = new Map([...before.examples, ...alerts].map((alert) => [alert.fingerprint, alert]))
    const record = {
      ...before,
      notifications: before.notifications + 1,
      firing: before.firing + firing,
      resolved: before.resolved + alerts.length - firing,
      names,
      others,
      examples: [...latest.values()].slice(0, maxExamples),
    }
    this.#keep(key, record)
    return record
  }

  /** Sees to it that a record is told. */
  #keep(key: string, record: DigestRecord): void {
    this.#records.set(key, record)
    if (!this.#timers.has(key)) this.#schedule(key, Math.max(record.dueAt - this.#options.clock.now(), 0))
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    for (const timer of this.#timers.values()) timer.cancel()
    await Promise.all(this.#flushing)
  }

  #schedule(key: string, ms: number): void {
    if (this.#isStopped) return
    const timer = this.#options.clock.setTimer(ms, () => {
      const flush = this.#flush(key).finally(() => this.#flushing.delete(flush))
      this.#flushing.add(flush)
    })
    this.#timers.set(key, timer)
  }

  async #flush(key: string): Promise<void> {
    const { journal, log, deliver } = this.#options
    this.#timers.delete(key)
    const record = this.#records.get(key)!
    // What comes from now on begins a digest of its own, and is written after this one.
    this.#records.delete(key)
    try {
      const notification = this.#compose(record)
      const { id, receiver, integration, createdAt } = notification
      await journal.commit({
        put: [{ table: 'notification', key: id, value: notification }],
        remove: [{ table: 'digest', key }],
        entries: [
          {
            time: createdAt,
            kind: 'enqueued',
            alertname: digestName,
            receiver,
            notification: id,
            text: `digest of ${record.notifications} notifications to ${receiver}/${integration}`,
          },
        ],
      })
      deliver(notification)
    } catch (err) {
      log.error({ err, key }, 'a digest could not be told; trying again')
      this.#records.set(key, sum(record, this.#records.get(key)))
      this.#timers.get(key)?.cancel()
      this.#schedule(key, retryMs)
    }
  }

  #compose(record: DigestRecord): Notification {
    const { receiver, integration, since, notifications, firing, resolved, names, others, examples } = record
    const now = this.#options.clock.now()
    const lane = `digest\0${receiver}\0${integration}`
    const { id, sequence } = this.#options.number(lane)
    const byName = Object.entries(names).map(([name, count]) => `${name} ${count}`)
    const list = [...byName, ...(others > 0 ? [`others ${others}`] : [])].join(', ')
    const span = formatDuration(Math.max(now - since, 1000))
    const summary = `${notifications} notifications with ${firing} firing and ${resolved} resolved alerts in ${span} were too many to tell one by one: ${list}`
    const labels = { alertname: digestName, receiver }
    const sum: NotifiedAlert = {
      status: 'firing',
      labels,
      annotations: { summary },
      startsAt: since,
      generatorUrl: '',
      fingerprint: fingerprintOf(labels),
    }
    const { externalUrl } = this.#options
    const fixed = { externalUrl, createdAt: now, attempts: 0, notBefore: now, thread: id }
    const groupLabels = { alertname: digestName }
    return {
      id,
      lane,
      sequence,
      groupKey: `{}/digest:${receiver}`,
      groupLabels,
      receiver,
      integration,
      alerts: [sum, ...examples],
      ...fixed,
    }
  }
}

/** Two digests of one integration as one. */
function sum(earlier: DigestRecord, later: DigestRecord | undefined): DigestRecord {
  if (later === undefined) return earlier
  return {
    ...earlier,
    notifications: earlier.notifications + later.notifications,
    firing: earlier.firing + later.firing,
    resolved: earlier.resolved + later.resolved,
    others: earlier.others + later.others + Object.values(later.names).reduce((total, count) => total + count, 0),
    examples: later.examples,
  }
}
