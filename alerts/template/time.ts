import { TemplateError } from './syntax.ts'
import { Thing, asText } from './value.ts'
import type { Value } from './value.ts'

/** Go's zero time, as milliseconds since the epoch. */
export const zeroTimeMs = -62_135_596_800_000

const months = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December']
const weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

/** The words of Go's reference time; longer ones first. */
const layoutWord =
  /January|Jan|Monday|Mon|MST|2006|002|-07:00:00|-07:00|-0700|-07|Z07:00|Z0700|[.,]0{1,9}|[.,]9{1,9}|15|01|02|03|04|05|06|PM|pm|_2|1|2|3|4|5/g

/** A moment, with the methods of Go's `time.Time` that messages use. */
export function timeThing(ms: number, zone = 'UTC'): Thing {
  const parts = () => partsOf(ms, zone)
  const methods: Record<string, (args: readonly Value[]) => Value> = {
    Format: ([layout]) => formatTime(asText(layout, 'Format'), ms, zone),
    UTC: () => timeThing(ms),
    Local: () => timeThing(ms),
    Unix: () => Math.floor(ms / 1000),
    UnixMilli: () => ms,
    UnixNano: () => ms * 1e6,
    IsZero: () => ms <= zeroTimeMs,
    Year: () => parts().year,
    Month: () => months[parts().month - 1]!,
    Day: () => parts().day,
    Hour: () => parts().hour,
    Minute: () => parts().minute,
    Second: () => parts().second,
    Weekday: () => weekdays[parts().weekday]!,
    Add: ([duration]) => timeThing(ms + millisecondsOf(duration, 'Add'), zone),
    Sub: ([other]) => durationThing(ms - timeOf(other, 'Sub')),
    Before: ([other]) => ms < timeOf(other, 'Before'),
    After: ([other]) => ms > timeOf(other, 'After'),
    Equal: ([other]) => ms === timeOf(other, 'Equal'),
    String: () => formatTime('2006-01-02 15:04:05.999999999 -0700 MST', ms, zone),
  }
  return new Thing({
    fields: { ...bind(methods), Zone: zone },
    text: () => formatTime('2006-01-02 15:04:05.999999999 -0700 MST', ms, zone),
  })
}

/** A length of time, with the methods of Go's `time.Duration`. */
export function durationThing(ms: number): Thing {
  const methods: Record<string, (args: readonly Value[]) => Value> = {
    Seconds: () => ms / 1000,
    Minutes: () => ms / 60_000,
    Hours: () => ms / 3_600_000,
    Milliseconds: () => ms,
    Nanoseconds: () => ms * 1e6,
    Truncate: ([unit]) => roundDuration(ms, millisecondsOf(unit, 'Truncate'), Math.trunc),
    Round: ([unit]) => roundDuration(ms, millisecondsOf(unit, 'Round'), Math.round),
    String: () => formatGoDuration(ms),
  }
  return new Thing({ fields: bind(methods), text: () => formatGoDuration(ms) })
}

/** The milliseconds of a moment. */
export function timeOf(value: Value, of: string): number {
  const method = value instanceof Thing ? value.fields.get('UnixMilli') : undefined
  if (method === undefined) throw new TemplateError(`${of}: not a time`)
  return (method as { call(args: readonly Value[]): Value }).call([]) as number
}

/** The milliseconds of a duration, or of a number of nanoseconds. */
export function millisecondsOf(value: Value, of: string): number {
  if (typeof value === 'number') return value / 1e6
  const method = value instanceof Thing ? value.fields.get('Milliseconds') : undefined
  if (method === undefined) throw new TemplateError(`${of}: not a duration`)
  return (method as { call(args: readonly Value[]): Value }).call([]) as number
}

/** The same moment elsewhere. Throws for a zone that is not known. */
export function inZone(zone: string, ms: number): Thing {
  if (zone !== '' && zone !== 'Local') partsOf(ms, zone)
  return timeThing(ms, zone === '' || zone === 'Local' ? 'UTC' : zone)
}

