import { describe, expect, it } from 'vitest'
import { parseRuleFile } from '../rules/rule-file.ts'
import type { Rule } from '../rules/rule.ts'
import { FakeWindow, nodeEntity, podEntity } from '../../aggregator/fake-window.ts'
import { closedSpan, observe } from './observe.ts'

function rule(fields: string): Rule {
  return parseRuleFile('r.yaml', `groups: [{name: g, rules: [{alert: A, condition: '> 0', ${fields}}]}]`)[0]!.rules[0]!
}

/** One sample every 10 s that end at 60 s. */
function fill(
  window: FakeWindow,
  metric: string,
  entity: ReturnType<typeof podEntity>,
  values: readonly number[],
  resource?: string,
): void {
  for (const [index, value] of values.entries()) {
    window.add(metric, entity, {
      timestamp: 60_000 - (values.length - 1 - index) * 10_000,
      value,
      ...(resource !== undefined && { resource }),
    })
  }
}

const span = closedSpan(65_000, 30_000, 5000)

describe('the span of an evaluation', () => {
  it('ends before the bucket that is still open', () => {
    expect(closedSpan(64_999, 30_000, 5000)).toEqual({ since: 30_000, until: 59_999 })
    expect(span).toEqual({ since: 35_000, until: 64_999 })
  })
})

describe('observing the window', () => {
  it.each([
    ['avg', 50],
    ['max', 60],
    ['min', 40],
    ['last', 60],
    ['sum', 150],
    ['increase', 30],
    ['rate', 1],
  ])('computes %s of a gauge', (aggregation, value) => {
    const window = new FakeWindow()
    fill(window, 'cpu/usage_rate', podEntity('a'), [10, 20, 30, 40, 50, 60])
    const [seen] = observe(rule(`metric: cpu/usage_rate, entity: {type: pod}, window: 30s, aggregation: ${aggregation}`), window, span)
    expect(seen).toMatchObject({ labels: { namespace: 'default', pod: 'a', node: 'node-1' }, value, sampledAt: 60_000, isCovered: true })
  })

  it('counts the growth of a counter over its resets', () => {
    const window = new FakeWindow()
    fill(window, 'restart_count', podEntity('a'), [7, 8, 9, 1, 2])
    const [seen] = observe(rule('metric: restart_count, entity: {type: pod}, window: 30s, aggregation: increase'), window, span)
    expect(seen!.value).toBe(3)
  })

  it('counts a restart between the last sample before the window and the first in it', () => {
    const window = new FakeWindow()
    fill(window, 'restart_count', podEntity('a'), [0, 0, 1, 1, 1])
    const [seen] = observe(rule('metric: restart_count, entity: {type: pod}, window: 30s, aggregation: increase'), window, span)
    expect(seen!.value).toBe(1)
  })

  it('knows when the samples do not reach back over the window', () => {
    const window = new FakeWindow()
    fill(window, 'restart_count', podEntity('a'), [0, 1])
    const [seen] = observe(rule('metric: restart_count, entity: {type: pod}, window: 10m, aggregation: increase'), window, span)
    expect(seen).toMatchObject({ value: 1, isCovered: false })
  })

  it('divides by a limit, resource by resource, and leaves out what has none', () => {
    const window = new FakeWindow()
    const node = nodeEntity('n')
    fill(window, 'filesystem/usage', node, [50], '/')
    fill(window, 'filesystem/usage', node, [10], '/data')
    fill(window, 'filesystem/limit', node, [200], '/')
    fill(window, 'filesystem/limit', node, [0], '/data')
    const seen = observe(rule('metric: filesystem/usage, of: limit, entity: {type: node}'), window, span)
    expect(seen.map(({ labels, value }) => [labels, value])).toEqual([[{ node: 'n', resource: '/' }, 0.25]])
  })

  it('groups by labels, and takes shares of sums', () => {
    const window = new FakeWindow()
    for (const [name, usage, limit] of [
      ['a', 10, 100],
      ['b', 90, 100],
    ] as const) {
      fill(window, 'cpu/usage_rate', podEntity(name), [usage])
      fill(window, 'cpu/limit', podEntity(name), [limit])
    }
    fill(window, 'cpu/usage_rate', podEntity('c', {}, 'other'), [7])
    const by = (fields: string) =>
      observe(rule(`metric: cpu/usage_rate, entity: {type: pod}, groupBy: [namespace], ${fields}`), window, span)
    expect(by('').map(({ labels, value }) => [labels, value])).toEqual([
      [{ namespace: 'default' }, 100],
      [{ namespace: 'other' }, 7],
    ])
    expect(by('of: limit').map(({ value }) => value)).toEqual([0.5])
    expect(by('combine: max').map(({ value }) => value)).toEqual([90, 7])
    expect(by('combine: count').map(({ value }) => value)).toEqual([2, 1])
  })

  it('looks only at what the rule selects', () => {
    const window = new FakeWindow()
    fill(window, 'cpu/usage_rate', podEntity('a', { labels: 'app:web,tier:front' }), [1])
    fill(window, 'cpu/usage_rate', podEntity('b', { labels: 'app:webx' }), [2])
    const seen = (entity: string) => observe(rule(`metric: cpu/usage_rate, entity: ${entity}`), window, span).map(({ value }) => value)
    expect(seen('{type: pod, podLabels: {app: web}}')).toEqual([1])
    expect(seen('{type: pod, matchers: ["pod=~a|c"]}')).toEqual([1])
    expect(seen('{type: pod, labels: {pod_name: b}}')).toEqual([2])
    expect(seen('{type: node}')).toEqual([])
  })
})
