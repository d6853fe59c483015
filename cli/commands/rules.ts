import { readFileSync } from 'node:fs'
import { runTestFile } from '../../alerts/trial/test-suite.ts'
import { loadRuleFiles } from '../../alerts/rules/rule-set.ts'
import { FileError } from '../../lib/document.ts'
import { UsageError } from '../options.ts'
import type { CommandContext } from './start.ts'

type Output = Pick<CommandContext, 'print' | 'complain'>

/** The help text of `binnacle rules`. */
export function describeRules(): string {
  return `Usage: binnacle rules check FILE…   say what is wrong with alert rules, with line and column
       binnacle rules test FILE…    run unit tests of alert rules on a clock of their own (docs/alerts.md)

The exit code is 1 where anything is wrong or fails.`
}

/** `binnacle rules check|test FILE…`. Resolves with the exit code. */
export async function runRules([action, ...files]: readonly string[], output: Output): Promise<number> {
  const actions = { check: checkFiles, test: testFiles }
  const run = action === 'check' || action === 'test' ? actions[action] : undefined
  if (run === undefined) throw new UsageError(`rules: ${JSON.stringify(action ?? '')} is not allowed: allowed are check and test`)
  if (files.length === 0) throw new UsageError(`rules ${action}: name at least one file`)
  const flag = files.find((file) => file.startsWith('-'))
  if (flag !== undefined) throw new UsageError(`${flag} is not a flag of rules ${action}: it takes files only`)
  return run(files, output)
}

function checkFiles(files: readonly string[], { print, complain }: Output): number {
  const groups = orProblems(() => loadRuleFiles(files, readText), complain)
  if (groups === undefined) return 1
  print(`${groups.flatMap((group) => group.rules).length} rules are fine`)
  return 0
}

async function testFiles(files: readonly string[], output: Output): Promise<number> {
  let [passed, failed] = [0, 0]
  for (const file of files) {
    const outcomes = await runOne(file, output)
    if (outcomes === undefined) failed++
    for (const { name, problems } of outcomes ?? []) {
      if (problems.length === 0) passed++
      else failed++
      for (const problem of problems) output.complain(`FAIL ${file}: ${name}\n  ${problem}`)
    }
  }
  output.print(`${passed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

async function runOne(file: string, { complain }: Output) {
  try {
    return await runTestFile(file, readText)
  } catch (error) {
    if (!(error instanceof FileError)) throw error
    complain(error.message)
    return undefined
  }
}

function orProblems<T>(action: () => T, complain: Output['complain']): T | undefined {
  try {
    return action()
  } catch (error) {
    if (!(error instanceof FileError)) throw error
    complain(error.message)
    return undefined
  }
}

function readText(path: string): string {
  return readFileSync(path, 'utf8')
}
