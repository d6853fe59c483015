import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../../lib/fake-clock.ts'
import { isMail } from '../../routing/receiver.ts'
import { HttpCollector } from '../../testing/http-collector.ts'
import { readIntegration } from '../../testing/read-integration.ts'
import { sampleNotification } from '../../testing/sample-notification.ts'
import { createHttpIntegration } from '../http-integration.ts'
import type { Delivery, Integration, Notification, NotifiedAlert } from '../notification.ts'

const hash = createHash('sha256').update(sampleNotification.groupKey).digest('hex')
const firing = sampleNotification.alerts[0]!
const resolved: NotifiedAlert = { ...firing, status: 'resolved', endsAt: firing.startsAt + 60_000 }
const never = new AbortController().signal
let collector: HttpCollector
let integration: Integration | undefined

beforeEach(async () => {
  collector = new HttpCollector()
  await collector.start()
})

afterEach(async () => {
  integration?.close()
  await collector.stop()
})

/** Sends the sample as the lines of a receiver say; URL stands for the collector. */
async function send(lines: string, alerts: readonly NotifiedAlert[] = [firing], more: Partial<Notification> = {}): Promise<Delivery> {
  const settings = readIntegration(lines.replaceAll('URL', collector.url))
  if (isMail(settings)) throw new Error('a mail is not called over HTTP')
  integration = createHttpIntegration(settings, { clock: new FakeClock(), readFile: () => 'from-file' })
  return integration.send({ ...sampleNotification, alerts, ...more }, never)
}

function bodyOf(index = 0): unknown {
  return JSON.parse(collector.received[index]!.body)
}

const minimal: Readonly<Record<string, string>> = {
  slack: `slack_configs: [{api_url: 'URL/services/T/B/K', send_resolved: true}]`,
  pagerduty: `pagerduty_configs: [{routing_key: key, url: 'URL/v2/enqueue'}]`,
  opsgenie: `opsgenie_configs: [{api_key: key, api_url: 'URL'}]`,
  msteams: `msteams_configs: [{webhook_url: 'URL/teams'}]`,
  msteamsv2: `msteamsv2_configs: [{webhook_url: 'URL/teams'}]`,
  victorops: `victorops_configs: [{api_key: key, routing_key: team, api_url: 'URL/alert/'}]`,
  discord: `discord_configs: [{webhook_url: 'URL/discord'}]`,
  telegram: `telegram_configs: [{bot_token: '1:T', chat_id: -100, api_url: 'URL'}]`,
  webex: `webex_configs: [{room_id: room, api_url: 'URL/v1/messages', http_config: {authorization: {credentials: t}}}]`,
  template: `template_configs: [{url: 'URL/x', body: '{{ .Status }}: {{ range .Alerts }}{{ .Labels.pod }}{{ end }}', headers: {X-Status: '{{ .Status }}'}}]`,
}

