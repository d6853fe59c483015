import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { seededRandom } from '../../lib/random.ts'
import { parseConfiguration } from '../routing/configuration.ts'
import type { Alert } from '../state/alert.ts'
import { AlertStore } from '../state/alert-store.ts'
import { createInlineJournal } from '../state/inline-journal.ts'
import type { Journal } from '../state/journal.ts'
import { fingerprintOf } from '../state/labels.ts'
import { SilenceStore } from '../state/silence.ts'
import { FakeIntegration } from '../testing/fake-integration.ts'
import type { Notification } from './notification.ts'
import { Notifier } from './notifier.ts'

const second = 1000
const minute = 60 * second

let clock: FakeClock
let journal: Journal
let alerts: AlertStore
let notifier: Notifier
/** By receiver: one integration each. */
let receivers: Map<string, FakeIntegration>

const base = (extensions: string) => `
route: {receiver: ops, group_by: [alertname], group_wait: 5s, group_interval: 30s, repeat_interval: 1h}
receivers:
- {name: ops, webhook_configs: [{url: 'http://ops/'}]}
- {name: boss, webhook_configs: [{url: 'http://boss/'}]}
- {name: pager, pagerduty_configs: [{routing_key: k}]}
binnacle: ${extensions}
`

beforeEach(() => {
  clock = new FakeClock()
  journal = createInlineJournal()
  receivers = new Map()
})

afterEach(async () => {
  await notifier.stop()
  await journal.close()
})

/** Starts on the same disk, as often as wanted. */
async function start(extensions: string, text = base(extensions)): Promise<void> {
  alerts = new AlertStore({ journal })
  const configuration = parseConfiguration('am.yml', text, () => '')
  const names = [...configuration.receivers.values()].flatMap(({ name, integrations }) => integrations.map(() => name))
  let next = 0
  notifier = new Notifier({
    clock,
    random: seededRandom(1),
    log: silentLog,
    journal,
    alerts,
    silences: new SilenceStore({ clock, random: seededRandom(2), journal }),
    externalUrl: 'http://x',
    createIntegration: () => {
      const name = names[next++]!
      const receiver = receivers.get(name) ?? new FakeIntegration()
      receivers.set(name, receiver)
      return receiver
    },
  })
  const snapshot = await journal.load()
  alerts.restore(snapshot.alert.values())
  await notifier.restore(snapshot)
  await notifier.configure(configuration)
  notifier.start()
}

function alertOf(name: string, more: Partial<Alert> = {}): Alert {
  const labels = { alertname: name, pod: name }
  return {
    fingerprint: fingerprintOf(labels),
    labels,
    annotations: {},
    startsAt: clock.now(),
    updatedAt: clock.now(),
    source: 'rule',
    ...more,
  }
}

async function fire(name: string): Promise<Alert> {
  const alert = alertOf(name)
  await alerts.put([alert])
  return alert
}

async function end(alert: Alert): Promise<void> {
  await alerts.put([{ ...alert, endsAt: clock.now(), updatedAt: clock.now() }])
}

const told = (name: string): readonly Notification[] => receivers.get(name)!.told
const linesOf = (name: string): string[] => receivers.get(name)!.lines
const textsOf = async (alert: string) => (await journal.entries({ limit: 100, alert })).map(({ kind, text }) => `${kind}: ${text}`)

