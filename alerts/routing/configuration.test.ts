import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { FileError } from '../../lib/document.ts'
import { parseConfiguration } from './configuration.ts'
import { defaultConfiguration } from './default-configuration.ts'
import type { MailSettings } from './receiver.ts'

function read(text: string, files: Readonly<Record<string, string>> = {}) {
  return parseConfiguration('am.yml', text, (path) => {
    const content = files[path]
    if (content === undefined) throw Object.assign(new Error(`${path}: no such file`), { code: 'ENOENT' })
    return content
  })
}

function problemsOf(text: string): string[] {
  try {
    read(text)
    return []
  } catch (err) {
    if (!(err instanceof FileError)) throw err
    return err.message.split('\n')
  }
}

const full = `
global:
  smtp_smarthost: 'mail.example.com:587'
  smtp_from: 'alerts@example.com'
  smtp_auth_username: u
  smtp_auth_password: hunter2
  slack_api_url: 'https://hooks.slack.com/services/T0/B0/key'
route:
  receiver: ops
  group_wait: 0s
  routes:
    - matchers: [team="a", 'severity!="info"']
      mute_time_intervals: [weekend]
receivers:
  - name: ops
    email_configs:
      - to: 'a@example.com, b@example.com'
        headers: {Subject: '{{ template "email.default.subject" . }}', X-Team: '{{ .CommonLabels.team }}'}
        html: '{{ template "email.default.html" . }}'
    webhook_configs:
      - url: 'https://user:pw@hooks.example.com/services/token?key=abc'
        hmac_secret: swordfish
        http_config: {authorization: {credentials: topsecret}}
      - url_file: url.txt
        max_alerts: 5
inhibit_rules:
  - source_match: {severity: critical}
    target_match_re: {severity: warning|info}
    equal: [alertname]
time_intervals:
  - name: weekend
    time_intervals: [{weekdays: [saturday, sunday]}]
`

