import type { Field } from '../../lib/document.ts'
import { isHeaderName } from './receiver-reader.ts'
import type { ReceiverReader } from './receiver-reader.ts'
import type { DkimSettings, FieldText, MailSettings } from './receiver.ts'

const mailKeys = [
  'send_resolved',
  'to',
  'from',
  'smarthost',
  'hello',
  'auth_username',
  'auth_password',
  'auth_password_file',
  'auth_secret',
  'auth_secret_file',
  'auth_identity',
  'headers',
  'html',
  'text',
  'require_tls',
  'force_implicit_tls',
  'tls_config',
  'threading',
  'dkim',
  'max_per_domain_per_minute',
] as const
type MailFields = Partial<Record<(typeof mailKeys)[number], Field>>

const defaultSubject = '{{ template "email.default.subject" . }}'
const implicitTlsPort = 465

/** Headers that say where a mail goes and what it is: those the program makes itself. */
const reservedHeaders = new Set([
  'bcc',
  'cc',
  'content-type',
  'content-transfer-encoding',
  'message-id',
  'in-reply-to',
  'references',
  'date',
  'mime-version',
])

/** Reads one entry of `email_configs`. */
export function readMail(reader: ReceiverReader, field: Field): MailSettings | undefined {
  const { document, globals } = reader
  const fields: MailFields = document.record(field, mailKeys, ['to'])
  const people = readPeople(reader, field, fields)
  const server = readServer(reader, field, fields)
  const { subject = reader.text(undefined, defaultSubject), ...headers } = readHeaders(reader, fields.headers)
  const dkim = fields.dkim && readDkim(reader, fields.dkim)
  const perDomain = reader.count(fields.max_per_domain_per_minute, 0)
  const own = {
    kind: 'email' as const,
    sendResolved: document.boolean(fields.send_resolved) ?? false,
    hello: document.text(fields.hello) ?? globals.smtp.hello,
    subject,
    headers,
    html: readBody(reader, fields.html, '{{ template "email.default.html" . }}', 'html'),
    text: readBody(reader, fields.text, '{{ template "email.default.text" . }}', 'text'),
    ...(dkim !== undefined && { dkim }),
    ...(perDomain > 0 && { perDomainPerMinute: perDomain }),
  }
  return people === undefined || server === undefined ? undefined : { ...own, ...people, ...server }
}

function readPeople(reader: ReceiverReader, field: Field, fields: MailFields): Pick<MailSettings, 'to' | 'from'> | undefined {
  const { document, globals } = reader
  const to = document.text(fields.to) ?? ''
  if (fields.to !== undefined && to.replaceAll(',', '').trim() === '')
    document.problem(fields.to, 'must be an address, or several with commas between')
  const from = document.text(fields.from) ?? globals.smtp.from
  if (from === undefined) return document.problem(field, 'no from address: give from here or smtp_from in global')
  return { to: reader.text(fields.to), from: fields.from === undefined ? reader.text(undefined, from) : reader.text(fields.from) }
}

type Server = Pick<MailSettings, 'host' | 'port' | 'auth' | 'requireTls' | 'isImplicitTls' | 'tls'>

function readServer(reader: ReceiverReader, field: Field, fields: MailFields): Server | undefined {
  const { document, globals } = reader
  const smarthost = document.text(fields.smarthost) ?? globals.smtp.smarthost
  const place = /^\[?(.+?)\]?:(\d{1,5})$/.exec(smarthost ?? '')
  const auth = readAuth(reader, fields)
  const tls = fields.tls_config === undefined ? globals.smtp.tls : reader.tls(fields.tls_config)
  if (place === null)
    return document.problem(fields.smarthost ?? field, 'no mail server: give smarthost as host:port here or smtp_smarthost in global')
  const port = Number(place[2])
  return {
    host: place[1]!,
    port,
    tls,
    requireTls: document.boolean(fields.require_tls) ?? globals.smtp.requireTls,
    isImplicitTls: document.boolean(fields.force_implicit_tls) ?? globals.smtp.isImplicitTls ?? port === implicitTlsPort,
    ...(auth !== undefined && { auth }),
  }
}

/** An empty text is not sent, as in Alertmanager. */
function readBody(reader: ReceiverReader, field: Field | undefined, standard: string, mode: 'text' | 'html'): FieldText {
  return reader.document.text(field) === '' ? reader.text(undefined, '') : reader.text(field, standard, mode)
}

function readAuth(reader: ReceiverReader, fields: MailFields): MailSettings['auth'] {
  const { document, globals } = reader
  const user = document.text(fields.auth_username) ?? globals.smtp.authUsername
  const identity = document.text(fields.auth_identity)
  if (identity !== undefined && identity !== '' && identity !== user)
    document.problem(fields.auth_identity!, 'an identity other than auth_username is not supported')
  const password = reader.secret(fields.auth_password, fields.auth_password_file) ?? globals.smtp.authPassword
  const secret = reader.secret(fields.auth_secret, fields.auth_secret_file) ?? globals.smtp.authSecret
  if (user === undefined || user === '') return undefined
  if (password !== undefined) return { user, password }
  return secret === undefined ? undefined : { user, password: secret, method: 'CRAM-MD5' }
}

/** Header templates by lower-case name. */
function readHeaders(reader: ReceiverReader, field: Field | undefined): Readonly<Record<string, FieldText>> {
  if (field === undefined) return {}
  return Object.fromEntries(
    reader.document.entries(field).flatMap(([name, member]): [string, FieldText][] => {
      const lower = name.toLowerCase()
      if (!isHeaderName(name) || name.includes('*'))
        return reader.document.problem(member, `${name} is not a header name: letters, digits and - are allowed`) ?? []
      if (reservedHeaders.has(lower)) return reader.document.problem(member, `${name} is made by the program`) ?? []
      return [[lower, reader.text(member, lower === 'subject' ? defaultSubject : '')]]
    }),
  )
}

function readDkim(reader: ReceiverReader, field: Field): DkimSettings | undefined {
  const { document } = reader
  const fields = document.record(field, ['domain', 'selector', 'private_key_file'], ['domain', 'selector', 'private_key_file'])
  const [domain, selector, file] = [document.text(fields.domain), document.text(fields.selector), document.text(fields.private_key_file)]
  if (domain === undefined || selector === undefined || file === undefined) return undefined
  return { domain, selector, privateKey: { file } }
}
