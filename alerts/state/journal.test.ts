import { mkdtempSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createInlineJournal } from './inline-journal.ts'
import { describeJournal } from './journal.contract.ts'
import { openThreadJournal } from './thread-journal.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'binnacle-alerts-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const file = () => join(folder, 'data', 'alerts.db')

describeJournal('the one in memory', () => createInlineJournal())
describeJournal('the one on a thread', () => openThreadJournal(file()))

it('finds everything again after it was closed', async () => {
  const first = openThreadJournal(file())
  await first.commit({ put: [{ table: 'fact', key: 'x', value: { value: 'kept' } }] })
  await first.close()
  const second = openThreadJournal(file())
  expect((await second.load()).fact.get('x')).toEqual({ value: 'kept' })
  await second.close()
})

it('refuses commits once it is closed', async () => {
  const journal = openThreadJournal(file())
  await journal.close()
  await expect(journal.commit({})).rejects.toThrow(/closed/)
})

it('says plainly that a file comes from a newer version', async () => {
  const journal = openThreadJournal(file())
  await journal.load()
  await journal.close()
  const database = new DatabaseSync(file())
  database.exec('PRAGMA user_version = 99')
  database.close()
  const newer = openThreadJournal(file())
  await expect(newer.load()).rejects.toThrow(/layout 99, made by a newer version/)
  await newer.close()
})