describe('receivers', () => {
  it('Slack gets an attachment', async () => {
    expect(await send(minimal['slack']!)).toEqual({ outcome: 'delivered', detail: 'HTTP 200' })
    expect(collector.received[0]).toMatchObject({ method: 'POST', path: '/services/T/B/K' })
    expect(bodyOf()).toEqual({
      username: 'Binnacle',
      attachments: [
        {
          color: 'danger',
          title: '[FIRING:1] PodRestarting (default web-1)',
          title_link: 'http://127.0.0.1:9093/#/alerts?receiver=ops',
          fallback: '[FIRING:1] PodRestarting (default web-1) | http://127.0.0.1:9093/#/alerts?receiver=ops',
          text: 'FIRING web-1 <script>restarts</script>',
          mrkdwn_in: ['fallback', 'pretext', 'text'],
        },
      ],
    })
  })

  it('Slack gets own texts, fields and actions, and a token', async () => {
    await send(
      `slack_configs: [{app_token: xoxb, api_url: URL/api, channel: '#{{ .GroupLabels.alertname | toLower }}', color: '{{ if eq .Status "resolved" }}good{{ end }}', short_fields: true,
      fields: [{title: Pod, value: '{{ .CommonLabels.pod }}'}], actions: [{type: button, text: Runbook, url: 'https://x/{{ .CommonLabels.pod }}'}]}]`,
      [resolved],
    )
    expect(collector.received[0]!.headers.authorization).toBe('Bearer xoxb')
    expect(bodyOf()).toMatchObject({
      channel: '#podrestarting',
      attachments: [
        {
          color: 'good',
          title: '[RESOLVED] PodRestarting (default web-1)',
          fields: [{ title: 'Pod', value: 'web-1', short: true }],
          actions: [{ type: 'button', text: 'Runbook', url: 'https://x/web-1' }],
        },
      ],
    })
  })

  it.each([
    ['{"ok":false,"error":"channel_not_found"}', 'failed'],
    ['{"ok":false,"error":"ratelimited"}', 'retry'],
    ['{"ok":true}', 'delivered'],
    ['ok', 'delivered'],
  ])('Slack answering %s with 200 means %s', async (text, outcome) => {
    collector.answer = (response) => response.end(text)
    expect(await send(minimal['slack']!)).toMatchObject({ outcome })
  })

  it.each([
    [`{app_token: own, app_url: 'URL/own'}`, '/own', 'Bearer own'],
    ['{app_token: own}', '/app', 'Bearer own'],
    [`{api_url: 'URL/hook'}`, '/hook', undefined],
    [`{api_url: 'URL/chat.postMessage'}`, '/chat.postMessage', 'Bearer all'],
    ['{message_text: "<!here> {{ .Status }}"}', '/app', 'Bearer all'],
  ])('Slack as %s is called at %s as %s', async (lines, path, authorization) => {
    const settings = readIntegration(
      `slack_configs: [${lines.replaceAll('URL', collector.url)}]`,
      `global: {slack_app_token: all, slack_app_url: '${collector.url}/app'}`,
    )
    if (isMail(settings)) throw new Error('not Slack')
    integration = createHttpIntegration(settings, { clock: new FakeClock(), readFile: () => '' })
    await integration.send(sampleNotification, never)
    expect([collector.received[0]!.path, collector.received[0]!.headers.authorization]).toEqual([path, authorization])
    expect((bodyOf() as { text?: string }).text).toBe(lines.includes('message_text') ? '<!here> firing' : undefined)
  })

  describe('Slack, where its API can be called,', () => {
    const first = '{"channel":"C1","ts":"111.2"}'
    const threading = (more: string) => `slack_configs: [{app_token: xoxb, api_url: URL/api/chat.postMessage, channel: '#ops', ${more}}]`
    const answerWith = (...answers: readonly object[]) => {
      const left = [...answers]
      collector.answer = (response) => response.end(JSON.stringify(left.shift() ?? { ok: true, channel: 'C1', ts: '333.4' }))
    }
    const calls = () =>
      collector.received.map(({ path, body }) => {
        const { channel, ts, thread_ts: threadTs } = JSON.parse(body) as Record<string, string>
        return [path, channel, ts ?? '', threadTs ?? ''].join(' ')
      })

    it('says where the first message is', async () => {
      answerWith({ ok: true, channel: 'C1', ts: '111.2', message: { text: 'x'.repeat(20_000) } })
      expect(await send(threading('update_message: true'))).toMatchObject({ outcome: 'delivered', reference: first })
      expect(calls()).toEqual(['/api/chat.postMessage #ops  '])
    })

    it('has the first message changed, replied to, or both', async () => {
      await send(threading('update_message: true'), [resolved], { replyTo: first })
      await send(threading('post_updates_to_thread: true'), [resolved], { replyTo: first })
      expect(calls()).toEqual(['/api/chat.update C1 111.2 ', '/api/chat.postMessage C1  111.2'])
      collector.received.length = 0
      answerWith({ ok: true, channel: 'C1', ts: '111.2' }, { ok: true, channel: 'C1', ts: '222.3', message: { thread_ts: '111.2' } })
      const both = threading('update_message: true, post_updates_to_thread: true')
      expect(await send(both, [resolved], { replyTo: first })).toMatchObject({ outcome: 'delivered', reference: first })
      expect(calls()).toEqual(['/api/chat.update C1 111.2 ', '/api/chat.postMessage C1  111.2'])
    })

    it('gets one message more where the first one is gone, which is the first one then', async () => {
      answerWith({ ok: false, error: 'message_not_found' })
      const both = threading('update_message: true, post_updates_to_thread: true')
      expect(await send(both, [resolved], { replyTo: first })).toMatchObject({
        outcome: 'delivered',
        reference: '{"channel":"C1","ts":"333.4"}',
      })
      expect(calls()).toEqual(['/api/chat.update C1 111.2 ', '/api/chat.postMessage #ops  '])
    })

    it('is told again later where it cannot at the moment', async () => {
      answerWith({ ok: false, error: 'ratelimited' })
      expect(await send(threading('update_message: true'), [resolved], { replyTo: first })).toMatchObject({ outcome: 'retry' })
      expect(calls()).toHaveLength(1)
    })

    it('is what the options are for: an incoming webhook is refused, and everything posted where nothing was asked for', async () => {
      expect(() => readIntegration(`slack_configs: [{api_url: 'http://x/services/T', update_message: true}]`)).toThrow(
        /update_message needs api_url to be .*chat.postMessage: an incoming webhook cannot/,
      )
      await send(threading(''), [resolved], { replyTo: first })
      expect(calls()).toEqual(['/api/chat.postMessage #ops  '])
    })
  })

  it('PagerDuty gets one incident per group, and its end', async () => {
    await send(minimal['pagerduty']!, [firing, resolved])
    await send(minimal['pagerduty']!, [resolved])
    expect(bodyOf()).toMatchObject({
      routing_key: 'key',
      dedup_key: hash,
      event_action: 'trigger',
      client: 'Binnacle',
      payload: {
        summary: '[FIRING:1] PodRestarting (default web-1)',
        source: 'Binnacle',
        severity: 'error',
        custom_details: {
          num_firing: '1',
          num_resolved: '1',
          firing: expect.stringMatching(/^Labels\n {2}alertname: PodRestarting\n/) as string,
        },
      },
    })
    expect(bodyOf(1)).toMatchObject({ dedup_key: hash, event_action: 'resolve' })
  })

  it('PagerDuty is given the severity that a template says, or one that it knows', async () => {
    const lines = `pagerduty_configs: [{routing_key_file: f, url: URL, severity: '{{ .CommonLabels.severity }}', details: {team: '{{ .Receiver }}'}, links: [{href: 'https://x', text: '{{ .Status }}'}]}]`
    await send(lines, [{ ...firing, labels: { ...firing.labels, severity: 'Warning' } }])
    await send(lines, [{ ...firing, labels: { ...firing.labels, severity: 'page' } }])
    expect(bodyOf()).toMatchObject({
      routing_key: 'from-file',
      links: [{ href: 'https://x', text: 'firing' }],
      payload: { severity: 'warning', custom_details: { team: 'ops' } },
    })
    expect(bodyOf(1)).toMatchObject({ payload: { severity: 'error' } })
  })

  it('PagerDuty is not sent more than it takes', async () => {
    const alerts = Array.from({ length: 90 }, () => ({ ...firing, annotations: { text: 'é'.repeat(4000) } }))
    expect(await send(minimal['pagerduty']!, alerts)).toMatchObject({ outcome: 'delivered' })
    expect(Buffer.byteLength(collector.received[0]!.body)).toBeLessThan(512_000)
  })

  it('Opsgenie gets one alert per group under an alias, and its end', async () => {
    const lines = `opsgenie_configs: [{api_key: key, api_url: 'URL/', tags: 'a, {{ .Status }}', priority: P1, responders: [{type: teams, name: 'x,y'}, {type: user, username: u@v.w}], details: {extra: '{{ .Receiver }}'}}]`
    await send(lines)
    await send(lines, [resolved])
    expect(collector.received.map(({ path }) => path)).toEqual(['/v2/alerts', `/v2/alerts/${hash}/close?identifierType=alias`])
    expect(collector.received[0]!.headers.authorization).toBe('GenieKey key')
    expect(bodyOf()).toMatchObject({
      alias: hash,
      message: '[FIRING:1] PodRestarting (default web-1)',
      tags: ['a', 'firing'],
      priority: 'P1',
      details: { alertname: 'PodRestarting', extra: 'ops' },
      responders: [
        { type: 'team', name: 'x' },
        { type: 'team', name: 'y' },
        { type: 'user', username: 'u@v.w' },
      ],
    })
  })

  it('Opsgenie gets changed texts of an alert that it has', async () => {
    await send(`opsgenie_configs: [{api_key: key, api_url: URL, update_alerts: true}]`)
    expect(collector.received.map(({ method, path }) => `${method} ${path.split('?')[0]}`)).toEqual([
      'POST /v2/alerts',
      `PUT /v2/alerts/${hash}/message`,
      `PUT /v2/alerts/${hash}/description`,
    ])
  })

  it('Teams gets a card through connectors and one through workflows', async () => {
    await send(minimal['msteams']!)
    await send(minimal['msteamsv2']!, [resolved])
    expect(bodyOf()).toMatchObject({ '@type': 'MessageCard', themeColor: '8C1A1A', title: '[FIRING:1] PodRestarting (default web-1)' })
    expect(bodyOf(1)).toMatchObject({
      type: 'message',
      attachments: [
        {
          contentType: 'application/vnd.microsoft.card.adaptive',
          content: {
            type: 'AdaptiveCard',
            body: [{ text: '[RESOLVED] PodRestarting (default web-1)', color: 'Good' }, { type: 'TextBlock' }],
          },
        },
      ],
    })
    collector.answer = (response) =>
      response.end('Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429')
    expect(await send(minimal['msteams']!)).toMatchObject({ outcome: 'retry' })
  })

  it('VictorOps gets an incident and its recovery', async () => {
    await send(minimal['victorops']!)
    await send(minimal['victorops']!, [resolved])
    expect(collector.received[0]!.path).toBe('/alert/key/team')
    expect(bodyOf()).toMatchObject({ message_type: 'CRITICAL', entity_id: hash })
    expect(bodyOf(1)).toMatchObject({ message_type: 'RECOVERY', entity_id: hash })
  })

  it('Discord, Telegram and Webex get a message', async () => {
    await send(minimal['discord']!)
    await send(minimal['telegram']!)
    await send(minimal['webex']!)
    expect(bodyOf()).toMatchObject({ embeds: [{ title: '[FIRING:1] PodRestarting (default web-1)', color: 0x992d22 }] })
    expect(collector.received[1]!.path).toBe('/bot1:T/sendMessage')
    expect(bodyOf(1)).toMatchObject({
      chat_id: -100,
      parse_mode: 'HTML',
      text: expect.stringContaining('&lt;script&gt;restarts') as string,
    })
    expect(bodyOf(2)).toMatchObject({ roomId: 'room', markdown: expect.stringContaining('**web-1') as string })
    expect(collector.received[2]!.headers.authorization).toBe('Bearer t')
  })

  it('Telegram and Discord say in the body how long to wait', async () => {
    collector.answer = (response) => response.writeHead(429).end('{"ok":false,"parameters":{"retry_after":7}}')
    expect(await send(minimal['telegram']!)).toMatchObject({ outcome: 'retry', afterMs: 7000 })
    collector.answer = (response) => response.writeHead(429).end('{"retry_after":0.5}')
    expect(await send(minimal['discord']!)).toMatchObject({ outcome: 'retry', afterMs: 500 })
  })

  it('anything else gets what a template makes', async () => {
    await send(minimal['template']!, [firing, resolved])
    expect(collector.received[0]).toMatchObject({
      method: 'POST',
      path: '/x',
      body: 'firing: web-1web-1',
      headers: { 'x-status': 'firing', 'idempotency-key': sampleNotification.id },
    })
  })

  it('a template that fails gives way to the built-in text, and the journal is told', async () => {
    const lines = `slack_configs: [{api_url: URL, title: '{{ .CommonLabels.pod }} {{ .Nothing }}'}]`
    expect(await send(lines)).toEqual({
      outcome: 'delivered',
      detail: expect.stringMatching(/^HTTP 200; a template failed, the built-in text was used: there is no field .Nothing/) as string,
    })
    expect(bodyOf()).toMatchObject({ attachments: [{ title: '[FIRING:1] PodRestarting (default web-1)' }] })
  })

  describe.each(Object.keys(minimal))('%s', (kind) => {
    it.each([
      [429, 'retry'],
      [503, 'retry'],
      [403, 'retry'],
      [400, 'failed'],
      [202, 'delivered'],
    ])('answering %i means %s', async (status, outcome) => {
      collector.answer = (response) => response.writeHead(status, { 'Retry-After': '3' }).end()
      const delivery = await send(minimal[kind]!)
      expect(delivery).toMatchObject({ outcome })
      if (status === 429) expect(delivery).toMatchObject({ afterMs: 3000 })
    })

    it('is safe from what labels say', async () => {
      const evil =
        'a\r\nX-Evil: 1\r\n\r\n<!channel> @everyone <@U1> <script>alert(1)</script> "quoted" \\ \u0000\u0007\u202E \uD800 {{ .Status }} [x](javascript:1)'
      const alert = { ...firing, labels: { alertname: evil, pod: evil, severity: evil }, annotations: { summary: evil, description: evil } }
      expect(await send(minimal[kind]!, [alert], { groupLabels: { alertname: evil } })).toMatchObject({ outcome: 'delivered' })
      const [request] = collector.received
      expect(request!.headers['x-evil']).toBeUndefined()
      // oxlint-disable-next-line no-control-regex
      expect(request!.body).not.toMatch(/[\u0000\u0007]|\\u0000|\\u0007|\uD800/)
      if (kind !== 'template') expect(() => bodyOf()).not.toThrow()
      if (kind === 'slack') expect(request!.body).not.toMatch(/<[!@]/)
      if (kind === 'discord') expect(request!.body).not.toMatch(/@everyone|<@U/)
      if (kind === 'telegram') expect(request!.body).not.toMatch(/<script/)
      if (kind !== 'template') expect(request!.body).toContain('{{ .Status }}')
    })
  })
})
