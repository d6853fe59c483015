/** A query that is not taken; the message says why and what is allowed. */
export class InfluxQlError extends Error {
  readonly code = 'EINFLUXQL'

  constructor(message: string) {
    super(message)
    this.name = 'InfluxQlError'
  }
}

interface Token {
  readonly type: 'word' | 'symbol' | 'string' | 'identifier' | 'regex' | 'placeholder'
  /** Words in lower case. */
  readonly text: string
  /** Where it begins and ends in the query. */
  readonly start: number
  readonly end: number
}

/** A SELECT that has been found to read and to do nothing else. */
export interface CheckedSelect {
  readonly text: string
  /** The names of its placeholders. */
  readonly placeholders: ReadonlySet<string>
  /** The width of its buckets of time, ms; absent where it has none. */
  readonly bucketMs: number | undefined
  /** The query as it would be asked at a moment (ms): `now()` is that moment, and nothing from it on is read. */
  at(now: number): string
}

const maxQueryLength = 4096
/** After these a slash begins a regular expression, as InfluxQL's own parser reads it; anywhere else it divides. */
const regexAfter = new Set(['=~', '!~', 'from', 'select', 'by', ',', '('])

/**
 * Checks that a text is one SELECT that reads: no second statement, no INTO, no comments, a lower bound of time, and no placeholders but
 * the `allowed` ones. Returns the placeholders it uses. What else InfluxQL wants of it, InfluxDB itself says. Throws an `InfluxQlError`.
 */
export function checkSelect(text: string, allowed: readonly string[]): ReadonlySet<string> {
  return readSelect(text, { placeholders: allowed }).placeholders
}

/** What a query may name. */
export interface SelectLimits {
  readonly placeholders: readonly string[]
  /** The databases that may be named; absent: any. The one that is asked needs no name. */
  readonly databases?: readonly string[]
}

/** As `checkSelect`; gives what is needed to ask the query as of any moment. */
export function readSelect(text: string, { placeholders: allowed, databases }: SelectLimits): CheckedSelect {
  if (text.length > maxQueryLength) throw new InfluxQlError(`must have at most ${maxQueryLength} characters`)
  const tokens = tokenize(text)
  const [first] = tokens
  if (first?.type !== 'word' || first.text !== 'select') throw new InfluxQlError('must be one SELECT statement')
  if (tokens.some(({ type, text: symbol }) => type === 'symbol' && symbol === ';'))
    throw new InfluxQlError('must be one statement, without ";"')
  if (tokens.some(({ type, text: word }) => type === 'word' && word === 'into'))
    throw new InfluxQlError('must not write: INTO is not allowed')
  if (!tokens.some((token, index) => isTimeBound(token, tokens[index + 1])))
    throw new InfluxQlError('must have a lower bound of time in its WHERE, such as "time > now() - 5m"')
  const placeholders = new Set(tokens.filter(({ type }) => type === 'placeholder').map(({ text: name }) => name))
  for (const name of placeholders)
    if (!allowed.includes(name))
      throw new InfluxQlError(`has no value for $${name}; there is ${allowed.map((known) => `$${known}`).join(', ')}`)
  if (databases !== undefined) checkDatabases(text, tokens, databases)
  return { text, placeholders, bucketMs: bucketOf(tokens), at: (now) => rewriteAt(text, tokens, now) }
}

/** `FROM "db"."policy"."m"` and `"db".."m"` name a database; `"policy"."m"` and `"m"` do not. */
function checkDatabases(query: string, tokens: readonly Token[], databases: readonly string[]): void {
  for (const [index, token] of tokens.entries()) {
    if (!isName(token) || isDot(tokens[index - 1])) continue
    const hasDatabase = isDot(tokens[index + 1]) && (isDot(tokens[index + 2]) || isDot(tokens[index + 3]))
    const name = token.type === 'identifier' ? token.text.slice(1, -1).replaceAll(/\\(.)/g, '$1') : query.slice(token.start, token.end)
    if (hasDatabase && !databases.includes(name))
      throw new InfluxQlError(`must not read the database ${JSON.stringify(name)}; allowed: ${databases.join(', ')}`)
  }
}

