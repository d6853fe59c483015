import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../lib/fake-clock.ts'
import { silentLog } from '../lib/log.ts'
import { seededRandom } from '../lib/random.ts'
import { createAlerts, defaultRulesFile } from './app.ts'
import type { Alerts, AlertsOptions } from './app.ts'
import { createInlineJournal } from './state/inline-journal.ts'
import { FakeWindow, podEntity } from '../aggregator/fake-window.ts'

interface Answer {
  readonly status: number
  readonly body: unknown
}

let clock: FakeClock
let window: FakeWindow
let folder: string
let alerts: Alerts

beforeEach(() => {
  clock = new FakeClock()
  window = new FakeWindow()
  folder = mkdtempSync(join(tmpdir(), 'binnacle-alerts-'))
})

afterEach(async () => {
  await alerts.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function start(more: Partial<AlertsOptions> = {}): Promise<void> {
  alerts = createAlerts({
    window,
    clock,
    random: seededRandom(3),
    log: silentLog,
    dataDir: folder,
    rulesFiles: [defaultRulesFile],
    http: { host: '127.0.0.1', port: 0 },
    externalUrl: 'http://binnacle:9093',
    journal: createInlineJournal(),
    ...more,
  })
  await alerts.start()
}

async function call(path: string, method = 'GET', body?: unknown): Promise<Answer> {
  const response = await fetch(`http://${alerts.address}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json') ?? false
  return { status: response.status, body: isJson && text !== '' ? JSON.parse(text) : text }
}

const silence = (more: object = {}) => ({
  matchers: [{ name: 'alertname', value: 'A', isRegex: false }],
  startsAt: new Date(clock.now()).toISOString(),
  endsAt: new Date(clock.now() + 3_600_000).toISOString(),
  createdBy: 'me',
  comment: 'why',
  ...more,
})

describe('alerts over the API', () => {
  it('are taken, shown, filtered and ended', async () => {
    await start()
    const zero = '0001-01-01T00:00:00.000Z'
    expect(
      await call('/api/v2/alerts', 'POST', [{ labels: { alertname: 'A', pod: 'x', empty: '' }, startsAt: zero, endsAt: zero }]),
    ).toEqual({ status: 200, body: '' })
    const shown = {
      annotations: {},
      endsAt: '2030-01-01T00:05:00.000Z',
      fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
      receivers: [{ name: 'default' }],
      startsAt: '2030-01-01T00:00:00.000Z',
      status: { inhibitedBy: [], silencedBy: [], state: 'active' },
      updatedAt: '2030-01-01T00:00:00.000Z',
      labels: { alertname: 'A', pod: 'x' },
    }
    expect((await call('/api/v2/alerts')).body).toEqual([shown])
    expect((await call('/api/v2/alerts/groups')).body).toEqual([
      { labels: { alertname: 'A' }, receiver: { name: 'default' }, alerts: [shown] },
    ])
    for (const query of ['filter=pod%3D"y"', 'active=false', 'receiver=oth.*', 'filter=pod!~"x.*"', 'filter=alertname=A,pod=x']) {
      expect((await call(`/api/v2/alerts?${query}`)).body).toEqual([])
    }
    await clock.advance(1000)
    await call('/api/v2/alerts', 'POST', [{ labels: { alertname: 'A', pod: 'x' }, endsAt: new Date(clock.now()).toISOString() }])
    expect((await call('/api/v2/alerts')).body).toEqual([])
    const { body } = await call('/api/v1/journal?alert=A')
    expect((body as { entries: { kind: string; text: string }[] }).entries.map((entry) => entry.text)).toEqual([
      'posted as firing {alertname="A", pod="x"}',
      'matched route {}, receiver default, group {}:{alertname="A"}, waiting until 2030-01-01T00:00:05.000Z',
      'posted as resolved {alertname="A", pod="x"}',
    ])
  })

  it('end by themselves when nobody posts them again', async () => {
    await start()
    await call('/api/v2/alerts', 'POST', [{ labels: { alertname: 'A' } }])
    await clock.advance(299_000)
    await call('/api/v2/alerts', 'POST', [{ labels: { alertname: 'A' } }])
    await clock.advance(299_000)
    expect((await call('/api/v2/alerts')).body).toMatchObject([{ startsAt: '2030-01-01T00:00:00.000Z' }])
    await clock.advance(2000)
    expect((await call('/api/v2/alerts')).body).toEqual([])
  })

  it('that are good are kept from a batch with bad ones', async () => {
    await start()
    const batch = [{ labels: {} }, { labels: { alertname: 'good' } }, { labels: { alertname: 'x' }, startsAt: 'soon' }, 5]
    const { status, body } = await call('/api/v2/alerts', 'POST', batch)
    expect(status).toBe(400)
    expect(body).toMatch(
      /^alerts\[0\]: at least one label pair required; alerts\[2\]: startsAt in body must be a time such as .*"soon"; alerts\[3\]: /,
    )
    expect((await call('/api/v2/alerts')).body).toMatchObject([{ labels: { alertname: 'good' } }])
  })

  it('may be nested in any depth without being written down', async () => {
    await start()
    const body = `[{"labels":{"a":"b"},"startsAt":${'['.repeat(1e5)}${']'.repeat(1e5)}}]`
    expect(await call('/api/v2/alerts', 'POST', body)).toMatchObject({
      status: 400,
      body: expect.stringMatching(/startsAt in body must be a time/),
    })
  })

  it.each([
    ['/api/v2/alerts', 'POST', '{', 400, /parsing body failed/],
    ['/api/v2/alerts', 'POST', {}, 400, /must be a list/],
    ['/api/v2/alerts', 'POST', [{ labels: { 'a-b': 'x' } }], 400, /invalid name \\"a-b\\"/],
    ['/api/v2/alerts', 'POST', [{ labels: { a: 'x'.repeat(20_000) } }], 400, /label a is longer than 16384/],
    ['/api/v2/alerts', 'POST', [{ labels: { ['a'.repeat(1025)]: 'x' } }], 400, /a name is longer than 1024/],
    [
      '/api/v2/alerts',
      'POST',
      [{ labels: Object.fromEntries(Array.from({ length: 501 }, (_, i) => [`l${i}`, 'x'])) }],
      400,
      /at most 500 labels/,
    ],
    ['/api/v2/alerts', 'POST', Array.from({ length: 30 }, () => 5), 400, /alerts\[19\]: alert in body must be an object; and 10 others"$/],
    ['/api/v2/alerts', 'POST', [{ labels: { a: 'x' }, generatorURL: ':::' }], 400, /generatorURL in body must be of type uri/],
    ['/api/v2/alerts?filter=a~b', 'GET', undefined, 400, /bad matcher format: a~b/],
    ['/api/v2/alerts?receiver=(', 'GET', undefined, 400, /bad regular expression/],
    ['/api/v2/alerts?active=maybe', 'GET', undefined, 422, /must be true or false/],
    ['/api/v2/silence/abc', 'DELETE', undefined, 422, /must be of type uuid: \\"abc\\"/],
    ['/api/v2/silence/00000000-0000-4000-8000-000000000000', 'GET', undefined, 404, /not found/],
    ['/api/v2/silences', 'POST', { matchers: [] }, 400, /endsAt in body is required/],
    ['/api/v1/journal?limit=0', 'GET', undefined, 400, /whole number from 1 to 5000/],
    ['/api/v3/alerts', 'GET', undefined, 404, /was not found/],
  ])('answers %s %s of %j with %i', async (path, method, body, status, message) => {
    await start()
    const answer = await call(path, method, body)
    expect(answer.status).toBe(status)
    expect(JSON.stringify(answer.body)).toMatch(message)
  })
})

describe('what is done about an alert', () => {
  it('is acknowledged, listed, withdrawn, and told why', async () => {
    await start({ defaults: { webhookUrl: 'http://127.0.0.1:1/' } })
    await call('/api/v2/alerts', 'POST', [{ labels: { alertname: 'A' } }])
    const [{ fingerprint }] = (await call('/api/v2/alerts')).body as [{ fingerprint: string }]
    const path = `/api/v1/alerts/${fingerprint}/acknowledge`
    expect(await call(path, 'POST', { by: 'me', comment: 'on it' })).toMatchObject({ status: 200, body: { fingerprint, by: 'me' } })
    expect((await call('/api/v1/acknowledgements')).body).toMatchObject([{ fingerprint, comment: 'on it', labels: { alertname: 'A' } }])
    const { steps } = (await call('/api/v1/journal?alert=A')).body as { steps: string[] }
    expect(steps).toEqual([
      '{alertname="A"} fires since 2030-01-01T00:00:00.000Z',
      'acknowledged by me at 2030-01-01T00:00:00.000Z',
      'route {} → receiver default, group {}:{alertname="A"}, looked at again at 2030-01-01T00:00:05.000Z',
      '  default/webhook[0]: not told anything yet',
    ])
    expect((await call(path, 'DELETE')).status).toBe(200)
    expect((await call(path, 'DELETE')).status).toBe(404)
    expect((await call('/api/v1/alerts/0000000000000000/acknowledge', 'POST', {})).status).toBe(404)
    expect((await call(path, 'POST', { by: 5 })).status).toBe(400)
    const { silenceID } = (await call('/api/v2/silences', 'POST', silence())).body as { silenceID: string }
    const silenced = (await call('/api/v1/journal?alert=A')).body as { steps: string[] }
    expect(silenced.steps).toContain(`silenced by ${silenceID} until 2030-01-01T01:00:00.000Z`)
    expect(((await call('/api/v1/journal?alert=B')).body as { steps: string[] }).steps).toEqual([
      expect.stringMatching(/^no such alert fires/),
    ])
  })

  it('can be tried before it matters', async () => {
    await start({ defaults: { webhookUrl: 'http://127.0.0.1:1/' } })
    expect((await call('/api/v1/test', 'POST', {})).body).toMatchObject({
      results: [
        { receiver: 'default', integration: 'webhook[0]', outcome: 'retry', detail: expect.stringMatching(/ECONNREFUSED/) as string },
      ],
    })
    expect(await call('/api/v1/test', 'POST', { receiver: 'none' })).toMatchObject({
      status: 404,
      body: 'no such receiver: none; there are default',
    })
    expect((await call('/api/v1/test', 'POST', { labels: { 'a-b': 'x' } })).status).toBe(400)
  })
})

describe('silences over the API', () => {
  it('are made, shown, changed and ended', async () => {
    await start()
    await call('/api/v2/alerts', 'POST', [{ labels: { alertname: 'A' } }])
    const { silenceID } = (await call('/api/v2/silences', 'POST', silence())).body as { silenceID: string }
    expect((await call('/api/v2/alerts')).body).toMatchObject([{ status: { state: 'suppressed', silencedBy: [silenceID] } }])
    expect((await call('/api/v2/alerts?silenced=false')).body).toEqual([])
    expect((await call('/api/v2/silences?filter=alertname%3D"A"')).body).toMatchObject([
      { id: silenceID, status: { state: 'active' }, matchers: [{ isEqual: true, isRegex: false }] },
    ])
    expect((await call('/api/v2/silences?filter=alertname%3D"B"')).body).toEqual([])
    expect((await call(`/api/v2/silence/${silenceID}`)).body).toMatchObject({ comment: 'why', createdBy: 'me' })
    await clock.advance(1000)
    expect(await call(`/api/v2/silence/${silenceID}`, 'DELETE')).toEqual({ status: 200, body: '' })
    expect((await call('/api/v2/alerts')).body).toMatchObject([{ status: { state: 'active' } }])
    expect((await call('/api/v2/silences', 'POST', silence({ id: '00000000-0000-4000-8000-000000000000' }))).status).toBe(404)
    expect((await call('/api/v2/silences', 'POST', silence({ endsAt: '2029-01-01T00:00:00Z' }))).status).toBe(400)
  })
})

describe('the process', () => {
  it('shows its rules with their state', async () => {
    const rulesFile = join(folder, 'rules.yaml')
    writeFileSync(
      rulesFile,
      `groups: [{name: g, rules: [{alert: Cpu, metric: cpu/usage_rate, entity: {type: pod}, condition: '> 1', for: 1m, annotations: {summary: 'at {{ $value }}'}}]}]`,
    )
    await start({ rulesFiles: [rulesFile] })
    window.add('cpu/usage_rate', podEntity('a'), { timestamp: clock.now(), value: 7 })
    await clock.advance(5000)
    const { body } = await call('/api/v1/rules')
    expect(body).toMatchObject({
      status: 'success',
      data: {
        groups: [
          {
            name: 'g',
            interval: 5,
            rules: [
              {
                name: 'Cpu',
                state: 'pending',
                health: 'ok',
                duration: 60,
                alerts: [{ state: 'pending', value: '7', annotations: { summary: 'at 7' } }],
              },
            ],
          },
        ],
      },
    })
    expect((await call('/api/v1/rules?rule=g/Cpu')).body).toEqual(body)
    expect((await call('/api/v1/rules?rule=none')).body).toEqual({ status: 'success', data: { groups: [] } })
  })

  it('answers for its health, its receivers and its figures', async () => {
    await start({ defaults: { webhookUrl: 'http://127.0.0.1:1/secret-path' } })
    expect((await call('/-/healthy')).body).toBe('OK')
    expect((await call('/-/ready')).body).toBe('OK')
    expect((await call('/api/v2/receivers')).body).toEqual([{ name: 'default' }])
    const status = (await call('/api/v2/status')).body as { config: { original: string } }
    expect(status).toMatchObject({
      cluster: { status: 'disabled' },
      versionInfo: { version: '0.25.0' },
      uptime: '2030-01-01T00:00:00.000Z',
    })
    expect(status.config.original).not.toContain('secret-path')
    expect((await call('/metrics')).body).toMatch(/^alertmanager_alerts\{state="active"\} 0$/m)
  })

  it('keeps its rules when a reload finds a bad file, and says what is wrong', async () => {
    const rulesFile = join(folder, 'rules.yaml')
    const rules = `groups: [{name: g, rules: [{alert: Cpu, metric: cpu/usage_rate, entity: {type: pod}, condition: '> 1'}]}]`
    writeFileSync(rulesFile, rules)
    await start({ rulesFiles: [rulesFile] })
    writeFileSync(rulesFile, rules.replace('cpu/usage_rate', 'cpu/nonsense'))
    const answer = await call('/-/reload', 'POST')
    expect(answer.status).toBe(400)
    expect(answer.body).toMatch(/rules.yaml:1:\d+: groups\[0\].rules\[0\].metric: "cpu\/nonsense": not a metric of the catalogue/)
    expect(JSON.stringify((await call('/api/v1/rules')).body)).toContain('"Cpu"')
    writeFileSync(rulesFile, rules.replace('Cpu', 'Renamed'))
    expect((await call('/-/reload', 'POST')).status).toBe(200)
    expect(JSON.stringify((await call('/api/v1/rules')).body)).toContain('"Renamed"')
  })

  it('does not start on a bad file', async () => {
    const configFile = join(folder, 'am.yml')
    writeFileSync(configFile, 'route: {receiver: nobody}\nreceivers: []')
    await expect(start({ configFile })).rejects.toThrow(/am.yml:1:19: route.receiver: "nobody": no such receiver/)
  })
})
