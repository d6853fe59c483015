/** A request that cannot be answered as it is put; the message names the parameter, its value and what is allowed. */
export class QueryError extends Error {
  readonly code = 'QUERY'

  constructor(message: string) {
    super(message)
    this.name = 'QueryError'
  }
}

/** A request for something that is not there, of somebody who wants to be told. */
export class UnknownError extends Error {
  readonly code = 'UNKNOWN'
  readonly statusCode = 404

  constructor(message: string) {
    super(message)
    this.name = 'UnknownError'
  }
}

/** What a query of the model API asks for. */
export interface ModelQuery {
  /** Inclusive, ms. */
  readonly since: number | undefined
  readonly until: number | undefined
  /** The whole label set of a labelled metric. */
  readonly labels: Readonly<Record<string, string>> | undefined
}

/** A parsed query string as the HTTP server hands it over: a repeated parameter is an array. */
export type RawQuery = Readonly<Record<string, string | readonly string[] | undefined>>

const rfc3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/

/** Reads `start`, `end` and `labels`; throws a `QueryError` on a malformed one. Parameters it does not know are passed over. */
export function readModelQuery(query: RawQuery): ModelQuery {
  const since = readTime(query, 'start')
  const until = readTime(query, 'end')
  if (since !== undefined && until !== undefined && since > until) {
    throw new QueryError(`start: ${JSON.stringify(query['start'])} is after end ${JSON.stringify(query['end'])}`)
  }
  return { since, until, labels: readLabels(query) }
}

/** Reads `strict`: whether what is unknown is a 404 rather than an empty answer. */
export function readStrict(query: RawQuery, fallback: boolean): boolean {
  const text = single(query, 'strict')
  if (text === undefined || text === '') return fallback
  if (text !== 'true' && text !== 'false') throw new QueryError(`strict: ${quote(text)} is not "true" or "false"`)
  return text === 'true'
}

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Reads `bucket`, a whole number with a unit, as milliseconds. */
export function readBucket(query: RawQuery): number | undefined {
  const text = single(query, 'bucket')
  if (text === undefined || text === '') return undefined
  const match = /^([1-9]\d{0,8})(ms|s|m|h|d)$/.exec(text)
  if (match === null)
    throw new QueryError(`bucket: ${quote(text)} is not a whole number with one of the units ms, s, m, h, d, such as "5m"`)
  return Number(match[1]) * unitsMs[match[2]!]!
}

function readTime(query: RawQuery, name: string): number | undefined {
  const text = single(query, name)
  if (text === undefined || text === '') return undefined
  // A "+" of an offset that was not percent-encoded arrives as a space.
  const time = rfc3339.test(text.replace(' ', '+')) ? Date.parse(text.replace(' ', '+')) : Number.NaN
  if (Number.isNaN(time)) throw new QueryError(`${name}: ${quote(text)} is not an RFC 3339 time such as "2026-01-02T15:04:05Z"`)
  return time
}

function readLabels(query: RawQuery): Readonly<Record<string, string>> | undefined {
  const text = single(query, 'labels')
  if (text === undefined || text === '') return undefined
  const labels: Record<string, string> = {}
  for (const pair of text.split(',')) {
    const colon = pair.indexOf(':')
    if (colon <= 0 || colon === pair.length - 1) throw new QueryError(`labels: ${quote(pair)} is not of the form "name:value"`)
    labels[pair.slice(0, colon)] = pair.slice(colon + 1)
  }
  return labels
}

function single(query: RawQuery, name: string): string | undefined {
  const value = query[name]
  if (value === undefined || typeof value === 'string') return value
  throw new QueryError(`${name}: given ${value.length} times, allowed once`)
}

function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text)
}
