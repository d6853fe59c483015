import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, readlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { tarOf, tarSize } from './tar.ts'
import type { TarEntry } from './tar.ts'

const run = promisify(execFile)

async function bytesOf(entries: readonly TarEntry[]): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of tarOf(entries)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const long = `${'deep/'.repeat(25)}name.txt`
const entries: readonly TarEntry[] = [
  { type: 'folder', path: 'tmp', mode: 0o1777 },
  { type: 'file', path: 'tmp/hello.txt', content: { bytes: Buffer.from('hello') } },
  { type: 'file', path: 'tmp/run', mode: 0o755, content: { bytes: Buffer.alloc(512, 'x') } },
  { type: 'file', path: 'tmp/empty', content: { bytes: Buffer.alloc(0) } },
  { type: 'link', path: 'tmp/link', target: 'hello.txt' },
  { type: 'file', path: long, content: { bytes: Buffer.from('deep') } },
]

describe('an archive', () => {
  test('is what tar unpacks: contents, modes, links, long paths', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'binnacle-tar-'))
    await writeFile(join(folder, 'a.tar'), await bytesOf(entries))
    await run('tar', ['-xpf', 'a.tar'], { cwd: folder })
    expect(await readFile(join(folder, 'tmp/hello.txt'), 'utf8')).toBe('hello')
    expect(await readFile(join(folder, long), 'utf8')).toBe('deep')
    expect(await readlink(join(folder, 'tmp/link'))).toBe('hello.txt')
    expect((await stat(join(folder, 'tmp/run'))).mode & 0o7777).toBe(0o755)
    expect((await stat(join(folder, 'tmp'))).mode & 0o7777).toBe(0o1777)
    await rm(folder, { recursive: true })
  })

  test('has the announced size and the same bytes each time', async () => {
    const bytes = await bytesOf(entries)
    expect(bytes.length).toBe(tarSize(entries))
    expect(bytes.equals(await bytesOf(entries))).toBe(true)
  })

  test('holds a file and a stream like bytes in memory', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'binnacle-tar-'))
    const file = join(folder, 'source')
    await writeFile(file, 'hello')
    const plain = await bytesOf([{ type: 'file', path: 'a', content: { bytes: Buffer.from('hello') } }])
    const chunks = async function* () {
      yield Buffer.from('hel')
      yield Buffer.from('lo')
    }
    expect((await bytesOf([{ type: 'file', path: 'a', content: { file, size: 5 } }])).equals(plain)).toBe(true)
    expect((await bytesOf([{ type: 'file', path: 'a', content: { size: 5, chunks } }])).equals(plain)).toBe(true)
    await rm(folder, { recursive: true })
  })

  test('refuses a content of another size than announced, and paths that do not fit', async () => {
    const chunks = async function* () {
      yield Buffer.from('x')
    }
    await expect(bytesOf([{ type: 'file', path: 'a', content: { size: 5, chunks } }])).rejects.toThrow('a: 1 bytes where 5 were announced')
    await expect(bytesOf([{ type: 'file', path: 'x'.repeat(101), content: { bytes: Buffer.alloc(0) } }])).rejects.toThrow('too long')
    await expect(bytesOf([{ type: 'link', path: 'a', target: 'x'.repeat(101) }])).rejects.toThrow('too long')
  })
})
