import type { Answer, HttpSettings, OutgoingRequest } from '../delivery/http-integration.ts'
import type { Message } from '../delivery/message.ts'
import type { Delivery } from '../delivery/notification.ts'
import type { CompiledText } from '../template/template-set.ts'

/** A secret of the configuration. What is in a file is read each time it is needed, so that a rotated one is used at once. */
export type Secret = { readonly text: string } | { readonly file: string }

/** A text of the configuration and the built-in one that takes its place when it fails. */
export interface FieldText {
  readonly own: CompiledText | undefined
  readonly standard: CompiledText
}

/** TLS of a connection that we open. Texts are PEM. */
export interface TlsSettings {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly serverName?: string
  readonly minVersion?: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'
  readonly isInsecure: boolean
}

/** Signs mails, so that receiving servers believe the sender's domain. */
export interface DkimSettings {
  readonly domain: string
  readonly selector: string
  readonly privateKey: Secret
}

/** One `email_configs` entry, defaults of `global` filled in. */
export interface MailSettings {
  readonly kind: 'email'
  readonly sendResolved: boolean
  /** Addresses with commas between. */
  readonly to: FieldText
  readonly from: FieldText
  readonly host: string
  readonly port: number
  readonly hello: string
  readonly auth?: { readonly user: string; readonly password: Secret; readonly method?: 'CRAM-MD5' }
  /** STARTTLS must succeed before anything is sent. */
  readonly requireTls: boolean
  /** TLS from the first byte on. */
  readonly isImplicitTls: boolean
  readonly tls: TlsSettings
  readonly subject: FieldText
  readonly headers: Readonly<Record<string, FieldText>>
  readonly html: FieldText
  readonly text: FieldText
  readonly dkim?: DkimSettings
  /** Mails to one domain in a minute; further ones wait. */
  readonly perDomainPerMinute?: number
}

/** One entry of any receiver that is called over HTTP: what is asked for a message, and what the answer means. */
export interface HttpReceiverSettings {
  readonly kind: string
  readonly sendResolved: boolean
  readonly http: HttpSettings
  readonly timeoutMs: number
  /** The other side keeps the state of each group (an incident): a resolved one must follow each firing one, so nothing is put together. */
  readonly isStateful: boolean
  /** The requests that tell one notification, made one after the other. Throws `SecretError` where a secret cannot be read. */
  compose(message: Message): readonly OutgoingRequest[]
  /** What an answer means that the status alone does not tell; `undefined` for the usual meaning. */
  classify?(answer: Answer): Delivery | undefined
}

export type IntegrationSettings = MailSettings | HttpReceiverSettings

export function isMail(settings: IntegrationSettings): settings is MailSettings {
  return settings.kind === 'email'
}

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
