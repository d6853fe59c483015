import { extensionKey } from './extensions.ts'

/** Keys whose values are secrets, in Alertmanager's format. */
const secretKeys: ReadonlySet<string> = new Set([
  'smtp_auth_password',
  'smtp_auth_secret',
  'auth_password',
  'auth_secret',
  'password',
  'credentials',
  'bearer_token',
  'client_secret',
  'slack_api_url',
  'slack_app_token',
  'app_token',
  'opsgenie_api_key',
  'wechat_api_secret',
  'victorops_api_key',
  'telegram_bot_token',
  'api_key',
  'routing_key',
  'service_key',
  'user_key',
  'token',
  'bot_token',
  'webhook_url',
  'room_id',
])

/**
 * What the oldest amtool that people have (0.25) takes, by the key that the members stand under. It refuses a configuration with anything
 * else, so anything else is not shown. Where a key is not listed, its members are shown as they are.
 */
const known: Readonly<Record<string, readonly string[]>> = {
  '': ['global', 'route', 'receivers', 'inhibit_rules', 'templates', 'time_intervals', 'mute_time_intervals'],
  global: [
    'resolve_timeout http_config smtp_from smtp_hello smtp_smarthost smtp_auth_username smtp_auth_password smtp_auth_password_file',
    'smtp_auth_secret smtp_auth_identity smtp_require_tls slack_api_url slack_api_url_file pagerduty_url opsgenie_api_key',
    'opsgenie_api_key_file opsgenie_api_url wechat_api_url wechat_api_secret wechat_api_corp_id victorops_api_url victorops_api_key',
    'victorops_api_key_file telegram_api_url webex_api_url',
  ],
  receivers: [
    'name email_configs webhook_configs slack_configs pagerduty_configs opsgenie_configs victorops_configs discord_configs telegram_configs',
    'pushover_configs webex_configs',
  ],
  inhibit_rules: ['source_match source_match_re source_matchers target_match target_match_re target_matchers equal'],
  http_config: ['basic_auth authorization bearer_token bearer_token_file tls_config follow_redirects enable_http2 proxy_url'],
  tls_config: ['ca_file cert_file key_file server_name insecure_skip_verify min_version'],
  email_configs: [
    'send_resolved to from smarthost hello auth_username auth_password auth_password_file auth_secret auth_identity headers html text',
    'require_tls tls_config',
  ],
  webhook_configs: ['send_resolved http_config url max_alerts'],
  slack_configs: [
    'send_resolved http_config api_url api_url_file channel username color title title_link pretext text short_fields footer fallback',
    'callback_id icon_emoji icon_url image_url thumb_url link_names mrkdwn_in actions fields',
  ],
  pagerduty_configs: [
    'send_resolved http_config service_key service_key_file routing_key routing_key_file url client client_url description details images',
    'links severity class component group',
  ],
  opsgenie_configs: [
    'send_resolved http_config api_key api_key_file api_url message description source details entity responders actions update_alerts tags',
    'note priority',
  ],
  victorops_configs: [
    'send_resolved http_config api_key api_key_file api_url routing_key message_type state_message entity_display_name monitoring_tool',
    'custom_fields',
  ],
  discord_configs: ['send_resolved http_config webhook_url title message'],
  telegram_configs: ['send_resolved http_config api_url bot_token chat_id message disable_notifications parse_mode'],
  pushover_configs: ['send_resolved http_config user_key token title message url url_title sound priority retry expire html'],
  webex_configs: ['send_resolved http_config api_url room_id message'],
}

const allowed = new Map(Object.entries(known).map(([key, lines]) => [key, new Set(lines.join(' ').split(' '))]))

/** Secrets that amtool misses where they come from a file or from `global`, as they may here: it is given something that is none. */
const required: Readonly<Record<string, readonly string[]>> = {
  webhook_configs: ['url'],
  telegram_configs: ['bot_token'],
  discord_configs: ['webhook_url'],
  pushover_configs: ['user_key', 'token'],
}

/** A configuration as it may be shown: secrets replaced by `<secret>`, URLs cut down to their origin, and nothing that amtool refuses. */
export function redact(value: unknown): unknown {
  return redactUnder('', value)
}

function redactUnder(parent: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => redactUnder(parent, item))
  if (typeof value !== 'object' || value === null) return value
  const names = allowed.get(parent)
  const given = Object.entries(value).filter(([key]) => key !== extensionKey)
  const stoodIn = (required[parent] ?? [])
    .filter((key) => !Object.hasOwn(value, key))
    .map((key) => [key, key === 'url' ? 'http://xxxxx' : '<secret>'] as const)
  const shown = given.filter(([key]) => names === undefined || names.has(key))
  return Object.fromEntries([...shown.map(([key, member]) => [key, redactMember(key, member, parent)] as const), ...stoodIn])
}

/** A URL without what may be secret in it: user, path and query. Always a URL that parses. */
function redactUrl(url: URL): string {
  const isBare = url.username === '' && url.password === '' && url.search === '' && url.pathname === '/'
  return isBare ? url.origin : `${url.origin}/xxxxx`
}

function redactMember(key: string, member: unknown, parent: string): unknown {
  if (typeof member !== 'string') return redactUnder(key, member)
  if (key === 'room_id' || key === 'routing_key') return parent === 'victorops_configs' ? 'xxxxx' : '<secret>'
  if (secretKeys.has(key)) return '<secret>'
  if (key === 'api_url' && parent === 'slack_configs') return '<secret>'
  return (key === 'url' || key.endsWith('_url')) && URL.canParse(member) ? redactUrl(new URL(member)) : member
}
