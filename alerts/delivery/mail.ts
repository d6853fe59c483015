import { createRequire } from 'node:module'
import type Nodemailer from 'nodemailer'
import type { MailSettings } from '../routing/receiver.ts'
import { defaultSubject, htmlBody, messageScope, textBody } from './message.ts'
import type { Delivery, Integration, Notification, Refusal } from './notification.ts'

/** How long each part of a conversation with a mail server may take. */
const connectTimeoutMs = 10_000
const greetingTimeoutMs = 10_000
const socketTimeoutMs = 30_000

const maxConnections = 3
const maxSubjectLength = 200

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

/** nodemailer's codes for a refused sender, recipient or message. Anything else (TLS, credentials, network) somebody may put right. */
const messageCodes: ReadonlySet<string> = new Set(['EMESSAGE', 'EENVELOPE'])

/**
 * Mail over SMTP. All attempts of a notification are the same message with the same Message-ID, so a mail store that has it already can tell.
 * A 4xx answer, a timeout or a broken connection is tried again; a 5xx answer is final. Recipients are told apart: those that took the message
 * are not sent it again because of others.
 */
export function createMailIntegration(settings: MailSettings): Integration {
  const { host, port, hello, auth, requireTls, tls } = settings
  const isImplicitTls = port === 465
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
    ...(auth && { auth: { user: auth.user, pass: auth.password } }),
    tls: {
      rejectUnauthorized: !tls.isInsecure,
      ...(tls.ca !== undefined && { ca: tls.ca }),
      ...(tls.cert !== undefined && { cert: tls.cert }),
      ...(tls.key !== undefined && { key: tls.key }),
      ...(tls.serverName !== undefined && { servername: tls.serverName }),
    },
    connectionTimeout: connectTimeoutMs,
    greetingTimeout: greetingTimeoutMs,
    socketTimeout: socketTimeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  // Pooled connections fail on their own while idle; whoever sends next is told by its own error.
  transport.on('error', () => {})
  return {
    kind: settings.kind,
    sendResolved: settings.sendResolved,
    send: async (notification, signal) => {
      const recipients = notification.recipients ?? settings.to
      try {
        const info = await transport.sendMail({ ...composeMail(settings, notification, recipients), signal })
        return classifySent(info.rejectedErrors ?? [], recipients, info.response)
      } catch (err) {
        return classifyError(err as MailError, recipients)
      }
    },
    close: () => transport.close(),
  }
}

/** The message for nodemailer. The visible recipients are all of them, whoever is still to be told. */
function composeMail(settings: MailSettings, notification: Notification, recipients: readonly string[]) {
  const scope = messageScope(notification)
  const domain = /@([A-Za-z0-9.-]+)>?$/.exec(settings.from)?.[1] ?? 'binnacle.local'
  const messageId = (id: string) => `<${id}@${domain}>`
  const isReply = notification.thread !== notification.id
  const subject = settings.subject?.render(scope) ?? defaultSubject(notification)
  const headers = Object.fromEntries(Object.entries(settings.headers).map(([name, template]) => [name, oneLine(template.render(scope))]))
  return {
    from: settings.from,
    to: [...settings.to],
    envelope: { from: settings.from, to: [...recipients] },
    subject: oneLine(subject).slice(0, maxSubjectLength),
    text: textBody(notification),
    html: htmlBody(notification),
    date: new Date(notification.createdAt),
    messageId: messageId(notification.id),
    baseBoundary: notification.id,
    ...(isReply && { inReplyTo: messageId(notification.thread), references: [messageId(notification.thread)] }),
    headers: {
      'Auto-Submitted': 'auto-generated',
      'X-Auto-Response-Suppress': 'All',
      'X-Binnacle-Notification': notification.id,
      ...headers,
    },
  }
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n\0]+/g, ' ')
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
