import { describe, expect, it } from 'vitest'
import { parseRuleFile } from '../rules/rule-file.ts'
import type { Rule } from '../rules/rule.ts'
import { planEvaluation } from './evaluation.plan.ts'
import type { Observation, SeriesState } from './evaluation.plan.ts'

const labels = { pod: 'a' }

function rule(fields: string): Rule {
  const text = `groups: [{name: g, rules: [{alert: A, metric: cpu/usage_rate, entity: {type: pod}, condition: '> 10', ${fields}}]}]`
  return parseRuleFile('r.yaml', text)[0]!.rules[0]!
}

/** Feeds one value per `stepMs` (`-` is no sample, `!` a failed query, `~` a value of a window that is not covered) and lists the phases. */
function run(subject: Rule, inputs: readonly string[], options: { stepMs?: number; start?: readonly SeriesState[] } = {}) {
  const { stepMs = 10_000, start = [] } = options
  let states: readonly SeriesState[] = start
  const seen: string[] = []
  const reasons: string[] = []
  for (const [index, input] of inputs.entries()) {
    const now = 1_000_000 + index * stepMs
    const plan = planEvaluation(subject, observationOf(input, now), states, now)
    states = plan.states
    reasons.push(...plan.transitions.map((transition) => `${transition.from}>${transition.to}: ${transition.reason}`))
    seen.push(plan.health === 'ok' ? (states[0]?.phase ?? 'inactive') : plan.health)
  }
  return { seen, states, reasons }
}

function observationOf(input: string, now: number): Observation {
  if (input === '!') return { kind: 'failed', reason: 'broken' }
  if (input === '-') return { kind: 'values', values: [] }
  const value = { labels, value: Number(input.replace('~', '')), sampledAt: now, isCovered: !input.startsWith('~') }
  return { kind: 'values', values: [value] }
}

describe('the plan of an evaluation', () => {
  it.each([
    ['fires at once without for', '', ['5', '11', '11', '9'], ['inactive', 'firing', 'firing', 'inactive']],
    ['waits for the time of for', 'for: 20s', ['11', '11', '11', '11'], ['pending', 'pending', 'firing', 'firing']],
    [
      'starts for again after a good value',
      'for: 20s',
      ['11', '11', '9', '11', '11', '11'],
      ['pending', 'pending', 'inactive', 'pending', 'pending', 'firing'],
    ],
    ['keeps firing for a while', 'keep_firing_for: 20s', ['11', '9', '9', '9'], ['firing', 'recovering', 'recovering', 'inactive']],
    [
      'goes on firing when the condition comes back',
      'keep_firing_for: 20s',
      ['11', '9', '11', '9', '9', '9'],
      ['firing', 'recovering', 'firing', 'recovering', 'recovering', 'inactive'],
    ],
    [
      'resolves only past the recovery threshold',
      "recovery: '< 5'",
      ['11', '9', '6', '4', '9'],
      ['firing', 'firing', 'firing', 'inactive', 'inactive'],
    ],
    ['changes nothing when the query fails', 'for: 20s', ['11', '!', '11'], ['pending', 'query failed', 'firing']],
    ['says that there is no data', '', ['-', '5'], ['no data', 'inactive']],
    ['resolves what has had no samples for a while', 'window: 20s', ['11', '-', '-', '-'], ['firing', 'firing', 'firing', 'no data']],
    [
      'keeps what has had no samples, if told so',
      'window: 20s, no_data: keep',
      ['11', '-', '-', '-', '-', '9'],
      ['firing', 'firing', 'firing', 'firing', 'firing', 'inactive'],
    ],
    [
      'takes missing samples for a breach, if told so',
      'window: 20s, no_data: alert, for: 10s',
      ['11', '-', '-', '-'],
      ['pending', 'pending', 'pending', 'firing'],
    ],
    [
      'does not trust a low value of a short history',
      'aggregation: increase',
      ['11', '~1', '~1', '1'],
      ['firing', 'firing', 'firing', 'inactive'],
    ],
    ['fires on a high value of a short history', 'aggregation: increase', ['~11'], ['firing']],
  ])('%s', (_, fields, inputs, phases) => {
    expect(run(rule(fields), inputs).seen).toEqual(phases)
  })

  it('keeps for and keep_firing_for going over a restart', () => {
    const before = run(rule('for: 20s'), ['11', '11'])
    const restored = JSON.parse(JSON.stringify(before.states)) as SeriesState[]
    expect(planEvaluation(rule('for: 20s'), observationOf('11', 1_020_000), restored, 1_020_000).states[0]!.phase).toBe('firing')
  })

  it('does not resolve within the grace of a restart', () => {
    const firing: SeriesState = { labels, phase: 'firing', activeSince: 0, firedAt: 0, lastSeenAt: 0, graceUntil: 1_020_000 }
    expect(run(rule(''), ['-', '-', '-'], { start: [firing] }).seen).toEqual(['firing', 'firing', 'no data'])
    expect(run(rule(''), ['-', '9'], { start: [firing] }).seen).toEqual(['firing', 'inactive'])
  })

  it('says why each state was left', () => {
    expect(run(rule('for: 10s, window: 20s'), ['11', '11', '-', '-', '-', '-']).reasons).toEqual([
      'inactive>pending: condition holds',
      'pending>firing: condition holds',
      'firing>inactive: no data',
    ])
  })

  it('keeps series apart', () => {
    const values = ['a', 'b', 'c'].map((pod, index) => ({ labels: { pod }, value: index * 10, sampledAt: 0, isCovered: true }))
    const plan = planEvaluation(rule(''), { kind: 'values', values }, [], 0)
    expect(plan.states.map((state) => state.labels)).toEqual([{ pod: 'c' }])
  })
})

describe('a rule on absence', () => {
  const absent =
    rule('window: 20s').condition.kind === 'threshold'
      ? { ...rule('window: 20s'), condition: { kind: 'absent', forgetAfterMs: 100_000 } as const }
      : rule('')

  it('fires for what was there and is not any more, and ends when it is back', () => {
    expect(run(absent, ['1', '-', '-', '-', '1']).seen).toEqual(['inactive', 'inactive', 'firing', 'firing', 'inactive'])
  })

  it('does not fire for what never was', () => {
    expect(run(absent, ['-', '-', '-']).seen).toEqual(['no data', 'no data', 'no data'])
  })

  it('forgets what has been away for long', () => {
    const { seen, reasons } = run(absent, ['1', ...Array.from({ length: 10 }, () => '-'), '-'])
    expect(seen.at(-1)).toBe('no data')
    expect(reasons.at(-1)).toBe('firing>inactive: forgotten')
  })
})
