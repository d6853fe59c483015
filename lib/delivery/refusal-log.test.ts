import { expect, it } from 'vitest'
import { FakeClock } from '../fake-clock.ts'
import { silentLog } from '../log.ts'
import { RefusalLog } from './refusal-log.ts'

it('a destination that refuses points for hours is a line per reason and minute, with the sum of what was refused', async () => {
  const clock = new FakeClock()
  const lines: object[] = []
  const log = new RefusalLog({ clock, log: { ...silentLog, warn: (fields) => void lines.push(fields) } })
  log.note({ reason: 'type', items: 5, message: 'first' })
  log.note({ reason: 'type', items: 3, message: 'second' })
  log.note({ reason: 'parse', items: 1, message: 'another' })
  await clock.advance(30_000)
  log.note({ reason: 'type', items: 2, message: 'third' })
  await clock.advance(30_000)
  log.note({ reason: 'type', items: 7, message: 'fourth' })
  log.note({ reason: 'type', items: 1, message: 'fifth' })
  expect(lines).toEqual([
    { items: 5, reason: 'type', err: 'first' },
    { items: 1, reason: 'parse', err: 'another' },
    { items: 12, reason: 'type', err: 'fourth' },
  ])
})
