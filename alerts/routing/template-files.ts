import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DocumentReader, Field } from '../../lib/document.ts'
import { TemplateSet } from '../template/template-set.ts'

/** The paths that match a pattern. */
export type FindFiles = (pattern: string) => readonly string[]

const maxFiles = 100

let standard: TemplateSet | undefined

/** The built-in templates: every name that Alertmanager has, so that own texts can call them. */
function standardTemplates(): TemplateSet {
  if (standard !== undefined) return standard
  standard = new TemplateSet()
  standard.add('defaults.tmpl', readFileSync(join(import.meta.dirname, '..', 'template', 'defaults.tmpl'), 'utf8'))
  return standard
}

/** Reads `templates`: the files that its patterns name. All of them are read before anything is checked, since they may call each other. */
export function readTemplates(
  reader: DocumentReader,
  field: Field | undefined,
  files: { read(path: string): string; readonly find: FindFiles },
): TemplateSet {
  const templates = new TemplateSet(standardTemplates().templates)
  const called: { readonly item: Field; readonly path: string; readonly name: string; readonly line: number }[] = []
  let count = 0
  for (const item of reader.list(field)) {
    const pattern = reader.text(item) ?? ''
    for (const path of reader.attempt(item, () => files.find(pattern)) ?? []) {
      if (++count > maxFiles) return reader.problem(item, `more than ${maxFiles} template files`) ?? templates
      const calls = reader.attempt(item, () => templates.add(path, files.read(path))) ?? []
      called.push(...calls.map((call) => ({ ...call, item, path })))
    }
  }
  for (const { item, path, name, line } of called) {
    if (!templates.has(name)) reader.problem(item, `${path}:${line}: template ${JSON.stringify(name)} is not defined`)
  }
  return templates
}
