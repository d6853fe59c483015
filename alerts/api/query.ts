import { MatcherError, compileAnchored, parseMatcher } from '../routing/matcher.ts'
import type { Matcher } from '../routing/matcher.ts'
import { ApiError } from './api-error.ts'

/** The parameters of a request, as fastify gives them. */
export type Query = Readonly<Record<string, string | string[] | undefined>>

/** `true` or `false`, or what is said where the parameter is absent. */
export function readFlag(query: Query, name: string, fallback: boolean): boolean {
  const value = query[name]
  if (value === undefined) return fallback
  if (value === 'true' || value === 'false') return value === 'true'
  throw new ApiError(422, `${name} in query must be true or false, not ${JSON.stringify(value)}`, 601)
}

/** A single text; the last one where it is repeated. */
export function readParameter(query: Query, name: string): string | undefined {
  const value = query[name]
  return Array.isArray(value) ? value.at(-1) : value
}

/** All `filter` parameters, each one matcher: a comma belongs to its value. */
export function readFilters(query: Query): Matcher[] {
  const value = query['filter']
  const texts = value === undefined ? [] : Array.isArray(value) ? value : [value]
  return badRequest(() => texts.map(parseMatcher))
}

/** The receivers that `receiver`, an anchored regular expression, lets through. */
export function readReceiverFilter(query: Query): (names: readonly string[]) => boolean {
  const text = readParameter(query, 'receiver')
  if (text === undefined || text === '') return () => true
  const pattern = badRequest(() => compileAnchored(text))
  return (names) => names.some((name) => pattern.test(name))
}

/** Turns a matcher's error into a 400. */
function badRequest<T>(action: () => T): T {
  try {
    return action()
  } catch (err) {
    if (err instanceof MatcherError) throw new ApiError(400, err.message)
    throw err
  }
}
