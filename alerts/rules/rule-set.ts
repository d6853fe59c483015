import { FileError } from '../../lib/document.ts'
import type { FileProblem } from '../../lib/document.ts'
import { parseRuleFile } from './rule-file.ts'
import type { RuleGroup } from './rule.ts'

/** Reads a text file; throws where it cannot. */
export type ReadTextFile = (path: string) => string

/** The rules of all files. One bad file makes the whole set bad, and the `FileError` names every problem of every file. */
export function loadRuleFiles(paths: readonly string[], readTextFile: ReadTextFile): RuleGroup[] {
  const problems: FileProblem[] = []
  const groups = paths.flatMap((file) => {
    try {
      return parseRuleFile(file, readFile(file, readTextFile))
    } catch (err) {
      if (!(err instanceof FileError)) throw err
      problems.push(...err.problems)
      return []
    }
  })
  for (const [name, same] of Map.groupBy(groups, (group) => group.name)) {
    if (same.length < 2) continue
    const files = same.map((group) => group.file).join(' and ')
    problems.push({
      file: same[1]!.file,
      line: 1,
      column: 1,
      field: 'groups',
      value: name,
      allowed: `names must differ: it is in ${files}`,
    })
  }
  if (problems.length > 0) throw new FileError(problems)
  return groups
}

/** The text of a file; a file that cannot be read is a problem like any other. */
export function readFile(file: string, readTextFile: ReadTextFile): string {
  try {
    return readTextFile(file)
  } catch (err) {
    const { code = 'error', message } = err as Error & { code?: string }
    throw new FileError([
      { file, line: 1, column: 1, field: '', value: '', allowed: `cannot be read: ${code === 'error' ? message : code}` },
    ])
  }
}
