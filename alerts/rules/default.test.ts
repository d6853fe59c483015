import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseTestFile } from '../trial/test-file.ts'
import { runTestFile } from '../trial/test-suite.ts'
import { parseRuleFile } from './rule-file.ts'

const read = (path: string) => readFileSync(path, 'utf8')
const rulesFile = join(import.meta.dirname, 'default.yaml')
const testsFile = join(import.meta.dirname, 'default.test.yaml')
const rules = parseRuleFile(rulesFile, read(rulesFile)).flatMap((group) => group.rules)
const fired = parseTestFile(testsFile, read(testsFile)).tests.flatMap(({ alerts }) =>
  alerts.flatMap(({ alertname, expected }) => expected.map(({ labels }) => `${alertname} ${labels['severity']}`)),
)

describe('the shipped rules', () => {
  it('do what their tests say', async () => {
    const outcomes = await runTestFile(testsFile, read)
    expect(outcomes.filter(({ problems }) => problems.length > 0)).toEqual([])
  })

  it.each(rules.map((rule) => [rule.id, rule] as const))('%s has a runbook and a test in which it fires', (_, rule) => {
    const runbook = rule.annotations['runbook']!.source
    const text = read(resolve(import.meta.dirname, '../..', runbook))
    expect(text).toContain(`# ${rule.alert}\n`)
    for (const heading of ['## What it means', '## Look', '## Do']) expect(text).toContain(`\n${heading}\n`)
    expect(text.split('\n').length).toBeLessThanOrEqual(41)
    expect(fired).toContain(`${rule.alert} ${rule.labels['severity']!.source}`)
    expect(rule.annotations['summary']!.source).not.toBe('')
  })

  it('have no runbook for what is not there', () => {
    const names = new Set(rules.map((rule) => rule.annotations['runbook']!.source))
    expect([...names].every((name) => existsSync(resolve(import.meta.dirname, '../..', name)))).toBe(true)
  })
})
