import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseTestFile } from '../trial/test-file.ts'
import { runTestFile } from '../trial/test-suite.ts'
import { ruleKeys } from './rule-fields.ts'
import { parseRuleFile } from './rule-file.ts'
import { detailNames } from './rule.ts'

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

describe('the document about rules', () => {
  const text = read(resolve(import.meta.dirname, '../../docs/alerts.md'))
  /** Indented blocks that begin with a word. */
  const blocksOf = (start: string) =>
    [...text.matchAll(/(?:^ {4}.*\n|^\n(?= {4}))+/gm)]
      .map(([block]) => block.replaceAll(/^ {4}/gm, ''))
      .filter((block) => block.trimStart().startsWith(start))

  it('has examples that are read', () => {
    const examples = blocksOf('groups:').flatMap((block) => parseRuleFile('alerts.md', block).flatMap((group) => group.rules))
    expect(examples.length).toBeGreaterThan(9)
    expect(blocksOf('rule_files:').map((block) => parseTestFile('alerts.md', block).tests[0]!.series.length)).toEqual([3])
  })

  it('has every field of a rule', () => {
    for (const key of ruleKeys) expect(text, key).toMatch(new RegExp(`\`${key}[\`:.]`))
    for (const name of detailNames.filter((detail) => detail !== 'explanation')) expect(text).toContain(`$${name}`)
  })
})
