import { createHash } from 'node:crypto'
import { createInhibitor } from '../routing/inhibition.ts'
import type { InhibitRule } from '../routing/inhibition.ts'
import type { Route } from '../routing/route.ts'
import { isInside } from '../routing/time-interval.ts'
import type { TimeInterval } from '../routing/time-interval.ts'
import type { Alert } from '../state/alert.ts'
import { isResolved } from '../state/alert.ts'
import type { AlertStore } from '../state/alert-store.ts'
import { mergeChanges } from '../state/journal.ts'
import type { Change, EntryDraft, Journal } from '../state/journal.ts'
import type { Labels } from '../state/labels.ts'
import { compareText } from '../state/labels.ts'
import type { SilenceStore } from '../state/silence.ts'
import type { Notification, NotifiedAlert, SentRecord } from './notification.ts'
import type { Outbox } from './outbox.ts'

/** A group's alerts on their way to one integration. */
export interface Batch {
  readonly lane: string
  readonly route: Route
  readonly groupKey: string
  readonly groupLabels: Labels
  readonly receiver: string
  readonly integration: string
  readonly sendResolved: boolean
  readonly alerts: readonly Alert[]
  readonly now: number
  /** What the stages have to say for the journal. */
  readonly notes: readonly EntryDraft[]
  /** Set by the stage that decides that something is to be told. */
  readonly notification?: Notification
  readonly record?: SentRecord
}

/** One step on the way to a delivery. It passes the batch on, smaller or larger, or ends the way with `undefined`: the group comes back later. */
export interface Stage {
  readonly name: string
  run(batch: Batch): Promise<Batch | undefined>
}

/** What a lane was told last, in memory as on disk. */
export type SentRecords = Map<string, SentRecord>

/** The fact that keeps sequences increasing over restarts. */
export const sequenceKey = 'sequence'

/**
 * Runs a batch through the stages until one ends it, and says whether it came to the end: if not, the group is not told yet. Throws what a
 * stage throws; then nothing was told and nothing noted.
 */
export async function runStages(stages: readonly Stage[], batch: Batch): Promise<boolean> {
  let current: Batch | undefined = batch
  for (const stage of stages) {
    current = await stage.run(current)
    if (current === undefined) return false
  }
  return true
}

/** Makes a lane wait whose receiver is far behind: what is new is told by a later, larger notification. */
export function waitStage(options: { readonly outbox: Pick<Outbox, 'hasRoom'> }): Stage {
  return { name: 'wait', run: async (batch) => (options.outbox.hasRoom(batch.lane) ? batch : undefined) }
}

/** Takes out alerts that other alerts mute. */
export function inhibitStage(options: { readonly alerts: AlertStore; readonly rules: readonly InhibitRule[] }): Stage {
  const seen = new SuppressionMemory('inhibited by')
  return {
    name: 'inhibit',
    run: async (batch) => {
      const inhibitor = createInhibitor(options.rules, options.alerts.list(), batch.now)
      return seen.filter(batch, (alert) => inhibitor.inhibiting(alert))
    },
  }
}

/** Ends the way outside the route's active times and inside its mute times. */
export function muteStage(options: { readonly timeIntervals: ReadonlyMap<string, TimeInterval> }): Stage {
  const find = (names: readonly string[], now: number) =>
    names.filter((name) => isInside(options.timeIntervals.get(name) ?? { name, members: [] }, now))
  const seen = new SuppressionMemory('muted by time interval')
  return {
    name: 'mute',
    run: async (batch) => {
      const { muteIntervals, activeIntervals } = batch.route
      const muting = find(muteIntervals, batch.now)
      const isIdle = activeIntervals.length > 0 && find(activeIntervals, batch.now).length === 0
      const reasons = isIdle ? [...muting, ...activeIntervals.map((name) => `not ${name}`)] : muting
      return seen.filter(batch, () => reasons)
    },
  }
}

/** Takes out alerts that a silence matches. */
export function silenceStage(options: { readonly silences: SilenceStore }): Stage {
  const seen = new SuppressionMemory('silenced by')
  return { name: 'silence', run: async (batch) => seen.filter(batch, (alert) => options.silences.silencing(alert.labels, batch.now)) }
}

/**
 * Decides whether there is something to tell that was not told: a firing alert that is new to the lane, one that has resolved, or nothing
 * new for the repeat interval while alerts still fire.
 */
export function dedupStage(options: {
  readonly sent: SentRecords
  readonly outbox: Pick<Outbox, 'isIdle'>
  readonly externalUrl: string
  readonly installation: string
  nextSequence(): number
}): Stage {
  return {
    name: 'dedup',
    run: async (batch) => {
      const last = options.sent.get(batch.lane)
      if (batch.alerts.length === 0 || !needsTelling(batch, last, options.outbox.isIdle(batch.lane))) return batch
      const alerts = batch.alerts.filter((alert) => batch.sendResolved || !isResolved(alert, batch.now))
      const { firing, resolved } = partition(batch)
      const sequence = options.nextSequence()
      const id = notificationId(options.installation, batch.lane, sequence)
      const thread = last !== undefined && last.firing.length > 0 ? last.thread : id
      const record = { firing, resolved, at: batch.now, thread }
      // A receiver that wants no resolved ones is told nothing; that they are over is noted all the same.
      if (alerts.length === 0) return { ...batch, record }
      const { lane, groupKey, groupLabels, receiver, integration, now } = batch
      const told = alerts.map((alert) => describeAlert(alert, now)).sort((left, right) => compareText(left.fingerprint, right.fingerprint))
      const fixed = { externalUrl: options.externalUrl, createdAt: now, attempts: 0, notBefore: now, thread }
      return {
        ...batch,
        record,
        notification: { id, lane, sequence, groupKey, groupLabels, receiver, integration, alerts: told, ...fixed },
      }
    },
  }
}

