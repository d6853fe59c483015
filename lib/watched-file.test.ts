import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from './fake-clock.ts'
import { WatchedFile } from './watched-file.ts'

describe('a watched file', () => {
  let dir: string
  beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'watched-'))))
  afterEach(() => rmSync(dir, { recursive: true }))

  it('is read again when it was replaced, and the last text stands while it is away', async () => {
    const clock = new FakeClock()
    const path = join(dir, 'token')
    const file = new WatchedFile(path, clock)
    expect(() => file.read()).toThrow('ENOENT')
    writeFileSync(path, 'one')
    expect(file.read()).toBe('one')
    writeFileSync(`${path}.next`, 'second')
    renameSync(`${path}.next`, path)
    expect(file.read()).toBe('one')
    await clock.advance(10_000)
    expect(file.read()).toBe('second')
    rmSync(path)
    await clock.advance(10_000)
    expect(file.read()).toBe('second')
  })
})
