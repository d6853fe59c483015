import { describe, expect, it } from 'vitest'
import { isTimeZone, parseSchedule } from './schedule.ts'

const next = (text: string, after: string, timeZone?: string) => {
  const at = parseSchedule(text, timeZone).next(Date.parse(after))
  return at === undefined ? undefined : new Date(at).toISOString()
}

describe('a schedule', () => {
  it.each([
    ['*/5 * * * *', '2026-01-01T00:02:03Z', '2026-01-01T00:05:00.000Z'],
    ['0 9 * * mon-fri', '2026-01-02T10:00:00Z', '2026-01-05T09:00:00.000Z'],
    ['0 0 ? * ?', '2026-01-02T10:00:00Z', '2026-01-03T00:00:00.000Z'],
    ['0 0 13 * 5', '2026-02-01T00:00:00Z', '2026-02-06T00:00:00.000Z'],
    ['@daily', '2026-01-02T10:00:00Z', '2026-01-03T00:00:00.000Z'],
    ['@every 90m', '2026-01-02T10:00:00Z', '2026-01-02T11:30:00.000Z'],
    ['0 0 29 2 *', '2026-03-01T00:00:00Z', '2028-02-29T00:00:00.000Z'],
  ])('%s comes after %s at %s', (text, after, expected) => {
    expect(next(text, after)).toBe(expected)
  })

  it('never comes on a day that no month has', () => {
    expect(next('0 0 30 2 *', '2026-01-01T00:00:00Z')).toBeUndefined()
  })

  it('keeps the time of its zone over a change of the clocks, and comes once in the hour that is repeated', () => {
    expect(next('30 9 * * *', '2026-03-28T12:00:00Z', 'Europe/Berlin')).toBe('2026-03-29T07:30:00.000Z')
    const first = next('30 2 * * *', '2026-10-24T12:00:00Z', 'Europe/Berlin')!
    expect(next('30 2 * * *', first, 'Europe/Berlin')!.slice(0, 10)).toBe('2026-10-26')
  })

  it.each([
    ['* * * *', /expected exactly 5 fields, found 4/],
    ['61 * * * *', /61|range/i],
    ['0 0 L * *', /./],
    ['@every soon', /failed to parse duration of "@every soon"/],
    ['0 0 * * xyz', /./],
  ])('that reads %s is refused', (text, message) => {
    expect(() => parseSchedule(text)).toThrow(message)
  })

  it('knows time zones by their IANA names only', () => {
    expect(isTimeZone('Asia/Kolkata')).toBe(true)
    expect(isTimeZone('Mars/Base')).toBe(false)
    expect(() => parseSchedule('* * * * *', 'Mars/Base')).toThrow('unknown time zone Mars/Base')
  })
})