/** Puts the decision, the notification and the notes on disk together, then hands the notification over for delivery. */
export function recordStage(options: {
  readonly journal: Journal
  readonly sent: SentRecords
  readonly outbox: Pick<Outbox, 'add'>
  /** The highest sequence given out so far. */
  lastSequence(): number
}): Stage {
  return {
    name: 'record',
    run: async (batch) => {
      const { lane, record, notification } = batch
      const change = mergeChanges(
        {
          entries: [
            ...batch.notes,
            ...(notification === undefined ? [] : notification.alerts.map((alert) => enqueued(notification, alert))),
          ],
        },
        record === undefined ? {} : { put: [{ table: 'sent', key: lane, value: record }] },
        notification === undefined ? {} : putNotification(notification, options.lastSequence()),
      )
      if (change.put.length + change.entries.length > 0) await options.journal.commit(change)
      if (record !== undefined) options.sent.set(lane, record)
      if (notification !== undefined) options.outbox.add(notification)
      return batch
    },
  }
}

/** Alertmanager's rule for telling a group again; see the stage. */
function needsTelling(batch: Batch, last: SentRecord | undefined, isIdle: boolean): boolean {
  const { firing, resolved } = partition(batch)
  if (last === undefined) return firing.length > 0
  const knownFiring = new Set(last.firing)
  if (firing.some((fingerprint) => !knownFiring.has(fingerprint))) return true
  if (firing.length === 0) return last.firing.length > 0
  const knownResolved = new Set(last.resolved)
  if (batch.sendResolved && resolved.some((fingerprint) => !knownResolved.has(fingerprint))) return true
  // A repetition on top of what is still under way would only pile up.
  return isIdle && batch.now - last.at >= batch.route.repeatIntervalMs
}

function partition(batch: Batch): { firing: readonly string[]; resolved: readonly string[] } {
  const [resolved, firing] = [true, false].map((isOver) =>
    batch.alerts.filter((alert) => isResolved(alert, batch.now) === isOver).map((alert) => alert.fingerprint),
  )
  return { firing: firing!, resolved: resolved! }
}

function describeAlert(alert: Alert, now: number): NotifiedAlert {
  const isOver = isResolved(alert, now)
  return {
    status: isOver ? 'resolved' : 'firing',
    labels: alert.labels,
    annotations: alert.annotations,
    startsAt: alert.startsAt,
    ...(isOver && { endsAt: alert.endsAt! }),
    generatorUrl: alert.generatorUrl ?? '',
    fingerprint: alert.fingerprint,
  }
}

/** Never the same for two notifications, even of installations that share a receiver. */
function notificationId(installation: string, lane: string, sequence: number): string {
  const hash = createHash('sha256').update(`${installation}\0${lane}`).digest('hex').slice(0, 16)
  return `${hash}-${sequence}`
}

function putNotification(notification: Notification, lastSequence: number): Change {
  return {
    put: [
      { table: 'notification', key: notification.id, value: notification },
      { table: 'fact', key: sequenceKey, value: { value: lastSequence } },
    ],
  }
}

function enqueued(notification: Notification, alert: NotifiedAlert): EntryDraft {
  return {
    time: notification.createdAt,
    kind: 'enqueued',
    fingerprint: alert.fingerprint,
    alertname: alert.labels['alertname'] ?? '',
    receiver: notification.receiver,
    notification: notification.id,
    text: `${alert.status} to ${notification.receiver}/${notification.integration}`,
  }
}

/** Remembers why alerts were held back from a lane, so that the journal says it once when it begins and once when it ends. */
class SuppressionMemory {
  readonly #because: string
  readonly #reasons = new Map<string, string>()

  constructor(because: string) {
    this.#because = because
  }

  filter(batch: Batch, reasonsOf: (alert: Alert) => readonly string[]): Batch {
    const notes: EntryDraft[] = []
    const alerts = batch.alerts.filter((alert) => {
      const reason = reasonsOf(alert).join(', ')
      const key = `${batch.lane}\0${alert.fingerprint}`
      const before = this.#reasons.get(key) ?? ''
      if (reason === '') this.#reasons.delete(key)
      else this.#reasons.set(key, reason)
      if (reason !== before) notes.push(this.#note(batch, alert, reason))
      if (isResolved(alert, batch.now)) this.#reasons.delete(key)
      return reason === ''
    })
    return { ...batch, alerts, notes: [...batch.notes, ...notes] }
  }

  #note(batch: Batch, alert: Alert, reason: string): EntryDraft {
    const { fingerprint, labels } = alert
    const place = { time: batch.now, fingerprint, alertname: labels['alertname'] ?? '', receiver: batch.receiver }
    return reason === ''
      ? { ...place, kind: 'released', text: `no longer ${this.#because.replace(/ by.*/, '')}` }
      : { ...place, kind: 'suppressed', text: `${this.#because} ${reason}` }
  }
}
