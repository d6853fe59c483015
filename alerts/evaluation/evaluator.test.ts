import { beforeEach, describe, expect, it } from 'vitest'
import { FakeWindow, podEntity } from '../../aggregator/fake-window.ts'
import type { Clock } from '../../lib/clock.ts'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { parseRuleFile } from '../rules/rule-file.ts'
import { AlertStore } from '../state/alert-store.ts'
import { createInlineJournal } from '../state/inline-journal.ts'
import { Evaluator } from './evaluator.ts'
import type { RuleHistory, SelectRequest } from './history.ts'
import { Observer } from './observer.ts'
import { readHeartbeat } from './stored-states.ts'

const second = 1000
const minute = 60 * second

let clock: FakeClock
/** By how much somebody has set the wall clock. */
let offset: number
let window: FakeWindow
let evaluator: Evaluator
let journal: ReturnType<typeof createInlineJournal>

/** InfluxDB that answers the same to every query, when it is let. */
class Answers implements RuleHistory {
  readonly asked: number[] = []
  readonly waiting: (() => void)[] = []
  isSlow = false
  value = 40

  series = () => Promise.resolve([])
  select = async ({ at }: SelectRequest) => {
    this.asked.push(at)
    if (this.isSlow) await new Promise<void>((resolve) => this.waiting.push(resolve))
    return [{ tags: { queue: 'a' }, columns: ['time', 'v'], values: [[at, this.value]] }]
  }
}

let answers: Answers

const cpu = "{alert: Cpu, metric: cpu/usage_rate, entity: {type: pod}, window: 10s, condition: '> 10', for: 20s}"
const query = "{alert: Queue, query: 'SELECT v FROM q WHERE time > now() - 1m', ingest_delay: 0s, condition: '> 10', for: 20s}"

beforeEach(() => {
  clock = new FakeClock()
  offset = 0
  window = new FakeWindow()
  answers = new Answers()
  journal = createInlineJournal()
  evaluator = createEvaluator()
})

function createEvaluator(): Evaluator {
  const alerts = new AlertStore({ journal })
  const observer = new Observer({ window, windowMs: 60 * minute, bucketMs: 5 * second, history: answers })
  const { sleep, setTimer, monotonic } = bound(clock)
  const wall: Clock = { now: () => clock.now() + offset, monotonic, sleep, setTimer }
  return new Evaluator({ observer, clock: wall, log: silentLog, alerts, intervalMs: 5 * second, externalUrl: 'http://x' })
}

function bound(fake: FakeClock): Pick<Clock, 'sleep' | 'setTimer' | 'monotonic'> {
  return {
    sleep: (ms, signal) => fake.sleep(ms, signal),
    setTimer: (ms, callback) => fake.setTimer(ms, callback),
    monotonic: () => fake.monotonic(),
  }
}

const load = (...rules: readonly string[]) => evaluator.load(parseRuleFile('r.yaml', `groups: [{name: g, rules: [${rules.join(', ')}]}]`))
const statusOf = (name: string) => evaluator.status()[0]!.rules.find(({ rule }) => rule.alert === name)!
const phaseOf = (name: string) => statusOf(name).states[0]?.phase ?? 'inactive'

/** Time passes and samples come, while nothing is evaluated. */
async function sleepThrough(ms: number, value: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 5 * second) {
    window.add('cpu/usage_rate', podEntity('a'), { timestamp: clock.now(), value })
    await clock.advance(5 * second)
  }
}

describe('after a pause', () => {
  it('missed evaluations are made up in order, each as of its own moment', async () => {
    load(cpu)
    await evaluator.evaluate()
    const begun = clock.now()
    await sleepThrough(25 * second, 50)
    await sleepThrough(25 * second, 1)
    await evaluator.evaluate()
    const texts = (await journal.entries({ limit: 10 })).map(({ time, text }) => [(time - begun) / second, text.split(':')[0]])
    expect(texts).toEqual([
      [5, 'inactive → pending'],
      [25, 'pending → firing'],
      [30, 'firing → inactive'],
    ])
    expect(evaluator.counters).toMatchObject({ madeUp: 9, missed: 0 })
  })

  it('nobody is absent who could not report while this process stood still', async () => {
    load('{alert: Gone, metric: cpu/usage_rate, entity: {type: pod}, window: 20s, condition: absent}')
    const watch = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 5 * second) {
        await clock.advance(5 * second)
        await evaluator.evaluate()
      }
    }
    await sleepThrough(5 * second, 1)
    await evaluator.evaluate()
    await clock.advance(10 * minute)
    await evaluator.evaluate()
    await watch(50 * second)
    expect(phaseOf('Gone')).toBe('inactive')
    await watch(20 * second)
    expect(phaseOf('Gone')).toBe('firing')
  })

  it('at most sixty are made up; the others are counted', async () => {
    load(cpu)
    await evaluator.evaluate()
    await clock.advance(10 * minute)
    await evaluator.evaluate()
    expect(evaluator.counters).toMatchObject({ evaluations: 62, missed: 59 })
    expect(statusOf('Cpu').evaluatedAt).toBe(clock.now())
  })

  it('nothing is made up of a clock that was set back', async () => {
    load(cpu)
    await evaluator.evaluate()
    offset = -5 * minute
    await evaluator.evaluate()
    expect(statusOf('Cpu').evaluatedAt).toBe(clock.now() + offset)
    expect(evaluator.counters).toMatchObject({ evaluations: 2, missed: 0, madeUp: 0 })
  })

  it('rules on InfluxDB go on where the process before this one ended', async () => {
    evaluator.restore([], clock.now() - 30 * second)
    load(cpu, query)
    const abort = new AbortController()
    const running = evaluator.run(abort.signal)
    await clock.advance(5 * second)
    expect(answers.asked).toHaveLength(7)
    expect(answers.asked[0]).toBe(clock.now() - 30 * second)
    expect(phaseOf('Queue')).toBe('firing')
    expect(statusOf('Cpu').evaluatedAt).toBe(clock.now())
    abort.abort()
    await clock.settle()
    await running
  })
})

