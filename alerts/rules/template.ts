import { formatDuration } from '../../lib/duration.ts'

/** Texts and numbers that a template can name. Absent values print as nothing. */
export interface TemplateScope {
  /** The value of a reference: `['$labels', 'pod']`, `['$value']` or `['', 'CommonLabels', 'pod']` for `.CommonLabels.pod`. */
  lookup(path: readonly string[]): string | number | undefined
}

/** A text with `{{ … }}` parts, checked when it was compiled. */
export interface Template {
  readonly source: string
  /** The references it makes, for checks by the owner. */
  readonly references: readonly (readonly string[])[]
  render(scope: TemplateScope): string
}

/** Thrown for a template that cannot be; the message says what is allowed. */
export class TemplateError extends Error {
  readonly code = 'ETEMPLATE'
}

type Value = string | number | undefined
type Step = (value: Value) => Value

const maxRenderedLength = 64 * 1024
const maxExpressionLength = 500

const functions: Readonly<Record<string, Step>> = {
  humanize: (value) => humanize(toNumber(value), 1000, ['', 'k', 'M', 'G', 'T', 'P']),
  humanize1024: (value) => humanize(toNumber(value), 1024, ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi']),
  humanizePercentage: (value) => `${round(toNumber(value) * 100, 4)}%`,
  humanizeDuration: (value) => formatDuration(toNumber(value) * 1000),
  toUpper: (value) => toText(value).toUpperCase(),
  toLower: (value) => toText(value).toLowerCase(),
}

/** Compiles a text; throws `TemplateError` for a part that is not a reference with functions behind it. */
export function compileTemplate(source: string): Template {
  const pieces: (string | { path: readonly string[]; steps: readonly Step[] })[] = []
  let end = 0
  for (let open = source.indexOf('{{'); open >= 0; open = source.indexOf('{{', end)) {
    const close = source.indexOf('}}', open)
    if (close < 0) throw new TemplateError('a {{ has no }}')
    pieces.push(source.slice(end, open), compileExpression(insideOf(source.slice(open + 2, close))))
    end = close + 2
  }
  pieces.push(source.slice(end))
  return {
    source,
    references: pieces.flatMap((piece) => (typeof piece === 'string' ? [] : [piece.path])),
    render: (scope) =>
      pieces
        .map((piece) => (typeof piece === 'string' ? piece : toText(applySteps(piece.steps, scope.lookup(piece.path)))))
        .join('')
        .slice(0, maxRenderedLength),
  }
}

/** What stands between the braces and the dashes that Go's templates trim with. */
function insideOf(text: string): string {
  if (text.length > maxExpressionLength) throw new TemplateError(`{{ … }} has at most ${maxExpressionLength} characters`)
  return text.replace(/^-/, '').replace(/-$/, '').trim()
}

/** A number as notifications print it: whole numbers whole, others to six digits. */
function formatNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)))
}

function compileExpression(text: string): { path: readonly string[]; steps: readonly Step[] } {
  const stages = text.split('|').map((stage) => stage.trim())
  const first = stages[0]!.split(/\s+(?=\S+$)/)
  // `humanize $value` and `$value | humanize` mean the same.
  const reference = first.at(-1)!
  const calls = first.length > 1 ? [first[0]!, ...stages.slice(1)] : stages.slice(1)
  return { path: compileReference(reference), steps: calls.map(compileStep) }
}

function compileReference(text: string): readonly string[] {
  if (!/^(?:\$[a-zA-Z_]\w*(?:\.\w+)*|(?:\.\w+)+)$/.test(text)) {
    throw new TemplateError(`{{ ${text} }} is not a reference such as {{ $labels.pod }} or {{ $value | humanize }}`)
  }
  return text.split('.')
}

function compileStep(call: string): Step {
  const format = /^printf\s+"([^"%]*)%(?:\.(\d{1,2}))?([fdsvg])([^"%]*)"$/.exec(call)
  if (format !== null) return (value) => `${format[1]}${formatAs(value, format[3]!, format[2])}${format[4]}`
  const step = Object.hasOwn(functions, call) ? functions[call] : undefined
  if (step === undefined) throw new TemplateError(`unknown function ${call}; allowed: ${Object.keys(functions).join(', ')}, printf "%.2f"`)
  return step
}

function applySteps(steps: readonly Step[], value: Value): Value {
  return steps.reduce((result, step) => step(result), value)
}

function formatAs(value: Value, verb: string, digits: string | undefined): string {
  if (verb === 'f') return toNumber(value).toFixed(digits === undefined ? 6 : Number(digits))
  if (verb === 'd') return String(Math.round(toNumber(value)))
  return toText(value)
}

function toNumber(value: Value): number {
  return typeof value === 'number' ? value : Number(value)
}

function toText(value: Value): string {
  return typeof value === 'number' ? formatNumber(value) : (value ?? '')
}

function humanize(value: number, base: number, prefixes: readonly string[]): string {
  let rest = value
  let index = 0
  while (Math.abs(rest) >= base && index < prefixes.length - 1) {
    rest /= base
    index++
  }
  return `${round(rest, 4)}${prefixes[index]}`
}

function round(value: number, digits: number): number {
  return Number(value.toPrecision(digits))
}
