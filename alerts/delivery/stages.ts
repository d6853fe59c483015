import { createHash } from 'node:crypto'
import { createInhibitor } from '../routing/inhibition.ts'
import type { Inhibitor, InhibitRule } from '../routing/inhibition.ts'
import type { Route } from '../routing/route.ts'
import { isInside } from '../routing/time-interval.ts'
import type { TimeInterval } from '../routing/time-interval.ts'
import type { Alert } from '../state/alert.ts'
import { isResolved } from '../state/alert.ts'
import type { AlertStore } from '../state/alert-store.ts'
import { mergeChanges } from '../state/journal.ts'
import type { EntryDraft, Journal } from '../state/journal.ts'
import type { Labels } from '../state/labels.ts'
import { compareText } from '../state/labels.ts'
import type { SilenceStore } from '../state/silence.ts'
import type { RateLimit } from '../routing/extensions.ts'
import type { AcknowledgementStore } from '../state/acknowledgement.ts'
import { formatDuration } from '../../lib/duration.ts'
import type { Allowances } from './allowances.ts'
import type { Digests } from './digests.ts'
import type { DigestRecord, Notification, NotifiedAlert, SentRecord } from './notification.ts'
import type { Outbox } from './outbox.ts'
import { isAbout } from './own-alerts.ts'

