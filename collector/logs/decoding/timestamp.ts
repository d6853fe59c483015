import { setTimeParts, type Slice } from './slice.ts'

const zero = 0x30

/** Bytes of the last day that was seen, with its start: lines of one file are of the same day. */
const lastDay = Buffer.alloc(10)
let lastDaySeconds = Number.NaN

/** Reads an RFC 3339 time with up to nine digits of a second into `out`. `false` where there is none. */
export function readTimestamp(buffer: Buffer, start: number, end: number, out: Slice): boolean {
  // 2026-11-21T09:13:23Z
  if (end - start < 20) return false
  const day = daySeconds(buffer, start)
  const hours = twoDigits(buffer, start + 11)
  const minutes = twoDigits(buffer, start + 14)
  const seconds = twoDigits(buffer, start + 17)
  if (!(hours < 24 && minutes < 60 && seconds < 61) || Number.isNaN(day)) return false
  let at = start + 19
  let nanoseconds = 0
  if (buffer[at] === 0x2e) {
    let unit = 100_000_000
    for (at++; at < end; at++) {
      const digit = buffer[at]! - zero
      if (digit < 0 || digit > 9) break
      nanoseconds += digit * unit
      unit = Math.floor(unit / 10)
    }
  }
  const offset = offsetSeconds(buffer, at, end)
  if (Number.isNaN(offset)) return false
  setTimeParts(out, day + hours * 3600 + minutes * 60 + seconds - offset, nanoseconds)
  return true
}

function daySeconds(buffer: Buffer, start: number): number {
  for (let index = 0; index < 10; index++) {
    if (buffer[start + index] !== lastDay[index]) return parseDay(buffer, start)
  }
  return lastDaySeconds
}

function parseDay(buffer: Buffer, start: number): number {
  const text = buffer.toString('latin1', start, start + 10)
  if (!/^(?:19[7-9]\d|2[01]\d\d)-\d\d-\d\d$/.test(text)) return Number.NaN
  const ms = Date.parse(`${text}T00:00:00Z`)
  if (Number.isNaN(ms)) return Number.NaN
  buffer.copy(lastDay, 0, start, start + 10)
  lastDaySeconds = ms / 1000
  return lastDaySeconds
}

function twoDigits(buffer: Buffer, at: number): number {
  const tens = buffer[at]! - zero
  const ones = buffer[at + 1]! - zero
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN
}

/** `Z`, `+02:00` or `-07:00`, to the very end. */
function offsetSeconds(buffer: Buffer, at: number, end: number): number {
  const sign = buffer[at]
  if (sign === 0x5a) return at + 1 === end ? 0 : Number.NaN
  if ((sign !== 0x2b && sign !== 0x2d) || end - at !== 6) return Number.NaN
  const seconds = twoDigits(buffer, at + 1) * 3600 + twoDigits(buffer, at + 4) * 60
  return sign === 0x2b ? seconds : -seconds
}
