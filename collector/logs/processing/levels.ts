import { logLevels, type LogLevel } from '../log-batch.ts'

const indexOf = (level: LogLevel) => logLevels.indexOf(level)

/** Words for levels, as loggers write them. */
const words: Readonly<Record<string, LogLevel>> = {
  trace: 'trace',
  trc: 'trace',
  finest: 'trace',
  verbose: 'trace',
  debug: 'debug',
  dbug: 'debug',
  dbg: 'debug',
  finer: 'debug',
  fine: 'debug',
  info: 'info',
  inf: 'info',
  information: 'info',
  notice: 'info',
  warn: 'warn',
  wrn: 'warn',
  warning: 'warn',
  error: 'error',
  err: 'error',
  eror: 'error',
  severe: 'error',
  fail: 'error',
  fatal: 'fatal',
  ftl: 'fatal',
  panic: 'fatal',
  crit: 'fatal',
  critical: 'fatal',
  alert: 'fatal',
  emerg: 'fatal',
  emergency: 'fatal',
}

const levelOfCode = new Map(Object.entries(words).map(([word, level]) => [codeOf(word), indexOf(level)]))
const canBegin = new Uint8Array(256)
for (const word of Object.keys(words)) canBegin[word.charCodeAt(0)] = canBegin[word.charCodeAt(0) - 32] = 1

/** 1 for letters, 2 for capitals. */
const letters = new Uint8Array(256)
for (let byte = 0; byte < 26; byte++) {
  letters[0x61 + byte] = 1
  letters[0x41 + byte] = 2
}
/** What makes a letter a part of another word: digits, underscore, bytes of other letters. */
const inWord = new Uint8Array(256)
for (let byte = 0; byte < 256; byte++)
  inWord[byte] = letters[byte] !== 0 || (byte >= 0x30 && byte <= 0x39) || byte === 0x5f || byte >= 0x80 ? 1 : 0

/** A word as a number: five bits a letter, eleven letters at most. */
function codeOf(word: string): number {
  let code = 0
  for (let index = 0; index < word.length; index++) code = code * 32 + (word.charCodeAt(index) & 31)
  return code
}

/** A level stands near the beginning of a line. */
const scannedBytes = 200
const longestWord = 11

/**
 * The level of a line, as an index of `logLevels`, by the first word for one that cannot mean anything else: in capitals, in brackets, behind
 * `=` or a quote, or before a colon; or by klog's first letter, or by the number of pino and bunyan.
 */
export function detectLevel(buffer: Buffer, start: number, end: number): number {
  const last = Math.min(end, start + scannedBytes)
  const klog = klogLevel(buffer, start, last)
  if (klog !== 0) return klog
  let at = start
  while (at < last) {
    const byte = buffer[at]!
    if (inWord[byte] === 0) {
      at++
      continue
    }
    const wordStart = at
    if (canBegin[byte] === 0) {
      while (at < last && inWord[buffer[at]!] !== 0) at++
      if (at - wordStart === 5 && isLevelKey(buffer, wordStart) && buffer[at] === 0x22) {
        const number = numberedLevel(buffer, at + 1, end)
        if (number !== 0) return number
      }
      continue
    }
    let code = 0
    let capitals = 0
    while (at < last && inWord[buffer[at]!] !== 0) {
      const kind = letters[buffer[at]!]!
      code = kind === 0 || at - wordStart >= longestWord ? Number.NaN : code * 32 + (buffer[at]! & 31)
      if (kind === 2) capitals++
      at++
    }
    const level = levelOfCode.get(code)
    if (level !== undefined && isMeant(buffer, wordStart, { start, end: at, last: end, isCapital: capitals === at - wordStart }))
      return level
  }
  return 0
}

function isMeant(
  buffer: Buffer,
  wordStart: number,
  { start, end, last, isCapital }: { readonly start: number; readonly end: number; readonly last: number; readonly isCapital: boolean },
): boolean {
  if (isCapital) return true
  const before = wordStart > start ? buffer[wordStart - 1]! : 0x20
  const after = end < last ? buffer[end]! : 0x20
  // [error]  <error>  (error)
  if ((before === 0x5b && after === 0x5d) || (before === 0x3c && after === 0x3e) || (before === 0x28 && after === 0x29)) return true
  // level=error
  if (before === 0x3d) return true
  // "level":"error", "severity": "error"
  if (before === 0x22 && after === 0x22) return wordStart - start >= 2 && isValueQuote(buffer, wordStart - 1, start)
  // error: …
  return after === 0x3a && before !== 0x2f && before !== 0x2e
}

/** Whether a quote opens a value and not a key: a colon or an equals sign stands before it. */
function isValueQuote(buffer: Buffer, quote: number, start: number): boolean {
  let at = quote - 1
  while (at > start && buffer[at] === 0x20) at--
  return buffer[at] === 0x3a || buffer[at] === 0x3d
}

/** `I1121 09:13:23.123456`. */
function klogLevel(buffer: Buffer, start: number, last: number): number {
  if (last - start < 12 || buffer[start + 5] !== 0x20) return 0
  for (let at = start + 1; at < start + 5; at++) if (buffer[at]! < 0x30 || buffer[at]! > 0x39) return 0
  return klogLevels[buffer[start]!]!
}

const klogLevels = new Uint8Array(256)
for (const [letter, level] of Object.entries({ I: 'info', W: 'warn', E: 'error', F: 'fatal', D: 'debug' } as const)) {
  klogLevels[letter.charCodeAt(0)] = indexOf(level)
}

function isLevelKey(buffer: Buffer, at: number): boolean {
  return buffer[at] === 0x6c && buffer[at + 1] === 0x65 && buffer[at + 2] === 0x76 && buffer[at + 3] === 0x65 && buffer[at + 4] === 0x6c
}

/** `:30`, `: 50`: trace is 10, fatal is 60. */
function numberedLevel(buffer: Buffer, start: number, end: number): number {
  let at = start
  while (at < end && (buffer[at] === 0x3a || buffer[at] === 0x20)) at++
  const tens = buffer[at]! - 0x30
  const isTen = at > start && tens >= 1 && tens <= 6 && buffer[at + 1] === 0x30 && (at + 2 >= end || letters[buffer[at + 2]!] === 0)
  return isTen ? tens : 0
}

/** The level that a word names, in any case; 0 for a word that names none. */
export function levelOfWord(word: string): number {
  const level = Object.hasOwn(words, word.toLowerCase()) ? words[word.toLowerCase()] : undefined
  return level === undefined ? 0 : indexOf(level)
}
