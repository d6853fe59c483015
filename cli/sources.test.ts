import { execFile } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'

const loader = fileURLToPath(new URL('sources.js', import.meta.url))
const folders = ['aggregator', 'alerts', 'cli', 'collector', 'dashboards', 'examples', 'lib', 'orchestrator']

let project: string
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'binnacle-sources-'))
  for (const folder of folders) mkdirSync(join(project, folder))
  write('package.json', '{"type":"module"}')
  copyFileSync(loader, join(project, 'cli/sources.js'))
})
afterEach(() => rmSync(project, { recursive: true, force: true }))

const write = (path: string, text: string) => writeFileSync(join(project, path), text)
const copyOf = (path: string) => join(project, '.cache/sources', path)

/** What the program prints; Node's own stripper is off where `--no-strip-types` is among the flags. */
async function run(path: string, ...flags: readonly string[]): Promise<string> {
  const args = [...flags, `--import=${join(project, 'cli/sources.js')}`, join(project, path)]
  return (await promisify(execFile)(process.execPath, args)).stdout.trim()
}

test('a program and its threads run from copies without types, and never load the stripper', async () => {
  write('lib/word.ts', `export const word: string = 'a word'`)
  write(
    'lib/thread.ts',
    `import { parentPort } from 'node:worker_threads'\nimport { word } from './word.ts'\nparentPort!.postMessage(word as string)`,
  )
  write(
    'cli/main.ts',
    `import { Worker } from 'node:worker_threads'
    new Worker(new URL('../lib/thread.ts', import.meta.url)).on('message', (said: string) => console.log(said))`,
  )
  expect(await run('cli/main.ts', '--no-strip-types')).toBe('a word')
  expect(readFileSync(copyOf('lib/word.ts'), 'utf8')).not.toContain(': string')
})

test('a copy serves as long as it bears the time of its source', async () => {
  write('cli/main.ts', `console.log('first' as string)`)
  expect(await run('cli/main.ts')).toBe('first')
  const { mtime } = statSync(copyOf('cli/main.ts'))
  writeFileSync(copyOf('cli/main.ts'), `console.log('from the copy')`)
  utimesSync(copyOf('cli/main.ts'), mtime, mtime)
  expect(await run('cli/main.ts')).toBe('from the copy')
  utimesSync(join(project, 'cli/main.ts'), new Date(1e12), new Date(1e12))
  expect(await run('cli/main.ts')).toBe('first')
})

test('what no copy can be made of is left to Node', async () => {
  write('cli/main.ts', `enum Colour { red }\nconsole.log(Colour.red)`)
  write('lib/other.ts', `export const other: number = 1`)
  await expect(run('cli/main.ts')).rejects.toThrow(/TypeScript enum is not supported in strip-only mode/)
  expect([existsSync(copyOf('cli/main.ts')), existsSync(copyOf('lib/other.ts'))]).toEqual([false, true])
})

test('where nothing can be written, programs run all the same', async () => {
  write('cli/main.ts', `console.log('runs' as string)`)
  // A file where the folder would be keeps root from writing, too.
  mkdirSync(dirname(dirname(copyOf('cli'))), { recursive: true })
  write('.cache/sources', '')
  chmodSync(join(project, '.cache/sources'), 0o400)
  expect(await run('cli/main.ts')).toBe('runs')
})
