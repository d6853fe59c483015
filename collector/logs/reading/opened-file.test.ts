import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { inodeAt, openRegular } from './opened-file.ts'

let folder: string
const path = (name: string) => join(folder, name)
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'binnacle-opened-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('a regular file is opened, by a link only where links are followed', () => {
  writeFileSync(path('a'), 'content')
  symlinkSync('a', path('link'))
  const opened = openRegular(path('link'), true)!
  expect(opened).toMatchObject({ inode: inodeAt(path('a'), false), size: 7 })
  expect(readFileSync(opened.fd, 'utf8')).toBe('content')
  closeSync(opened.fd)
  expect(openRegular(path('link'), false)).toBeUndefined()
  expect(openRegular(path('none'), true)).toBeUndefined()
})

test('neither a folder nor a device is one', () => {
  mkdirSync(path('folder'))
  for (const other of [path('folder'), '/dev/null']) expect(openRegular(other, true)).toBeUndefined()
})

test('a pipe is not opened: whoever waits for its reader goes on waiting', async () => {
  execFileSync('mkfifo', [path('pipe')])
  const writer = spawn('sh', ['-c', 'echo waiting; echo hello > "$0"', path('pipe')], { stdio: ['ignore', 'pipe', 'ignore'] })
  const closed = once(writer, 'close')
  try {
    let said = ''
    writer.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
    await once(writer.stdout, 'data')
    // It waits in the kernel by then, or soon: either way nothing may let it go on.
    for (let look = 0; look < 20; look++) {
      expect(openRegular(path('pipe'), true)).toBeUndefined()
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect([said, writer.exitCode, writer.signalCode]).toEqual(['waiting\n', null, null])
  } finally {
    writer.kill('SIGKILL')
    await closed
  }
})
