import { durationForm, parseDuration } from '../../lib/duration.ts'
import type { DocumentReader, Field } from '../../lib/document.ts'

/** Reads a file that a configuration names (`auth_password_file`, `ca_file`); throws an `Error` with a `code` where it cannot. */
export type ReadSecretFile = (path: string) => string

/** What `global` gives to every receiver. */
export interface Globals {
  readonly resolveTimeoutMs: number
  readonly from: string | undefined
  readonly smarthost: string | undefined
  readonly hello: string
  readonly authUsername: string | undefined
  readonly authPassword: string | undefined
  readonly requireTls: boolean
}

/** Alertmanager's keys of `global`. Those for receivers of other kinds are read over: without such a receiver they do nothing. */
const globalKeys = [
  'resolve_timeout',
  'http_config',
  'smtp_from',
  'smtp_hello',
  'smtp_smarthost',
  'smtp_auth_username',
  'smtp_auth_password',
  'smtp_auth_password_file',
  'smtp_auth_secret',
  'smtp_auth_identity',
  'smtp_require_tls',
  'slack_api_url',
  'slack_api_url_file',
  'pagerduty_url',
  'opsgenie_api_key',
  'opsgenie_api_key_file',
  'opsgenie_api_url',
  'wechat_api_url',
  'wechat_api_secret',
  'wechat_api_corp_id',
  'victorops_api_url',
  'victorops_api_key',
  'victorops_api_key_file',
  'telegram_api_url',
  'webex_api_url',
] as const

const defaultResolveTimeoutMs = 300_000

/** Reads `global`, which may be absent. */
export function readGlobals(reader: DocumentReader, field: Field | undefined, readSecretFile: ReadSecretFile): Globals {
  const fields = field === undefined ? {} : reader.record(field, globalKeys)
  return {
    resolveTimeoutMs: reader.parsed(fields.resolve_timeout, parseDuration, durationForm) ?? defaultResolveTimeoutMs,
    from: reader.text(fields.smtp_from),
    smarthost: reader.text(fields.smtp_smarthost),
    hello: reader.text(fields.smtp_hello) ?? 'localhost',
    authUsername: reader.text(fields.smtp_auth_username),
    authPassword: readSecret(reader, fields.smtp_auth_password, fields.smtp_auth_password_file, readSecretFile),
    requireTls: reader.boolean(fields.smtp_require_tls) ?? true,
  }
}

/** A secret that is written in the file or in a file that it names. */
export function readSecret(
  reader: DocumentReader,
  inline: Field | undefined,
  file: Field | undefined,
  readSecretFile: ReadSecretFile,
): string | undefined {
  if (inline !== undefined) {
    if (file !== undefined) reader.problem(file, 'at most one of the secret and its file may be given')
    return reader.text(inline)
  }
  return file && reader.attempt(file, () => readSecretFile(reader.text(file) ?? '').trim())
}
