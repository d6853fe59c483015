import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FileError } from '../../lib/document.ts'
import { parseRuleFile } from './rule-file.ts'
import { loadRuleFiles } from './rule-set.ts'
import { alertAnnotations, alertLabels } from './rule.ts'

const example = `groups:
  - name: walkthrough
    interval: 10s
    rules:
      - alert: PodCpuHigh
        metric: cpu/usage_rate
        entity: { type: pod, labels: { namespace: default }, podLabels: { app: web } }
        aggregation: avg
        window: 1m
        condition: '> 500m'
        recovery: '< 400m'
        for: 30s
        keep_firing_for: 1m
        severity: warning
        labels: { team: 'team-{{ $labels.namespace }}' }
        annotations: { summary: '{{ $labels.pod }} uses {{ $value }} millicores' }
      - alert: PodRestarting
        metric: restart_count
        entity: { type: pod }
        aggregation: increase
        window: 10m
        condition: '> 2'
`

/** The example with one line replaced. */
function withLine(start: string, line: string): string {
  return example.replace(new RegExp(`^( *(?:- )?)${start}.*$`, 'm'), (_, indent: string) => `${indent}${line}`)
}

function problemsOf(text: string): string[] {
  try {
    parseRuleFile('rules.yaml', text)
    return []
  } catch (err) {
    if (!(err instanceof FileError)) throw err
    return err.message.split('\n')
  }
}

