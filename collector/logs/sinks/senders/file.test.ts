import { spawn } from 'node:child_process'
import { appendFile, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../../../lib/fake-clock.ts'
import { fakeBatch } from '../fake-batches.ts'
import type { LogSender } from '../sink.ts'
import { createTestSender } from '../test-sender.ts'

const { signal } = new AbortController()

describe('lines in a file', () => {
  let dir: string
  let path: string
  let clock: FakeClock
  let open: LogSender[]
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'log-file-'))
    path = join(dir, 'out', 'lines.log')
    clock = new FakeClock(Date.UTC(2026, 10, 21, 9))
    open = []
  })
  afterEach(async () => {
    for (const sender of open) await sender.close()
    await rm(dir, { recursive: true, force: true })
  })
  function create(options = 'format: plain'): LogSender {
    const sender = createTestSender(`type: file, path: ${path}, ${options}`, dir, clock)
    open.push(sender)
    return sender
  }
  const texts = async () =>
    (await readFile(path, 'utf8'))
      .split('\n')
      .slice(0, -1)
      .map((line) => line.split(' ').slice(4).join(' '))

  it('are written in order, and none can look like two', async () => {
    const sender = create()
    await sender.send([fakeBatch(['a', 'b\n2026-01-01T00:00:00Z forged', '\u001b[2J', ''])], signal)
    await sender.send([fakeBatch(['c'], { from: 100 })], signal)
    expect(await texts()).toEqual(['a', 'b\\n2026-01-01T00:00:00Z forged', '\\x1b[2J', '', 'c'])
    expect((await readFile(path, 'utf8')).split('\n')[0]).toBe('2025-11-21T09:14:32.123456789Z default/web-1/app stdout info a')
  })

  it('go behind what is there, without the half line that a crash has left', async () => {
    await create().send([fakeBatch(['a'])], signal)
    await appendFile(path, '2025-11-21T09:14:32.123456789Z half a li')
    await create().send([fakeBatch(['b'])], signal)
    expect(await texts()).toEqual(['a', 'b'])
    await writeFile(path, 'x'.repeat(200_000))
    await create().send([fakeBatch(['c'])], signal)
    expect(await texts()).toEqual(['c'])
  })

  it('go to another file when somebody has moved this one away', async () => {
    const sender = create()
    await sender.send([fakeBatch(['a'])], signal)
    await rename(path, `${path}.moved`)
    await sender.send([fakeBatch(['b'])], signal)
    expect(await texts()).toEqual(['b'])
  })

  it('move to older files by size, of which some are kept, compressed; other files are left alone', async () => {
    const sender = create('rotate: {max_bytes: 4096, keep: 3}')
    await sender.send([fakeBatch(['0'])], signal)
    await writeFile(`${path}.20200101T000000.000Z.part`, 'ours, from a run that was killed, is another name')
    await writeFile(`${path}.gz.part`, 'not ours')
    for (let number = 1; number <= 7; number++) {
      await clock.advance(1000)
      await sender.send([fakeBatch([`${number} ${'x'.repeat(4000)}`])], signal)
    }
    await sender.close()
    const names = (await readdir(join(dir, 'out'))).sort()
    const rotated = names.filter((name) => name.endsWith('Z.gz'))
    expect(rotated).toHaveLength(3)
    expect(names).toContain('lines.log.gz.part')
    const messages = await Promise.all(
      rotated.map(async (name) => {
        const lines = gunzipSync(await readFile(join(dir, 'out', name)))
          .toString()
          .trimEnd()
          .split('\n')
        return lines.map((line) => (JSON.parse(line) as { message: string }).message[0])
      }),
    )
    expect(messages.flat()).toEqual(['4', '5', '6'])
  })

  it('move to older files by age', async () => {
    const sender = create('rotate: {max_age: 1h, compress: false}')
    await sender.send([fakeBatch(['a'])], signal)
    await clock.advance(3_599_000)
    await sender.send([fakeBatch(['b'])], signal)
    await clock.advance(2000)
    await sender.send([fakeBatch(['c'])], signal)
    await sender.close()
    expect((await readdir(join(dir, 'out'))).sort()).toEqual(['lines.log', 'lines.log.20261121T100001.000Z'])
  })

  it('that cannot be written fail, and are written once that has changed', async () => {
    await writeFile(join(dir, 'out'), 'a file where the folder should be')
    const sender = create()
    await expect(sender.send([fakeBatch(['a'])], signal)).rejects.toThrow(/EEXIST|ENOTDIR/)
    await rm(join(dir, 'out'))
    await sender.send([fakeBatch(['a'])], signal)
    expect(await texts()).toEqual(['a'])
  })
})

describe('lines on standard output', () => {
  it('arrive whole at a reader that is slow', async () => {
    const script = `
      import { createTestSender } from ${JSON.stringify(join(import.meta.dirname, '../test-sender.ts'))}
      import { fakeBatch } from ${JSON.stringify(join(import.meta.dirname, '../fake-batches.ts'))}
      const texts = Array.from({ length: 5000 }, (_, number) => number + ' ' + 'x'.repeat(200))
      const sender = createTestSender('type: stdout', '/nowhere')
      await sender.send([fakeBatch(texts)], new AbortController().signal)
    `
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      output += chunk.toString('latin1')
      await new Promise((resolve) => setImmediate(resolve))
    }
    const messages = output
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { message: string }).message)
    expect(messages.map((message) => Number.parseInt(message, 10))).toEqual(Array.from({ length: 5000 }, (_, number) => number))
  })
})
