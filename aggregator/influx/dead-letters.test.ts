import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { createDeadLetters } from './dead-letters.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'dead-letters-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

const clock = new FakeClock()
const entries = () =>
  readFileSync(join(dir, 'refused.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)

describe('refused points', () => {
  const lines = ['cpu/usage,a=b value=1 1', 'cpu/limit,a=b value=1i 1', 'cpu/usage,a=c value=2 1']

  it('are kept with the time, the reason and what was said', async () => {
    const letters = createDeadLetters({ dir: join(dir, 'made'), maxBytes: 1e6, clock })
    await letters.add({ reason: 'retention', message: 'points beyond retention policy', rejected: 3, lines })
    dir = join(dir, 'made')
    expect(entries()).toEqual([
      { time: '2030-01-01T00:00:00Z', reason: 'retention', rejected: 3, message: 'points beyond retention policy', lines },
    ])
    dir = join(dir, '..')
  })

  it.each([
    [
      'a type conflict means its measurement',
      'partial write: field type conflict: input field "value" on measurement "cpu/usage" is type float',
      [0, 2],
    ],
    ['a line that is quoted is meant', "partial write: unable to parse 'cpu/limit,a=b value=1i 1': invalid number dropped=0", [1]],
    ['else nobody knows which', 'partial write: points beyond retention policy dropped=1', []],
  ])('%s', async (_, message, meant) => {
    await createDeadLetters({ dir, maxBytes: 1e6, clock }).add({ reason: 'other', message, rejected: 2, lines })
    expect(entries()).toMatchObject([{ lines: meant.map((index) => lines[index]) }])
  })

  it('take no more than twice their bound and an entry', async () => {
    const letters = createDeadLetters({ dir, maxBytes: 10_000, clock })
    const many = Array.from({ length: 500 }, (_, index) => `m,i=${index} v=1 1`)
    for (let turn = 0; turn < 100; turn++) await letters.add({ reason: 'other', message: 'no', rejected: 500, lines: many })
    expect(existsSync(join(dir, 'refused.old.jsonl'))).toBe(true)
    const size = (name: string) => statSync(join(dir, name)).size
    expect(size('refused.jsonl') + size('refused.old.jsonl')).toBeLessThan(24_000)
  })
})
