import { durationForm, parseDuration } from '../../lib/duration.ts'
import type { DocumentReader, Field } from '../../lib/document.ts'
import { compileTemplate } from '../rules/template.ts'
import type { Template } from '../rules/template.ts'
import { readSecret } from './globals.ts'
import type { Globals, ReadSecretFile } from './globals.ts'
import type { MailSettings, Receiver, TlsSettings, WebhookSettings } from './receiver.ts'

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
  'auth_identity',
  'headers',
  'html',
  'text',
  'require_tls',
  'tls_config',
] as const
const webhookKeys = [
  'send_resolved',
  'url',
  'url_file',
  'http_config',
  'max_alerts',
  'timeout',
  'hmac_secret',
  'hmac_secret_file',
  'allow_link_local',
] as const
const tlsKeys = ['ca_file', 'cert_file', 'key_file', 'server_name', 'insecure_skip_verify', 'min_version'] as const
const httpKeys = [
  'basic_auth',
  'authorization',
  'bearer_token',
  'bearer_token_file',
  'tls_config',
  'follow_redirects',
  'enable_http2',
] as const

const defaultWebhookTimeoutMs = 10_000

/** Alertmanager's own texts, which our built-in ones stand in for. */
const defaultTemplate = /^\s*\{\{\s*template\s+"(?:__subject|email\.default\.(?:subject|html|text))"\s+\.\s*\}\}\s*$/

/** Reads one entry of `receivers`. */
export function readReceiver(reader: DocumentReader, field: Field, globals: Globals, readSecretFile: ReadSecretFile): Receiver | undefined {
  const fields: Record<string, Field> = Object.fromEntries(reader.entries(field))
  for (const [key, member] of Object.entries(fields)) {
    if (key === 'name' || key === 'email_configs' || key === 'webhook_configs') continue
    reader.problem(member, `${key} is not supported; allowed here: name, email_configs, webhook_configs`)
  }
  if (fields['name'] === undefined) return reader.problem(field, 'field name is missing')
  const name = reader.text(fields['name'])
  const mails = reader.list(fields['email_configs']).flatMap((item) => readMail(reader, item, globals, readSecretFile) ?? [])
  const webhooks = reader.list(fields['webhook_configs']).flatMap((item) => readWebhook(reader, item, readSecretFile) ?? [])
  return name === undefined ? undefined : { name, integrations: [...mails, ...webhooks] }
}

function readMail(reader: DocumentReader, field: Field, globals: Globals, readSecretFile: ReadSecretFile): MailSettings | undefined {
  const fields = reader.record(field, mailKeys, ['to'])
  const to = (reader.text(fields.to) ?? '')
    .split(',')
    .map((address) => address.trim())
    .filter((address) => address !== '')
  if (to.length === 0 && fields.to !== undefined) reader.problem(fields.to, 'must be an address, or several with commas between')
  const from = reader.text(fields.from) ?? globals.from
  if (from === undefined) reader.problem(field, 'no from address: give from here or smtp_from in global')
  const smarthost = reader.text(fields.smarthost) ?? globals.smarthost
  const place = smarthost === undefined ? undefined : /^\[?(.+?)\]?:(\d{1,5})$/.exec(smarthost)
  if (!place) reader.problem(fields.smarthost ?? field, 'no mail server: give smarthost as host:port here or smtp_smarthost in global')
  for (const key of ['html', 'text'] as const) checkDefaultTemplate(reader, fields[key])
  const user = reader.text(fields.auth_username) ?? globals.authUsername
  const password = readSecret(reader, fields.auth_password, fields.auth_password_file, readSecretFile) ?? globals.authPassword
  const headers = readHeaders(reader, fields.headers)
  const { subject, ...others } = headers
  const tls = readTls(reader, fields.tls_config, readSecretFile)
  if (from === undefined || !place) return undefined
  return {
    kind: 'email',
    sendResolved: reader.boolean(fields.send_resolved) ?? false,
    to,
    from,
    host: place[1]!,
    port: Number(place[2]),
    hello: reader.text(fields.hello) ?? globals.hello,
    requireTls: reader.boolean(fields.require_tls) ?? globals.requireTls,
    tls,
    subject,
    headers: others,
    ...(user !== undefined && password !== undefined && { auth: { user, password } }),
  }
}

