import { parseDuration as parseGoDuration } from '../orchestrator/api/duration.ts'
import { UsageError } from './usage-error.ts'

/** One flag: how its text becomes a value. `parse` throws a `UsageError` whose message says what is allowed. */
export interface FlagSpec<T> {
  /** What stands for the value in the help text; without it the flag is a switch that may stand alone. */
  readonly placeholder?: string
  readonly fallback?: string
  /** One letter that may stand for the name. */
  readonly letter?: string
  readonly help: string
  parse(text: string): T
}

/** Flags by name, in the order of the help text. */
export type FlagTable = Readonly<Record<string, FlagSpec<unknown>>>

/** What the flags of a table come to; `undefined` where a flag without a fallback was not given. */
export type FlagValues<T extends FlagTable> = {
  readonly [Name in keyof T]: T[Name] extends { readonly fallback: string }
    ? ReturnType<T[Name]['parse']>
    : ReturnType<T[Name]['parse']> | undefined
}

/**
 * Parses flags as Go programs take them: `--name=value`, `--name value`, one dash or two, underscores for dashes, switches alone or with
 * `=true|false`; the last of several counts. Throws `UsageError` naming the flag, the value and what is allowed.
 */
export function parseFlagTable<T extends FlagTable>(args: readonly string[], table: T): FlagValues<T> {
  const { values, words } = parseCommandLine(args, table)
  if (words.length > 0) throw new UsageError(`${JSON.stringify(words[0])} is not a flag: flags are --name=value`)
  return values
}

/** Like `parseFlagTable`, with words between the flags, none of them empty: what a command is to act on. */
export function parseCommandLine<T extends FlagTable>(
  args: readonly string[],
  table: T,
): { readonly values: FlagValues<T>; readonly words: readonly string[] } {
  const texts = new Map<string, string>()
  const words: string[] = []
  const nameOf = (text: string) => Object.keys(table).find((name) => table[name]!.letter === text) ?? text
  for (let index = 0; index < args.length; index++) {
    if (args[index] === '') throw new UsageError('"" is neither a word nor a flag')
    if (!args[index]!.startsWith('-')) {
      words.push(args[index]!)
      continue
    }
    const { name: text, value } = splitFlag(args[index]!)
    const name = nameOf(text)
    const spec = Object.hasOwn(table, name) ? table[name] : undefined
    if (spec === undefined)
      throw new UsageError(
        `--${name} is not a flag; allowed are ${Object.keys(table)
          .map((known) => `--${known}`)
          .join(', ')}`,
      )
    if (value !== undefined) texts.set(name, value)
    else if (spec.placeholder === undefined) texts.set(name, 'true')
    else {
      const next = args[++index]
      if (next === undefined) throw new UsageError(`--${name} needs a value: ${spec.placeholder}`)
      texts.set(name, next)
    }
  }
  const values = Object.entries(table).map(([name, spec]) => {
    const text = texts.get(name) ?? spec.fallback
    return [name, text === undefined ? undefined : parseValue(name, text, spec)]
  })
  return { values: Object.fromEntries(values) as FlagValues<T>, words }
}

/** A line of a help text: what is typed, and behind it or, where it is too long for its column, below it what that does. */
export function helpRow(typed: string, help: string, column: number): string {
  return typed.length < column ? `${typed.padEnd(column)}${help}` : `${typed}\n${' '.repeat(column)}${help}`
}

/** The help text of a table, a line per flag. */
export function describeFlagTable(table: FlagTable): string {
  return Object.entries(table)
    .map(([name, { placeholder, help, fallback, letter }]) => {
      const left = `  ${letter === undefined ? '' : `-${letter}, `}--${name}${placeholder === undefined ? '' : ` ${placeholder}`}`
      const shown = fallback === undefined || fallback === '' || fallback === 'false' ? '' : ` (default ${fallback})`
      return helpRow(left, `${help}${shown}`, 45)
    })
    .join('\n')
}

function splitFlag(text: string): { readonly name: string; readonly value: string | undefined } {
  const match = /^--?([a-zA-Z][\w-]*)(?:=(.*))?$/s.exec(text)
  if (match === null) throw new UsageError(`${JSON.stringify(text)} is not a flag: flags are --name=value`)
  return { name: match[1]!.replaceAll('_', '-'), value: match[2] }
}

function parseValue(name: string, text: string, spec: FlagSpec<unknown>): unknown {
  try {
    return spec.parse(text)
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`--${name}: ${JSON.stringify(text)} is not allowed: ${error.message}`)
    throw error
  }
}

/** Any text that is not empty. */
export function parseText(text: string): string {
  if (text === '') throw new UsageError('it must not be empty')
  return text
}

/** A line of text that is not empty: it fits in a table. */
export function parseLine(text: string): string {
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(text)) throw new UsageError('it must be one line without control characters')
  return parseText(text)
}

/** A switch, in Go's spellings. */
export function parseSwitch(text: string): boolean {
  if (['true', 't', '1', 'TRUE', 'True'].includes(text)) return true
  if (['false', 'f', '0', 'FALSE', 'False'].includes(text)) return false
  throw new UsageError('allowed are true and false')
}

/** A whole number from `min` to `max`. */
export function parseInteger(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max) throw new UsageError(`allowed are whole numbers from ${min} to ${max}`)
    return value
  }
}

/** One of `allowed`. */
export function parseOneOf<T extends string>(allowed: readonly T[]): (text: string) => T {
  return (text) => {
    const found = allowed.find((candidate) => candidate === text)
    if (found === undefined) throw new UsageError(`allowed are ${allowed.join(', ')}`)
    return found
  }
}

/** Entries between commas; none for an empty text. */
export function parseList<T>(parseEntry: (text: string) => T): (text: string) => readonly T[] {
  return (text) =>
    text
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '')
      .map(parseEntry)
}

/** Milliseconds of a duration as Go writes it (`1s`, `1m30s`, `500ms`), from `minMs` to `maxMs`. */
export function parseDuration(minMs: number, maxMs: number): (text: string) => number {
  return (text) => {
    const ms = parseGoDuration(text)
    if (ms === undefined || ms < minMs || ms > maxMs) {
      throw new UsageError(`allowed are durations such as 1s, 1m30s or 500ms, from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`)
    }
    return ms
  }
}

function formatDuration(ms: number): string {
  if (ms % 3_600_000 === 0 && ms > 0) return `${ms / 3_600_000}h`
  if (ms % 60_000 === 0 && ms > 0) return `${ms / 60_000}m`
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`
}