describe('a restart', () => {
  /** Evaluates every 5 s while `wave` says what there is to see. */
  async function watch(ms: number, see: () => void): Promise<void> {
    for (let passed = 0; passed < ms; passed += 5 * second) {
      see()
      await clock.advance(5 * second)
      await evaluator.evaluate()
      await clock.settle()
    }
  }

  it('does not ask InfluxDB again about what was before the last change that is on disk', async () => {
    const immediate = query.replace('for: 20s', 'for: 0s')
    load(immediate)
    answers.value = 1
    await watch(30 * second, () => {})
    answers.value = 40
    await watch(5 * second, () => {})
    const { firedAt } = statusOf('Queue').states[0]!
    await restart()
    load(immediate)
    const asked = answers.asked.length
    answers.value = 1
    await evaluator.evaluate()
    await clock.settle()
    expect(answers.asked.slice(asked)).toEqual([])
    expect(statusOf('Queue').states[0]).toMatchObject({ phase: 'firing', firedAt })
  })

  /** The next process on the same disk. */
  async function restart(): Promise<void> {
    const snapshot = await journal.load()
    evaluator = createEvaluator()
    evaluator.restore(snapshot.series.values(), readHeartbeat(snapshot.fact))
  }
  const expected =
    '{alert: Gone, metric: cpu/usage_rate, entity: {type: pod}, window: 2m, condition: absent, expected: [{pod: a}, {pod: b}]}'

  it('does not make anybody expected anew who has never reported', async () => {
    load(expected)
    await sleepThrough(5 * second, 1)
    await evaluator.evaluate()
    await clock.advance(minute)
    await evaluator.evaluate()
    await restart()
    load(expected)
    await clock.advance(minute)
    await evaluator.evaluate()
    expect(statusOf('Gone').states.map(({ labels, phase, details }) => [labels['pod'], phase, details?.['absence']])).toEqual([
      ['a', 'inactive', undefined],
      ['b', 'firing', 'never reported'],
    ])
  })

  it('keeps a series that flaps held', async () => {
    const flapping =
      "{alert: Cpu, metric: cpu/usage_rate, entity: {type: pod}, window: 5s, condition: '> 10', flapping: {history: 11, step: 5s, enter: 50%, leave: 25%}}"
    load(flapping)
    for (let step = 0; step < 10; step++) {
      await sleepThrough(5 * second, step % 2 === 0 ? 50 : 1)
      await evaluator.evaluate()
    }
    expect(phaseOf('Cpu')).toBe('flapping')
    await restart()
    load(flapping)
    await sleepThrough(5 * second, 1)
    await evaluator.evaluate()
    expect(phaseOf('Cpu')).toBe('flapping')
    expect(statusOf('Cpu').states[0]!.changes!.length).toBeGreaterThan(5)
  })
})

describe('a slow InfluxDB', () => {
  it('keeps no other rule waiting, and is asked one thing of a rule at a time', async () => {
    answers.isSlow = true
    load(cpu, query)
    const abort = new AbortController()
    const running = evaluator.run(abort.signal)
    await sleepThrough(minute, 50)
    expect(phaseOf('Cpu')).toBe('firing')
    expect(statusOf('Cpu').latenessMs).toBe(0)
    expect(answers.asked).toHaveLength(1)
    expect(statusOf('Queue').health).toBe('unknown')
    answers.isSlow = false
    answers.waiting.forEach((answer) => answer())
    await clock.advance(5 * second)
    expect(phaseOf('Queue')).toBe('firing')
    expect(statusOf('Queue')).toMatchObject({ health: 'ok', latenessMs: 0 })
    abort.abort()
    await clock.settle()
    await running
  })

  it('is waited for when the process ends, and its answer to a rule that is gone counts for nothing', async () => {
    answers.isSlow = true
    load(query)
    await evaluator.evaluate()
    load(cpu)
    answers.waiting.forEach((answer) => answer())
    await clock.settle()
    expect(evaluator.status()[0]!.rules.map(({ rule, states }) => [rule.alert, states])).toEqual([['Cpu', []]])
  })
})

describe('a disk that refuses', () => {
  it('leaves states as they were; the same moment is evaluated again', async () => {
    load(cpu)
    await evaluator.evaluate()
    await sleepThrough(5 * second, 50)
    const commit = journal.commit.bind(journal)
    journal.commit = () => Promise.reject(new Error('disk full'))
    await expect(evaluator.evaluate()).rejects.toThrow('disk full')
    expect(phaseOf('Cpu')).toBe('inactive')
    journal.commit = commit
    await sleepThrough(5 * second, 50)
    await evaluator.evaluate()
    expect(statusOf('Cpu').states[0]).toMatchObject({ phase: 'pending', activeSince: clock.now() - 5 * second })
  })
})
