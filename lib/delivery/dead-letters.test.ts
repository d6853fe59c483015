import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../fake-clock.ts'
import { createDeadLetters } from './dead-letters.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'dead-letters-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

const clock = new FakeClock()
const entries = (folder: string) =>
  readFileSync(join(folder, 'refused.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)

describe('refused points', () => {
  it('are kept with the time, the reason and what was said', async () => {
    const made = join(dir, 'made')
    const letters = createDeadLetters({ dir: made, maxBytes: 1e6, clock })
    await letters.add({ reason: 'retention', message: 'points beyond retention policy', items: 3, samples: ['cpu/usage,a=b value=1 1'] })
    expect(entries(made)).toEqual([
      {
        time: '2030-01-01T00:00:00Z',
        reason: 'retention',
        items: 3,
        message: 'points beyond retention policy',
        samples: ['cpu/usage,a=b value=1 1'],
      },
    ])
  })

  it('take no more than twice their bound and an entry', async () => {
    const letters = createDeadLetters({ dir, maxBytes: 10_000, clock })
    const many = Array.from({ length: 500 }, (_, index) => `m,i=${index} v=1 1`)
    for (let turn = 0; turn < 100; turn++) await letters.add({ reason: 'other', message: 'no', items: 500, samples: many })
    expect(existsSync(join(dir, 'refused.old.jsonl'))).toBe(true)
    const size = (name: string) => statSync(join(dir, name)).size
    expect(size('refused.jsonl') + size('refused.old.jsonl')).toBeLessThan(24_000)
  })
})
