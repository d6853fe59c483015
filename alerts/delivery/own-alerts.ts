import type { Clock } from '../../lib/clock.ts'
import type { Alert } from '../state/alert.ts'
import { isResolved } from '../state/alert.ts'
import type { AlertStore } from '../state/alert-store.ts'
import { fingerprintOf, formatLabels } from '../state/labels.ts'
import type { Labels } from '../state/labels.ts'
import type { Delivery, Notification } from './notification.ts'

const ownNames = ['NotificationDeliveryFailed', 'NotificationDeliveryDelayed', 'NotificationHeartbeatFailed'] as const
export type OwnName = (typeof ownNames)[number]

/** A notification that is not delivered after this long is worth an alert of its own. */
const delayedAfterMs = 600_000
/** An alert about a receiver ends by itself when nothing more is wrong for this long. */
const lastsMs = 3_600_000
/** It is made to last longer no more often than this. */
const refreshMs = 600_000

/** Whether an alert says that this very receiver does not work: then it is of no use to tell it there. */
export function isAbout(labels: Labels, receiver: string): boolean {
  return labels['receiver'] === receiver && (ownNames as readonly string[]).includes(labels['alertname'] ?? '')
}

/** Alerts about the delivery of alerts: they are routed like any other, but never to the receiver that they are about. */
export class OwnAlerts {
  readonly #alerts: AlertStore
  readonly #clock: Clock

  constructor(options: { readonly alerts: AlertStore; readonly clock: Clock }) {
    this.#alerts = options.alerts
    this.#clock = options.clock
  }

  /** What an attempt says about its receiver. `isDone` is false where it will be tried again. */
  async note(notification: Notification, delivery: Delivery, isDone: boolean): Promise<void> {
    // About messages of this kind there are none, or two receivers that are away would keep each other busy.
    if (notification.alerts.every(({ labels }) => (ownNames as readonly string[]).includes(labels['alertname'] ?? ''))) return
    const { receiver, integration } = notification
    const refusal = delivery.refused?.[0]
    if (delivery.outcome !== 'delivered' && isDone) {
      await this.raise('NotificationDeliveryFailed', { receiver, integration }, `A notification was refused for good: ${delivery.reason}`)
    } else if (refusal !== undefined) {
      await this.raise(
        'NotificationDeliveryFailed',
        { receiver, integration },
        `${refusal.recipient} was refused for good: ${refusal.reason}`,
      )
    }
    if (delivery.outcome === 'delivered') await this.clear('NotificationDeliveryDelayed', { receiver, integration })
    else if (!isDone && this.#clock.now() - notification.createdAt >= delayedAfterMs) {
      await this.raise('NotificationDeliveryDelayed', { receiver, integration }, `Tried ${notification.attempts} times: ${delivery.reason}`)
    }
  }

  async raise(name: OwnName, about: { readonly receiver: string; readonly integration: string }, summary: string): Promise<void> {
    const labels = { alertname: name, severity: 'critical', ...about }
    const fingerprint = fingerprintOf(labels)
    const now = this.#clock.now()
    const known = this.#alerts.find(fingerprint)
    const isFiring = known !== undefined && !isResolved(known, now)
    if (isFiring && now - known.updatedAt < refreshMs) return
    const startsAt = isFiring ? known.startsAt : now
    const alert: Alert = { fingerprint, labels, annotations: { summary }, startsAt, endsAt: now + lastsMs, updatedAt: now, source: 'api' }
    const entry = { time: now, kind: 'received' as const, fingerprint, alertname: name, text: `raised ${formatLabels(labels)}: ${summary}` }
    await this.#alerts.put([alert], isFiring ? {} : { entries: [entry] })
  }

  async clear(name: OwnName, about: { readonly receiver: string; readonly integration: string }): Promise<void> {
    const now = this.#clock.now()
    const known = this.#alerts.find(fingerprintOf({ alertname: name, severity: 'critical', ...about }))
    if (known === undefined || isResolved(known, now)) return
    const { fingerprint, labels } = known
    const entry = { time: now, kind: 'received' as const, fingerprint, alertname: name, text: `over ${formatLabels(labels)}` }
    await this.#alerts.put([{ ...known, endsAt: now, updatedAt: now }], { entries: [entry] })
  }
}
