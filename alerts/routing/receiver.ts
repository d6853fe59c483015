import type { Template } from '../rules/template.ts'

/** TLS of a connection that we open. Texts are PEM. */
export interface TlsSettings {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly serverName?: string
  readonly isInsecure: boolean
}

/** One `email_configs` entry, defaults of `global` filled in. */
export interface MailSettings {
  readonly kind: 'email'
  readonly sendResolved: boolean
  readonly to: readonly string[]
  readonly from: string
  readonly host: string
  readonly port: number
  readonly hello: string
  readonly auth?: { readonly user: string; readonly password: string }
  /** STARTTLS must succeed before anything is sent. Port 465 is TLS from the start, as in Alertmanager. */
  readonly requireTls: boolean
  readonly tls: TlsSettings
  readonly subject: Template | undefined
  readonly headers: Readonly<Record<string, Template>>
}

/** One `webhook_configs` entry. */
export interface WebhookSettings {
  readonly kind: 'webhook'
  readonly sendResolved: boolean
  readonly url: URL
  /** At most this many alerts in one payload; 0 is no limit. */
  readonly maxAlerts: number
  readonly timeoutMs: number
  readonly authorization?: string
  readonly tls: TlsSettings
  readonly followRedirects: boolean
  /** Signs each body. */
  readonly hmacSecret?: string
  /** Lets the URL lead to link-local addresses, where clouds serve credentials. */
  readonly allowLinkLocal: boolean
}

export type IntegrationSettings = MailSettings | WebhookSettings

/** A named set of ways to tell somebody. */
export interface Receiver {
  readonly name: string
  readonly integrations: readonly IntegrationSettings[]
}

/** `email[0]`: tells the integrations of a receiver apart, in keys, journals and metrics. */
export function integrationName(receiver: Receiver, index: number): string {
  const { kind } = receiver.integrations[index]!
  const position = receiver.integrations.slice(0, index).filter((other) => other.kind === kind).length
  return `${kind}[${position}]`
}