const isDot = (token: Token | undefined): boolean => token?.type === 'symbol' && token.text === '.'
const isName = ({ type }: Token): boolean => type === 'identifier' || type === 'word'

const durationUnits: Readonly<Record<string, number>> = { u: 1e-3, µ: 1e-3, ms: 1, s: 1e3, m: 6e4, h: 3.6e6, d: 8.64e7, w: 6.048e8 }

/** The duration in `GROUP BY time(…)`. */
function bucketOf(tokens: readonly Token[]): number | undefined {
  for (const [index, token] of tokens.entries()) {
    if (token.type !== 'word' || token.text !== 'time' || tokens[index + 1]?.text !== '(') continue
    const match = /^(\d+)(u|µ|ms|s|m|h|d|w)$/.exec(tokens[index + 2]?.text ?? '')
    if (match !== null) return Number(match[1]) * durationUnits[match[2]!]!
  }
  return undefined
}

/** Every lower bound of time gets an upper one beside it, and `now()` becomes a moment: the same answer whenever it is asked. */
function rewriteAt(query: string, tokens: readonly Token[], now: number): string {
  const moment = `'${new Date(now).toISOString()}'`
  let rewritten = ''
  let copied = 0
  const put = (until: number, more: string, from = until) => {
    rewritten += query.slice(copied, until) + more
    copied = from
  }
  for (const [index, token] of tokens.entries()) {
    const [next, after] = [tokens[index + 1], tokens[index + 2]]
    if (token.type !== 'word') continue
    if (token.text === 'time' && isTimeBound(token, next)) put(token.start, `time < ${moment} AND `)
    else if (token.text === 'now' && next?.text === '(' && after?.text === ')') put(token.start, moment, after.end)
  }
  return rewritten + query.slice(copied)
}

function isTimeBound(token: Token, next: Token | undefined): boolean {
  return token.type === 'word' && token.text === 'time' && next?.type === 'symbol' && ['>', '>=', '='].includes(next.text)
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < text.length) {
    const rest = text.slice(at)
    const blank = /^\s+/.exec(rest)
    if (blank !== null) {
      at += blank[0].length
      continue
    }
    const [token, length] = nextToken(rest, tokens.at(-1))
    tokens.push({ ...token, start: at, end: at + length })
    at += length
  }
  return tokens
}

const patterns: readonly (readonly [Token['type'], RegExp])[] = [
  ['string', /^'(?:\\.|[^'\\\n])*'/],
  ['identifier', /^"(?:\\.|[^"\\\n])*"/],
  ['placeholder', /^\$\w+/],
  ['word', /^[\p{L}_][\p{L}\p{N}_]*/u],
  ['symbol', /^(?:=~|!~|!=|<>|<=|>=|::|\d+(?:\.\d+)?[a-zµ]*|[-+*/%&|^=<>(),.;:])/u],
]

function nextToken(rest: string, before: Token | undefined): readonly [Omit<Token, 'start' | 'end'>, number] {
  if (rest.startsWith('--') || rest.startsWith('/*')) throw new InfluxQlError('must have no comments')
  if (rest.startsWith('/') && before !== undefined && before.type !== 'string' && regexAfter.has(before.text)) {
    const regex = /^\/(?:\\.|[^/\\\n])+\//.exec(rest)
    if (regex === null) throw new InfluxQlError('has a regular expression without an end')
    return [{ type: 'regex', text: '' }, regex[0].length]
  }
  for (const [type, pattern] of patterns) {
    const match = pattern.exec(rest)
    if (match === null) continue
    const text = type === 'word' ? match[0].toLowerCase() : type === 'placeholder' ? match[0].slice(1) : match[0]
    return [{ type, text }, match[0].length]
  }
  throw new InfluxQlError(`has something that is not InfluxQL: ${JSON.stringify(rest.slice(0, 20))}`)
}
