import type { Labels } from '../state/labels.ts'

/** An alert as a notification tells it. */
export interface NotifiedAlert {
  readonly status: 'firing' | 'resolved'
  readonly labels: Labels
  readonly annotations: Labels
  readonly startsAt: number
  readonly endsAt?: number
  readonly generatorUrl: string
  readonly fingerprint: string
}

/**
 * One thing to tell one integration. It is on disk before the first attempt, whole, so that every attempt says the same under the same ID,
 * over restarts and reloads.
 */
export interface Notification {
  /** Stable over all attempts: idempotency key and the left part of the Message-ID. */
  readonly id: string
  /** Group, receiver and integration. Notifications of one lane are delivered in order, one at a time. */
  readonly lane: string
  /** Increasing over all notifications. */
  readonly sequence: number
  readonly groupKey: string
  readonly groupLabels: Labels
  readonly receiver: string
  /** `email[0]`, as in `integrationName`. */
  readonly integration: string
  readonly alerts: readonly NotifiedAlert[]
  readonly externalUrl: string
  readonly createdAt: number
  /** Attempts that have ended. */
  readonly attempts: number
  /** Not before this time. */
  readonly notBefore: number
  /** The first notification since the group was last quiet, with which the others belong together. Itself, if it is the first. */
  readonly thread: string
  /** What others were told before of the same alerts, where this one continues that: nobody has acknowledged it. */
  readonly origins?: readonly { readonly lane: string; readonly thread: string }[]
  /** The `reference` of the message that this one belongs to: the same for all attempts. */
  readonly replyTo?: string
  /** Recipients that are still to be told; absent before the first partial success. */
  readonly recipients?: readonly string[]
}

/** What a lane was told last, and so what it need not be told again. Written together with the notification that tells it. */
export interface SentRecord {
  readonly firing: readonly string[]
  readonly resolved: readonly string[]
  readonly at: number
  readonly thread: string
}

/** What a lane's receiver calls the message that the others of a thread belong to. */
export interface ThreadRecord {
  readonly thread: string
  readonly reference: string
}

/** What an integration was not told one by one because it would have been too much, to be told in one message. */
export interface DigestRecord {
  readonly receiver: string
  readonly integration: string
  readonly since: number
  /** When it is told. */
  readonly dueAt: number
  readonly notifications: number
  readonly firing: number
  readonly resolved: number
  /** Alerts by name, the first names only. */
  readonly names: Readonly<Record<string, number>>
  /** Alerts under other names. */
  readonly others: number
  /** The last state of a few of them. */
  readonly examples: readonly NotifiedAlert[]
}

/** What became of one attempt. */
export type Delivery = {
  readonly refused?: readonly Refusal[]
  /** What the receiver calls the message that further ones of this thread belong to, where it knows threads. */
  readonly reference?: string
} & (
  | { readonly outcome: 'delivered'; readonly detail: string }
  | {
      readonly outcome: 'retry'
      readonly reason: string
      /** The receiver's own wish; absent means the usual backoff. */
      readonly afterMs?: number
      /** Those that are still to be told, where others have been. */
      readonly recipients?: readonly string[]
    }
  | { readonly outcome: 'failed'; readonly reason: string }
)

/** A recipient that will never take this message. */
export interface Refusal {
  readonly recipient: string
  readonly reason: string
}

/** A way to tell somebody. `send` never throws for what the other side does; it is called for one notification of a lane at a time. */
export interface Integration {
  readonly kind: string
  readonly sendResolved: boolean
  send(notification: Notification, signal: AbortSignal): Promise<Delivery>
  close(): void
}

/** Whether anything in a notification still fires. */
export function statusOf(notification: Pick<Notification, 'alerts'>): 'firing' | 'resolved' {
  return notification.alerts.some((alert) => alert.status === 'firing') ? 'firing' : 'resolved'
}