describe('the configuration', () => {
  it('reads an Alertmanager file as it is', () => {
    const configuration = read(full, { 'url.txt': 'http://127.0.0.1:9/x\n' })
    const [mail, webhook, second] = configuration.receivers.get('ops')!.integrations
    expect(mail as MailSettings).toMatchObject({
      to: { own: { source: 'a@example.com, b@example.com' } },
      host: 'mail.example.com',
      port: 587,
      from: { standard: { source: 'alerts@example.com' } },
      requireTls: true,
      isImplicitTls: false,
      sendResolved: false,
      auth: { user: 'u', password: { text: 'hunter2' } },
      subject: { own: undefined },
    })
    expect(Object.keys((mail as MailSettings).headers)).toEqual(['x-team'])
    expect(webhook).toMatchObject({
      kind: 'webhook',
      sendResolved: true,
      http: { authorization: { scheme: 'Bearer', credentials: { text: 'topsecret' } } },
    })
    expect(second).toMatchObject({ kind: 'webhook', timeoutMs: 10_000 })
    expect(configuration.route.routes[0]).toMatchObject({ receiver: 'ops', groupWaitMs: 0, muteIntervals: ['weekend'] })
    expect(configuration.inhibitRules).toHaveLength(1)
  })

  it('shows no secret, and nothing that amtool would not take', () => {
    const { redacted } = read(full, { 'url.txt': 'http://127.0.0.1:9/x' })
    for (const secret of ['hunter2', 'swordfish', 'topsecret', 'token', 'abc', 'pw@', 'B0']) expect(redacted).not.toContain(secret)
    expect(redacted).not.toContain('hmac')
    expect(parse(redacted)).toMatchObject({ global: { smtp_auth_password: '<secret>' }, route: { receiver: 'ops' } })
  })

  it.each([
    ['route: {receiver: x}\nreceivers: [{name: y}]', 'am.yml:1:19: route.receiver: "x": no such receiver; defined: y'],
    [
      'route: {receiver: y, group_wait: soon}\nreceivers: [{name: y}]',
      'am.yml:1:34: route.group_wait: "soon": must be a duration such as 30s, 5m, 1h30m or 2d',
    ],
    [
      'route: {receiver: y}\nreceivers:\n- name: y\n  sns_configs: []',
      'am.yml:4:16: receivers[0].sns_configs: a list: sns_configs is not supported; template_configs can call anything that has an HTTP interface; allowed here: name, email_configs, webhook_configs, slack_configs, pagerduty_configs, opsgenie_configs, msteams_configs, msteamsv2_configs, victorops_configs, discord_configs, telegram_configs, pushover_configs, webex_configs, template_configs',
    ],
    [
      'route: {receiver: y}\nreceivers:\n- name: y\n  slack_configs: [{api_url: "http://x", title: "{{ .Oops"}]',
      'am.yml:4:48: receivers[0].slack_configs[0].title: "{{ .Oops": template:1: a {{ has no }}',
    ],
    [
      'route: {receiver: y}\nreceivers:\n- name: y\n  slack_configs: [{channel: "#x"}]',
      'am.yml:4:19: receivers[0].slack_configs[0]: a mapping: api_url, api_url_file or slack_api_url in global must be given',
    ],
    [
      'route: {receiver: y}\nreceivers:\n- name: y\n  webhook_configs: [{url: "http://x", http_config: {oauth2: {}}}]',
      'am.yml:4:61: receivers[0].webhook_configs[0].http_config.oauth2: a mapping: unknown field; allowed here: basic_auth, authorization, bearer_token, bearer_token_file, tls_config, follow_redirects, enable_http2, proxy_url, no_proxy, http_headers',
    ],
    [
      'route: {receiver: y}\nreceivers: [{name: y}]\nbinnacle: {receivers: {y: {escalate: {after: 5m, to: z}}}}',
      'am.yml:3:54: binnacle.receivers.y.escalate.to: "z": no such receiver; defined: y',
    ],
    [
      'route: {receiver: y}\nreceivers:\n- name: y\n  webhook_configs: [{url: "ftp://x"}]',
      'am.yml:4:27: receivers[0].webhook_configs[0].url: "ftp://x": url must be an http:// or https:// URL',
    ],
    [
      'route: {receiver: y, matchers: [a=b]}\nreceivers: [{name: y}]',
      'am.yml:1:8: route: a mapping: the root route must not have any matchers',
    ],
    [
      'route: {receiver: y}\nreceivers: [{name: y}]\nrecievers: []',
      'am.yml:3:12: recievers: a list: unknown field; allowed here: global, route, receivers, inhibit_rules, templates, time_intervals, mute_time_intervals, binnacle',
    ],
  ])('refuses %j with its place', (text, problem) => {
    expect(problemsOf(text)).toEqual([problem])
  })

  it('reads template files by pattern, and names what is wrong with them', () => {
    const text = `route: {receiver: y}\nreceivers: [{name: y, slack_configs: [{api_url: 'http://x', title: '{{ template "mine" . }}'}]}]\ntemplates: ['*.tmpl']`
    const parse = (content: string) =>
      parseConfiguration(
        'am.yml',
        text,
        () => content,
        (pattern) => [pattern.replace('*', 'a')],
      )
    expect(parse('{{ define "mine" }}{{ template "slack.default.title" . }}{{ end }}').receivers.size).toBe(1)
    expect(() => parse('{{ define "mine" }}')).toThrow(/am.yml:3:13: templates\[0\]: "\*.tmpl": a.tmpl:1: \{\{end\}\} is missing/)
    expect(() => parse('{{ define "mine" }}\n{{ template "none" }}{{ end }}')).toThrow(/a.tmpl:2: template "none" is not defined/)
  })

  it('shows amtool what it knows of newer receivers and of what is added, and no secret', () => {
    const text = `
route: {receiver: y}
binnacle: {receivers: {y: {rate_limit: {notifications: 5, per: 1m}}}}
receivers:
- name: y
  msteams_configs: [{webhook_url: 'https://x/secret'}]
  telegram_configs: [{bot_token_file: f, chat_id: 5, message_thread_id: 3}]
  pagerduty_configs: [{routing_key: secret, source: here, timeout: 5s}]
  email_configs: [{to: a@b.c, from: a@b.c, smarthost: 'h:25', threading: {enabled: true}, dkim: {domain: b.c, selector: s, private_key_file: k}}]
`
    const { redacted, extensions } = read(text)
    expect(parse(redacted)).toEqual({
      route: { receiver: 'y' },
      receivers: [
        {
          name: 'y',
          telegram_configs: [{ chat_id: 5, bot_token: '<secret>' }],
          pagerduty_configs: [{ routing_key: '<secret>' }],
          email_configs: [{ to: 'a@b.c', from: 'a@b.c', smarthost: 'h:25' }],
        },
      ],
    })
    expect(extensions.rateLimits.get('y')).toEqual({ notifications: 5, perMs: 60_000 })
  })

  it('names every problem of a file at once', () => {
    expect(problemsOf('route: {receiver: x, repeat_interval: 0s}\nreceivers: [{}]')).toHaveLength(3)
  })

  it('bounds a tree that aliases blow up', () => {
    const levels = Array.from({ length: 30 }, (_, level) => `&r${level + 1} {routes: [*r${level}, *r${level}]}`)
    const bomb = `route: {receiver: y, routes: [&r0 {receiver: y}, ${levels.join(', ')}]}\nreceivers: [{name: y}]`
    expect(problemsOf(bomb).join()).toMatch(/10000 routes/)
  })

  it('stands in for a file with defaults that are themselves a valid file', () => {
    const text = defaultConfiguration({
      smtp: { host: '127.0.0.1', port: 25, from: 'a@b.c', requireTls: false },
      mailTo: 'ops@b.c',
      webhookUrl: 'http://127.0.0.1:1/',
    })
    const { integrations } = read(text).receivers.get('default')!
    expect(integrations.map(({ kind, sendResolved }) => [kind, sendResolved])).toEqual([
      ['email', true],
      ['webhook', true],
    ])
    expect(read(defaultConfiguration({})).receivers.get('default')!.integrations).toEqual([])
    expect(() => defaultConfiguration({ mailTo: 'x@y.z' })).toThrow(/no mail server/)
  })
})
