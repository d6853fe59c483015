import type { RE2JS } from 're2js'
import { parseDuration, durationForm } from '../../../lib/duration.ts'
import { LabelSelectorError, parseLabelSelector } from '../../../lib/label-selector.ts'
import { compileRegularExpression } from '../../../lib/regular-expression.ts'
import { logLevels } from '../log-batch.ts'
import type { LogOrigin } from '../log-batch.ts'
import type { LineFilter } from './line-filter.ts'
import { formatPlace, parsePlace } from './log-archive.ts'
import { formatTime } from './log-records.ts'
import type { LogPlace } from './log-archive.ts'

/** Parameters by name, as a query string has them. */
export type LogParameters = Readonly<Record<string, string | readonly string[] | undefined>>

/** What is asked of the stored logs. */
export interface LogQuery {
  readonly filter: LineFilter
  readonly limit: number
  readonly direction: 'forward' | 'backward'
  /** The newest so many lines, oldest first; absent: from the start of what was asked for. */
  readonly tail: number | undefined
  readonly isFollowing: boolean
  readonly format: 'ndjson' | 'plain'
  /** Only what came behind this place, lines that are stored already included. */
  readonly from: LogPlace | undefined
  /** The label selector as it was written. */
  readonly selector: string | undefined
  /** Besides lines, records that tell a merger of several nodes how far this one is. */
  readonly hasMarks: boolean
}

/** A parameter that cannot be used; the message names it, its value and what is allowed. */
export class LogQueryError extends Error {
  readonly code = 'LOG_QUERY'
}

/** Lines per answer unless `limit` says otherwise, and at most. */
export const defaultLimit = 1000
export const maxLimit = 1_000_000
/** Lines before those that follow, unless `tail` or `since` says otherwise; at most so many are held to be turned around. */
const followTail = 10
export const maxTail = 10_000
const maxTextLength = 1000
const maxSelectorLength = 4000
const kinds: readonly LogOrigin['kind'][] = ['container', 'file', 'journal', 'audit', 'events']
/** What may be asked. */
const logParameters = [
  'selector',
  'namespace',
  'pod',
  'container',
  'level',
  'since',
  'until',
  'match',
  'regex',
  'limit',
  'tail',
  'direction',
  'follow',
  'kind',
  'format',
] as const
/** What those ask besides who make one answer of the answers of several nodes. */
const mergerParameters = ['from', 'marks'] as const
type LogParameter = (typeof logParameters)[number] | (typeof mergerParameters)[number]

/** Reads the parameters of a query. `now` is ms since the epoch, for times that are given as ages. Throws `LogQueryError`. */
export function parseLogQuery(parameters: LogParameters, now: number): LogQuery {
  const query = readQuery(parameters, logParameters, now)
  checkSubject(query.filter)
  return query
}

/** Reads what `formatLogQuery` wrote for a node. Throws `LogQueryError`. */
export function parseNodeQuery(parameters: LogParameters, now: number): LogQuery {
  return readQuery(parameters, [...logParameters, ...mergerParameters], now)
}

function readQuery(parameters: LogParameters, allowed: readonly LogParameter[], now: number): LogQuery {
  for (const name of Object.keys(parameters))
    if (!(allowed as readonly string[]).includes(name)) throw new LogQueryError(`${name}: is no parameter; allowed: ${allowed.join(', ')}`)
  const text = (name: LogParameter): string | undefined => {
    const value = parameters[name]
    if (value === undefined || value === '') return undefined
    if (typeof value !== 'string') throw new LogQueryError(`${name}: given several times, allowed once`)
    return value
  }
  const flag = (name: 'follow' | 'marks') => oneOf(name, text(name), ['true', 'false']) === 'true'
  const isFollowing = flag('follow')
  const direction = oneOf('direction', text('direction'), ['forward', 'backward']) ?? 'forward'
  const filter = readFilter(text, now)
  const tail = integer('tail', text('tail'), 0, maxTail)
  const limit = integer('limit', text('limit'), 1, maxLimit)
  const given = {
    isFollowing,
    isBackward: direction === 'backward',
    hasUntil: filter.until !== undefined,
    hasLimit: limit !== undefined,
    hasTail: tail !== undefined,
  }
  checkCombination(given)
  const place = readPlace(text('from'))
  const isFromStart = filter.since !== undefined || place !== undefined
  return {
    filter,
    limit: limit ?? (isFollowing ? maxLimit : defaultLimit),
    direction,
    tail: tail ?? (isFollowing && !isFromStart ? followTail : undefined),
    isFollowing,
    format: oneOf('format', text('format'), ['ndjson', 'plain']) ?? 'ndjson',
    from: place,
    selector: text('selector'),
    hasMarks: flag('marks'),
  }
}