describe('a receiver with a rate', () => {
  const limited = '{receivers: {ops: {rate_limit: {notifications: 2, per: 10m}}}}'

  it('is told the rest at once, in one message with the numbers', async () => {
    await start(limited)
    for (const name of ['A', 'B', 'C', 'D', 'E']) await fire(name)
    await clock.advance(minute)
    expect(linesOf('ops')).toEqual(['firing A', 'firing B'])
    expect((await textsOf('C')).at(-1)).toMatch(
      /^digested: firing: the rate of ops\/webhook\[0\], 2 in 10m, is reached: part of a digest at 2030-01-01T00:10:05/,
    )
    await clock.advance(10 * minute)
    const [digest] = told('ops').slice(2)
    expect(digest!.alerts[0]).toMatchObject({
      labels: { alertname: 'NotificationDigest', receiver: 'ops' },
      annotations: {
        summary: '3 notifications with 3 firing and 0 resolved alerts in 10m were too many to tell one by one: C 1, D 1, E 1',
      },
    })
    expect(digest!.alerts.slice(1).map(({ labels }) => labels['pod'])).toEqual(['C', 'D', 'E'])
    expect(told('ops')).toHaveLength(3)
  })

  it('gets a digest that was begun before a restart, and nothing twice', async () => {
    await start(limited)
    for (const name of ['A', 'B', 'C']) await fire(name)
    await clock.advance(minute)
    await notifier.stop()
    await start(limited)
    await clock.advance(15 * minute)
    expect(linesOf('ops')).toEqual(['firing A', 'firing B', 'firing C,NotificationDigest'])
  })

  it('is not overtaken: what ends while a digest waits is part of it', async () => {
    await start(limited)
    const all = []
    for (const name of ['A', 'B', 'C']) all.push(await fire(name))
    await clock.advance(6 * minute)
    await end(all[2]!)
    await clock.advance(minute)
    expect(told('ops')).toHaveLength(2)
    await clock.advance(10 * minute)
    expect(told('ops')[2]!.alerts[0]!.annotations['summary']).toMatch(/^2 notifications with 1 firing and 1 resolved alerts/)
    expect(told('ops')[2]!.alerts[1]).toMatchObject({ status: 'resolved', labels: { pod: 'C' } })
  })

  it('keeps a bounded record of a flood', async () => {
    await start(limited)
    for (let index = 0; index < 500; index++) await fire(`N${index}`)
    await clock.advance(11 * minute)
    const { alerts: listed } = told('ops')[2]!
    expect(listed).toHaveLength(21)
    expect(listed[0]!.annotations['summary']).toMatch(/^498 notifications with 498 firing .*others 478$/)
  })

  it('is told each thing, only later, where it keeps incidents', async () => {
    await start(
      '{receivers: {pager: {rate_limit: {notifications: 1, per: 10m}}}}',
      base('{receivers: {pager: {rate_limit: {notifications: 1, per: 10m}}}}').replace('{receiver: ops,', '{receiver: pager,'),
    )
    for (const name of ['A', 'B', 'C']) await fire(name)
    await clock.advance(minute)
    expect(linesOf('pager')).toEqual(['firing A'])
    await clock.advance(10 * minute)
    expect(linesOf('pager')).toEqual(['firing A', 'firing B'])
    await clock.advance(10 * minute)
    expect(linesOf('pager')).toEqual(['firing A', 'firing B', 'firing C'])
  })
})

