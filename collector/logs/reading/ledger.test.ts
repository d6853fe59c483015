import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeClock } from '../../../lib/fake-clock.ts'
import { silentLog } from '../../../lib/log.ts'
import { noFingerprint } from './fingerprint.ts'
import { Ledger, type LedgerEntry, type LedgerOptions } from './ledger.ts'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'binnacle-ledger-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const path = () => join(folder, 'positions.json')
const open = (more: Partial<LedgerOptions> = {}) => new Ledger({ path: path(), clock: new FakeClock(), log: silentLog, ...more })
const entry = (offset: number): LedgerEntry => ({
  path: '/a.log',
  inode: 'i',
  file: 'f',
  generation: 0,
  offset,
  fingerprint: noFingerprint,
  isFinished: false,
})
const saved = () => (JSON.parse(readFileSync(path(), 'utf8')) as { readonly files: readonly LedgerEntry[] }).files[0]

test('what was put before a call of save is on disk when that resolves, also beside others who save', async () => {
  const ledger = open()
  ledger.put(entry(1), undefined)
  const seen = await Promise.all([1, 2, 3].map(() => ledger.save().then(() => existsSync(path()))))
  expect(seen).toEqual([true, true, true])
  expect(saved()).toEqual(entry(1))
})

test('figures are saved with the positions of which they are true', async () => {
  let figures = { lost: 1 }
  const ledger = open({ figures: () => figures })
  expect(ledger.savedFigures).toBeUndefined()
  const first = ledger.put(entry(1), undefined)
  await ledger.save()
  expect(open().savedFigures).toEqual({ lost: 1 })
  figures = { lost: 2 }
  ledger.put(entry(2), first)
  expect(open().savedFigures).toEqual({ lost: 1 })
  await ledger.saveFigures()
  expect(open().savedFigures).toEqual({ lost: 2 })
  expect(open().entriesOf('/a.log')).toEqual([entry(2)])
})

test.each(['', '{', '{"version":9,"files":[]}', '{"version":1,"files":[{"path":1}]}'])('%j is read as nothing', (text) => {
  writeFileSync(path(), text)
  const ledger = open()
  expect(ledger.paths()).toEqual([])
  expect(ledger.savedFigures).toBeUndefined()
})
