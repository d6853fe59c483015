import { createRequire } from 'node:module'
import type Nodemailer from 'nodemailer'
import type { Clock } from '../../lib/clock.ts'
import type { MailSettings } from '../routing/receiver.ts'
import { withProblems } from './http-integration.ts'
import { Message, oneLine, truncate } from './message.ts'
import type { Delivery, Integration, Notification, Refusal } from './notification.ts'
import { DomainLimits } from './domain-limits.ts'
import type { Admission } from './domain-limits.ts'
import { tlsOptions } from './tls-options.ts'

/** How long each part of a conversation with a mail server may take. */
const connectTimeoutMs = 10_000
const greetingTimeoutMs = 10_000
const socketTimeoutMs = 30_000

const maxConnections = 3
const maxSubjectLength = 200
const maxHeaderLength = 900
/** What each of the two bodies may have. */
const maxBodyLength = 512 * 1024

/** What nodemailer's errors carry. */
interface MailError extends Error {
  readonly code?: string
  readonly responseCode?: number
  readonly rejectedErrors?: readonly RecipientError[]
}

interface RecipientError extends Error {
  readonly recipient?: string
  readonly responseCode?: number
}

export interface MailOptions {
  readonly clock: Clock
  /** Reads a file that the configuration names. */
  readonly readFile: (path: string) => string
}

/** nodemailer's codes for a refused sender, recipient or message. Anything else (TLS, credentials, network) somebody may put right. */
const messageCodes: ReadonlySet<string> = new Set(['EMESSAGE', 'EENVELOPE'])

type Transport = ReturnType<typeof connect>

/**
 * Mail over SMTP. All attempts of a notification are the same message with the same Message-ID, so a mail store that has it already can tell.
 * A 4xx answer, a timeout or a broken connection is tried again; a 5xx answer is final. Recipients are told apart: those that took the message
 * are not sent it again because of others.
 */
export function createMailIntegration(settings: MailSettings, options: MailOptions): Integration {
  const { clock } = options
  const limits = new DomainLimits(settings.perDomainPerMinute, clock)
  let transport: { readonly secrets: string; readonly open: Transport } | undefined
  /** Pooled connections, made anew when a secret's file has changed. */
  const transportFor = (message: Message): Transport => {
    const password = settings.auth && message.secret(settings.auth.password)
    const dkimKey = settings.dkim && message.secret(settings.dkim.privateKey)
    const secrets = `${password ?? ''}\0${dkimKey ?? ''}`
    if (transport?.secrets === secrets) return transport.open
    transport?.open.close()
    transport = { secrets, open: connect(settings, password, dkimKey) }
    return transport.open
  }
  const deliver = async (message: Message, signal: AbortSignal): Promise<Delivery> => {
    const all = addressesOf(message.line(settings.to, maxBodyLength))
    const recipients = message.notification.recipients ?? all
    if (recipients.length === 0) return { outcome: 'failed', reason: 'there is no recipient' }
    const { now, later, afterMs } = limits.admit(recipients)
    if (now.length === 0)
      return { outcome: 'retry', reason: `the rate limit of ${later.join(', ')} is reached`, recipients: later, afterMs }
    const mail = composeMail(settings, message, all, now)
    const conclude = (delivery: Delivery) => ({
      ...postpone(delivery, { now, later, afterMs }),
      reference: mail.inReplyTo ?? mail.messageId,
    })
    try {
      const info = await transportFor(message).sendMail({ ...mail, signal })
      return conclude(classifySent(info.rejectedErrors ?? [], now, info.response))
    } catch (err) {
      return conclude(classifyError(err as MailError, now))
    }
  }
  return {
    kind: settings.kind,
    sendResolved: settings.sendResolved,
    send: async (notification, signal) => {
      const message = new Message({ notification, now: clock.now(), readFile: options.readFile })
      return withProblems(await deliver(message, signal), message.problems)
    },
    close: () => transport?.open.close(),
  }
}

