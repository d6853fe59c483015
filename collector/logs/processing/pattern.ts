import type { RE2JS } from 're2js'
import { compileRegularExpression, quoteReplacement } from '../../../lib/regular-expression.ts'

/** A regular expression in RE2's notation, whose time is linear in what it is asked about. */
export interface Pattern {
  test(text: string): boolean
  /** The first match's named groups; `undefined` where nothing matches. */
  groups(text: string): Readonly<Record<string, string>> | undefined
  readonly groupNames: readonly string[]
  replaceAll(text: string, replacement: string): string
}

/** An error in a pattern; the message says what. */
export class PatternError extends Error {
  readonly code = 'ELOGPATTERN'
}

/** Compiles a pattern; throws a `PatternError` for one that is none, or is too large. */
export function compilePattern(source: string): Pattern {
  let compiled: RE2JS
  try {
    compiled = compileRegularExpression(source)
  } catch (error) {
    throw new PatternError(`a regular expression in RE2's notation: ${error instanceof Error ? error.message : String(error)}`)
  }
  const groupNames = Object.keys(compiled.namedGroups())
  return {
    groupNames,
    test: (text) => compiled.matcher(text).find(),
    groups: (text) => {
      const matcher = compiled.matcher(text)
      if (!matcher.find()) return undefined
      const found: Record<string, string> = {}
      for (const name of groupNames) {
        const value = matcher.group(name)
        if (typeof value === 'string') found[name] = value
      }
      return found
    },
    replaceAll: (text, replacement) => compiled.matcher(text).replaceAll(quoteReplacement(replacement)),
  }
}
