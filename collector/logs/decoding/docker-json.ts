import type { Slice } from './slice.ts'
import { setTime } from './slice.ts'
import { readTimestamp } from './timestamp.ts'

const opening = Buffer.from('{"log":"')
const stdoutPart = Buffer.from('","stream":"stdout"')
const stderrPart = Buffer.from('","stream":"stderr"')
const timeKey = Buffer.from('"time":"')
const backslash = 0x5c
const quote = 0x22
const newline = 0x0a

/** Where texts with escapes are written; a line's text is never longer than the line. Grown as needed. */
let unescaped = Buffer.allocUnsafe(64 * 1024)

/**
 * A line of Docker's json-file driver. The parts are cut out by hand, in the order in which Docker writes them; whatever else is JSON with
 * a `log` goes through `JSON.parse`. Lines without escapes but that of their end are not copied.
 */
export function decodeDocker(buffer: Buffer, start: number, end: number, out: Slice): boolean {
  return slice(buffer, start, end, out) || parse(buffer, start, end, out)
}

function slice(buffer: Buffer, start: number, end: number, out: Slice): boolean {
  if (!hasAt(buffer, start, end, opening) || buffer[end - 1] !== 0x7d || buffer[end - 2] !== quote) return false
  const textStart = start + opening.length
  // Searches end within the line, since it ends in a quote: else each line of a block without any would be a look at all of the block.
  const close = buffer.indexOf(quote, textStart)
  if (close < 0 || close >= end) return false
  out.buffer = buffer
  out.start = textStart
  const lineEnd = close - 2
  if (lineEnd >= textStart && buffer[lineEnd] === backslash && buffer[lineEnd + 1] === 0x6e) {
    if (buffer.indexOf(backslash, textStart) < lineEnd) return sliceEscaped(buffer, textStart, end, out)
    out.isPartial = false
    out.end = lineEnd
  } else {
    if (buffer.subarray(textStart, close).includes(backslash)) return sliceEscaped(buffer, textStart, end, out)
    // No escape at all: a piece of a line that goes on.
    out.isPartial = true
    out.end = close
  }
  return readRest(buffer, close, end, out)
}

function sliceEscaped(buffer: Buffer, textStart: number, end: number, out: Slice): boolean {
  const close = unescape(buffer, textStart, end, out)
  return close > 0 && readRest(buffer, close, end, out)
}

/** `","stream":"stdout",…"time":"…"}`: the time is the last member. */
function readRest(buffer: Buffer, close: number, end: number, out: Slice): boolean {
  if (hasAt(buffer, close, end, stdoutPart)) out.stream = 0
  else if (hasAt(buffer, close, end, stderrPart)) out.stream = 1
  else return false
  let timeStart = end - 3
  const first = Math.max(close, end - 40)
  while (timeStart > first && buffer[timeStart] !== quote) timeStart--
  const keyStart = timeStart + 1 - timeKey.length
  if (keyStart < close + stdoutPart.length || !hasAt(buffer, keyStart, end, timeKey)) return false
  // Only a comma may stand before it, or this is a part of another member.
  if (buffer[keyStart - 1] !== 0x2c) return false
  const beforeComma = buffer[keyStart - 2]
  if (keyStart - 1 !== close + stdoutPart.length && beforeComma !== 0x7d) return false
  return readTimestamp(buffer, timeStart + 1, end - 2, out)
}

/** Writes the text without its escapes and answers where the quote behind it is; negative where it has escapes that Docker does not write. */
function unescape(buffer: Buffer, start: number, end: number, out: Slice): number {
  if (unescaped.length < end - start) unescaped = Buffer.allocUnsafe(Math.max(end - start, unescaped.length * 2))
  const target = unescaped
  let written = 0
  let at = start
  while (at < end) {
    const byte = buffer[at]!
    if (byte === quote) break
    if (byte !== backslash) {
      target[written++] = byte
      at++
      continue
    }
    const escape = buffer[at + 1]!
    if (escape !== 0x75) {
      const plain = plainEscapes[escape]!
      if (plain === 0) return -1
      target[written++] = plain
      at += 2
      continue
    }
    const code = hexCode(buffer, at + 2)
    // Halves of pairs, and what is no number, are for the parser.
    if (code < 0 || (code >= 0xd800 && code < 0xe000)) return -1
    if (code < 0x80) target[written++] = code
    else if (code < 0x800) {
      target[written++] = 0xc0 | (code >> 6)
      target[written++] = 0x80 | (code & 0x3f)
    } else {
      target[written++] = 0xe0 | (code >> 12)
      target[written++] = 0x80 | ((code >> 6) & 0x3f)
      target[written++] = 0x80 | (code & 0x3f)
    }
    at += 6
  }
  if (at >= end) return -1
  finish(target, written, out)
  return at
}

/** A text that ends in a line's end is whole. */
function finish(target: Buffer, length: number, out: Slice): void {
  const isWhole = length > 0 && target[length - 1] === newline
  out.buffer = target
  out.start = 0
  out.end = isWhole ? length - 1 : length
  out.isPartial = !isWhole
}

const plainEscapes = new Uint8Array(256)
for (const [escape, byte] of [
  ['"', 0x22],
  ['\\', 0x5c],
  ['/', 0x2f],
  ['b', 0x08],
  ['f', 0x0c],
  ['n', 0x0a],
  ['r', 0x0d],
  ['t', 0x09],
] as const) {
  plainEscapes[escape.charCodeAt(0)] = byte
}

function hexCode(buffer: Buffer, at: number): number {
  let code = 0
  for (let index = 0; index < 4; index++) {
    const byte = buffer[at + index]! | 0x20
    const digit = byte >= 0x61 && byte <= 0x66 ? byte - 0x57 : buffer[at + index]! >= 0x30 && buffer[at + index]! <= 0x39 ? byte - 0x30 : -1
    if (digit < 0) return -1
    code = code * 16 + digit
  }
  return code
}

function hasAt(buffer: Buffer, at: number, end: number, wanted: Buffer): boolean {
  if (at + wanted.length > end) return false
  for (let index = 0; index < wanted.length; index++) {
    if (buffer[at + index] !== wanted[index]) return false
  }
  return true
}

function parse(buffer: Buffer, start: number, end: number, out: Slice): boolean {
  let entry: unknown
  try {
    entry = JSON.parse(buffer.toString('utf8', start, end))
  } catch {
    return false
  }
  if (typeof entry !== 'object' || entry === null) return false
  const { log, stream, time } = entry as { log?: unknown; stream?: unknown; time?: unknown }
  if (typeof log !== 'string') return false
  const text = Buffer.from(log)
  finish(text, text.length, out)
  out.stream = stream === 'stderr' ? 1 : 0
  const stamp = typeof time === 'string' ? Buffer.from(time) : undefined
  if (stamp === undefined || !readTimestamp(stamp, 0, stamp.length, out)) setTime(out, 0)
  return true
}
