import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeWindow, podEntity } from '../../aggregator/fake-window.ts'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { seededRandom } from '../../lib/random.ts'
import { createAlerts } from '../app.ts'
import type { Alerts } from '../app.ts'
import { createInlineJournal } from '../state/inline-journal.ts'

const minute = 60_000

let clock: FakeClock
let folder: string
let alerts: Alerts

const rule = (fields: string) =>
  `groups: [{name: g, rules: [{alert: High, metric: cpu/usage_rate, entity: {type: pod}, condition: '> 100', ${fields}}]}]`

beforeEach(async () => {
  clock = new FakeClock()
  const window = new FakeWindow()
  for (let step = 0; step < 30; step++) {
    const value = step >= 10 && step < 20 ? 500 : 5
    window.add('cpu/usage_rate', podEntity('a'), { timestamp: clock.now() - (30 - step) * minute, value })
  }
  folder = mkdtempSync(join(tmpdir(), 'binnacle-trial-'))
  const rulesFile = join(folder, 'rules.yaml')
  writeFileSync(rulesFile, rule('for: 1m'))
  alerts = createAlerts({
    window,
    clock,
    random: seededRandom(3),
    log: silentLog,
    dataDir: folder,
    rulesFiles: [rulesFile],
    http: { host: '127.0.0.1', port: 0 },
    externalUrl: 'http://binnacle:9093',
    journal: createInlineJournal(),
  })
  await alerts.start()
})

afterEach(async () => {
  await alerts.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function call(body: unknown): Promise<{ readonly status: number; readonly body: { data?: Record<string, unknown> } }> {
  const response = await fetch(`http://${alerts.address}/api/v1/rules/test`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: response.status, body: (await response.json()) as { data?: Record<string, unknown> } }
}

const ago = (minutes: number) => new Date(clock.now() - minutes * minute).toISOString()

describe('the trial of a rule', () => {
  it('says when it would have fired, of the memory window', async () => {
    const { status, body } = await call({ rules: rule('for: 2m'), start: ago(29), interval: '1m' })
    expect(status).toBe(200)
    expect(body.data).toEqual({
      name: 'High',
      query: 'last(pod cpu/usage_rate, 1m) > 100',
      start: ago(29),
      end: ago(0),
      interval: 60,
      source: 'memory',
      evaluations: 30,
      failures: 0,
      truncated: false,
      alerts: [
        {
          labels: { alertname: 'High', namespace: 'default', node: 'node-1', pod: 'a' },
          annotations: {},
          activeAt: ago(19),
          startsAt: ago(17),
          endsAt: ago(9),
          value: '500',
        },
      ],
    })
  })

  it('can be of a rule that is loaded, at its own interval', async () => {
    const { body } = await call({ rule: 'g/High', start: ago(29) })
    expect(body.data).toMatchObject({ interval: 5, evaluations: 349, alerts: [{ startsAt: expect.any(String) }] })
  })

  it('tells an alert that has not ended', async () => {
    const { body } = await call({ rules: rule('for: 0s'), start: ago(29), end: ago(15) })
    expect(body.data!['alerts']).toMatchObject([{ endsAt: null }])
  })

  it.each([
    [{}, 400, 'rule or rules in body is required'],
    [[], 400, 'must be an object'],
    [{ rule: 'g/Low' }, 404, 'is not loaded'],
    [{ rule: 'g/High', from: 1 }, 400, 'from in body is unknown; allowed: rule, rules, start, end, interval'],
    [{ rules: 'groups: 5' }, 400, 'rules:1:9: groups: 5: must be a list'],
    [{ rules: 'groups: []' }, 400, 'must have one group with one rule'],
    [{ rules: `# ${'x'.repeat(70_000)}` }, 413, 'at most 65536 characters'],
    [{ rule: 'g/High', start: 'soon' }, 400, 'start in body must be a time'],
    [{ rule: 'g/High', start: '2031-01-01T00:00:00Z' }, 400, 'start in body must be before end, and in the past'],
    [{ rule: 'g/High', interval: '1ms' }, 400, 'at least 1s'],
    [
      { rule: 'g/High', start: '2029-12-01T00:00:00Z', interval: '5s' },
      422,
      'at most 20000 are allowed: a shorter range, or an interval from 2m14s on',
    ],
    [
      { rule: 'g/High', start: '2029-12-31T00:00:00Z', interval: '1m' },
      422,
      'there is no InfluxDB, and the memory window holds what this rule needs from 2029-12-31T23:02',
    ],
    [{ rules: "groups: [{name: g, rules: [{alert: A, events: {}, window: 2h, condition: '> 1'}]}]" }, 422, 'events are kept for 1h only'],
  ])('of %j is answered with %i', async (body, status, message) => {
    const answer = await call(body)
    expect([answer.status, JSON.stringify(answer.body)]).toEqual([status, expect.stringContaining(message)])
  })
})
