import { chmod, mkdir, mkdtemp, readdir, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { subPathOf } from './sub-path.ts'

let root: string
let volume: string
let outside: string

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'sub-path-')))
  volume = join(root, 'volume')
  outside = join(root, 'outside')
  await Promise.all([mkdir(volume), mkdir(outside)])
})
afterEach(() => rm(root, { recursive: true }))

const resolve = (subPath: string) => subPathOf(volume, { name: 'v', mountPath: '/m', subPath }, new Map())

test('folders that are not there are made with the rights of the volume', async () => {
  await chmod(volume, 0o2777)
  expect(await resolve('a/./b//c')).toBe(join(volume, 'a/b/c'))
  expect((await stat(join(volume, 'a'))).mode & 0o7777).toBe(0o2777)
  expect((await stat(join(volume, 'a/b/c'))).mode & 0o7777).toBe(0o2777)
})

test('what is there stays as it is, files too; links within the volume are followed', async () => {
  await mkdir(join(volume, 'a'), { mode: 0o700 })
  await writeFile(join(volume, 'a/file'), '')
  await symlink('a', join(volume, 'link'))
  expect(await resolve('link/file')).toBe(join(volume, 'a/file'))
  expect((await stat(join(volume, 'a'))).mode & 0o777).toBe(0o700)
})

test.each(['link', 'link/made', 'link/made/deeper'])('nothing is made outside of the volume behind a link: %s', async (subPath) => {
  await symlink(outside, join(volume, 'link'))
  await expect(resolve(subPath)).rejects.toThrow(`subPath "${subPath}" leads out of volume "v"`)
  expect(await readdir(outside)).toEqual([])
})

test('a link to nowhere is refused, and what it names is not made', async () => {
  await symlink(join(outside, 'made'), join(volume, 'link'))
  await expect(resolve('link')).rejects.toMatchObject({ code: 'EEXIST' })
  expect(await readdir(outside)).toEqual([])
})

test.each(['/etc', '../outside', 'a/../../outside', '..'])('%s is refused by its words', async (subPath) => {
  await expect(resolve(subPath)).rejects.toThrow('must be relative and must not contain ".."')
})

test('an expression is checked after it was expanded', async () => {
  const expand = (value: string) => subPathOf(volume, { name: 'v', mountPath: '/m', subPathExpr: '$(NAME)/x' }, new Map([['NAME', value]]))
  expect(await expand('pod')).toBe(join(volume, 'pod/x'))
  await expect(expand('..')).rejects.toThrow('must not contain ".."')
})
