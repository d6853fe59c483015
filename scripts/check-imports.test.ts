import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkImports, readImportTable } from './check-imports.ts'

const project = fileURLToPath(new URL('..', import.meta.url))
const table = readImportTable(readFileSync(join(project, 'CONTRIBUTING.md'), 'utf8'))

describe('import table', () => {
  let root: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'binnacle-imports-'))
  })
  afterEach(() => rmSync(root, { recursive: true }))

  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), text)
  }

  it('has a row for every layer of the orchestrator', () => {
    for (const layer of ['api', 'store', 'client', 'apiserver', 'controllers', 'scheduler', 'node', 'network'])
      expect(table.has(`orchestrator/${layer}`)).toBe(true)
  })

  it('refuses a controller that reaches into the store, whatever form the import has', () => {
    write('orchestrator/controllers/a.ts', "import { x } from '../store/store.ts'\n")
    write('orchestrator/controllers/b.ts', "import type {\n  X,\n} from '../store/store.ts'\n")
    write('orchestrator/controllers/c.ts', "export * from '../apiserver/app.ts'\n")
    write('orchestrator/controllers/d.ts', ['const m = await import', "('../store/store.ts')"].join(''))
    const violations = checkImports(root, table)
    expect(violations.map(({ file }) => file).sort()).toEqual(['a', 'b', 'c', 'd'].map((name) => `orchestrator/controllers/${name}.ts`))
    expect(violations[0]!.reason).toContain('orchestrator/controllers may import')
  })

  it('allows what the table allows', () => {
    write(
      'orchestrator/controllers/a.ts',
      "import { x } from '../api/object.ts'\nimport { y } from '../../lib/clock.ts'\nimport { z } from './b.ts'\n",
    )
    expect(checkImports(root, table)).toEqual([])
  })

  it('holds for the project itself', () => {
    expect(checkImports(project, table)).toEqual([])
  })
})