/** A moment by Go's reference layout `Mon Jan 2 15:04:05 MST 2006`. */
export function formatTime(layout: string, ms: number, zone: string): string {
  const { year, month, day, hour, minute, second, weekday, offsetMinutes, abbreviation } = partsOf(ms, zone)
  const pad = (value: number, width = 2) => String(value).padStart(width, '0')
  const fraction = String(((ms % 1000) + 1000) % 1000).padStart(3, '0')
  const offset = (separator: string) => {
    const sign = offsetMinutes < 0 ? '-' : '+'
    const total = Math.abs(offsetMinutes)
    return `${sign}${pad(Math.floor(total / 60))}${separator}${pad(total % 60)}`
  }
  const words: Readonly<Record<string, () => string>> = {
    January: () => months[month - 1]!,
    Jan: () => months[month - 1]!.slice(0, 3),
    Monday: () => weekdays[weekday]!,
    Mon: () => weekdays[weekday]!.slice(0, 3),
    MST: () => abbreviation,
    '2006': () => pad(year, 4),
    '06': () => pad(year % 100),
    '01': () => pad(month),
    '1': () => String(month),
    '02': () => pad(day),
    _2: () => String(day).padStart(2),
    '2': () => String(day),
    '002': () =>
      pad(Math.floor((Date.UTC(2000, month - 1, day) - Date.UTC(2000, 0, 1)) / 86_400_000) + (isLeap(year) || month < 3 ? 1 : 0), 3),
    '15': () => pad(hour),
    '03': () => pad(hour % 12 || 12),
    '3': () => String(hour % 12 || 12),
    '04': () => pad(minute),
    '4': () => String(minute),
    '05': () => pad(second),
    '5': () => String(second),
    PM: () => (hour < 12 ? 'AM' : 'PM'),
    pm: () => (hour < 12 ? 'am' : 'pm'),
    '-0700': () => offset(''),
    '-07:00': () => offset(':'),
    '-07:00:00': () => `${offset(':')}:00`,
    '-07': () => offset('').slice(0, 3),
    Z0700: () => (offsetMinutes === 0 ? 'Z' : offset('')),
    'Z07:00': () => (offsetMinutes === 0 ? 'Z' : offset(':')),
  }
  return layout.replaceAll(layoutWord, (word) => {
    if (/^[.,]0/.test(word)) return word[0]! + fraction.padEnd(9, '0').slice(0, word.length - 1)
    if (/^[.,]9/.test(word)) {
      const digits = fraction.slice(0, word.length - 1).replace(/0+$/, '')
      return digits === '' ? '' : word[0]! + digits
    }
    return words[word]!()
  })
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
}

function partsOf(ms: number, zone: string) {
  const { offsetMinutes, abbreviation } = zone === 'UTC' ? { offsetMinutes: 0, abbreviation: 'UTC' } : zoneAt(ms, zone)
  const local = new Date(ms + offsetMinutes * 60_000)
  return {
    year: local.getUTCFullYear(),
    month: local.getUTCMonth() + 1,
    day: local.getUTCDate(),
    hour: local.getUTCHours(),
    minute: local.getUTCMinutes(),
    second: local.getUTCSeconds(),
    weekday: local.getUTCDay(),
    offsetMinutes,
    abbreviation,
  }
}

function zoneAt(ms: number, zone: string): { offsetMinutes: number; abbreviation: string } {
  const name = (style: 'longOffset' | 'short') => {
    try {
      const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: style })
      return format.formatToParts(ms).find((part) => part.type === 'timeZoneName')?.value ?? 'GMT'
    } catch {
      throw new TemplateError(`tz: unknown time zone ${JSON.stringify(zone)}`)
    }
  }
  const match = /GMT([+-])(\d\d):(\d\d)/.exec(name('longOffset'))
  const offsetMinutes = match === null ? 0 : (match[1] === '-' ? -1 : 1) * (Number(match[2]) * 60 + Number(match[3]))
  return { offsetMinutes, abbreviation: name('short') }
}

function roundDuration(ms: number, unit: number, round: (value: number) => number): Thing {
  return durationThing(unit <= 0 ? ms : round(ms / unit) * unit)
}

/** `1h2m3.5s`, as Go prints durations. */
function formatGoDuration(ms: number): string {
  if (ms === 0) return '0s'
  const sign = ms < 0 ? '-' : ''
  const total = Math.abs(ms)
  if (total < 1000) return `${sign}${total}ms`
  const [hours, minutes] = [Math.floor(total / 3_600_000), Math.floor((total % 3_600_000) / 60_000)]
  const seconds = Math.round(total % 60_000) / 1000
  return `${sign}${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`
}

function bind(methods: Readonly<Record<string, (args: readonly Value[]) => Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(methods).map(([name, call]) => [name, { call }]))
}
