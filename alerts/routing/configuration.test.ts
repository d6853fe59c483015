import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { FileError } from '../../lib/document.ts'
import { parseConfiguration } from './configuration.ts'
import { defaultConfiguration } from './default-configuration.ts'
import type { MailSettings, WebhookSettings } from './receiver.ts'

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
      to: ['a@example.com', 'b@example.com'],
      host: 'mail.example.com',
      port: 587,
      from: 'alerts@example.com',
      requireTls: true,
      sendResolved: false,
      auth: { user: 'u', password: 'hunter2' },
      subject: undefined,
    })
    expect(Object.keys((mail as MailSettings).headers)).toEqual(['x-team'])
    expect(webhook as WebhookSettings).toMatchObject({ sendResolved: true, hmacSecret: 'swordfish', authorization: 'Bearer topsecret' })
    expect(second as WebhookSettings).toMatchObject({ maxAlerts: 5 })
    expect((second as WebhookSettings).url.href).toBe('http://127.0.0.1:9/x')
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
      'route: {receiver: y}\nreceivers:\n- name: y\n  slack_configs: []',
      'am.yml:4:18: receivers[0].slack_configs: a list: slack_configs is not supported; allowed here: name, email_configs, webhook_configs',
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
      'route: {receiver: y}\nreceivers: [{name: y}]\ntemplates: ["*.tmpl"]',
      'am.yml:3:12: templates: a list: template files are not supported: the built-in texts are used, and headers take {{ .CommonLabels.name }}',
    ],
    [
      'route: {receiver: y}\nreceivers: [{name: y}]\nrecievers: []',
      'am.yml:3:12: recievers: a list: unknown field; allowed here: global, route, receivers, inhibit_rules, templates, time_intervals, mute_time_intervals',
    ],
  ])('refuses %j with its place', (text, problem) => {
    expect(problemsOf(text)).toEqual([problem])
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
