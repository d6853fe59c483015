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
}

const maxQueryLength = 4096
/** After these a slash begins a regular expression, as InfluxQL's own parser reads it; anywhere else it divides. */
const regexAfter = new Set(['=~', '!~', 'from', 'select', 'by', ',', '('])

/**
 * Checks that a text is one SELECT that reads: no second statement, no INTO, no comments, a lower bound of time, and no placeholders but
 * the `allowed` ones. Returns the placeholders it uses. What else InfluxQL wants of it, InfluxDB itself says. Throws an `InfluxQlError`.
 */
export function checkSelect(text: string, allowed: readonly string[]): ReadonlySet<string> {
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
  return placeholders
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
    tokens.push(token)
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

function nextToken(rest: string, before: Token | undefined): readonly [Token, number] {
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
