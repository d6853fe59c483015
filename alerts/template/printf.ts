import { TemplateError } from './syntax.ts'
import { asNumber, listOf, toText } from './value.ts'
import type { Value } from './value.ts'

const verbPattern = /%([-+# 0]*)(\d*)(?:\.(\d*))?([a-zA-Z%])/g

/** Wider than this nothing is printed. */
const maxWidth = 1000

/** Go's `fmt.Sprintf` for the kinds of values that templates have. */
export function sprintf(format: string, values: readonly Value[]): string {
  let used = 0
  const text = format.replaceAll(verbPattern, (...match: unknown[]) => {
    const [, flags, width, precision, verb] = match as [string, string, string, string | undefined, string]
    if (verb === '%') return '%'
    if (used >= values.length) return `%!${verb}(MISSING)`
    const digits = precision === undefined ? undefined : Number(precision)
    if (Number(width) > maxWidth || (digits ?? 0) > maxWidth) throw new TemplateError(`printf: wider than ${maxWidth}`)
    const shown = formatVerb(verb, values[used++], digits, flags)
    return pad(shown, Number(width), flags)
  })
  return used < values.length ? `${text}%!(EXTRA ${values.slice(used).map(toText).join(', ')})` : text
}

function pad(text: string, width: number, flags: string): string {
  if (flags.includes('-')) return text.padEnd(width)
  if (!flags.includes('0')) return text.padStart(width)
  return /^[+-]/.test(text) ? text[0]! + text.slice(1).padStart(width - 1, '0') : text.padStart(width, '0')
}

function formatVerb(verb: string, value: Value, digits: number | undefined, flags: string): string {
  const sign = (text: string) => (flags.includes('+') && !text.startsWith('-') ? `+${text}` : text)
  switch (verb) {
    case 'v':
    case 's':
      return value === undefined ? '<nil>' : toText(value).slice(0, digits)
    case 'q':
      return JSON.stringify(toText(value))
    case 't':
      return String(value === true)
    case 'T':
      return listOf(value) === undefined ? typeof value : 'list'
    case 'c':
      return String.fromCodePoint(Math.min(Math.max(asNumber(value, 'printf'), 0), 0x10ffff))
    case 'b':
    case 'o':
    case 'x':
    case 'X': {
      const base = { b: 2, o: 8, x: 16, X: 16 }[verb]
      const text = typeof value === 'number' ? Math.trunc(value).toString(base) : Buffer.from(toText(value)).toString('hex')
      return verb === 'X' ? text.toUpperCase() : text
    }
    default:
      return sign(formatNumeric(verb, asNumber(value, 'printf'), digits))
  }
}

function formatNumeric(verb: string, value: number, digits: number | undefined): string {
  switch (verb) {
    case 'd':
      return String(Math.trunc(value))
    case 'f':
    case 'F':
      return value.toFixed(Math.min(digits ?? 6, 100))
    case 'e':
      return value.toExponential(Math.min(digits ?? 6, 100)).replace(/e([+-])(\d)$/, 'e$10$2')
    case 'g':
      return digits === undefined ? toText(value) : String(Number(value.toPrecision(Math.min(Math.max(digits, 1), 100))))
    default:
      throw new TemplateError(`printf: %${verb} is not supported`)
  }
}