describe('rule files', () => {
  it('reads a CPU rule and a restart rule', () => {
    const [group] = parseRuleFile('rules.yaml', example)
    expect(group).toMatchObject({ name: 'walkthrough', intervalMs: 10_000 })
    expect(group!.rules[0]).toMatchObject({
      id: 'walkthrough/PodCpuHigh/warning',
      source: { kind: 'metric', metric: 'cpu/usage_rate', aggregation: 'avg', windowMs: 60_000 },
      forMs: 30_000,
      keepFiringForMs: 60_000,
      condition: { kind: 'threshold', comparison: '>', value: 500 },
      recovery: { comparison: '<', value: 400 },
      noData: { state: 'resolve' },
      queryFailed: { state: 'keep' },
      flapping: { history: 21, stepMs: 30_000, enter: 0.5, leave: 0.25 },
      query: 'avg(pod cpu/usage_rate{namespace="default"}, 1m) > 500m',
    })
    expect(group!.rules[1]).toMatchObject({ source: { aggregation: 'increase' }, condition: { value: 2 }, forMs: 0 })
  })

  it('fills labels and annotations from the series', () => {
    const rule = parseRuleFile('rules.yaml', example)[0]!.rules[0]!
    const labels = alertLabels(rule, { namespace: 'default', pod: 'web-1' })
    expect(labels).toEqual({ alertname: 'PodCpuHigh', namespace: 'default', pod: 'web-1', severity: 'warning', team: 'team-default' })
    expect(alertAnnotations(rule, { labels, value: 612.3456789, details: {} })).toEqual({ summary: 'web-1 uses 612.346 millicores' })
  })

  it('ships rules that it reads', () => {
    const path = join(import.meta.dirname, 'default.yaml')
    const rules = parseRuleFile(path, readFileSync(path, 'utf8')).flatMap((group) => group.rules)
    expect(rules.map((rule) => rule.alert)).toContain('NodeAbsent')
    expect(rules.find((rule) => rule.alert === 'PodCpuNearLimit')).toMatchObject({
      source: { of: { metric: 'cpu/limit', isLast: true } },
      condition: { value: 0.9 },
    })
  })

  it.each([
    [
      'metric: cpu',
      'metric: memory/usage',
      'rules.yaml:10:20: groups[0].rules[0].condition: "> 500m": must be one of > >= < <= == != followed by a number of bytes, alone or with k, M, G, T, Ki, Mi, Gi, Ti, Pi',
    ],
    [
      'metric: cpu',
      'metric: gpu',
      /^rules.yaml:6:17: groups\[0\].rules\[0\].metric: "gpu": not a metric of the catalogue; allowed: uptime, /,
    ],
    [
      'metric: cpu',
      'metric: cpu/node_capacity',
      'rules.yaml:6:17: groups[0].rules[0].metric: "cpu/node_capacity": is not measured for entities of type pod; allowed types: cluster, node',
    ],
    [
      'entity: { type: pod, l',
      'entity: { type: galaxy }',
      /^rules.yaml:7:25: groups\[0\].rules\[0\].entity.type: "galaxy": allowed: cluster, node, /,
    ],
    [
      'aggregation: avg',
      'aggregation: median',
      'rules.yaml:8:22: groups[0].rules[0].aggregation: "median": allowed: avg, max, min, last, sum, count, increase, rate, change, change_percent',
    ],
    ['window: 1m', 'window: soon', 'rules.yaml:9:17: groups[0].rules[0].window: "soon": must be a duration such as 30s, 5m, 1h30m or 2d'],
    [
      "condition: '> 500m'",
      "condition: '=> 500m'",
      /^rules.yaml:10:20: groups\[0\].rules\[0\].condition: "=> 500m": must be one of > >= < <= == != followed by a number of millicores/,
    ],
    ['for: 30s', 'fro: 30s', /^rules.yaml:12:14: groups\[0\].rules\[0\].fro: "30s": unknown field; allowed here: alert, condition, /],
    ['labels: \\{ team', "labels: { team: '{{ $value }}' }", /uses \$value, which would make a new alert at every evaluation/],
    ['labels: \\{ team', 'labels: { pod: x }', /label pod is set by the rule's entity/],
    [
      'annotations:',
      "annotations: { summary: '{{ $lables.pod }}' }",
      /\{\{ \$lables.pod \}\} is unknown; allowed: \{\{ \$labels.name \}\}, \{\{ \$value \}\} and \$explanation/,
    ],
    ['annotations:', "annotations: { summary: '{{ $value | shout }}' }", /unknown function shout; allowed: humanize/],
    [
      'alert: PodRestarting',
      'alert: PodRestarting\n        of: limit',
      /must be limit, request, allocatable, capacity where the catalogue has it/,
    ],
    ['severity: warning', 'severity: [warning]', 'rules.yaml:14:19: groups[0].rules[0].severity: a list: must be a text'],
  ])('refuses %s as %s with its place', (start, line, problem) => {
    const [first] = problemsOf(withLine(start, line))
    if (typeof problem === 'string') expect(first).toBe(problem)
    else expect(first).toMatch(problem)
  })

  /** The problems of a rule of one line, without their places. */
  const complaints = (rule: string) =>
    problemsOf(`groups: [{name: g, rules: [{alert: A, ${rule}}]}]`).map((line) => line.replace(/^.*rules\[0\]\.?/, ''))
  const cpu = 'metric: cpu/usage_rate, entity: {type: pod}'

  it.each([
    [`${cpu}, members: '> 500m', condition: '>= 30%'`, 'share by () of (last(pod cpu/usage_rate, 1m) > 500) >= 30%'],
    [
      `${cpu}, members: '> 500m', groupBy: [namespace], condition: '>= 3'`,
      'number by (namespace) of (last(pod cpu/usage_rate, 1m) > 500) >= 3',
    ],
    [
      `${cpu}, baseline: {weeks: 6, side: above, min_deviation: 50m}, condition: '> 4'`,
      'score of (last(pod cpu/usage_rate, 1m)) against 6 weeks > 4',
    ],
    [
      `${cpu}, outlier: {}, groupBy: [workload], condition: '> 4'`,
      'score of (last(pod cpu/usage_rate, 1m)) among its peers by (workload) > 4',
    ],
    [
      "metric: filesystem/usage, of: limit, entity: {type: node}, window: 6h, forecast: {reaches: '100%'}, condition: '< 4h'",
      'hours until (forecast(node filesystem/usage, 6h) / filesystem/limit >= 1) < 4h',
    ],
    [`${cpu}, aggregation: change_percent, window: 5m, condition: '> 50%'`, 'change_percent(pod cpu/usage_rate, 5m) > 50%'],
    [
      "events: {reason: [OOMKill, BackOff], kind: Pod}, groupBy: [namespace], window: 10m, condition: '> 3'",
      'events by (namespace) {reason=~"OOMKill|BackOff",kind=~"Pod"} in 10m > 3',
    ],
    [
      "metric: custom/http_errors, of: custom/http_requests, groupBy: [namespace], condition: '> 5%'",
      'sum by (namespace) (last(pod custom/http_errors, 1m) / custom/http_requests) > 5%',
    ],
    [
      "query: 'SELECT last(value) FROM q WHERE queue = $q AND time > now() - 5m', parameters: {q: x}, condition: '> 10'",
      'SELECT last(value) FROM q WHERE queue = $q AND time > now() - 5m > 10',
    ],
    ['metric: uptime, entity: {type: node}, condition: never reported, expected: cluster', 'last(node uptime, 1m) never reported'],
    [
      `${cpu}, condition: '> 1', no_data: {state: alert, for: 5m}, query_failed: alert, forget_after: 1h, flapping: off`,
      'last(pod cpu/usage_rate, 1m) > 1',
    ],
  ])('reads %s', (rule, query) => {
    expect(complaints(rule)).toEqual([])
    expect(parseRuleFile('r.yaml', `groups: [{name: g, rules: [{alert: A, ${rule}}]}]`)[0]!.rules[0]!.query).toBe(query)
  })

  it.each([
    ["condition: '> 1'", 'field metric is missing; a rule has one of metric, events and query'],
    [`${cpu}, events: {}, condition: '> 1'`, 'a rule has one of metric, events and query, not metric and events'],
    [`${cpu}, query: x, condition: '> 1'`, 'not metric and query'],
    ["events: {}, of: limit, condition: '> 1'", 'of: "limit": goes not with events'],
    ['events: {}, condition: absent', 'events have no absence'],
    ["events: {}, groupBy: [pods], condition: '> 1'", 'pods: allowed: namespace, kind, name, reason, type, pod, node'],
    [
      `${cpu}, members: '> 1', outlier: {}, condition: '> 1'`,
      'goes not with members; one of members, baseline, outlier, forecast is allowed',
    ],
    [`${cpu}, outlier: {min_members: 2}, condition: '> 1'`, 'must be a whole number from 3 to 100000'],
    [`${cpu}, baseline: {weeks: 2, min_weeks: 3}, condition: '> 1'`, 'min_weeks: 3: must be a whole number from 1 to 2'],
    [`${cpu}, baseline: {}, condition: '> 500m'`, 'a number of standard deviations'],
    [`${cpu}, baseline: {}, aggregation: increase, condition: '> 4'`, 'goes not with baseline, whose windows are five minutes'],
    [`${cpu}, forecast: {reaches: 1}, condition: '< 4h'`, 'a forecast needs a window of at least 5m'],
    [`${cpu}, forecast: {reaches: '== 1'}, window: 1h, condition: '< 4h'`, 'must be a value to rise to'],
    [
      `${cpu}, forecast: {reaches: '1'}, window: 1h, condition: '< 4x'`,
      'must be one of > >= < <= == != followed by a number of hours or a duration',
    ],
    [`${cpu}, condition: never reported`, 'what was never there cannot be learned: expected must be cluster or a list'],
    [`${cpu}, condition: absent, expected: []`, 'must have 1 to 10000 entries'],
    ['metric: cpu/usage_rate, entity: {type: ns}, condition: absent, expected: cluster', 'cluster goes with entities of type node and pod'],
    [`${cpu}, condition: '> 1', expected: cluster`, 'goes with the conditions absent, never reported and stopped reporting'],
    [`${cpu}, condition: '> 1', forget_after: 1h`, 'goes with rules on absence and with no_data: alert'],
    [`${cpu}, condition: '> 1e999'`, 'followed by a number of millicores'],
    [`${cpu}, groupBy: [pod, node, pod], condition: '> 1'`, 'pod is there twice'],
    [
      `${cpu}, groupBy: [${Array.from({ length: 101 }, (_, index) => `l${index}`).join(', ')}], condition: '> 1'`,
      'must have at most 100 names',
    ],
    [`${cpu}, condition: '> 1', no_data: maybe`, 'allowed: resolve, keep, alert'],
    [`${cpu}, condition: '> 1', no_data: {for: 5m}`, 'field state is missing'],
    [`${cpu}, condition: '> 1', flapping: {enter: 20%}`, 'leave must be less than enter'],
    [`${cpu}, condition: '> 1', flapping: often`, 'must be off, or a mapping of history, step, enter and leave'],
    ["metric: custom/a b, condition: '> 1'", 'must be custom/ and the name of a metric of pods'],
    ["metric: custom/a, of: limit, condition: '> 1'", 'must be another metric custom/…'],
    ["metric: custom/a, entity: {type: node}, condition: '> 1'", 'allowed: pod, whose metrics begin with custom/'],
    ["query: DROP DATABASE k8s, condition: '> 1'", 'must be one SELECT statement'],
    ["query: 'SELECT * FROM a WHERE time > now() - 1h; DROP DATABASE k8s', condition: '> 1'", 'must be one statement'],
    ["query: 'SELECT * INTO b FROM a WHERE time > now() - 1h', condition: '> 1'", 'INTO is not allowed'],
    ["query: 'SELECT x FROM a WHERE t = $t AND time > 0', condition: '> 1'", 'has no value for $t'],
    ["query: 'SELECT x FROM a WHERE time > 0', parameters: {t: 1}, condition: '> 1'", 'the query has no $t'],
    ["query: 'SELECT x FROM a WHERE time > 0', timeout: 1h, condition: '> 1'", 'must be at most 1m'],
    [`metric: cpu/usage_rate, entity: {type: pod, matchers: ['pod=~(a+)+\\1']}, condition: '> 1'`, 'bad regular expression'],
  ])('refuses %s: %s', (rule, problem) => {
    expect(complaints(rule).join('\n')).toContain(problem)
  })

  it.each([
    `condition: '> ${'1'.repeat(400_000)}!'`,
    `condition: '> 1', annotations: {a: '${'{{'.repeat(200_000)}'}`,
    `condition: '> 1', annotations: {a: '{{ x${' '.repeat(400_000)}y z }}'}`,
    `condition: '${' '.repeat(400_000)}> x'`,
    `condition: '> 1', for: '${'1'.repeat(400_000)}'`,
  ])('takes no longer for what is made to be slow', (fields) => {
    expect(complaints(`${cpu}, ${fields}`).length).toBeGreaterThan(0)
  })

  it('reads matchers in the time of their length', () => {
    const matcher = `pod="a${' '.repeat(400_000)}b`
    expect(complaints(`metric: cpu/usage_rate, entity: {type: pod, matchers: ['${matcher}']}, condition: '> 1'`).join()).toContain(
      'matcher value contains unescaped double quote',
    )
  })

  it('is not made large by aliases, nor slow by depth', () => {
    const rule = `&r {alert: A, ${cpu}, condition: '> 1'}`
    const bomb = `groups:\n- &g {name: g, rules: [${rule}, ${'*r, '.repeat(180)}]}\n${'- *g\n'.repeat(2)}`
    expect(problemsOf(bomb).join()).toMatch(/is there twice/)
    expect(problemsOf(`x: &x 1\ngroups: [${'*x, '.repeat(1000)}]`)).toEqual(['rules.yaml:1:1: must have at most 200 aliases'])
    expect(problemsOf(`groups: &g [*g]`).length).toBeGreaterThan(0)
    const wide = `{${Array.from({ length: 3500 }, (_, index) => `k${index}: x`).join(', ')}}`
    const rules = Array.from(
      { length: 60 },
      (_, index) => `{alert: A${index}, ${cpu}, condition: '> 1', labels: ${index === 0 ? `&l ${wide}` : '*l'}}`,
    )
    expect(problemsOf(`groups: [{name: g, rules: [${rules.join(', ')}]}]`)).toEqual([
      'rules.yaml:1:1: must not come to more than 200000 values, those of aliases included',
    ])
    const many = `groups: {${Array.from({ length: 20_000 }, (_, index) => `k${index}: x`).join(', ')}}`
    expect(problemsOf(many)).toEqual(['rules.yaml:1:9: groups: a mapping: must be a list'])
    for (const text of ['['.repeat(1e6), '{a: '.repeat(2e5), '- '.repeat(4e5)])
      expect(problemsOf(text)).toEqual(['rules.yaml:1:1: must not nest more than 200 levels'])
  })

  it.each([
    ['> 80%', 0.8],
    ['>= 0.8', 0.8],
  ])('reads %s of a limit as a share', (condition, value) => {
    const text = example
      .replace('metric: cpu/usage_rate', 'metric: cpu/usage_rate\n        of: limit')
      .replace('> 500m', condition)
      .replace('< 400m', '< 50%')
    expect(parseRuleFile('rules.yaml', text)[0]!.rules[0]).toMatchObject({ source: { of: { metric: 'cpu/limit' } }, condition: { value } })
  })

  it('names problems of YAML itself with their line', () => {
    expect(problemsOf('groups:\n  - name: a\n   rules: []')[0]).toMatch(/^rules.yaml:3:\d+: /)
    expect(problemsOf('groups: []\n---\ngroups: []\n')).toEqual([
      'rules.yaml:2:1: must be one document: what is behind --- would not be read',
    ])
    expect(problemsOf('groups:\n  - {name: a, name: b, rules: []}')[0]).toMatch(/^rules.yaml:2:\d+: .*unique/)
  })

  it('does not let names repeat', () => {
    expect(problemsOf(`${example}  - name: walkthrough\n    rules: []\n`)[0]).toMatch(/group walkthrough is there twice/)
    expect(problemsOf(example.replace('PodRestarting', 'PodCpuHigh').replace("'> 2'", "'> 2'\n        severity: warning"))[0]).toMatch(
      /twice with the same severity/,
    )
  })

  it('refuses hostile texts without falling over', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        for (const file of [text, example.replace('500m', text)]) problemsOf(file)
      }),
    )
    expect(problemsOf(`groups: ${'['.repeat(3000)}`).length).toBeGreaterThan(0)
    expect(problemsOf('x'.repeat((1 << 20) + 1))[0]).toMatch(/at most 1048576 bytes/)
  })
})

describe('a set of rule files', () => {
  const files: Record<string, string> = { 'a.yaml': example, 'b.yaml': example, 'bad.yaml': 'groups: 5' }
  const read = (path: string) => {
    const text = files[path]
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
    return text
  }

  it('is refused as a whole, with the problems of every file', () => {
    expect(() => loadRuleFiles(['a.yaml', 'bad.yaml', 'gone.yaml'], read)).toThrow(
      'bad.yaml:1:9: groups: 5: must be a list\ngone.yaml:1:1: cannot be read: ENOENT',
    )
  })

  it('does not let two files have the same group', () => {
    expect(() => loadRuleFiles(['a.yaml', 'b.yaml'], read)).toThrow(/walkthrough: names must differ: it is in a.yaml and b.yaml/)
  })
})
