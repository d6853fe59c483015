import { describe, expect, it } from 'vitest'
import { parseRuleFile } from '../rules/rule-file.ts'
import type { Rule } from '../rules/rule.ts'
import { planEvaluation } from './evaluation.plan.ts'
import type { Observation } from './observation.ts'
import type { SeriesState } from './series-state.ts'

const labels = { pod: 'a' }

function rule(fields: string): Rule {
  const text = `groups: [{name: g, rules: [{alert: A, metric: cpu/usage_rate, entity: {type: pod}, condition: '> 10', ${fields}}]}]`
  return parseRuleFile('r.yaml', text)[0]!.rules[0]!
}

/** A rule with a condition of its own. */
function ruleOn(fields: string): Rule {
  return parseRuleFile('r.yaml', `groups: [{name: g, rules: [{alert: A, metric: cpu/usage_rate, entity: {type: pod}, ${fields}}]}]`)[0]!
    .rules[0]!
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
  const absent = ruleOn('condition: absent, window: 20s, forget_after: 100s, flapping: off')

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

  /** Who has a value at each step, of those who are expected. */
  function watch(subject: Rule, steps: readonly { readonly expected: readonly string[]; readonly seen: readonly string[] }[]) {
    let states: readonly SeriesState[] = []
    return steps.map(({ expected, seen }, index) => {
      const now = 1_000_000 + index * 10_000
      const values = seen.map((pod) => ({ labels: { namespace: 'x', pod, node: 'n' }, value: 1, sampledAt: now, isCovered: true }))
      const plan = planEvaluation(subject, { kind: 'values', values, expected: expected.map((pod) => ({ pod })) }, states, now)
      states = plan.states
      return states.filter(({ phase }) => phase === 'firing').map(({ labels: { pod }, details }) => `${pod} ${details!['absence']}`)
    })
  }
  const everybody = { expected: ['a', 'b'] }

  it('tells who never reported from who stopped reporting', () => {
    const subject = ruleOn('condition: absent, window: 20s, expected: [{pod: a}, {pod: b}]')
    const steps = [
      { ...everybody, seen: ['a', 'c'] },
      { ...everybody, seen: [] },
      { ...everybody, seen: [] },
    ]
    expect(watch(subject, steps)).toEqual([[], [], ['a stopped reporting', 'b never reported']])
  })

  it.each([
    ['never reported', ['b never reported']],
    ['stopped reporting', ['a stopped reporting']],
  ])('can be about those only that %s', (condition, firing) => {
    const subject = ruleOn(`condition: ${condition}, window: 20s, expected: [{pod: a}, {pod: b}]`)
    expect(
      watch(subject, [
        { ...everybody, seen: ['a'] },
        { ...everybody, seen: [] },
        { ...everybody, seen: [] },
      ])[2],
    ).toEqual(firing)
  })

  it('ends for who is expected no longer', () => {
    const subject = ruleOn('condition: absent, window: 20s, expected: cluster')
    const away = { ...everybody, seen: ['a'] }
    expect(watch(subject, [away, away, away, { expected: ['a'], seen: ['a'] }])).toEqual([[], [], ['b never reported'], []])
  })
})

describe('what there is nothing to judge by', () => {
  it.each([
    ['no_data: {state: alert, for: 20s}, for: 1h', ['5', '-', '-', '-', '-', '-', '5'], 5],
    ['no_data: {state: alert, for: 0s}, for: 1h', ['5', '-', '-', '-', '-', '-', '5'], 3],
  ])('is an alert of each series that was there, by %s', (fields, inputs, since) => {
    const { seen, reasons } = run(rule(`window: 20s, ${fields}`), inputs)
    expect(seen.findIndex((phase) => phase === 'firing')).toBe(since)
    expect(seen.at(-1)).toBe('inactive')
    expect(reasons).toEqual(['inactive>firing: no data', 'firing>inactive: condition no longer holds'])
  })

  it('is an alert of the rule where nothing was ever there', () => {
    const subject = rule('no_data: {state: alert, for: 20s}')
    const { seen, states } = run(subject, ['-', '-', '-'])
    expect(seen).toEqual(['no data', 'no data', 'no data'])
    expect(states).toMatchObject([{ labels: { problem: 'no data' }, phase: 'firing' }])
    expect(run(subject, ['5'], { start: states }).states.map(({ labels: { pod }, phase }) => [pod, phase])).toEqual([['a', 'inactive']])
  })

  it.each([
    ['query_failed: alert, for: 20s', ['firing', 'firing']],
    ['query_failed: {state: alert, for: 1m}', ['firing', 'pending']],
    ['query_failed: {state: resolve, for: 20s}', ['inactive']],
    ['query_failed: resolve', ['inactive']],
    ['query_failed: keep', ['firing']],
    ['', ['firing']],
  ])('of a query that fails is what %s says', (fields, phases) => {
    const before = run(rule(fields), ['11', '11', '11']).states
    const failing = [0, 1, 2].reduce(
      (states, step) => planEvaluation(rule(fields), { kind: 'failed', reason: 'broken' }, states, 1_030_000 + step * 10_000).states,
      before,
    )
    const shown = failing.filter(
      ({ labels: { pod, problem }, phase }) => pod !== undefined || (problem !== undefined && phase !== 'inactive'),
    )
    expect(shown.map(({ phase }) => phase).sort()).toEqual(phases.length === 0 ? [] : shown.length === 0 ? phases : [...phases].sort())
    expect(planEvaluation(rule(fields), observationOf('5', 1_060_000), failing, 1_060_000).states.filter(({ problem }) => problem)).toEqual(
      [],
    )
  })
})

describe('a series that changes all the time', () => {
  const flapping = rule('flapping: {history: 11, step: 10s, enter: 50%, leave: 25%}')
  const upAndDown = Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? '11' : '9'))

  it('is held firing until it has calmed down', () => {
    const { seen, reasons } = run(flapping, [...upAndDown, ...Array.from({ length: 12 }, () => '9')])
    expect(seen.slice(0, 6)).toEqual(['firing', 'inactive', 'firing', 'inactive', 'flapping', 'flapping'])
    expect(seen.lastIndexOf('flapping')).toBeGreaterThan(10)
    expect(seen.at(-1)).toBe('inactive')
    expect(reasons.slice(4)).toEqual([
      'inactive>flapping: begins and ceases to fire too often',
      'flapping>inactive: changes have become rare',
    ])
  })

  it('goes on firing when it calms down in breach', () => {
    const { seen } = run(flapping, [...upAndDown, ...Array.from({ length: 10 }, () => '11')])
    expect(seen.at(-1)).toBe('firing')
    expect(seen.slice(4)).not.toContain('inactive')
  })

  it('is what it is where flapping is not looked for', () => {
    expect(run(rule('flapping: off'), upAndDown).seen).not.toContain('flapping')
  })

  it('is not what changes now and then', () => {
    const slow = Array.from({ length: 60 }, (_, index) => (index % 10 < 5 ? '11' : '9'))
    expect(run(flapping, slow).seen).not.toContain('flapping')
  })

  it('is known over a restart', () => {
    const before = run(flapping, upAndDown.slice(0, 4))
    const restored = JSON.parse(JSON.stringify(before.states)) as SeriesState[]
    expect(planEvaluation(flapping, observationOf('11', 1_040_000), restored, 1_040_000).states[0]!.phase).toBe('flapping')
  })
})
