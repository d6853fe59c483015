import { describe, expect, it } from 'vitest'
import { DocumentReader } from '../../lib/document.ts'
import { isInside, readTimeIntervals } from './time-interval.ts'

function interval(member: string) {
  const reader = new DocumentReader('am.yml', `[{name: x, time_intervals: [${member}]}]`)
  const found = readTimeIntervals(reader, [reader.root])
  reader.finish()
  return found.get('x')!
}

describe('time intervals', () => {
  it.each([
    ['{weekdays: ["monday:friday"]}', '2030-01-04T12:00:00Z', true],
    ['{weekdays: ["monday:friday"]}', '2030-01-05T12:00:00Z', false],
    ['{times: [{start_time: "09:00", end_time: "17:00"}]}', '2030-01-05T16:59:59Z', true],
    ['{times: [{start_time: "09:00", end_time: "17:00"}]}', '2030-01-05T17:00:00Z', false],
    ['{days_of_month: ["-3:-1"]}', '2030-02-26T00:00:00Z', true],
    ['{days_of_month: ["-3:-1"]}', '2030-02-25T00:00:00Z', false],
    ['{months: ["may:august"], years: ["2030"]}', '2030-06-01T00:00:00Z', true],
    ['{months: ["5"]}', '2030-06-01T00:00:00Z', false],
    ['{times: [{start_time: "00:00", end_time: "01:00"}], location: "Europe/Paris"}', '2030-01-05T23:30:00Z', true],
  ])('%s at %s is %s', (member, time, expected) => {
    expect(isInside(interval(member), Date.parse(time))).toBe(expected)
  })

  it.each([
    '{weekdays: ["someday"]}',
    '{times: [{start_time: "9:00", end_time: "10:00"}]}',
    '{days_of_month: ["0"]}',
    '{location: "Mars"}',
    '{months: ["6:5"]}',
  ])('refuses %s', (member) => {
    expect(() => interval(member)).toThrow(/must be/)
  })
})
