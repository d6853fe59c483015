import type { RE2JS } from 're2js'
import { formatDuration } from '../../lib/duration.ts'
import { compileRegularExpression } from '../../lib/regular-expression.ts'
import { TemplateError } from './syntax.ts'
import { sprintf } from './printf.ts'
import { inZone, formatTime, millisecondsOf, timeOf, timeThing, durationThing } from './time.ts'
import { SafeText, Thing, asNumber, asText, describe, isTrue, listOf, toPlain, toText } from './value.ts'
import type { Value } from './value.ts'

/** What functions may know besides their arguments. */
export interface FunctionContext {
  readonly now: number
  /** Counts work that neither the arguments nor the result show. Throws where it is too much. */
  readonly spend: (work: number) => void
}

type TemplateFunction = (args: readonly Value[], context: FunctionContext) => Value

/** Go's built-in functions and Alertmanager's. All of them finish in time linear to what they are given. */
export const functions: Readonly<Record<string, TemplateFunction>> = {
  // `and` and `or` are evaluated by the interpreter, which stops at the first argument that decides.
  not: ([value]) => !isTrue(value),
  eq: ([first, ...others]) => others.some((other) => isEqual(first, other)),
  ne: ([left, right]) => !isEqual(left, right),
  lt: ([left, right]) => compare(left, right, 'lt') < 0,
  le: ([left, right]) => compare(left, right, 'le') <= 0,
  gt: ([left, right]) => compare(left, right, 'gt') > 0,
  ge: ([left, right]) => compare(left, right, 'ge') >= 0,
  len: ([value]) => lengthOf(value),
  index: ([value, ...keys]) => keys.reduce(indexOnce, value),
  slice: ([value, from, to]) => sliceOf(value, from, to),
  print: (args) => args.map((value, index) => printSeparator(args, index) + toText(value)).join(''),
  println: (args) => `${args.map(toText).join(' ')}\n`,
  printf: ([format, ...args]) => sprintf(asText(format, 'printf'), args),
  html: (args) => escapeHtml(args.map(toText).join('')),
  js: (args) => JSON.stringify(args.map(toText).join('')).slice(1, -1).replaceAll('<', '\\u003C').replaceAll("'", "\\'"),
  urlquery: (args) => encodeURIComponent(args.map(toText).join('').toWellFormed()).replaceAll('%20', '+'),
  toUpper: ([value]) => asText(value, 'toUpper').toUpperCase(),
  toLower: ([value]) => asText(value, 'toLower').toLowerCase(),
  title: ([value]) => asText(value, 'title').replaceAll(/(?<![\p{L}\p{N}_'])\p{L}/gu, (letter) => letter.toUpperCase()),
  trimSpace: ([value]) => asText(value, 'trimSpace').trim(),
  join: ([separator, list]) => listAs(list, 'join').map(toText).join(asText(separator, 'join')),
  match: ([pattern, text], context) =>
    compile(pattern, asText(text, 'match'), { of: 'match', ...context })
      .matcher(asText(text, 'match'))
      .find(),
  reReplaceAll: ([pattern, replacement, text], context) => {
    const [into, from] = [asText(replacement, 'reReplaceAll'), asText(text, 'reReplaceAll')]
    return replaceAll(compile(pattern, from, { of: 'reReplaceAll', ...context }), into, from)
  },
  safeHtml: ([value]) => new SafeText(asText(value, 'safeHtml')),
  safeUrl: ([value]) => new SafeText(asText(value, 'safeUrl')),
  urlUnescape: ([value]) => unescapeUrl(asText(value, 'urlUnescape')),
  stringSlice: (args) => args.map((value) => asText(value, 'stringSlice')),
  list: (args) => [...args],
  append: ([list, ...more]) => [...listAs(list, 'append'), ...more],
  dict: (args) => dictOf(args),
  date: ([layout, time]) => formatTime(asText(layout, 'date'), timeOf(time, 'date'), zoneOf(time)),
  tz: ([zone, time]) => inZone(asText(zone, 'tz'), timeOf(time, 'tz')),
  since: ([time], { now }) => durationThing(now - timeOf(time, 'since')),
  now: (_args, { now }) => timeThing(now),
  humanizeDuration: ([value]) => humanizeDuration(value),
  toJson: ([value]) => JSON.stringify(toPlain(value)),
  tojson: ([value]) => JSON.stringify(toPlain(value)),
}

/** The names that a template may call. */
export const functionNames: ReadonlySet<string> = new Set([...Object.keys(functions), 'and', 'or'])

/** Text that shows as itself inside HTML. */
export function escapeHtml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;', '\0': '\uFFFD' }
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[&<>"'\0]/g, (character) => entities[character]!)
}

function isEqual(left: Value, right: Value): boolean {
  const [a, b] = [left, right].map((value) => (value instanceof SafeText ? value.value : value))
  if (typeof a === 'object' || typeof b === 'object') {
    const isTime = a instanceof Thing && b instanceof Thing && a.fields.has('UnixMilli') && b.fields.has('UnixMilli')
    if (isTime) return timeOf(a, 'eq') === timeOf(b, 'eq')
    throw new TemplateError(`eq: ${describe(left)} and ${describe(right)} cannot be compared`)
  }
  if (a !== undefined && b !== undefined && typeof a !== typeof b)
    throw new TemplateError(`eq: ${describe(a)} and ${describe(b)} are of different types`)
  return a === b
}

function compare(left: Value, right: Value, of: string): number {
  if (typeof left === 'number' && typeof right === 'number') return left - right
  const [a, b] = [asText(left, of), asText(right, of)]
  return a < b ? -1 : a > b ? 1 : 0
}

function lengthOf(value: Value): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  const list = listOf(value)
  if (list !== undefined) return list.length
  if (value instanceof Thing && value.entries !== undefined) return value.entries.size
  throw new TemplateError(`len: ${describe(value)} has no length`)
}

function indexOnce(value: Value, key: Value): Value {
  if (value instanceof Thing && value.entries !== undefined) return value.entries.get(asText(key, 'index')) ?? value.absent
  const list = typeof value === 'string' ? [...Buffer.from(value)] : listOf(value)
  if (list === undefined) throw new TemplateError(`index: ${describe(value)} has no elements`)
  const position = asNumber(key, 'index')
  if (!Number.isInteger(position) || position < 0 || position >= list.length) throw new TemplateError(`index: ${position} is out of range`)
  return list[position]
}

function sliceOf(value: Value, from: Value, to: Value): Value {
  const sequence = typeof value === 'string' ? value : listAs(value, 'slice')
  const [start, end] = [from === undefined ? 0 : asNumber(from, 'slice'), to === undefined ? sequence.length : asNumber(to, 'slice')]
  if (start < 0 || end > sequence.length || start > end) throw new TemplateError(`slice: ${start} to ${end} is out of range`)
  return sequence.slice(start, end)
}

/** Go's `print` puts a space between two values where neither is a text. */
function printSeparator(args: readonly Value[], index: number): string {
  return index > 0 && typeof args[index] !== 'string' && typeof args[index - 1] !== 'string' ? ' ' : ''
}

function listAs(value: Value, of: string): readonly Value[] {
  const list = value === undefined ? [] : listOf(value)
  if (list === undefined) throw new TemplateError(`${of}: ${describe(value)} is not a list`)
  return list
}

/** The time of a match grows with the text and with the program that the pattern is made into: so much of it counts as one character. */
const statesPerCharacter = 4

/** Compiles a pattern for one text; refuses what would take too long. */
function compile(pattern: Value, subject: string, { of, spend }: { readonly of: string; readonly spend: (work: number) => void }): RE2JS {
  const text = asText(pattern, of)
  let compiled: RE2JS
  try {
    compiled = compileRegularExpression(text)
  } catch (err) {
    throw new TemplateError(`${of}: bad regular expression ${JSON.stringify(text.slice(0, 100))}: ${(err as Error).message}`)
  }
  spend((subject.length * compiled.programSize()) / statesPerCharacter)
  return compiled
}

/** Go's `$1`, `${1}` and `${name}` in a replacement. */
function replaceAll(pattern: RE2JS, replacement: string, text: string): string {
  const matcher = pattern.matcher(text)
  const names = pattern.namedGroups() as Readonly<Record<string, number>>
  const parts: string[] = []
  let end = 0
  while (matcher.find()) {
    parts.push(text.slice(end, matcher.start()))
    parts.push(
      replacement.replaceAll(/\$(?:\$|\{(\w+)\}|(\w+))/g, (all, braced: string | undefined, bare: string | undefined) => {
        if (all === '$$') return '$'
        const name = (braced ?? bare)!
        const group = /^\d+$/.test(name) ? Number(name) : names[name]
        return group === undefined || group > matcher.groupCount() ? '' : (matcher.group(group) ?? '')
      }),
    )
    end = matcher.end()
  }
  return parts.join('') + text.slice(end)
}

function unescapeUrl(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw new TemplateError('urlUnescape: not an escaped text')
  }
}

function dictOf(args: readonly Value[]): Thing {
  if (args.length % 2 !== 0) throw new TemplateError('dict: a value is missing for the last key')
  const entries = new Map<string, Value>()
  for (let index = 0; index < args.length; index += 2) entries.set(asText(args[index], 'dict'), args[index + 1])
  return new Thing({ entries })
}

/** Times keep their zone in their own text. */
function zoneOf(time: Value): string {
  const method = time instanceof Thing ? time.fields.get('Zone') : undefined
  return typeof method === 'string' ? method : 'UTC'
}

function humanizeDuration(value: Value): string {
  const ms = value instanceof Thing ? millisecondsOf(value, 'humanizeDuration') : asNumber(value, 'humanizeDuration') * 1000
  if (Math.abs(ms) < 1000) return ms === 0 ? '0s' : `${Number(ms.toPrecision(4))}ms`
  const text = formatDuration(Math.floor(Math.abs(ms) / 1000) * 1000).replaceAll(/([dhm])(?=\d)/g, '$1 ')
  return ms < 0 ? `-${text}` : text
}