/** The parameters of a query for a node, with times that do not depend on when it reads them. `from` takes the place of what was asked for. */
export function formatLogQuery(query: LogQuery, from: string | undefined): Record<string, string> {
  const { kinds, namespaces, pod, container, level, since, until, match, regex } = query.filter
  const given: Readonly<Record<string, string | undefined>> = {
    kind: kinds?.join(','),
    namespace: namespaces?.join(','),
    pod,
    container,
    level,
    match,
    regex: regex?.pattern(),
    selector: query.selector,
    since: since === undefined ? undefined : formatTime(since),
    until: until === undefined ? undefined : formatTime(until),
    ...(query.isFollowing ? { follow: 'true' } : { direction: query.direction }),
    limit: query.isFollowing || query.tail !== undefined ? undefined : String(query.limit),
    tail: from === undefined && query.tail !== undefined ? String(query.tail) : undefined,
    marks: query.hasMarks ? 'true' : undefined,
    from,
  }
  return Object.fromEntries(Object.entries(given).filter((pair): pair is [string, string] => pair[1] !== undefined))
}

interface Given {
  readonly isFollowing: boolean
  readonly isBackward: boolean
  readonly hasUntil: boolean
  readonly hasLimit: boolean
  readonly hasTail: boolean
}

function checkCombination({ isFollowing, isBackward, hasUntil, hasLimit, hasTail }: Given): void {
  if (isFollowing && (isBackward || hasUntil || hasLimit))
    throw new LogQueryError('follow: goes on without an end, so it cannot be combined with direction=backward, until or limit')
  if (hasTail && (isBackward || hasLimit))
    throw new LogQueryError('tail: are the newest lines, oldest first; it cannot be combined with direction=backward or limit')
}

function readPlace(value: string | undefined): LogPlace | undefined {
  const place = value === undefined ? undefined : parsePlace(value)
  if (value !== undefined && place === undefined) throw mistake('from', value, `a place such as ${formatPlace({ sequence: 1, offset: 8 })}`)
  return place
}

