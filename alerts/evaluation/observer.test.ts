import { describe, expect, it } from 'vitest'
import { CustomWindow } from '../../aggregator/custom-window.ts'
import type { ClusterEvent } from '../../aggregator/events.ts'
import { FakeWindow, nodeEntity, podEntity } from '../../aggregator/fake-window.ts'
import { parseRuleFile } from '../rules/rule-file.ts'
import type { Rule } from '../rules/rule.ts'
import { RecordedData } from '../trial/recorded-data.ts'
import { parseSeries, parseValues } from '../trial/series-notation.ts'
import { EventWindow } from './event-window.ts'
import { Observer } from './observer.ts'
import type { ObserverOptions } from './observer.ts'

const minute = 60_000
const hour = 60 * minute
const week = 168 * hour
const now = Date.UTC(2030, 0, 8, 12, 30)

function rule(fields: string): Rule {
  return parseRuleFile('r.yaml', `groups: [{name: g, rules: [{alert: A, ${fields}}]}]`)[0]!.rules[0]!
}

function observer(more: Partial<ObserverOptions> = {}): Observer {
  return new Observer({ window: new FakeWindow(), windowMs: hour, bucketMs: 5000, ...more })
}

/** Labels without those that all have, and the value. */
async function valuesOf(subject: Observer, fields: string, at = now): Promise<unknown> {
  const observation = await subject.ask(rule(fields), at)
  if (observation.kind === 'failed') return observation.reason
  return observation.values.map(({ labels, value }) => [Object.values(labels).join(' '), value])
}

const recorded = (...series: readonly (readonly [string, string, number, number])[]) =>
  new RecordedData(series.map(([name, values, start, step]) => ({ ...parseSeries(name), ...parseValues(values, start, step) })))

describe("pods' own metrics", () => {
  const customWindow = new CustomWindow({ windowMs: hour, maxBytes: 1 << 20 })
  const add = (pod: string, name: string, labels: Record<string, string>, value: number) =>
    customWindow.addCustomSamples([{ name, type: 'gauge', namespace: 'default', pod, labels, value, timestamp: now - 10_000 }])
  add('a', 'http_errors', { code: '500' }, 8)
  add('a', 'http_errors', { code: '404' }, 2)
  add('b', 'http_errors', { code: '500' }, 0)
  add('a', 'http_requests', {}, 40)
  add('b', 'http_requests', {}, 60)
  const window = new FakeWindow()
  window.add('cpu/usage_rate', podEntity('a', { labels: 'app:web' }), { timestamp: now - 10_000, value: 1 })
  const subject = observer({ customWindow, window })

  it('have the labels of their series and of their pod', async () => {
    const observation = await subject.ask(
      rule("metric: custom/http_errors, entity: {podLabels: {app: web}, matchers: ['code=~5..']}, condition: '> 1'"),
      now,
    )
    expect(observation).toMatchObject({ values: [{ labels: { namespace: 'default', pod: 'a', node: 'node-1', code: '500' }, value: 8 }] })
  })

  it('are grouped, and divided group by group', async () => {
    expect(await valuesOf(subject, "metric: custom/http_errors, groupBy: [code], condition: '> 1'")).toEqual([
      ['500', 8],
      ['404', 2],
    ])
    expect(
      await valuesOf(subject, "metric: custom/http_errors, of: custom/http_requests, groupBy: [namespace], condition: '> 1%'"),
    ).toEqual([['default', 0.1]])
    expect(await valuesOf(subject, "metric: custom/http_requests, of: custom/nothing, groupBy: [namespace], condition: '> 1%'")).toEqual([])
  })
})

