import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { openSqliteStore } from './sqlite.ts'
import { describeStore } from './store.contract.ts'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'store-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

const clock = new FakeClock()
const newFolder = () => mkdtemp(join(root, 'data-'))
const objectOf = (filler: string) => ({ filler, metadata: {} })

describeStore('sqlite', async (options) => openSqliteStore({ ...options, folder: await newFolder() }))

describe('a reopened folder', () => {
  test('has everything byte for byte and goes on at the same revision', async () => {
    const folder = await newFolder()
    const first = await openSqliteStore({ folder, clock })
    const kept = await first.put('pods/a', objectOf('ü "\n'), 0)
    const updated = await first.put('pods/b', objectOf('1'), 0).then((entry) => first.put('pods/b', objectOf('2'), entry.revision))
    await first.put('pods/c', objectOf('x'), 0).then((entry) => first.delete('pods/c', entry.revision))
    const { revision } = first
    await first.stop()

    const second = await openSqliteStore({ folder, clock })
    expect(second.revision).toBe(revision)
    expect(second.list('').entries).toEqual([kept, updated])
    expect(second.compactedRevision).toBe(revision)
    expect((await second.put('pods/c', objectOf('y'), 0)).revision).toBe(revision + 1)
    await second.stop()
  })

  test('is refused while another store has it open', async () => {
    const folder = await newFolder()
    const first = await openSqliteStore({ folder, clock })
    await expect(openSqliteStore({ folder, clock })).rejects.toMatchObject({ code: 'locked', message: expect.stringContaining('in use') })
    await first.stop()
  })

  test('is refused when a newer version wrote it', async () => {
    const folder = await newFolder()
    await (await openSqliteStore({ folder, clock })).stop()
    const database = new DatabaseSync(join(folder, 'store.sqlite'))
    database.exec('PRAGMA user_version = 99')
    database.close()
    await expect(openSqliteStore({ folder, clock })).rejects.toMatchObject({ code: 'newer', message: expect.stringContaining('99') })
  })

  test.each([
    ["somebody else's database", (file: string) => new DatabaseSync(file).exec('CREATE TABLE t (x)')],
    ['no database at all', (file: string) => writeFile(file, 'hello '.repeat(1000))],
  ])('is refused when the file is %s', async (_, prepare) => {
    const folder = await newFolder()
    await Promise.resolve(prepare(join(folder, 'store.sqlite')))
    await expect(openSqliteStore({ folder, clock })).rejects.toMatchObject({ code: 'broken' })
  })
})

test('a full disk rejects the write, keeps what was acknowledged and goes on reading', async () => {
  const folder = await newFolder()
  const store = await openSqliteStore({ folder, clock, maxBytes: 256 * 1024 })
  const filler = 'x'.repeat(8000)
  let acknowledged = 0
  const fill = async () => {
    for (;;) {
      await store.put(`k/${acknowledged}`, objectOf(filler), 0)
      acknowledged++
    }
  }
  await expect(fill()).rejects.toMatchObject({ code: 'full' })
  const { revision } = store
  expect(acknowledged).toBeGreaterThan(10)
  expect(store.list('k/').entries).toHaveLength(acknowledged)
  await store.delete('k/0', store.get('k/0')!.revision)
  await store.put('k/again', objectOf(filler), 0)
  expect(store.revision).toBe(revision + 2)
  await store.stop()
  const again = await openSqliteStore({ folder, clock, maxBytes: 256 * 1024 })
  expect(again.size).toBe(acknowledged)
  await again.stop()
})
