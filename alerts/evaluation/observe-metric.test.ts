import { describe, expect, it } from 'vitest'
import { parseRuleFile } from '../rules/rule-file.ts'
import type { MetricSource } from '../rules/source.ts'
import { FakeWindow, nodeEntity, podEntity } from '../../aggregator/fake-window.ts'
import { entityFilter } from '../rules/entity.ts'
import { observeMetric } from './observe-metric.ts'
import { closedSpan } from './reduce.ts'
import type { Span } from './reduce.ts'

function rule(fields: string, condition = '> 0'): MetricSource {
  const [group] = parseRuleFile('r.yaml', `groups: [{name: g, rules: [{alert: A, condition: '${condition}', ${fields}}]}]`)
  return group!.rules[0]!.source as MetricSource
}

function observe(source: MetricSource, window: FakeWindow, { since, until }: Span) {
  const read = (metric: string) => window.series(metric, entityFilter(source.entity), { since: since - 60_000, until })
  return observeMetric(source, { series: read(source.metric), ...(source.of && { divisors: read(source.of.metric) }) }, { since, until })
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
    ['count', 3],
    ['change', 30],
    ['change_percent', 100],
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

  it('has no change of what has not been there for the window', () => {
    const window = new FakeWindow()
    fill(window, 'cpu/usage_rate', podEntity('a'), [10, 20])
    fill(window, 'cpu/usage_rate', podEntity('b'), [0, 20, 20, 20])
    for (const aggregation of ['change', 'change_percent']) {
      const source = rule(`metric: cpu/usage_rate, entity: {type: pod}, window: 30s, aggregation: ${aggregation}`)
      const seen = observe(source, window, span)
      expect(seen.map(({ value }) => value)).toEqual(aggregation === 'change' ? [20] : [])
    }
  })

  it('divides growth by growth, and leaves out where there was none', () => {
    const window = new FakeWindow()
    const container = { ...podEntity('a'), type: 'pod_container' as const }
    fill(window, 'cpu/cfs_throttled_periods', container, [0, 10, 20, 30])
    fill(window, 'cpu/cfs_periods', container, [1000, 1030, 1060, 1090])
    const idle = { ...podEntity('b'), type: 'pod_container' as const }
    fill(window, 'cpu/cfs_throttled_periods', idle, [5, 5, 5, 5])
    fill(window, 'cpu/cfs_periods', idle, [7, 7, 7, 7])
    const source = rule(
      'metric: cpu/cfs_throttled_periods, of: cpu/cfs_periods, entity: {type: container}, window: 30s, aggregation: increase',
    )
    expect(observe(source, window, span).map(({ value }) => value)).toEqual([30 / 90])
  })

  it('counts the members that meet a condition of their own', () => {
    const window = new FakeWindow()
    for (const [index, value] of [90, 10, 95, 20].entries()) fill(window, 'cpu/usage_rate', podEntity(`p${index}`), [value])
    const members = (condition: string, more = '') =>
      observe(rule(`metric: cpu/usage_rate, entity: {type: pod}, members: '> 80' ${more}`, condition), window, span)
    expect(members('>= 30%')).toMatchObject([{ labels: {}, value: 0.5, details: { matching: 2, members: 4 } }])
    expect(members('>= 2', ', groupBy: [namespace]')).toMatchObject([{ labels: { namespace: 'default' }, value: 2 }])
    expect(members('>= 2')[0]!.details!['explanation']).toMatch(/^2 of 4: \{namespace="default", .*pod="p0"\}, .*pod="p2"\}$/)
    expect(members('>= 2', ', min_members: 5')).toEqual([])
  })

  it('finds the one that is unlike its peers', () => {
    const window = new FakeWindow()
    for (const [index, value] of [100, 104, 98, 101, 300].entries()) fill(window, 'cpu/usage_rate', podEntity(`p${index}`), [value])
    fill(window, 'cpu/usage_rate', podEntity('alone', {}, 'other'), [1e6])
    const seen = (outlier: string) =>
      observe(rule(`metric: cpu/usage_rate, entity: {type: pod}, groupBy: [namespace], outlier: ${outlier}`), window, span)
    const scores = seen('{}')
    expect(scores).toHaveLength(5)
    expect(scores.find(({ labels }) => labels['pod'] === 'p4')).toMatchObject({ details: { observed: 300, expected: 101 } })
    expect(scores.filter(({ value }) => value > 4).map(({ labels }) => labels['pod'])).toEqual(['p4'])
    expect(seen('{side: below}').filter(({ value }) => value > 4)).toEqual([])
    expect(seen('{min_deviation: 100}').filter(({ value }) => value > 4)).toEqual([])
    expect(seen('{min_members: 6}')).toEqual([])
  })

  it('says in how many hours a share is reached', () => {
    const window = new FakeWindow()
    const day = { since: 0, until: 3_600_000 }
    const add = (name: string, at: (minute: number) => number) => {
      for (let minute = 0; minute <= 60; minute++) {
        window.add('filesystem/usage', nodeEntity(name), { timestamp: minute * 60_000, value: at(minute), resource: '/' })
        window.add('filesystem/limit', nodeEntity(name), { timestamp: minute * 60_000, value: 1000, resource: '/' })
      }
    }
    add('filling', (minute) => 700 + minute)
    add('noisy', (minute) => 700 + minute + (minute % 5 === 0 ? 200 : 0))
    add('still', () => 700)
    add('emptying', (minute) => 700 - minute)
    add('full', (minute) => 1000 + minute)
    const source = rule("metric: filesystem/usage, of: limit, entity: {type: node}, window: 1h, forecast: {reaches: '100%'}", '< 4h')
    const hours = Object.fromEntries(observe(source, window, day).map(({ labels, value }) => [labels['node'], value]))
    expect(hours).toMatchObject({ still: 87_600, emptying: 87_600, full: 0 })
    expect(hours['filling']).toBeCloseTo(4, 6)
    expect(hours['noisy']).toBeCloseTo(4, 1)
  })
})