function connect(settings: MailSettings, password: string | undefined, dkimKey: string | undefined) {
  const { host, port, hello, auth, requireTls, isImplicitTls, tls, dkim } = settings
  // Loaded with the first receiver of this kind: many have none, and it is large.
  const { createTransport } = createRequire(import.meta.url)('nodemailer') as typeof Nodemailer
  const transport = createTransport({
    pool: true,
    maxConnections,
    host,
    port,
    name: hello,
    secure: isImplicitTls,
    requireTLS: requireTls && !isImplicitTls,
    ...(auth && { auth: { user: auth.user, pass: password ?? '' }, ...(auth.method !== undefined && { authMethod: auth.method }) }),
    ...(dkim && { dkim: { domainName: dkim.domain, keySelector: dkim.selector, privateKey: dkimKey ?? '' } }),
    tls: tlsOptions(tls),
    connectionTimeout: connectTimeoutMs,
    greetingTimeout: greetingTimeoutMs,
    socketTimeout: socketTimeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  // Pooled connections fail on their own while idle; whoever sends next is told by its own error.
  transport.on('error', () => {})
  return transport
}

/** Addresses with commas between; a comma inside quotes belongs to a name. */
function addressesOf(text: string): string[] {
  const parts = text.match(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g) ?? []
  return parts.map((part) => part.trim()).filter((part) => part.includes('@'))
}

/** The message for nodemailer. The visible recipients are all of them, whoever is still to be told. */
function composeMail(settings: MailSettings, message: Message, all: readonly string[], recipients: readonly string[]) {
  const { notification } = message
  const from = message.line(settings.from, maxHeaderLength)
  const domain = /@([A-Za-z0-9.-]+)>?$/.exec(from)?.[1] ?? 'binnacle.local'
  const { replyTo } = notification
  const {
    from: sender,
    to,
    ...headers
  } = Object.fromEntries(Object.entries(settings.headers).map(([name, text]) => [name, message.line(text, maxHeaderLength)]))
  const text = truncate(message.render(settings.text), maxBodyLength)
  const html = truncate(message.render(settings.html), maxBodyLength)
  return {
    from: sender ?? from,
    to: to ?? [...all],
    envelope: { from, to: [...recipients] },
    subject: truncate(oneLine(message.render(settings.subject)), maxSubjectLength),
    ...((text !== '' || html === '') && { text }),
    ...(html !== '' && { html }),
    date: new Date(notification.createdAt),
    messageId: messageId(notification.id, domain),
    baseBoundary: notification.id,
    ...(replyTo !== undefined && { inReplyTo: replyTo, references: [replyTo] }),
    headers: {
      'Auto-Submitted': 'auto-generated',
      'X-Auto-Response-Suppress': 'All',
      'List-Id': `<${listName(notification)}.${domain}>`,
      'X-Binnacle-Notification': notification.id,
      ...headers,
    },
  }
}

function messageId(id: string, domain: string): string {
  return `<${id}@${domain}>`
}

/** The receiver's name in the characters of a host name: what people sort their mail by. */
function listName({ receiver }: Notification): string {
  return (
    receiver
      .toLowerCase()
      .replaceAll(/[^a-z0-9-]+/g, '-')
      .replaceAll(/^-+|-+$/g, '')
      .slice(0, 60) || 'alerts'
  )
}

/** Recipients whose domain has to wait are still to be told, whatever became of the others. */
function postpone(delivery: Delivery, { now, later, afterMs }: Admission): Delivery {
  if (later.length === 0) return delivery
  if (delivery.outcome === 'retry') return { ...delivery, recipients: [...(delivery.recipients ?? now), ...later] }
  const refused = delivery.refused === undefined ? {} : { refused: delivery.refused }
  return { outcome: 'retry', reason: `the rate limit of ${later.join(', ')} is reached`, recipients: later, afterMs, ...refused }
}

/** The server took the message, perhaps not for everybody. */
function classifySent(errors: readonly RecipientError[], recipients: readonly string[], response: string): Delivery {
  const { waiting, refused } = splitRefusals(errors, recipients)
  if (waiting.length === 0) return { outcome: 'delivered', detail: response, ...(refused.length > 0 && { refused }) }
  const reason = `refused for the moment: ${waiting.join(', ')}`
  return { outcome: 'retry', reason, recipients: waiting, ...(refused.length > 0 && { refused }) }
}

/** Nobody was sent the message, or nobody knows. */
function classifyError(err: MailError, recipients: readonly string[]): Delivery {
  const reason = `${err.code ?? 'error'}: ${err.message}`
  if (err.code === 'EENVELOPE' && err.rejectedErrors !== undefined) {
    const { waiting, refused } = splitRefusals(err.rejectedErrors, recipients)
    if (waiting.length === 0) return { outcome: 'failed', reason, refused }
    return { outcome: 'retry', reason, recipients: waiting, refused }
  }
  const isFinal = messageCodes.has(err.code ?? '') && (err.responseCode ?? 500) >= 500
  return isFinal ? { outcome: 'failed', reason } : { outcome: 'retry', reason }
}

function splitRefusals(errors: readonly RecipientError[], recipients: readonly string[]): { waiting: string[]; refused: Refusal[] } {
  const waiting: string[] = []
  const refused: Refusal[] = []
  for (const error of errors) {
    const recipient = recipients.find((address) => address === error.recipient || address.includes(`<${error.recipient}>`))
    if (recipient === undefined) continue
    if ((error.responseCode ?? 0) >= 500) refused.push({ recipient, reason: error.message })
    else waiting.push(recipient)
  }
  return { waiting, refused }
}
