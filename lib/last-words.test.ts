import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lastWords } from './last-words.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'words-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const before = 'an earlier end\n'
test.each([
  ['the lines behind the log', '{"msg":"starts"}\nbinnacle: --x: bad\n  field: worse\n', 'binnacle: --x: bad\n  field: worse'],
  ['no stack', 'Error: bad\n    at open (file.ts:1)\n', 'Error: bad'],
  ['nothing where a log is all there is', '{"msg":"starts"}\n', ''],
  ['ten lines at most', Array.from({ length: 30 }, (_, index) => `line ${index}`).join('\n'), 'line 20'],
])('of a process are %s', (_, text, expected) => {
  const file = join(folder, 'log')
  writeFileSync(file, before + text)
  expect(lastWords(file, before.length)).toMatch(new RegExp(`^${expected}${expected === 'line 20' ? '' : '$'}`))
})

test('of a log that is gone, or was cut since, are what there is', () => {
  expect(lastWords(join(folder, 'none'), 0)).toBe('')
  writeFileSync(join(folder, 'log'), 'short')
  expect(lastWords(join(folder, 'log'), 1000)).toBe('short')
})
