import { RE2JS, RE2JSException } from 're2js'

/** A regular expression that either matches a whole text or does not. */
export interface Pattern {
  test(text: string): boolean
}

/** Thrown for a text that is no regular expression; the message quotes it and says why. */
export class PatternError extends Error {
  readonly code = 'EPATTERN'
}

/** Patterns come from outside; this bounds what one of them can cost to compile and to keep. */
const maxPatternLength = 1000

/**
 * `^(?:text)$` in RE2's syntax, which is Go's: no look-around and no back references, and in return the time of a match grows with the length of
 * the text and nothing else. Throws `PatternError`.
 */
export function compilePattern(text: string): Pattern {
  if (text.length > maxPatternLength) throw new PatternError(`bad regular expression: longer than ${maxPatternLength} characters`)
  const compiled = compile(text)
  return { test: (subject) => compiled.testExact(subject) }
}

function compile(text: string): RE2JS {
  try {
    return RE2JS.compile(text)
  } catch (err) {
    if (!(err instanceof RE2JSException)) throw err
    throw new PatternError(`bad regular expression ${JSON.stringify(text)}: ${err.message.replace(/^error parsing regexp: /, '')}`, {
      cause: err,
    })
  }
}
