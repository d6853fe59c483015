import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

/** An import that the table does not allow. */
export interface Violation {
  readonly file: string
  readonly line: number
  readonly imported: string
  readonly reason: string
}

/** folder → the folders it may import from; `*` allows all. */
export type ImportTable = ReadonlyMap<string, readonly string[]>

/** Reads the table under the heading "Who may import whom" of a Markdown text. */
export function readImportTable(markdown: string): ImportTable {
  const section = markdown.split('## Who may import whom')[1]?.split('\n## ')[0] ?? ''
  const rows = section.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| folder'))
  return new Map(
    rows.map((row) => {
      const [folder, allowed] = row
        .split('|')
        .slice(1, 3)
        .map((cell) => cell.trim())
      return [
        folder!,
        allowed!
          .split(',')
          .map((name) => name.trim())
          .filter((name) => name !== ''),
      ]
    }),
  )
}

const importPattern =
  /(?:^|\n)\s*(?:import|export)\b[^'"\n]*?(?:\n[^'"]*?)?['"](\.{1,2}\/[^'"]+)['"]|\bimport\(\s*['"](\.{1,2}\/[^'"]+)['"]\s*\)/g

/** Checks every TypeScript file under `root` against the table. */
export function checkImports(root: string, table: ImportTable): Violation[] {
  return sourceFiles(root).flatMap((file) => checkFile(root, file, table))
}

function checkFile(root: string, file: string, table: ImportTable): Violation[] {
  const text = readFileSync(join(root, file), 'utf8')
  const folder = folderOf(file, table)
  if (folder === undefined) return []
  const violations: Violation[] = []
  for (const match of text.matchAll(importPattern)) {
    const imported = relative(root, resolve(root, dirname(file), (match[1] ?? match[2])!))
    const target = folderOf(imported, table)
    const allowed = table.get(folder)!
    if (target === folder || allowed.includes('*') || (target !== undefined && allowed.includes(target))) continue
    const line = text.slice(0, match.index + match[0].indexOf('.')).split('\n').length
    violations.push({
      file,
      line,
      imported,
      reason: `${folder} may import ${allowed.length === 0 ? 'nothing' : allowed.join(', ')}, not ${target ?? imported}`,
    })
  }
  return violations
}

function folderOf(file: string, table: ImportTable): string | undefined {
  const parts = file.split('/')
  const nested = parts.slice(0, 2).join('/')
  return table.has(nested) ? nested : table.has(parts[0]!) ? parts[0] : undefined
}

function sourceFiles(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((file) => !/(^|\/)(node_modules|\.cache|\.binnacle|\.git)\//.test(file))
}
