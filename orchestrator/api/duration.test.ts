import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatDuration, humanDuration, parseDuration } from './duration.ts'

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

describe('durations', () => {
  it.each([
    ['1h0m0s', hour],
    ['1m30s', 90 * second],
    ['100ms', 100],
    ['1.5s', 1500],
    ['0s', 0],
    ['-2m0s', -2 * minute],
    ['1µs', 0.001],
  ])('reads and prints %s', (text, ms) => {
    expect(parseDuration(text)).toBeCloseTo(ms, 9)
    expect(formatDuration(ms)).toBe(text)
  })

  it.each(['', '1', 's', '1d', '1h 1m', '1.s.'])('takes %j for no duration', (text) => {
    expect(parseDuration(text)).toBeUndefined()
  })

  it('reads back what it prints', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e12, max: 1e12 }), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBeCloseTo(ms, 6)
      }),
    )
  })

  it.each([
    [-5 * second, '<invalid>'],
    [0, '0s'],
    [119 * second, '119s'],
    [2 * minute, '2m'],
    [5 * minute + 12 * second, '5m12s'],
    [10 * minute, '10m'],
    [179 * minute, '179m'],
    [3 * hour, '3h'],
    [7 * hour + 30 * minute, '7h30m'],
    [47 * hour, '47h'],
    [3 * day + 4 * hour, '3d4h'],
    [8 * day, '8d'],
    [729 * day, '729d'],
    [730 * day, '2y'],
    [800 * day, '2y70d'],
    [3000 * day, '8y'],
  ])('shows %d ms as %s', (ms, text) => {
    expect(humanDuration(ms)).toBe(text)
  })
})