describe('events', () => {
  const event = (more: Partial<ClusterEvent>): ClusterEvent => ({
    uid: 'u',
    namespace: 'default',
    type: 'Warning',
    reason: 'BackOff',
    message: '',
    object: { kind: 'Pod', namespace: 'default', name: 'web', uid: '' },
    component: '',
    host: 'n1',
    count: 1,
    added: 1,
    firstSeen: now,
    lastSeen: now - minute,
    ...more,
  })
  const events = new EventWindow({ windowMs: hour })
  events.addEvents([
    event({ lastSeen: now - 20 * minute }),
    event({ added: 3 }),
    event({ added: 0, count: 99 }),
    event({ added: 2, object: { kind: 'Pod', namespace: 'other', name: 'db', uid: '' }, namespace: 'other' }),
    event({ type: 'Normal' }),
    event({ reason: 'NodeNotReady', object: { kind: 'Node', namespace: '', name: 'n2', uid: '' }, host: '' }),
  ])

  it('are counted by what they are about, each repetition once', async () => {
    const subject = observer({ events })
    expect(await valuesOf(subject, "events: {type: Warning}, window: 10m, condition: '> 2'")).toEqual([
      ['default Pod web BackOff web n1', 3],
      ['other Pod db BackOff db n1', 2],
      ['Node n2 NodeNotReady n2', 1],
    ])
    expect(await valuesOf(subject, "events: {reason: BackOff}, groupBy: [reason], window: 30m, condition: '> 2'")).toEqual([['BackOff', 7]])
    expect(await valuesOf(subject, "events: {kind: Node, namespace: [default]}, window: 30m, condition: '> 2'")).toEqual([])
    expect(await valuesOf(subject, "events: {}, window: 2h, condition: '> 2'")).toBe("events are kept for 1h, less than the rule's window")
  })

  it('are not all there where the window begins before they were followed', () => {
    const subject = rule("events: {reason: BackOff}, groupBy: [reason], window: 30m, condition: '> 2'")
    const seenSince = (collectedSince: number) => {
      const observation = observer({ events, collectedSince }).observe(subject, now)
      return observation.kind === 'values' ? observation.values.map(({ isCovered }) => isCovered) : []
    }
    expect(seenSince(now - hour)).toEqual([true])
    expect(seenSince(now - 10 * minute)).toEqual([false])
  })

  it('that only counters know are counted from those', async () => {
    const window = new FakeWindow()
    for (const [index, value] of [3, 3, 4, 6].entries()) {
      window.add('restart_count', podEntity('web'), { timestamp: now - (4 - index) * minute, value })
      window.add('memory/oom_kills', podEntity('web', {}, 'other'), { timestamp: now - (4 - index) * minute, value: index === 3 ? 1 : 0 })
    }
    const subject = observer({ events: new EventWindow({ windowMs: hour }), window })
    expect(
      await valuesOf(subject, "events: {reason: [Restart, OOMKill]}, groupBy: [namespace, reason], window: 10m, condition: '> 2'"),
    ).toEqual([
      ['default Restart', 3],
      ['other OOMKill', 1],
    ])
    expect(await valuesOf(subject, "events: {reason: Restart, namespace: other}, window: 10m, condition: '> 2'")).toEqual([])
  })

  it('are forgotten when they are too many or too old', () => {
    const small = new EventWindow({ windowMs: hour, maxHappenings: 3 })
    const { source } = rule("events: {}, groupBy: [], window: 1h, condition: '> 1'")
    small.addEvents(Array.from({ length: 5000 }, (_, index) => event({ lastSeen: now - 5000 + index })))
    if (source.kind !== 'events') throw new Error('another kind of rule')
    expect(small.count(source, { since: 0, until: now })).toMatchObject([{ value: 3 }])
    small.addEvents([event({ lastSeen: now + 2 * hour })])
    expect(small.count(source, { since: 0, until: Infinity })).toMatchObject([{ value: 1 }])
  })
})

