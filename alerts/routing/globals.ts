import { durationForm, parseDuration } from '../../lib/duration.ts'
import type { DocumentReader, Field } from '../../lib/document.ts'
import type { HttpSettings } from '../delivery/http-integration.ts'
import { readHttpSettings, readSecret, readTls } from './receiver-reader.ts'
import type { ReadSecretFile } from './receiver-reader.ts'
import type { Secret, TlsSettings } from './receiver.ts'

/** What `global` gives to every receiver. */
export interface Globals {
  readonly resolveTimeoutMs: number
  readonly http: HttpSettings
  readonly smtp: {
    readonly from: string | undefined
    readonly smarthost: string | undefined
    readonly hello: string
    readonly authUsername: string | undefined
    readonly authPassword: Secret | undefined
    readonly authSecret: Secret | undefined
    readonly requireTls: boolean
    readonly isImplicitTls: boolean | undefined
    readonly tls: TlsSettings
  }
  readonly slackUrl: Secret | undefined
  readonly slackToken: Secret | undefined
  /** Where the token is used. */
  readonly slackAppUrl: string
  readonly pagerdutyUrl: string
  readonly opsgenieUrl: string
  readonly opsgenieKey: Secret | undefined
  readonly victoropsUrl: string
  readonly victoropsKey: Secret | undefined
  readonly telegramUrl: string
  readonly telegramToken: Secret | undefined
  readonly webexUrl: string
}

/** Alertmanager's keys of `global`. Those for receivers that are not supported are read over: without such a receiver they do nothing. */
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
  'smtp_auth_secret_file',
  'smtp_auth_identity',
  'smtp_require_tls',
  'smtp_force_implicit_tls',
  'smtp_tls_config',
  'slack_api_url',
  'slack_api_url_file',
  'slack_app_token',
  'slack_app_token_file',
  'slack_app_url',
  'pagerduty_url',
  'opsgenie_api_key',
  'opsgenie_api_key_file',
  'opsgenie_api_url',
  'wechat_api_url',
  'wechat_api_secret',
  'wechat_api_secret_file',
  'wechat_api_corp_id',
  'victorops_api_url',
  'victorops_api_key',
  'victorops_api_key_file',
  'telegram_api_url',
  'telegram_bot_token',
  'telegram_bot_token_file',
  'webex_api_url',
  'jira_api_url',
  'rocketchat_api_url',
  'rocketchat_token',
  'rocketchat_token_file',
  'rocketchat_token_id',
  'rocketchat_token_id_file',
  'mattermost_webhook_url',
  'mattermost_webhook_url_file',
] as const

const defaultResolveTimeoutMs = 300_000

/** Reads `global`, which may be absent. */
export function readGlobals(document: DocumentReader, field: Field | undefined, readFile: ReadSecretFile): Globals {
  const fields = field === undefined ? {} : document.record(field, globalKeys)
  return {
    resolveTimeoutMs: document.parsed(fields.resolve_timeout, parseDuration, durationForm) ?? defaultResolveTimeoutMs,
    http: readHttpSettings(document, fields.http_config, readFile),
    smtp: {
      from: document.text(fields.smtp_from),
      smarthost: document.text(fields.smtp_smarthost),
      hello: document.text(fields.smtp_hello) ?? 'localhost',
      authUsername: document.text(fields.smtp_auth_username),
      authPassword: readSecret(document, fields.smtp_auth_password, fields.smtp_auth_password_file),
      authSecret: readSecret(document, fields.smtp_auth_secret, fields.smtp_auth_secret_file),
      requireTls: document.boolean(fields.smtp_require_tls) ?? true,
      isImplicitTls: document.boolean(fields.smtp_force_implicit_tls),
      tls: readTls(document, fields.smtp_tls_config, readFile),
    },
    slackUrl: readSecret(document, fields.slack_api_url, fields.slack_api_url_file),
    slackToken: readSecret(document, fields.slack_app_token, fields.slack_app_token_file),
    slackAppUrl: document.text(fields.slack_app_url) ?? 'https://slack.com/api/chat.postMessage',
    pagerdutyUrl: document.text(fields.pagerduty_url) ?? 'https://events.pagerduty.com/v2/enqueue',
    opsgenieUrl: document.text(fields.opsgenie_api_url) ?? 'https://api.opsgenie.com/',
    opsgenieKey: readSecret(document, fields.opsgenie_api_key, fields.opsgenie_api_key_file),
    victoropsUrl: document.text(fields.victorops_api_url) ?? 'https://alert.victorops.com/integrations/generic/20131114/alert/',
    victoropsKey: readSecret(document, fields.victorops_api_key, fields.victorops_api_key_file),
    telegramUrl: document.text(fields.telegram_api_url) ?? 'https://api.telegram.org',
    telegramToken: readSecret(document, fields.telegram_bot_token, fields.telegram_bot_token_file),
    webexUrl: document.text(fields.webex_api_url) ?? 'https://webexapis.com/v1/messages',
  }
}
