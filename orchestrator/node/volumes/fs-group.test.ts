import { chmod, lstat, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { giveToGroup } from './fs-group.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'group-'))
  await mkdir(join(root, 'volume/sub'), { recursive: true, mode: 0o755 })
  await writeFile(join(root, 'volume/sub/file'), '', { mode: 0o600 })
  await writeFile(join(root, 'outside'), '', { mode: 0o600 })
  await symlink(join(root, 'outside'), join(root, 'volume/link'))
})
afterEach(() => rm(root, { recursive: true }))

const give = (isReadOnly = false, policy?: string) => giveToGroup(join(root, 'volume'), 2000, { isReadOnly, policy })
const facts = async (path: string) => {
  const { gid, mode } = await lstat(join(root, path))
  return `${gid} ${(mode & 0o7777).toString(8)}`
}

test('everything in a volume belongs to the group, may be written by it, and stays within the volume', async () => {
  await give()
  expect(await facts('volume')).toBe('2000 2775')
  expect(await facts('volume/sub')).toBe('2000 2775')
  expect(await facts('volume/sub/file')).toBe('2000 660')
  expect(await facts('outside')).toBe('0 600')
})

test('of a read-only volume it may only be read', async () => {
  await give(true)
  expect(await facts('volume/sub/file')).toBe('2000 640')
})

test('a volume whose root is right is left alone where the pod says so', async () => {
  await give()
  await chmod(join(root, 'volume/sub/file'), 0o600)
  await give(false, 'OnRootMismatch')
  expect(await facts('volume/sub/file')).toBe('2000 600')
  await give(false, 'Always')
  expect(await facts('volume/sub/file')).toBe('2000 660')
})
