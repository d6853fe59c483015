import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runRules } from './rules.ts'

const rules = `groups:
  - name: g
    rules:
      - { alert: CpuHigh, metric: cpu/usage_rate, entity: { type: pod }, window: 10s, condition: '> 500m', for: 10s, severity: warning }
      - { alert: Queue, query: 'SELECT v FROM q WHERE time > now() - 1m', ingest_delay: 0s, condition: '> 10' }
`
const alertmanager = `
route: { receiver: ops, group_by: [alertname], group_wait: 5s, group_interval: 30s }
receivers: [{ name: ops, webhook_configs: [{ url: 'http://127.0.0.1:1/' }] }]
`
const tests = `rule_files: [rules.yaml]
alertmanager_config: am.yml
tests:
  - name: CPU
    input_series:
      - { series: 'cpu/usage_rate{namespace="default", pod="a", node="n"}', values: '100x3 600x10 100x30' }
    alert_rule_test:
      - { eval_time: 20s, alertname: CpuHigh }
      - { eval_time: 30s, alertname: CpuHigh, exp_alerts: [{ state: pending, exp_labels: { namespace: default, pod: a, node: n, severity: warning } }] }
      - { eval_time: 40s, alertname: CpuHigh, exp_alerts: [{ exp_labels: { namespace: default, pod: a, node: n, severity: warning } }] }
    notification_test:
      - eval_time: 1m
        exp_notifications:
          - { receiver: ops, exp_alerts: [{ alertname: CpuHigh, namespace: default, pod: a, node: n, severity: warning }] }
      - eval_time: 3m
        exp_notifications:
          - { receiver: ops, status: resolved, exp_alerts: [{ alertname: CpuHigh, namespace: default, pod: a, node: n, severity: warning }] }
  - name: query
    queries: [{ alert: Queue, labels: { queue: orders }, values: '5x5 50x20' }]
    alert_rule_test:
      - { eval_time: 20s, alertname: Queue }
      - { eval_time: 1m, alertname: Queue, exp_alerts: [{ exp_labels: { queue: orders } }] }
`

let folder: string
let printed: string[]
let complaints: string[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'binnacle-rules-'))
  ;[printed, complaints] = [[], []]
  write('rules.yaml', rules)
  write('am.yml', alertmanager)
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
const run = (...args: readonly string[]) =>
  runRules(
    args.map((arg) => (arg.includes('.') ? join(folder, arg) : arg)),
    { print: (line) => printed.push(line), complain: (line) => complaints.push(line.replaceAll(folder, '')) },
  )

describe('binnacle rules test', () => {
  it('passes what rules and notifications do', async () => {
    write('rules.test.yaml', tests)
    expect(await run('test', 'rules.test.yaml')).toBe(0)
    expect([printed, complaints]).toEqual([['2 passed, 0 failed'], []])
  })

  it('shows what was expected and what came', async () => {
    write(
      'rules.test.yaml',
      tests
        .replace('> 500m', '')
        .replace("values: '100x3 600x10 100x30'", "values: '700x50'")
        .replace('{ queue: orders } }', '{ queue: mails } }'),
    )
    expect(await run('test', 'rules.test.yaml')).toBe(1)
    expect(printed).toEqual(['0 passed, 2 failed'])
    expect(complaints.slice(0, 3)).toEqual([
      `FAIL /rules.test.yaml: CPU\n  at 20s, CpuHigh (- expected, + got):\n    + firing {alertname="CpuHigh", namespace="default", node="n", pod="a", severity="warning"}`,
      expect.stringContaining('- pending {alertname="CpuHigh"'),
      expect.stringMatching(/by 180s, notifications \(- expected, \+ got\):\n {4}- ops resolved \{alertname="CpuHigh", .*\}$/),
    ])
    expect(complaints.at(-1)).toContain('- firing {alertname="Queue", queue="mails"}')
  })

  it('names a rule that is not there', async () => {
    write('rules.test.yaml', 'rule_files: [rules.yaml]\ntests: [{alert_rule_test: [{eval_time: 1m, alertname: Typo, exp_alerts: [{}]}]}]')
    expect(await run('test', 'rules.test.yaml')).toBe(1)
    expect(complaints[0]).toContain('no rule has this name')
  })

  it.each([
    ['rule_files: [gone.yaml]\ntests: []', '/gone.yaml:1:1: cannot be read: ENOENT'],
    ['rule_files: [rules.yaml]\ntest: []', '/bad.test.yaml:2:7: test: a list: unknown field; allowed here: rule_files'],
    ["rule_files: [rules.yaml]\ntests: [{input_series: [{series: 'gpu{}', values: '1'}]}]", 'gpu is not a metric of the catalogue'],
    ["rule_files: [rules.yaml]\ntests: [{input_series: [{series: 'uptime{node=\"n\"}', values: 'a'}]}]", 'a: allowed are 7, 7x3, 1+2x3'],
    ['rule_files: [rules.yaml]\ntests: [{alert_rule_test: [{eval_time: 1y, alertname: x}]}]', 'must be at most 31d'],
  ])('refuses %j with its place', async (text, problem) => {
    write('bad.test.yaml', text)
    expect(await run('test', 'bad.test.yaml')).toBe(1)
    expect(complaints.join()).toContain(problem)
  })
})

describe('binnacle rules check', () => {
  it('counts good rules and names the place of what is wrong', async () => {
    expect(await run('check', 'rules.yaml')).toBe(0)
    expect(printed).toEqual(['2 rules are fine'])
    write('bad.yaml', rules.replace('name: g', 'name: other').replace('500m', '500MB'))
    expect(await run('check', 'rules.yaml', 'bad.yaml')).toBe(1)
    expect(complaints.join()).toMatch(/\/bad.yaml:4:\d+: groups\[0\].rules\[0\].condition/)
  })

  it.each([[[]], [['lint', 'x.yaml']], [['test']], [['check', '--strict']]])('refuses the arguments %j', async (args) => {
    await expect(run(...args)).rejects.toThrow(/allowed|name at least one file|is not a flag/)
  })
})
