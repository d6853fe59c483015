import type { RE2JS } from 're2js'
import { lazyPackage } from './lazy-package.ts'

const library = lazyPackage<typeof import('re2js')>('re2js')

/** Thrown for a text that is no regular expression, or too large a one; the message says why. */
export class RegularExpressionError extends Error {
  readonly code = 'EREGULAREXPRESSION'
}

const maxLength = 1000
/** Instructions of the program that an expression is made into. Without counted repetitions there are hardly more than characters. */
const maxProgram = 2500

/**
 * An expression from outside, in RE2's syntax, which is Go's: no look-around and no back references, and in return the time of a match grows with
 * the length of the text times the size of the program. Both the memory of the program and the time to make it are bounded here. Throws
 * `RegularExpressionError`.
 */
export function compileRegularExpression(text: string): RE2JS {
  if (text.length > maxLength) throw new RegularExpressionError(`longer than ${maxLength} characters`)
  // The program itself tells better, but a large one takes seconds to make.
  if (estimateProgram(text) > 2 * maxProgram) throw tooLarge()
  const compiled = compile(text)
  if (compiled.programSize() > maxProgram) throw tooLarge()
  return compiled
}

/** A replacement that means itself, whatever signs are in it. */
export const quoteReplacement = (text: string): string => library().RE2JS.quoteReplacement(text)

function compile(text: string): RE2JS {
  try {
    return library().RE2JS.compile(text)
  } catch (err) {
    throw new RegularExpressionError((err as Error).message.replace(/^error parsing regexp: /, ''), { cause: err })
  }
}

function tooLarge(): RegularExpressionError {
  return new RegularExpressionError(`its repetitions come to more than ${maxProgram} instructions`)
}

/** One thing that a repetition can stand behind, or what means the same whatever is in it. */
const atom = /\\Q[^]*?(?:\\E|$)|\\[pPx]\{[^}]*\}|\\[^]|\[\^?\]?(?:\[:[^\]]*:\]|\\[^]|[^\]\\])*\]|\{(\d+)(?:,(\d*))?\}|[^]/g

/** About how many instructions there will be: every repetition is written out. */
function estimateProgram(text: string): number {
  const sums = [0]
  let last = 0
  for (const [part, least, most] of text.matchAll(atom)) {
    if (part === '(') sums.push(0)
    else if (part === ')' && sums.length > 1) last = sums.pop()! + 2
    else if (least === undefined) last = part.startsWith('\\Q') ? part.length : 1
    else last *= Math.max(Number(least), Number(most || 0), 1) - 1
    if (part !== '(') sums[sums.length - 1]! += last
  }
  return sums.reduce((total, sum) => total + sum, 0)
}
