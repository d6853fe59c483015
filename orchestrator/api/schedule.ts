import { lazyPackage } from '../../lib/lazy-package.ts'
import { parseDuration } from './duration.ts'

const croner = lazyPackage<typeof import('croner')>('croner')

/** When something is to happen again and again. */
export interface Schedule {
  /** The first time after `afterMs`, milliseconds since the epoch; `undefined` where there is none in this life (30 February). */
  next(afterMs: number): number | undefined
}

const named: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}

const part = String.raw`(?:\d+|\*|\?|[A-Za-z]{3})(?:-(?:\d+|[A-Za-z]{3}))?(?:\/\d+)?`
const field = `${part}(?:,${part})*`
const pattern = new RegExp(`^(?:${field})(?:\\s+(?:${field})){4}$`)

/** A schedule that cannot be read; the message says what is wrong with it. */
export class ScheduleError extends Error {
  readonly code = 'SCHEDULE'
}

/**
 * Reads the schedule of a CronJob: five fields, a name such as `@daily`, or `@every 90m`. Times are those of `timeZone` (an IANA name, UTC by
 * default): one that daylight saving time leaves out comes right after the gap, one that it repeats comes once. Throws `ScheduleError`.
 */
export function parseSchedule(text: string, timeZone = 'UTC'): Schedule {
  if (text.startsWith('@every ')) return parseEvery(text)
  const fields = named[text] ?? text.trim()
  if (!pattern.test(fields)) {
    const parts = fields.split(/\s+/)
    const problem = `expected exactly 5 fields, found ${parts.length}: [${parts.join(' ')}]`
    throw new ScheduleError(parts.length === 5 ? 'failed to parse the fields of the schedule' : problem)
  }
  if (!isTimeZone(timeZone)) throw new ScheduleError(`unknown time zone ${timeZone}`)
  try {
    // A question mark is upstream's other word for an asterisk; the library means the present time by it.
    const { Cron } = croner()
    const cron = new Cron(fields.replaceAll('?', '*'), { paused: true, mode: '5-part', timezone: timeZone })
    return { next: (afterMs) => cron.nextRun(new Date(afterMs))?.getTime() }
  } catch (error) {
    throw new ScheduleError((error as Error).message, { cause: error })
  }
}

function parseEvery(text: string): Schedule {
  const periodMs = parseDuration(text.slice('@every '.length).trim())
  if (periodMs === undefined || periodMs < 1000) throw new ScheduleError(`failed to parse duration of ${JSON.stringify(text)}`)
  const wholeMs = Math.floor(periodMs / 1000) * 1000
  return { next: (afterMs) => Math.floor(afterMs / 1000) * 1000 + wholeMs }
}

/** Whether a name is one of the IANA time zones that this program knows. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