describe('who ought to report', () => {
  const inventory = {
    nodes: () => ['n1', 'n2'],
    pods: () => [
      { namespace: 'default', pod: 'a', node: 'n1' },
      { namespace: 'kube-system', pod: 'dns', node: 'n2' },
    ],
  }
  const expectedOf = async (fields: string, more: Partial<ObserverOptions>) => {
    const observation = await observer(more).ask(rule(fields), now)
    return observation.kind === 'failed' ? observation.reason : observation.expected
  }

  it('are the nodes and running pods that the API has and the rule looks at', async () => {
    const node = 'metric: uptime, condition: absent, expected: cluster, entity: '
    expect(await expectedOf(`${node}{type: node}`, { inventory })).toEqual([{ node: 'n1' }, { node: 'n2' }])
    expect(await expectedOf(`${node}{type: node, matchers: ['node!=n1']}`, { inventory })).toEqual([{ node: 'n2' }])
    expect(await expectedOf(`${node}{type: pod, labels: {namespace: default}}`, { inventory })).toEqual([
      { namespace: 'default', pod: 'a', node: 'n1' },
    ])
    expect(await expectedOf(`${node}{type: node}`, {})).toBe('there is no API to ask who ought to report')
  })
})

describe('windows that are longer than memory', () => {
  it('are read from InfluxDB', async () => {
    const history = recorded(
      ['cpu/usage_rate{namespace="default", pod="a"}', '100x360 300x360', now - 12 * hour, minute],
      ['cpu/usage_rate{namespace="other", pod="b"}', '7x720', now - 12 * hour, minute],
    )
    const subject = observer({ history })
    const [value] = (await valuesOf(
      subject,
      "metric: cpu/usage_rate, entity: {type: pod, labels: {namespace: default}}, aggregation: avg, window: 12h, condition: '> 1'",
    )) as [string, number][]
    expect(value![0]).toBe('default a')
    expect(Math.abs(value![1] - 200)).toBeLessThan(5)
    expect(
      await valuesOf(
        subject,
        "metric: cpu/usage_rate, entity: {type: pod}, groupBy: [namespace], aggregation: max, window: 10h, condition: '> 1'",
      ),
    ).toEqual([
      ['default', 300],
      ['other', 7],
    ])
  })

  it('cannot be read without', async () => {
    expect(await valuesOf(observer(), "metric: cpu/usage_rate, entity: {type: pod}, window: 12h, condition: '> 1'")).toBe(
      'there is no InfluxDB, which this rule reads',
    )
  })
})

describe('a baseline', () => {
  /** Two hours around now in each of the weeks before, and now in memory. */
  const weeksOf = (values: readonly string[]) =>
    recorded(...values.map((text, index) => ['cpu/usage_rate{node="n1"}', text, now - (index + 1) * week - hour, minute] as const))
  const current = (value: number) => {
    const window = new FakeWindow()
    window.add('cpu/usage_rate', nodeEntity('n1'), { timestamp: now - 10_000, value })
    return window
  }
  const score = async (value: number, weeks: readonly string[], baseline = '{}') =>
    (await valuesOf(
      observer({ history: weeksOf(weeks), window: current(value) }),
      `metric: cpu/usage_rate, entity: {type: node}, baseline: ${baseline}, condition: '> 4'`,
    )) as [string, number][]

  it('is the median of the same hour of the week, over weeks', async () => {
    expect(await score(150, ['100x120', '100x120', '100x120'])).toEqual([['n1', 10]])
    expect(await score(50, ['100x120', '100x120', '100x120'])).toEqual([['n1', 10]])
    expect(await score(50, ['100x120', '100x120'], '{side: above}')).toEqual([['n1', -10]])
    expect(await score(50, ['100x120', '100x120'], '{side: below}')).toEqual([['n1', 10]])
    expect(await score(150, ['100x120', '100x120'], '{min_deviation: 25m}')).toEqual([['n1', 2]])
    // One week that was unlike the others moves nothing.
    expect(await score(150, ['100x120', '9000x120', '100x120'])).toEqual([['n1', 10]])
  })

  it('needs enough weeks', async () => {
    expect(await score(150, ['100x120'])).toEqual([])
    expect(await score(150, ['100x120'], '{min_weeks: 1}')).toEqual([['n1', 10]])
  })
})
