import type { DocumentReader, Field } from '../../lib/document.ts'

/** A named set of times; a moment is inside when any of its members holds entirely. */
export interface TimeInterval {
  readonly name: string
  readonly members: readonly TimeIntervalMember[]
}

interface Range {
  readonly begin: number
  readonly end: number
}

/** Absent parts hold always. */
interface TimeIntervalMember {
  /** Minutes of the day, the end exclusive. */
  readonly times?: readonly Range[]
  readonly weekdays?: readonly Range[]
  /** Negative days count from the end of the month. */
  readonly daysOfMonth?: readonly Range[]
  readonly months?: readonly Range[]
  readonly years?: readonly Range[]
  readonly location: string
}

const weekdayNames = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']
const monthNames = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
]
const memberKeys = ['times', 'weekdays', 'days_of_month', 'months', 'years', 'location'] as const

/** Reads `time_intervals` (and its older name `mute_time_intervals`). */
export function readTimeIntervals(reader: DocumentReader, lists: readonly (Field | undefined)[]): Map<string, TimeInterval> {
  const intervals = new Map<string, TimeInterval>()
  for (const field of lists.flatMap((list) => reader.list(list))) {
    const fields = reader.record(field, ['name', 'time_intervals'], ['name'])
    const name = reader.text(fields.name)
    if (name === undefined) continue
    if (intervals.has(name)) reader.problem(field, `time interval ${name} is there twice`)
    intervals.set(name, { name, members: reader.list(fields.time_intervals).map((item) => readMember(reader, item)) })
  }
  return intervals
}

/** Whether `now` lies inside an interval. */
export function isInside(interval: TimeInterval, now: number): boolean {
  return interval.members.some((member) => holdsAt(member, now))
}

function holdsAt(member: TimeIntervalMember, now: number): boolean {
  const time = localTime(now, member.location)
  const isIn = (ranges: readonly Range[] | undefined, value: number) =>
    ranges === undefined || ranges.some(({ begin, end }) => value >= begin && value <= end)
  const days = member.daysOfMonth?.map(({ begin, end }) => ({
    begin: begin < 0 ? time.daysInMonth + begin + 1 : begin,
    end: end < 0 ? time.daysInMonth + end + 1 : end,
  }))
  return (
    (member.times === undefined || member.times.some(({ begin, end }) => time.minute >= begin && time.minute < end)) &&
    isIn(member.weekdays, time.weekday) &&
    isIn(days, time.day) &&
    isIn(member.months, time.month) &&
    isIn(member.years, time.year)
  )
}

function localTime(now: number, timeZone: string) {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    weekday: 'long',
    hour: 'numeric',
    minute: 'numeric',
  })
  const parts = Object.fromEntries(format.formatToParts(now).map(({ type, value }) => [type, value])) as Record<string, string>
  const [year, month, day] = [Number(parts['year']), Number(parts['month']), Number(parts['day'])]
  return {
    year,
    month,
    day,
    weekday: weekdayNames.indexOf(parts['weekday']!.toLowerCase()),
    minute: Number(parts['hour']) * 60 + Number(parts['minute']),
    daysInMonth: new Date(Date.UTC(year, month, 0)).getUTCDate(),
  }
}

function readMember(reader: DocumentReader, field: Field): TimeIntervalMember {
  const fields = reader.record(field, memberKeys)
  const ranges = (list: Field | undefined, parse: (text: string) => number | undefined, form: string) =>
    list && reader.list(list).flatMap((item) => reader.parsed(item, (text) => parseRange(text, parse), form) ?? [])
  const times = fields.times && reader.list(fields.times).flatMap((item) => readTimes(reader, item) ?? [])
  const weekdays = ranges(fields.weekdays, (text) => indexIn(weekdayNames, text, 0), 'a weekday or a range such as monday:friday')
  const daysOfMonth = ranges(fields.days_of_month, (text) => integer(text, -31, 31), 'a day or a range such as 1:5 or -3:-1')
  const months = ranges(
    fields.months,
    (text) => integer(text, 1, 12) ?? indexIn(monthNames, text, 1),
    'a month or a range such as may:august',
  )
  const years = ranges(fields.years, (text) => integer(text, 1, 9999), 'a year or a range such as 2026:2028')
  const location =
    reader.parsed(fields.location, (text) => (isTimeZone(text) ? text : undefined), 'a time zone such as Europe/Paris') ?? 'UTC'
  return {
    location,
    ...(times && { times }),
    ...(weekdays && { weekdays }),
    ...(daysOfMonth && { daysOfMonth }),
    ...(months && { months }),
    ...(years && { years }),
  }
}

function readTimes(reader: DocumentReader, field: Field): Range | undefined {
  const fields = reader.record(field, ['start_time', 'end_time'], ['start_time', 'end_time'])
  const begin = reader.parsed(fields.start_time, parseClock, 'a time such as 09:00')
  const end = reader.parsed(fields.end_time, parseClock, 'a time such as 17:30 or 24:00')
  if (begin === undefined || end === undefined) return undefined
  return begin < end ? { begin, end } : reader.problem(field, 'start_time must be before end_time')
}

function parseClock(text: string): number | undefined {
  const match = /^(\d{2}):([0-5]\d)$/.exec(text)
  const minute = match === null ? undefined : Number(match[1]) * 60 + Number(match[2])
  return minute !== undefined && minute <= 1440 ? minute : undefined
}

function parseRange(text: string, parse: (text: string) => number | undefined): Range | undefined {
  const [first, second, ...rest] = text.toLowerCase().split(':')
  const begin = parse(first!.trim())
  const end = second === undefined ? begin : parse(second.trim())
  if (begin === undefined || end === undefined || rest.length > 0) return undefined
  const isOrdered = begin <= end || (begin > 0 && end < 0)
  return isOrdered ? { begin, end } : undefined
}

function integer(text: string, min: number, max: number): number | undefined {
  const value = /^-?\d+$/.test(text) ? Number(text) : NaN
  return value >= min && value <= max && !(min < 0 && value === 0) ? value : undefined
}

function indexIn(names: readonly string[], text: string, base: number): number | undefined {
  const index = names.indexOf(text)
  return index < 0 ? undefined : index + base
}

function isTimeZone(text: string): boolean {
  try {
    return Intl.DateTimeFormat('en-US', { timeZone: text }) !== undefined
  } catch {
    return false
  }
}