describe('an alert that nobody acknowledges', () => {
  const escalating = '{receivers: {ops: {escalate: {after: 15m, to: boss}}, boss: {escalate: {after: 15m, to: pager}}}}'

  it('is told further, and further, and its end to everybody who knew', async () => {
    await start(escalating)
    const alert = await fire('A')
    await clock.advance(14 * minute)
    expect([linesOf('ops'), linesOf('boss')]).toEqual([['firing A'], []])
    await clock.advance(2 * minute)
    expect([linesOf('boss'), linesOf('pager')]).toEqual([['firing A'], []])
    await clock.advance(15 * minute)
    expect(linesOf('pager')).toEqual(['firing A'])
    await end(alert)
    await clock.advance(minute)
    for (const name of ['ops', 'boss', 'pager']) expect(linesOf(name)).toEqual(['firing A', 'resolved A'])
    expect(await textsOf('A')).toContainEqual(
      expect.stringMatching(/^grouped: told further after 15m without acknowledgement, receiver boss/),
    )
  })

  it('is not told further once somebody has acknowledged, nor again, and neither is its end', async () => {
    await start(escalating)
    const alert = await fire('A')
    await clock.advance(minute)
    await notifier.acknowledgements.acknowledge(alert, 'me', 'on it')
    await clock.advance(3 * 60 * minute)
    expect([linesOf('ops'), linesOf('boss')]).toEqual([['firing A'], []])
    await end(alert)
    await clock.advance(minute)
    expect([linesOf('ops'), linesOf('boss')]).toEqual([['firing A', 'resolved A'], []])
    expect(await textsOf('A')).toContain('acknowledged: acknowledged by me: on it')
    expect(await textsOf('A')).toContain('suppressed: acknowledged by me')
  })

  it('is told further when it fires anew, or the acknowledgement is withdrawn', async () => {
    await start(escalating)
    const alert = await fire('A')
    await notifier.acknowledgements.acknowledge(alert, 'me', '')
    await clock.advance(20 * minute)
    expect(linesOf('boss')).toEqual([])
    expect(await notifier.acknowledgements.withdraw(alert)).toBe(true)
    await clock.advance(minute)
    expect(linesOf('boss')).toEqual(['firing A'])
    await end(alert)
    await clock.advance(minute)
    await fire('A')
    await clock.advance(20 * minute)
    expect(linesOf('boss')).toEqual(['firing A', 'resolved A', 'firing A'])
  })

  it('is told further in the thread of the mail that began it, over a restart, and in one of its own the next time', async () => {
    const mails = base(escalating).replaceAll(
      /webhook_configs: \[\{url: 'http:\/\/(\w+)\/'\}\]/g,
      'email_configs: [{to: $1@x.y, send_resolved: true}]',
    )
    const text = mails.replace('route:', "global: {smtp_smarthost: 'h:25', smtp_from: a@x.y}\nroute:")
    const threads = (name: string) => told(name).map(({ replyTo = '' }) => replyTo)
    await start(escalating, text)
    receivers.get('ops')!.answerWith({ outcome: 'retry', reason: '451', reference: '<first@x.y>' }, { outcome: 'delivered', detail: 'ok' })
    const alert = await fire('A')
    await clock.advance(minute)
    expect(threads('ops')).toEqual(['', ''])
    await notifier.stop()
    await start(escalating, text)
    await clock.advance(16 * minute)
    await end(alert)
    await clock.advance(minute)
    expect(linesOf('boss')).toEqual(['firing A', 'resolved A'])
    expect([threads('ops').at(-1), ...threads('boss')]).toEqual(['<first@x.y>', '<first@x.y>', '<first@x.y>'])
    receivers.get('ops')!.answerWith({ outcome: 'delivered', detail: 'ok', reference: '<second@x.y>' })
    const next = await fire('A')
    await clock.advance(32 * minute)
    expect([threads('ops').at(-1), threads('boss').at(-1), threads('pager')]).toEqual(['', '<second@x.y>', ['']])
    await notifier.prune(clock.now())
    expect([...(await journal.load()).thread.values()].map(({ reference }) => reference)).toContain('<second@x.y>')
    await end(next)
    await clock.advance(minute)
    await notifier.prune(clock.now())
    expect((await journal.load()).thread.size).toBe(0)
  })

  it('stays acknowledged over a restart', async () => {
    await start(escalating)
    await notifier.acknowledgements.acknowledge(await fire('A'), 'me', '')
    await notifier.stop()
    await start(escalating)
    await clock.advance(30 * minute)
    expect(linesOf('boss')).toEqual([])
  })
})

