import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../lib/clock.ts'
import { FolderLooks } from './folder-looks.ts'

/** So long that only changes lead to another look within a test. */
const neverMs = 600_000

let root: string
let looks: FolderLooks | undefined
let seen: string[]

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'looks-'))
  seen = []
})
afterEach(async () => {
  await looks?.stop()
  await rm(root, { recursive: true, force: true })
})

function follow(path: string, look: (names: readonly string[]) => Promise<number>): Promise<void> {
  looks = new FolderLooks({ path, clock: systemClock, settleMs: 10, look, onFailure: (error) => seen.push(String(error)) && 10 })
  return looks.start()
}

test('what comes while a look is under way is looked at after it', async () => {
  const during = Promise.withResolvers<void>()
  const started = follow(root, async (names) => {
    seen.push(names.toSorted().join())
    if (seen.length === 1) await during.promise
    return neverMs
  })
  await expect.poll(() => seen).toEqual([''])
  await writeFile(join(root, 'late'), '')
  // The system's word of it is in before the look ends.
  await new Promise((resolve) => setTimeout(resolve, 50))
  during.resolve()
  await started
  await expect.poll(() => seen.at(-1)).toBe('late')
})

test('a folder may come, go and come again; hidden files are left out', async () => {
  const path = join(root, 'folder')
  await follow(path, async (names) => {
    seen.push(names.toSorted().join())
    return 20
  })
  expect(seen).toEqual([''])
  await mkdir(path)
  await writeFile(join(path, '.hidden'), '')
  await writeFile(join(path, 'a'), '')
  await expect.poll(() => seen.at(-1)).toBe('a')
  await rm(path, { recursive: true })
  await expect.poll(() => seen.at(-1)).toBe('')
  await mkdir(path)
  await writeFile(join(path, 'b'), '')
  await expect.poll(() => seen.at(-1)).toBe('b')
})

test('a look that fails is told and is no end', async () => {
  await follow(root, async () => {
    if (seen.length === 0) throw new Error('no')
    seen.push('looked')
    return neverMs
  })
  await expect.poll(() => seen).toEqual(['Error: no', 'looked'])
})
