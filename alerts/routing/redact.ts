/** Keys whose values are secrets, in Alertmanager's format and in our additions to it. */
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
  'opsgenie_api_key',
  'wechat_api_secret',
  'victorops_api_key',
])

/** Keys that Alertmanager does not know; amtool refuses a configuration that has them. */
const ownKeys: ReadonlySet<string> = new Set(['hmac_secret', 'hmac_secret_file', 'allow_link_local'])

/** A configuration as it may be shown: secrets replaced by `<secret>`, URLs cut down to their origin. */
export function redact(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redact)
  if (typeof value !== 'object' || value === null) return value
  const shown = Object.entries(value).filter(([key]) => !ownKeys.has(key))
  return Object.fromEntries(shown.map(([key, member]) => [key, redactMember(key, member)]))
}

/** A URL without what may be secret in it: user, path and query. Always a URL that parses. */
function redactUrl(url: URL): string {
  const isBare = url.username === '' && url.password === '' && url.search === '' && url.pathname === '/'
  return isBare ? url.origin : `${url.origin}/xxxxx`
}

function redactMember(key: string, member: unknown): unknown {
  if (typeof member !== 'string') return redact(member)
  if (secretKeys.has(key)) return '<secret>'
  return key === 'url' && URL.canParse(member) ? redactUrl(new URL(member)) : member
}