describe('a receiver that does not work', () => {
  const fallback = '{fallback_receiver: boss}'

  it('has an alert about it told to another one, once, and not to itself', async () => {
    await start(fallback)
    receivers.get('ops')!.answerWith({ outcome: 'failed', reason: 'no such mailbox' })
    await fire('A')
    await clock.advance(2 * minute)
    expect(linesOf('boss')).toEqual(['firing NotificationDeliveryFailed'])
    expect(told('boss')[0]!.alerts[0]).toMatchObject({
      labels: { receiver: 'ops', integration: 'webhook[0]', severity: 'critical' },
      annotations: { summary: 'A notification was refused for good: no such mailbox' },
    })
    expect(linesOf('ops')).toEqual(['firing A'])
    expect(await textsOf('NotificationDeliveryFailed')).toContainEqual('suppressed: not told to a receiver that does not work: ops')
  })

  it('has one while it is away for long, which ends when it is back', async () => {
    await start(fallback)
    const away = Array.from({ length: 14 }, () => ({ outcome: 'retry', reason: 'HTTP 503' }) as const)
    receivers.get('ops')!.answerWith(...away)
    await fire('A')
    await clock.advance(9 * minute)
    expect(linesOf('boss')).toEqual([])
    await clock.advance(4 * minute)
    expect(linesOf('boss')).toEqual(['firing NotificationDeliveryDelayed'])
    await clock.advance(30 * minute)
    expect(linesOf('boss').at(-1)).toBe('resolved NotificationDeliveryDelayed')
  })

  it('does not make two receivers that fail keep each other busy', async () => {
    await start(fallback)
    const failures = Array.from({ length: 50 }, () => ({ outcome: 'failed', reason: 'no' }) as const)
    receivers.get('ops')!.answerWith(...failures)
    receivers.get('boss')!.answerWith(...failures)
    await fire('A')
    await clock.advance(20 * minute)
    expect(told('ops').length + told('boss').length).toBeLessThanOrEqual(3)
  })
})

describe('a group that was cut off between two of its integrations', () => {
  it('tells the second one at once after the restart, and the first one nothing again', async () => {
    const both = base('{}').replace("[{url: 'http://ops/'}]", "[{url: 'http://ops/'}, {url: 'http://second/'}]")
    await start('{}', both)
    await fire('A')
    await clock.advance(10 * second)
    expect(told('ops')).toHaveLength(2)
    await notifier.stop()
    // As if the process had died before the second one's record was written.
    const [lane] = [...(await journal.load()).sent.keys()].filter((key) => key.includes('webhook[1]'))
    await journal.commit({ remove: [{ table: 'sent', key: lane! }] })
    await start('{}', both)
    await clock.advance(second)
    expect(
      told('ops')
        .slice(2)
        .map(({ integration }) => integration),
    ).toEqual(['webhook[1]'])
  })
})

describe('a test', () => {
  it('goes down the routing tree and says what happened at each end', async () => {
    await start('{}')
    expect(await notifier.test({ labels: { team: 'a' } })).toEqual([
      { receiver: 'ops', integration: 'webhook[0]', outcome: 'delivered', detail: 'ok', latencyMs: 0 },
    ])
    expect(told('ops')[0]!.alerts[0]).toMatchObject({ status: 'firing', labels: { alertname: 'BinnacleTest', team: 'a' } })
    receivers.get('boss')!.answerWith({ outcome: 'retry', reason: 'HTTP 503' })
    expect(await notifier.test({ receiver: 'boss' })).toMatchObject([{ receiver: 'boss', outcome: 'retry', detail: 'HTTP 503' }])
    expect(alerts.list()).toEqual([])
    expect(await textsOf('BinnacleTest')).toEqual([
      'tested: test of ops/webhook[0]: delivered: ok',
      'tested: test of boss/webhook[0]: retry: HTTP 503',
    ])
  })

  it('leaves no incident open', async () => {
    await start('{}')
    await notifier.test({ receiver: 'pager' })
    expect(linesOf('pager')).toEqual(['firing BinnacleTest', 'resolved BinnacleTest'])
  })
})

describe('the heartbeat', () => {
  it('beats, and raises an alert where it does not arrive, until it does', async () => {
    await start('{fallback_receiver: boss, heartbeat: {interval: 5m, receivers: [ops]}}')
    await clock.advance(11 * minute)
    expect(linesOf('ops')).toEqual(['firing NotificationHeartbeat', 'firing NotificationHeartbeat'])
    receivers.get('ops')!.answerWith({ outcome: 'retry', reason: 'ECONNREFUSED' })
    await clock.advance(5 * minute)
    expect(linesOf('boss')).toEqual(['firing NotificationHeartbeatFailed'])
    await clock.advance(5 * minute)
    expect(linesOf('boss')).toEqual(['firing NotificationHeartbeatFailed', 'resolved NotificationHeartbeatFailed'])
  })
})
