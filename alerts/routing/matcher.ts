import { labelNamePattern } from '../state/labels.ts'
import type { Labels } from '../state/labels.ts'
import { PatternError, compilePattern } from './pattern.ts'
import type { Pattern } from './pattern.ts'

/** A condition on one label. An absent label has the empty value, as in Alertmanager. */
export interface Matcher {
  readonly name: string
  readonly operator: MatchOperator
  readonly value: string
  matches(labels: Labels): boolean
}

export type MatchOperator = '=' | '!=' | '=~' | '!~'

/** Thrown for a matcher that cannot be; the message names the text and what is allowed. */
export class MatcherError extends Error {
  readonly code = 'EMATCHER'
}

const matcherPattern = /^\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)([\s\S]*)$/

/** A matcher from its parts. Regular expressions are anchored at both ends. */
export function createMatcher(name: string, operator: MatchOperator, value: string): Matcher {
  if (!labelNamePattern.test(name)) throw new MatcherError(`bad matcher name ${JSON.stringify(name)}: letters, digits and _ are allowed`)
  if (operator === '=' || operator === '!=') {
    return { name, operator, value, matches: (labels) => ((labels[name] ?? '') === value) === (operator === '=') }
  }
  const pattern = compileAnchored(value)
  return { name, operator, value, matches: (labels) => pattern.test(labels[name] ?? '') === (operator === '=~') }
}

/** `^(?:text)$` as `compilePattern` reads it; throws `MatcherError` where it is none. */
export function compileAnchored(text: string): Pattern {
  try {
    return compilePattern(text)
  } catch (err) {
    if (err instanceof PatternError) throw new MatcherError(err.message, { cause: err })
    throw err
  }
}

/** Reads `name="value"`, `name=~pattern` and the like; the quotes may be absent. */
export function parseMatcher(text: string): Matcher {
  const match = matcherPattern.exec(text)
  if (match === null) {
    throw new MatcherError(`bad matcher format: ${text}: use name="value" with one of the operators =, !=, =~ and !~`)
  }
  return createMatcher(match[1]!, match[2] as MatchOperator, unquote(match[3]!.trim()))
}

/** Reads one matcher or a list of them, with or without braces: `{a="x",b=~"y|z"}`. */
export function parseMatchers(text: string): Matcher[] {
  let body = text.trim()
  if (body.startsWith('{') !== body.endsWith('}')) throw new MatcherError(`bad matcher format: ${text}: braces must come in pairs`)
  if (body.startsWith('{')) body = body.slice(1, -1)
  return splitAtCommas(body).map(parseMatcher)
}

/** Whether every matcher holds for `labels`. */
export function matchesAll(matchers: readonly Matcher[], labels: Labels): boolean {
  return matchers.every((matcher) => matcher.matches(labels))
}

/** `name="value"`, as Alertmanager prints it. */
export function formatMatcher(matcher: Pick<Matcher, 'name' | 'operator' | 'value'>): string {
  return `${matcher.name}${matcher.operator}${JSON.stringify(matcher.value)}`
}

/** Alertmanager's order of matchers in a group key: by name, value, then operator. */
export function formatMatchers(matchers: readonly Matcher[]): string {
  const texts = [...matchers].sort((a, b) => compare(a.name, b.name) || compare(a.value, b.value) || compare(a.operator, b.operator))
  return `{${texts.map(formatMatcher).join(',')}}`
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}

const quotedForm = /^"(?:[^"\\]|\\[^])*"$/
const plainForm = /^(?:[^"\\]|\\[^])*\\?$/

/** What stands between quotes, or the whole value where there are none. */
function unquote(value: string): string {
  const isQuoted = value.startsWith('"')
  if (!(isQuoted ? quotedForm : plainForm).test(value)) {
    throw new MatcherError(`matcher value contains unescaped double quote: ${value}`)
  }
  return (isQuoted ? value.slice(1, -1) : value).replaceAll(/\\(["n\\])/g, unescape)
}

function unescape(_: string, character: string): string {
  return character === 'n' ? '\n' : character
}

function splitAtCommas(body: string): string[] {
  const parts: string[] = []
  let start = 0
  let isQuoted = false
  for (let index = 0; index < body.length; index++) {
    const character = body[index]
    if (isQuoted && character === '\\') index++
    else if (character === '"') isQuoted = !isQuoted
    else if (character === ',' && !isQuoted) {
      parts.push(body.slice(start, index))
      start = index + 1
    }
  }
  parts.push(body.slice(start))
  return parts.filter((part, index) => part.trim() !== '' || index < parts.length - 1)
}
