import { globSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseConfiguration } from '../routing/configuration.ts'
import { loadRuleFiles, readFile } from '../rules/rule-set.ts'
import type { ReadTextFile } from '../rules/rule-set.ts'
import { parseTestFile } from './test-file.ts'
import { runTest } from './test-runner.ts'

/** What became of one test. */
export interface TestOutcome {
  readonly name: string
  /** None: it has passed. */
  readonly problems: readonly string[]
}

/** Runs every test of a file; files that it names lie beside it. Throws `FileError` where it, the rules or the configuration cannot be used. */
export async function runTestFile(file: string, readTextFile: ReadTextFile): Promise<TestOutcome[]> {
  const beside = (path: string) => resolve(dirname(file), path)
  const { ruleFiles, alertmanagerConfig, intervalMs, tests } = parseTestFile(file, readFile(file, readTextFile))
  const groups = loadRuleFiles(ruleFiles.map(beside), readTextFile)
  const configuration = alertmanagerConfig === undefined ? undefined : readConfiguration(beside(alertmanagerConfig), readTextFile)
  const outcomes: TestOutcome[] = []
  for (const test of tests) outcomes.push({ name: test.name, problems: await runTest(test, { groups, configuration, intervalMs }) })
  return outcomes
}

function readConfiguration(path: string, readTextFile: ReadTextFile) {
  const beside = (name: string) => resolve(dirname(path), name)
  return parseConfiguration(
    path,
    readFile(path, readTextFile),
    (name) => readTextFile(beside(name)),
    (pattern) => globSync(beside(pattern)).sort(),
  )
}
