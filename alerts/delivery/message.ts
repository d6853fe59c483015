import type { FieldText, Secret } from '../routing/receiver.ts'
import { commonLabels } from '../state/labels.ts'
import type { Labels } from '../state/labels.ts'
import type { CompiledText } from '../template/template-set.ts'
import type { Thing } from '../template/value.ts'
import { messageData } from './message-data.ts'
import type { Neutralize } from './message-data.ts'
import { statusOf } from './notification.ts'
import type { Notification } from './notification.ts'

/** Go's zero time, which stands for "not set" in Alertmanager's JSON. */
export const zeroTime = '0001-01-01T00:00:00Z'

/** Characters that no receiver shows and some choke on: C0 without tab and line break, and DEL. */
// oxlint-disable-next-line no-control-regex
const controls = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F]/g

/** Thrown where a secret's file cannot be read: somebody may put it right, so the notification is tried again. */
export class SecretError extends Error {
  readonly code = 'EALERTSSECRET'
}

/**
 * One notification on its way into a receiver's format. Texts of the configuration are rendered here: one that fails gives way to the
 * built-in text, and what was wrong is noted, so that a mistake in a template never costs a notification.
 */
export class Message {
  readonly notification: Notification
  readonly now: number
  /** What was wrong with the texts, for the journal. */
  readonly problems: string[] = []
  readonly #readFile: (path: string) => string
  readonly #data = new Map<Neutralize | undefined, Thing>()

  constructor(options: { readonly notification: Notification; readonly now: number; readonly readFile: (path: string) => string }) {
    this.notification = options.notification
    this.now = options.now
    this.#readFile = options.readFile
  }

  get isFiring(): boolean {
    return statusOf(this.notification) === 'firing'
  }

  /** The text without characters that cannot be shown. */
  render(field: FieldText, neutralize?: Neutralize): string {
    return cleanText(this.#renderRaw(field, neutralize))
  }

  /** The text on one line, at most `maxLength` characters long. */
  line(field: FieldText, maxLength: number, neutralize?: Neutralize): string {
    return truncate(oneLine(this.render(field, neutralize)), maxLength)
  }

  /** Throws `SecretError`. */
  secret(secret: Secret): string {
    if ('text' in secret) return secret.text
    try {
      return this.#readFile(secret.file).trim()
    } catch (err) {
      throw new SecretError(`cannot read ${secret.file}: ${(err as { code?: string }).code ?? 'unknown error'}`, { cause: err })
    }
  }

  #renderRaw(field: FieldText, neutralize: Neutralize | undefined): string {
    const data = this.#data.get(neutralize) ?? messageData(this.notification, neutralize)
    this.#data.set(neutralize, data)
    const attempt = (text: CompiledText): string | undefined => {
      try {
        return text.render(data, this.now)
      } catch (err) {
        this.problems.push((err as Error).message.slice(0, 200))
        return undefined
      }
    }
    return (field.own && attempt(field.own)) ?? attempt(field.standard) ?? ''
  }
}

/** The text without characters that cannot be shown. */
export function cleanText(text: string): string {
  return text.replaceAll(controls, '').toWellFormed()
}

/** Line breaks become spaces: what is made of it is one line whatever it is put into. */
export function oneLine(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[\r\n\0\u0085\u2028\u2029]+/g, ' ')
}

/** At most `maxLength` UTF-16 units, cut between characters, with an ellipsis where something is missing. */
export function truncate(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text
  return `${text.slice(0, maxLength - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}

/** Alertmanager's webhook payload, version 4. */
export interface WebhookPayload {
  readonly version: '4'
  readonly groupKey: string
  readonly truncatedAlerts: number
  readonly status: 'firing' | 'resolved'
  readonly receiver: string
  readonly groupLabels: Labels
  readonly commonLabels: Labels
  readonly commonAnnotations: Labels
  readonly externalURL: string
  readonly alerts: readonly {
    readonly status: 'firing' | 'resolved'
    readonly labels: Labels
    readonly annotations: Labels
    readonly startsAt: string
    readonly endsAt: string
    readonly generatorURL: string
    readonly fingerprint: string
  }[]
}

/** The payload of a notification; with `maxAlerts` above 0 the rest is only counted. */
export function webhookPayload(notification: Notification, maxAlerts: number): WebhookPayload {
  const { alerts } = notification
  const listed = maxAlerts > 0 ? alerts.slice(0, maxAlerts) : alerts
  return {
    receiver: notification.receiver,
    status: statusOf(notification),
    alerts: listed.map((alert) => ({
      status: alert.status,
      labels: alert.labels,
      annotations: alert.annotations,
      startsAt: new Date(alert.startsAt).toISOString(),
      endsAt: alert.endsAt === undefined ? zeroTime : new Date(alert.endsAt).toISOString(),
      generatorURL: alert.generatorUrl,
      fingerprint: alert.fingerprint,
    })),
    groupLabels: notification.groupLabels,
    commonLabels: commonLabels(alerts.map((alert) => alert.labels)),
    commonAnnotations: commonLabels(alerts.map((alert) => alert.annotations)),
    externalURL: notification.externalUrl,
    version: '4',
    groupKey: notification.groupKey,
    truncatedAlerts: alerts.length - listed.length,
  }
}