/** A group's alerts on their way to one integration. */
export interface Batch {
  readonly lane: string
  /** Lanes of mail to those who have not acknowledged, on the way to those who are told then: their threads go on. */
  readonly origins: readonly string[]
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
  /** Set where the notification is told as part of a digest. */
  readonly digest?: DigestRecord
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

/** Takes out alerts that say that this very receiver does not work. */
export function selfStage(): Stage {
  const seen = new SuppressionMemory('not told to a receiver that does not work:')
  return {
    name: 'self',
    run: async (batch) => seen.filter(batch, ({ labels }) => (isAbout(labels, batch.receiver) ? [batch.receiver] : [])),
  }
}

/** On the way to those who are told when nobody acknowledges: lets through what has waited long enough, and what was told them before. */
export function escalateStage(options: { readonly acknowledgements: AcknowledgementStore; readonly sent: SentRecords }): Stage {
  const seen = new SuppressionMemory('acknowledged by')
  return {
    name: 'escalate',
    run: async (batch) => {
      const { escalatesAfterMs: afterMs } = batch.route
      if (afterMs === undefined) return batch
      const told = new Set(options.sent.get(batch.lane)?.firing)
      const due = batch.alerts.filter(
        (alert) => told.has(alert.fingerprint) || (!isResolved(alert, batch.now) && batch.now - alert.startsAt >= afterMs),
      )
      return seen.filter({ ...batch, alerts: due }, (alert) => {
        const acknowledgement = told.has(alert.fingerprint) ? undefined : options.acknowledgements.find(alert)
        return acknowledgement === undefined ? [] : [acknowledgement.by || 'somebody']
      })
    },
  }
}

/** Takes out alerts that other alerts mute. */
export function inhibitStage(options: { readonly alerts: AlertStore; readonly rules: readonly InhibitRule[] }): Stage {
  const { alerts, rules } = options
  const seen = new SuppressionMemory('inhibited by')
  // Groups that are looked at together share one index of the firing alerts.
  let known: { readonly version: number; readonly now: number; readonly inhibitor: Inhibitor } | undefined
  const inhibitorAt = (now: number): Inhibitor => {
    if (known?.version !== alerts.version || known.now !== now) {
      known = { version: alerts.version, now, inhibitor: createInhibitor(rules, alerts.list(), now) }
    }
    return known.inhibitor
  }
  return {
    name: 'inhibit',
    run: async (batch) => {
      if (rules.length === 0) return batch
      const inhibitor = inhibitorAt(batch.now)
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
  readonly acknowledgements: AcknowledgementStore
  readonly outbox: Pick<Outbox, 'isIdle'>
  readonly externalUrl: string
  /** The ID and the place in the order of a lane's next notification. */
  readonly number: (lane: string) => { readonly id: string; readonly sequence: number }
}): Stage {
  const isAcknowledged = (alert: Alert) => options.acknowledgements.find(alert) !== undefined
  return {
    name: 'dedup',
    run: async (batch) => {
      const last = options.sent.get(batch.lane)
      if (batch.alerts.length === 0 || !needsTelling(batch, last, { isIdle: options.outbox.isIdle(batch.lane), isAcknowledged }))
        return batch
      const alerts = batch.alerts.filter((alert) => batch.sendResolved || !isResolved(alert, batch.now))
      const { firing, resolved } = partition(batch)
      const { id, sequence } = options.number(batch.lane)
      const thread = last !== undefined && last.firing.length > 0 ? last.thread : id
      const record = { firing, resolved, at: batch.now, thread }
      // A receiver that wants no resolved ones is told nothing; that they are over is noted all the same.
      if (alerts.length === 0) return { ...batch, record }
      const { lane, groupKey, groupLabels, receiver, integration, now } = batch
      const told = alerts.map((alert) => describeAlert(alert, now)).sort((left, right) => compareText(left.fingerprint, right.fingerprint))
      const origins = batch.origins.flatMap((origin) => {
        const known = options.sent.get(origin)
        return known === undefined || known.firing.length === 0 ? [] : [{ lane: origin, thread: known.thread }]
      })
      const fixed = { externalUrl: options.externalUrl, createdAt: now, attempts: 0, notBefore: now, thread }
      return {
        ...batch,
        record,
        notification: {
          id,
          lane,
          sequence,
          groupKey,
          groupLabels,
          receiver,
          integration,
          alerts: told,
          ...fixed,
          ...(origins.length > 0 && { origins }),
        },
      }
    },
  }
}

/**
 * Holds an integration to its rate. Where the other side keeps the state of each group, a notification has to wait; elsewhere it becomes a
 * part of a digest.
 */
export function limitStage(options: {
  readonly allowances: Allowances
  readonly digests: Digests
  readonly limits: ReadonlyMap<string, RateLimit>
  /** Whether an integration, by receiver and name, must be told each thing. */
  isStateful(key: string): boolean
}): Stage {
  return {
    name: 'limit',
    run: async (batch) => {
      const { notification } = batch
      const limit = options.limits.get(batch.receiver)
      if (notification === undefined || limit === undefined) return batch
      const key = `${batch.receiver}/${batch.integration}`
      if (options.isStateful(key)) {
        return { ...batch, notification: { ...notification, notBefore: batch.now + options.allowances.reserve(key, limit) } }
      }
      if (!options.digests.isPending(key) && options.allowances.take(key, limit) === 0) return batch
      const digest = options.digests.add(key, notification, limit)
      const rate = `${limit.notifications} in ${formatDuration(limit.perMs)}`
      const text = `the rate of ${key}, ${rate}, is reached: part of a digest at ${new Date(digest.dueAt).toISOString()}`
      const notes = notification.alerts.map((alert) => ({
        ...enqueued(notification, alert),
        kind: 'digested' as const,
        text: `${alert.status}: ${text}`,
      }))
      const { notification: _, ...rest } = batch
      return { ...rest, digest, notes: [...batch.notes, ...notes] }
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
      const { lane, record, notification, digest } = batch
      const change = mergeChanges(
        {
          entries: [
            ...batch.notes,
            ...(notification === undefined ? [] : notification.alerts.map((alert) => enqueued(notification, alert))),
          ],
        },
        record === undefined ? {} : { put: [{ table: 'sent', key: lane, value: record }] },
        notification === undefined ? {} : { put: [{ table: 'notification', key: notification.id, value: notification }] },
        digest === undefined ? {} : { put: [{ table: 'digest', key: `${digest.receiver}/${digest.integration}`, value: digest }] },
        record === undefined ? {} : { put: [{ table: 'fact', key: sequenceKey, value: { value: options.lastSequence() } }] },
      )
      if (change.put.length + change.entries.length > 0) await options.journal.commit(change)
      if (record !== undefined) options.sent.set(lane, record)
      if (notification !== undefined) options.outbox.add(notification)
      return batch
    },
  }
}

/** Alertmanager's rule for telling a group again; see the stage. */
function needsTelling(
  batch: Batch,
  last: SentRecord | undefined,
  { isIdle, isAcknowledged }: { readonly isIdle: boolean; readonly isAcknowledged: (alert: Alert) => boolean },
): boolean {
  const { firing, resolved } = partition(batch)
  if (last === undefined) return firing.length > 0
  const knownFiring = new Set(last.firing)
  if (firing.some((fingerprint) => !knownFiring.has(fingerprint))) return true
  if (firing.length === 0) return last.firing.length > 0
  const knownResolved = new Set(last.resolved)
  if (batch.sendResolved && resolved.some((fingerprint) => !knownResolved.has(fingerprint))) return true
  // A repetition on top of what is still under way would only pile up; nobody needs one of what somebody has taken on.
  if (!isIdle || batch.now - last.at < batch.route.repeatIntervalMs) return false
  return batch.alerts.some((alert) => !isResolved(alert, batch.now) && !isAcknowledged(alert))
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
export function notificationId(installation: string, lane: string, sequence: number): string {
  const hash = createHash('sha256').update(`${installation}\0${lane}`).digest('hex').slice(0, 16)
  return `${hash}-${sequence}`
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
      ? { ...place, kind: 'released', text: `no longer ${this.#because.replace(/ by.*|:$/, '')}` }
      : { ...place, kind: 'suppressed', text: `${this.#because} ${reason}` }
  }
}