/** Header templates by lower-case name; Alertmanager's own subject counts as none. */
function readHeaders(reader: DocumentReader, field: Field | undefined): Record<string, Template> {
  if (field === undefined) return {}
  return Object.fromEntries(
    reader.entries(field).flatMap(([name, member]) => {
      const text = reader.text(member) ?? ''
      if (!/^[A-Za-z0-9-]+$/.test(name))
        return reader.problem(member, `${name} is not a header name: letters, digits and - are allowed`) ?? []
      if (defaultTemplate.test(text)) return []
      const template = reader.attempt(member, () => compileTemplate(text))
      return template === undefined ? [] : [[name.toLowerCase(), template]]
    }),
  )
}

function checkDefaultTemplate(reader: DocumentReader, field: Field | undefined): void {
  const text = reader.text(field)
  if (field === undefined || text === undefined || text === '' || defaultTemplate.test(text)) return
  reader.problem(field, 'own message bodies are not supported: leave the field out for the built-in text and HTML')
}

function readWebhook(reader: DocumentReader, field: Field, readSecretFile: ReadSecretFile): WebhookSettings | undefined {
  const fields = reader.record(field, webhookKeys)
  const text = readSecret(reader, fields.url, fields.url_file, readSecretFile)
  const url = text === undefined ? undefined : parseHttpUrl(text)
  if (url === undefined) reader.problem(fields.url ?? fields.url_file ?? field, 'url must be an http:// or https:// URL')
  const http = fields.http_config === undefined ? {} : reader.record(fields.http_config, httpKeys)
  const authorization = readAuthorization(reader, http, readSecretFile)
  const hmacSecret = readSecret(reader, fields.hmac_secret, fields.hmac_secret_file, readSecretFile)
  const maxAlerts = reader.number(fields.max_alerts) ?? 0
  if (maxAlerts < 0) reader.problem(fields.max_alerts!, 'must be 0 (no limit) or more')
  const timeoutMs = reader.parsed(fields.timeout, parseDuration, durationForm) ?? defaultWebhookTimeoutMs
  const tls = readTls(reader, http.tls_config, readSecretFile)
  if (url === undefined) return undefined
  return {
    kind: 'webhook',
    sendResolved: reader.boolean(fields.send_resolved) ?? true,
    url,
    maxAlerts,
    tls,
    timeoutMs: timeoutMs === 0 ? defaultWebhookTimeoutMs : timeoutMs,
    followRedirects: reader.boolean(http.follow_redirects) ?? true,
    allowLinkLocal: reader.boolean(fields.allow_link_local) ?? false,
    ...(authorization !== undefined && { authorization }),
    ...(hmacSecret !== undefined && { hmacSecret }),
  }
}

function parseHttpUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url : undefined
}

function readAuthorization(
  reader: DocumentReader,
  http: Partial<Record<(typeof httpKeys)[number], Field>>,
  readSecretFile: ReadSecretFile,
): string | undefined {
  if (http.basic_auth !== undefined) {
    const basic = reader.record(http.basic_auth, ['username', 'password', 'password_file'], ['username'])
    const password = readSecret(reader, basic.password, basic.password_file, readSecretFile) ?? ''
    return `Basic ${Buffer.from(`${reader.text(basic.username) ?? ''}:${password}`).toString('base64')}`
  }
  if (http.authorization !== undefined) {
    const own = reader.record(http.authorization, ['type', 'credentials', 'credentials_file'])
    return `${reader.text(own.type) ?? 'Bearer'} ${readSecret(reader, own.credentials, own.credentials_file, readSecretFile) ?? ''}`
  }
  const token = readSecret(reader, http.bearer_token, http.bearer_token_file, readSecretFile)
  return token === undefined ? undefined : `Bearer ${token}`
}

function readTls(reader: DocumentReader, field: Field | undefined, readSecretFile: ReadSecretFile): TlsSettings {
  const fields = field === undefined ? {} : reader.record(field, tlsKeys)
  const readPem = (file: Field | undefined) => readSecret(reader, undefined, file, readSecretFile)
  const [ca, cert, key] = [readPem(fields.ca_file), readPem(fields.cert_file), readPem(fields.key_file)]
  const serverName = reader.text(fields.server_name)
  return {
    isInsecure: reader.boolean(fields.insecure_skip_verify) ?? false,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(serverName !== undefined && { serverName }),
  }
}