function readFilter(text: (name: LogParameter) => string | undefined, now: number): LineFilter {
  const kind = list('kind', text('kind'), kinds)
  const selector = readSelector(text('selector'))
  const level = oneOf('level', text('level'), logLevels)
  const namespaces = text('namespace')?.split(',')
  const [pod, container] = [shortText('pod', text('pod')), shortText('container', text('container'))]
  const [since, until] = [readTime('since', text('since'), now), readTime('until', text('until'), now)]
  const [match, regex] = [shortText('match', text('match')), readRegex(text('regex'))]
  if (since !== undefined && until !== undefined && until <= since) throw new LogQueryError('until: is not later than since')
  return {
    // What containers and files wrote is meant unless something else is asked for; who called the API is nobody's reading by accident.
    kinds: kind ?? ['container', 'file', 'journal'],
    ...(namespaces === undefined ? {} : { namespaces: namespaces.map((name) => shortText('namespace', name)!) }),
    ...(pod === undefined ? {} : { pod }),
    ...(container === undefined ? {} : { container }),
    ...(selector === undefined ? {} : { selector }),
    ...(level === undefined ? {} : { level }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...(match === undefined ? {} : { match }),
    ...(regex === undefined ? {} : { regex }),
  }
}

/** What lines of the kinds that are asked for can never have is a mistake, and no search that finds nothing. */
function checkSubject({ kinds: asked = kinds, selector, namespaces, pod, container }: LineFilter): void {
  const named = asked.join(' and ')
  const isOnly = (...others: readonly LogOrigin['kind'][]) => asked.every((kind) => others.includes(kind))
  if (selector !== undefined && !asked.includes('container'))
    throw new LogQueryError(`selector: goes by the labels of pods, which ${named} have none of`)
  if (isOnly('file', 'journal') && (namespaces ?? pod) !== undefined)
    throw new LogQueryError(`${namespaces === undefined ? 'pod' : 'namespace'}: ${named} are of nodes, they have none`)
  if (isOnly('audit', 'events') && container !== undefined)
    throw new LogQueryError(`container: ${named} are about objects of the API; a pod can be named, its containers cannot`)
}

const shown = (value: string) => JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value)

function mistake(name: string, value: string, allowed: string): LogQueryError {
  return new LogQueryError(`${name}: ${shown(value)} is not allowed; allowed: ${allowed}`)
}

function oneOf<T extends string>(name: string, value: string | undefined, allowed: readonly T[]): T | undefined {
  if (value === undefined) return undefined
  const found = allowed.find((each) => each === value)
  if (found === undefined) throw mistake(name, value, allowed.join(', '))
  return found
}

function list<T extends string>(name: string, value: string | undefined, allowed: readonly T[]): readonly T[] | undefined {
  return value?.split(',').map((each) => oneOf(name, each, allowed)!)
}

function integer(name: string, value: string | undefined, min: number, max: number): number | undefined {
  if (value === undefined) return undefined
  const number = Number(value)
  if (!/^\d{1,9}$/.test(value) || number < min || number > max) throw mistake(name, value, `whole numbers from ${min} to ${max}`)
  return number
}

function shortText(name: string, value: string | undefined): string | undefined {
  if (value === undefined || value.length <= maxTextLength) return value
  throw mistake(name, value, `at most ${maxTextLength} characters`)
}

function readSelector(value: string | undefined) {
  if (value === undefined) return undefined
  if (value.length > maxSelectorLength) throw mistake('selector', value, `at most ${maxSelectorLength} characters`)
  try {
    return parseLabelSelector(value)
  } catch (error) {
    if (error instanceof LabelSelectorError)
      throw new LogQueryError(`selector: ${error.message}; allowed: a=b, a!=b, a in (b,c), a notin (b), a, !a`)
    throw error
  }
}

function readRegex(value: string | undefined): RE2JS | undefined {
  const text = shortText('regex', value)
  if (text === undefined) return undefined
  try {
    return compileRegularExpression(text)
  } catch (error) {
    throw new LogQueryError(`regex: ${shown(text)} is not allowed: ${(error as Error).message}; allowed: expressions of RE2`)
  }
}

/** An age (`10m`) or a time of RFC 3339, to the ns. */
function readTime(name: string, value: string | undefined, now: number): bigint | undefined {
  if (value === undefined) return undefined
  const age = parseDuration(value)
  if (age !== undefined) return BigInt(Math.round(now - age)) * 1_000_000n
  const match = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.(\d{1,9}))?(?:[Zz]|[+-]\d\d:\d\d)$/.exec(value)
  const ms = match === null ? Number.NaN : Date.parse(value.replace(/\.\d+/, ''))
  if (Number.isNaN(ms)) throw mistake(name, value, `${durationForm} (so long ago), or a time such as 2026-01-31T12:00:00Z`)
  return BigInt(ms) * 1_000_000n + BigInt((match![1] ?? '').padEnd(9, '0'))
}
