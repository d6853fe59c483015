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
      metric: 'cpu/usage_rate',
      aggregation: 'avg',
      windowMs: 60_000,
      forMs: 30_000,
      keepFiringForMs: 60_000,
      condition: { kind: 'threshold', comparison: '>', value: 500 },
      recovery: { comparison: '<', value: 400 },
      noData: 'resolve',
      query: 'avg(pod cpu/usage_rate{namespace="default"}, 1m) > 500m',
    })
    expect(group!.rules[1]).toMatchObject({ aggregation: 'increase', condition: { value: 2 }, forMs: 0 })
  })

  it('fills labels and annotations from the series', () => {
    const rule = parseRuleFile('rules.yaml', example)[0]!.rules[0]!
    const labels = alertLabels(rule, { namespace: 'default', pod: 'web-1' })
    expect(labels).toEqual({ alertname: 'PodCpuHigh', namespace: 'default', pod: 'web-1', severity: 'warning', team: 'team-default' })
    expect(alertAnnotations(rule, labels, 612.3456789)).toEqual({ summary: 'web-1 uses 612.346 millicores' })
  })

  it('ships rules that it reads', () => {
    const path = join(import.meta.dirname, 'default.yaml')
    const rules = parseRuleFile(path, readFileSync(path, 'utf8')).flatMap((group) => group.rules)
    expect(rules.map((rule) => rule.alert)).toContain('NodeAbsent')
    expect(rules.find((rule) => rule.alert === 'PodCpuNearLimit')).toMatchObject({ of: 'cpu/limit', condition: { value: 0.9 } })
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
      'rules.yaml:8:22: groups[0].rules[0].aggregation: "median": allowed: avg, max, min, last, sum, increase, rate',
    ],
    ['window: 1m', 'window: soon', 'rules.yaml:9:17: groups[0].rules[0].window: "soon": must be a duration such as 30s, 5m, 1h30m or 2d'],
    [
      "condition: '> 500m'",
      "condition: '=> 500m'",
      /^rules.yaml:10:20: groups\[0\].rules\[0\].condition: "=> 500m": must be one of > >= < <= == != followed by a number of millicores/,
    ],
    ['for: 30s', 'fro: 30s', /^rules.yaml:12:14: groups\[0\].rules\[0\].fro: "30s": unknown field; allowed here: alert, metric, /],
    ['labels: \\{ team', "labels: { team: '{{ $value }}' }", /uses \$value, which would make a new alert at every evaluation/],
    ['labels: \\{ team', 'labels: { pod: x }', /label pod is set by the rule's entity/],
    [
      'annotations:',
      "annotations: { summary: '{{ $lables.pod }}' }",
      /\{\{ \$lables.pod \}\} is unknown; allowed: \{\{ \$labels.name \}\} and \{\{ \$value \}\}/,
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

  it.each([
    ['> 80%', 0.8],
    ['>= 0.8', 0.8],
  ])('reads %s of a limit as a share', (condition, value) => {
    const text = example
      .replace('metric: cpu/usage_rate', 'metric: cpu/usage_rate\n        of: limit')
      .replace('> 500m', condition)
      .replace('< 400m', '< 50%')
    expect(parseRuleFile('rules.yaml', text)[0]!.rules[0]).toMatchObject({ of: 'cpu/limit', condition: { value } })
  })

  it('names problems of YAML itself with their line', () => {
    expect(problemsOf('groups:\n  - name: a\n   rules: []')[0]).toMatch(/^rules.yaml:3:\d+: /)
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
