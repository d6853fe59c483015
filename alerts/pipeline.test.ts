import { beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../lib/fake-clock.ts'
import { silentLog } from '../lib/log.ts'
import { seededRandom } from '../lib/random.ts'
import { Notifier } from './delivery/notifier.ts'
import { Evaluator } from './evaluation/evaluator.ts'
import { readHeartbeat } from './evaluation/stored-states.ts'
import { Observer } from './evaluation/observer.ts'
import { parseConfiguration } from './routing/configuration.ts'
import { parseRuleFile } from './rules/rule-file.ts'
import { AlertStore } from './state/alert-store.ts'
import { createInlineJournal } from './state/inline-journal.ts'
import type { Journal } from './state/journal.ts'
import { SilenceStore } from './state/silence.ts'
import { FakeIntegration } from './testing/fake-integration.ts'
import { FakeWindow, nodeEntity, podEntity } from '../aggregator/fake-window.ts'

const second = 1000
const minute = 60 * second

const rules = `
groups:
  - name: pods
    rules:
      - {alert: CpuHigh, metric: cpu/usage_rate, entity: {type: pod}, window: 10s, condition: '> 500m', for: 10s, severity: warning}
  - name: nodes
    rules:
      - {alert: NodeAbsent, metric: uptime, entity: {type: node}, window: 1m, condition: absent, severity: critical}
`
const configuration = `
route: {receiver: ops, group_by: [alertname], group_wait: 5s, group_interval: 30s, repeat_interval: 1h}
receivers: [{name: ops, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}]
inhibit_rules: [{source_matchers: [alertname=NodeAbsent], target_matchers: [alertname=CpuHigh], equal: [node]}]
`

/** One run of the process: everything but HTTP and the network, on the disk and the clock that it is given. */
class Run {
  readonly alerts: AlertStore
  readonly silences: SilenceStore
  readonly evaluator: Evaluator
  readonly notifier: Notifier
  readonly #abort = new AbortController()
  readonly #disk: Disk

  constructor(parts: { clock: FakeClock; window: FakeWindow; disk: Disk; receiver: FakeIntegration }) {
    const { clock, window, disk, receiver } = parts
    const random = seededRandom(1)
    this.#disk = disk
    this.alerts = new AlertStore({ journal: disk })
    this.silences = new SilenceStore({ clock, random, journal: disk })
    const observer = new Observer({ window, windowMs: 60 * minute, bucketMs: 5 * second })
    this.evaluator = new Evaluator({
      observer,
      clock,
      log: silentLog,
      alerts: this.alerts,
      intervalMs: 5 * second,
      externalUrl: 'http://x',
    })
    this.notifier = new Notifier({
      clock,
      random,
      log: silentLog,
      journal: disk,
      alerts: this.alerts,
      silences: this.silences,
      externalUrl: 'http://x',
      createIntegration: () => receiver,
    })
  }

  async start(ruleText = rules, configurationText = configuration): Promise<this> {
    const snapshot = await this.#disk.load()
    this.alerts.restore(snapshot.alert.values())
    this.silences.restore(snapshot.silence.values())
    this.evaluator.restore(snapshot.series.values(), readHeartbeat(snapshot.fact))
    this.evaluator.load(parseRuleFile('rules.yaml', ruleText))
    await this.notifier.restore(snapshot)
    await this.notifier.configure(parseConfiguration('am.yml', configurationText, () => ''))
    this.notifier.start()
    void this.evaluator.run(this.#abort.signal)
    return this
  }

  /** As a killed process: nothing more reaches the disk, nothing more happens. */
  async kill(): Promise<void> {
    this.#abort.abort()
    this.#disk.cut()
    await this.notifier.dispatcher.stop()
  }
}

/** A disk that outlives processes and can be cut off from one, or be full. */
class Disk implements Journal {
  readonly #journal: Journal
  #isCut = false
  isFull = false

  constructor(journal: Journal) {
    this.#journal = journal
  }

  /** The same disk for the next process. */
  next(): Disk {
    return new Disk(this.#journal)
  }

  cut(): void {
    this.#isCut = true
  }

  load = () => this.#journal.load()
  entries = (query: Parameters<Journal['entries']>[0]) => this.#journal.entries(query)
  prune = (time: number) => this.#journal.prune(time)
  close = () => this.#journal.close()
  commit = (change: Parameters<Journal['commit']>[0]): Promise<void> => {
    if (this.#isCut) return new Promise(() => {})
    return this.isFull ? Promise.reject(new Error('disk full')) : this.#journal.commit(change)
  }
}

let clock: FakeClock
let window: FakeWindow
let disk: Disk
let receiver: FakeIntegration
let run: Run

beforeEach(async () => {
  clock = new FakeClock()
  window = new FakeWindow()
  disk = new Disk(createInlineJournal())
  receiver = new FakeIntegration()
  run = await new Run({ clock, window, disk, receiver }).start()
})

/** Another process on the same disk, clock and receiver. */
async function restart(options: { keepsWindow?: boolean } = {}): Promise<void> {
  await run.kill()
  if (options.keepsWindow !== true) window.clear()
  disk = disk.next()
  run = await new Run({ clock, window, disk, receiver }).start()
}

/** Lets time pass while pods use CPU, with a sample every 5 s. */
async function pass(ms: number, cpu: Readonly<Record<string, number>> = {}): Promise<void> {
  for (let elapsed = 0; elapsed < ms; elapsed += 5 * second) {
    for (const [pod, value] of Object.entries(cpu)) window.add('cpu/usage_rate', podEntity(pod), { timestamp: clock.now(), value })
    await clock.advance(Math.min(5 * second, ms - elapsed))
  }
}

async function textsOf(alert: string): Promise<string[]> {
  return (await disk.entries({ alert, limit: 100 })).map((entry) => `${entry.kind}: ${entry.text.replace(/,? ?value.*| \{.*/, '')}`)
}

describe('an alert', () => {
  it('goes pending, firing, resolved, and is told once for each of the two', async () => {
    await pass(10 * second, { a: 600 })
    expect(run.evaluator.status()[0]!.rules[0]!.states[0]).toMatchObject({ phase: 'pending' })
    expect(receiver.lines).toEqual([])
    await pass(2 * minute, { a: 600 })
    expect(receiver.lines).toEqual(['firing a'])
    await pass(2 * minute, { a: 100 })
    expect(receiver.lines).toEqual(['firing a', 'resolved a'])
    await pass(10 * minute, { a: 100 })
    expect(receiver.lines).toHaveLength(2)
    expect(run.alerts.list()).toEqual([])
    expect(await textsOf('CpuHigh')).toEqual([
      'transition: inactive → pending: condition holds',
      'transition: pending → firing: condition holds',
      'grouped: matched route',
      'enqueued: firing to ops/webhook[0]',
      'delivered: firing to ops/webhook[0], attempt 1: ok',
      'transition: firing → inactive: condition no longer holds',
      'enqueued: resolved to ops/webhook[0]',
      'delivered: resolved to ops/webhook[0], attempt 1: ok',
    ])
  })

  it('is told together with others of its group, and again when one joins or leaves', async () => {
    await pass(30 * second, { a: 600, b: 600 })
    await pass(minute, { a: 600, b: 600, c: 600 })
    await pass(minute, { a: 600, b: 100, c: 600 })
    expect(receiver.lines).toEqual(['firing a,b', 'firing a,b,c', 'firing a,c; resolved b'])
  })

  it('is told again after the repeat interval', async () => {
    await pass(62 * minute, { a: 600 })
    expect(receiver.lines).toEqual(['firing a', 'firing a'])
    expect(new Set(receiver.told.map((notification) => notification.id)).size).toBe(2)
    expect(receiver.told[1]!.thread).toBe(receiver.told[0]!.id)
  })

  it('that is over before anybody was told is not told at all', async () => {
    await run.notifier.configure(parseConfiguration('am.yml', configuration.replace('group_wait: 5s', 'group_wait: 1m'), () => ''))
    await pass(20 * second, { a: 600 })
    expect(run.alerts.list()).toHaveLength(1)
    await pass(5 * minute, { a: 100 })
    expect(receiver.lines).toEqual([])
    expect(run.alerts.list()).toEqual([])
  })
})

describe('holding back', () => {
  it('a silence does so, and the journal says why', async () => {
    const matchers = [{ name: 'pod', operator: '=', value: 'a' } as const]
    const id = await run.silences.set({ matchers, startsAt: clock.now(), endsAt: clock.now() + 5 * minute, createdBy: 'me', comment: '' })
    await pass(2 * minute, { a: 600, b: 600 })
    expect(receiver.lines).toEqual(['firing b'])
    await pass(5 * minute, { a: 600, b: 600 })
    expect(receiver.lines).toEqual(['firing b', 'firing a,b'])
    const [alert] = run.alerts.list().filter((found) => found.labels['pod'] === 'a')
    expect(await textsOf(alert!.fingerprint)).toEqual(
      expect.arrayContaining([`suppressed: silenced by ${id}`, 'released: no longer silenced']),
    )
  })

  it('an alert on the node does so for alerts on its pods', async () => {
    window.add('uptime', nodeEntity('node-1'), { timestamp: clock.now(), value: 1 })
    await pass(3 * minute)
    expect(receiver.lines).toEqual(['firing NodeAbsent'])
    await pass(3 * minute, { a: 600 })
    expect(receiver.lines).toEqual(['firing NodeAbsent'])
    expect((await textsOf('CpuHigh')).some((text) => text.startsWith('suppressed: inhibited by'))).toBe(true)
  })
})

describe('a receiver that fails', () => {
  it('is tried again with growing pauses under the same ID until it takes the notification', async () => {
    receiver.answerWith(...Array.from({ length: 4 }, () => ({ outcome: 'retry', reason: '503' }) as const))
    await pass(minute, { a: 600 })
    expect(receiver.lines).toEqual(Array.from({ length: 5 }, () => 'firing a'))
    expect(new Set(receiver.told.map((notification) => notification.id)).size).toBe(1)
    expect(receiver.told.map((notification) => notification.attempts)).toEqual([0, 1, 2, 3, 4])
    await pass(minute, { a: 600 })
    expect(receiver.told).toHaveLength(5)
  })

  it('gets firing before resolved, however late', async () => {
    receiver.answerWith({ outcome: 'retry', reason: '503', afterMs: 5 * minute })
    await pass(minute, { a: 600 })
    await pass(2 * minute, { a: 100 })
    expect(receiver.lines).toEqual(['firing a'])
    await pass(6 * minute, { a: 100 })
    expect(receiver.lines).toEqual(['firing a', 'firing a', 'resolved a'])
  })

  it('that asks for a pause is not called before its end', async () => {
    receiver.answerWith({ outcome: 'retry', reason: '429', afterMs: 40 * second })
    await pass(45 * second, { a: 600 })
    expect(receiver.told).toHaveLength(1)
    await pass(30 * second, { a: 600 })
    expect(receiver.told).toHaveLength(2)
  })

  it('that refuses for good is not tried again for this notification', async () => {
    receiver.answerWith({ outcome: 'failed', reason: '400' })
    await pass(5 * minute, { a: 600 })
    expect(receiver.told).toHaveLength(1)
    expect(await textsOf('CpuHigh')).toContain('failed: firing to ops/webhook[0], attempt 1: 400')
  })
})

describe('a process that is killed', () => {
  it('does not tell again what was told, and tells what was not', async () => {
    await pass(2 * minute, { a: 600 })
    await restart()
    await pass(2 * minute, { a: 600, b: 600 })
    expect(receiver.lines).toEqual(['firing a', 'firing a,b'])
    await restart()
    await pass(5 * minute, { a: 100, b: 100 })
    expect(receiver.lines).toEqual(['firing a', 'firing a,b', 'resolved a,b'])
  })

  it('sends what was under way again, under the same ID', async () => {
    receiver.answerWith('hang')
    await pass(minute, { a: 600 })
    await restart()
    await pass(minute, { a: 600 })
    expect(receiver.lines).toEqual(['firing a', 'firing a'])
    expect(receiver.told[0]!.id).toBe(receiver.told[1]!.id)
  })

  it('goes on waiting where it was in for', async () => {
    await pass(10 * second, { a: 600 })
    await restart({ keepsWindow: true })
    await pass(5 * second, { a: 600 })
    expect(run.evaluator.status()[0]!.rules[0]!.states[0]).toMatchObject({ phase: 'firing' })
  })

  it('does not take its empty window for the end of an alert', async () => {
    await pass(minute, { a: 600 })
    await restart()
    await pass(30 * second)
    expect(receiver.lines).toEqual(['firing a'])
    await pass(2 * minute)
    expect(receiver.lines).toEqual(['firing a', 'resolved a'])
  })

  it('comes back while a node is away, and keeps its alert', async () => {
    window.add('uptime', nodeEntity('n'), { timestamp: clock.now(), value: 1 })
    await pass(3 * minute)
    await restart()
    await pass(5 * minute)
    expect(receiver.lines).toEqual(['firing NodeAbsent'])
  })
})

describe('a full disk', () => {
  it('stops nothing from being told once there is room again, and tells nothing twice', async () => {
    disk.isFull = true
    await pass(2 * minute, { a: 600 })
    expect(receiver.lines).toEqual([])
    disk.isFull = false
    await pass(2 * minute, { a: 600 })
    expect(receiver.lines).toEqual(['firing a'])
  })
})

describe('a reload', () => {
  it('keeps the state of rules that stay, and ends the alerts of those that go', async () => {
    await pass(minute, { a: 600 })
    run.evaluator.load(parseRuleFile('rules.yaml', rules.replace('> 500m', '> 550m')))
    await pass(minute, { a: 600 })
    expect(receiver.lines).toEqual(['firing a'])
    run.evaluator.load(parseRuleFile('rules.yaml', rules.replace('alert: CpuHigh', 'alert: Other')))
    await pass(minute, { a: 600 })
    expect(receiver.lines.slice(1).sort()).toEqual(['firing a', 'resolved a'])
    expect(await textsOf('CpuHigh')).toContain('transition: firing → inactive: rule removed')
  })

  it('of the configuration tells nothing again', async () => {
    await pass(minute, { a: 600 })
    await run.notifier.configure(parseConfiguration('am.yml', configuration, () => ''))
    await pass(5 * minute, { a: 600 })
    expect(receiver.lines).toEqual(['firing a'])
  })
})

describe('a query that fails', () => {
  it('leaves alerts as they are and shows in the health of the rule', async () => {
    await pass(minute, { a: 600 })
    window.failWith(new Error('window is closed'))
    await pass(5 * minute)
    expect(run.evaluator.status()[0]!.rules[0]).toMatchObject({ health: 'query failed', lastError: 'window is closed' })
    expect(receiver.lines).toEqual(['firing a'])
  })
})
