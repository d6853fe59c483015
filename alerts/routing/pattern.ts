import { RegularExpressionError, compileRegularExpression } from '../../lib/regular-expression.ts'

/** A regular expression that either matches a whole text or does not. */
export interface Pattern {
  test(text: string): boolean
}

/** Thrown for a text that is no regular expression; the message quotes it and says why. */
export class PatternError extends Error {
  readonly code = 'EPATTERN'
}

/** Characters times instructions: what one match may cost: hundredths of a second. */
const maxWork = 4_000_000

/**
 * `^(?:text)$` as `compileRegularExpression` takes it. A text that is too long for so large a pattern does not match. Throws `PatternError`.
 */
export function compilePattern(text: string): Pattern {
  const compiled = compile(text)
  const maxLength = maxWork / compiled.programSize()
  return { test: (subject) => subject.length <= maxLength && compiled.testExact(subject) }
}

function compile(text: string): ReturnType<typeof compileRegularExpression> {
  try {
    return compileRegularExpression(text)
  } catch (err) {
    if (!(err instanceof RegularExpressionError)) throw err
    throw new PatternError(`bad regular expression ${JSON.stringify(text.slice(0, 100))}: ${err.message}`, { cause: err })
  }
}
