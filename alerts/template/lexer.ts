import { TemplateError } from './syntax.ts'

/** One word of an action, or the text between two actions. */
export interface Token {
  readonly kind: 'text' | 'open' | 'close' | 'word' | 'field' | 'variable' | 'string' | 'number' | 'symbol' | 'space' | 'end'
  readonly text: string
  /** What a string or character constant stands for. */
  readonly value?: string | number
  readonly line: number
}

const patterns: readonly (readonly [Token['kind'], RegExp])[] = [
  ['space', /\s+/y],
  ['string', /"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)+'/y],
  ['number', /[+-]?(?:0[xX][0-9a-fA-F]+|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)/y],
  ['field', /\.[\p{L}_][\p{L}\p{N}_]*/uy],
  ['variable', /\$[\p{L}\p{N}_]*/uy],
  ['word', /[\p{L}_][\p{L}\p{N}_]*/uy],
  ['symbol', /:=|[=|(),.]/y],
]

/** Splits a template into texts and the words of its actions. `{{-` and `-}}` take the white space beside them away; comments vanish. */
export function tokenize(name: string, source: string): Token[] {
  return new Lexer(name, source).run()
}

class Lexer {
  readonly #name: string
  readonly #source: string
  readonly #tokens: Token[] = []
  #position = 0
  #line = 1

  constructor(name: string, source: string) {
    this.#name = name
    this.#source = source
  }

  run(): Token[] {
    const source = this.#source
    let trims = false
    while (this.#position < source.length) {
      const start = source.indexOf('{{', this.#position)
      const end = start < 0 ? source.length : start
      const trimsBefore = start >= 0 && /^\{\{-\s/.test(source.slice(start, start + 4))
      this.#text(source.slice(this.#position, end), trims, trimsBefore)
      this.#advance(end - this.#position)
      if (start < 0) break
      this.#advance(trimsBefore ? 3 : 2)
      const comment = /^\s*\/\*[\s\S]*?\*\/\s*?(\s-)?\}\}/.exec(source.slice(this.#position))
      if (comment === null) {
        this.#push('open', '{{')
        trims = this.#action()
      } else {
        this.#advance(comment[0].length)
        trims = comment[1] !== undefined
      }
    }
    this.#push('end', '')
    return this.#tokens
  }

  #text(text: string, trimsStart: boolean, trimsEnd: boolean): void {
    const trimmed = trimsStart ? text.trimStart() : text
    const shown = trimsEnd ? trimmed.trimEnd() : trimmed
    if (shown !== '') this.#push('text', shown)
  }

  /** Reads words up to the closing braces; says whether the text behind them is to be trimmed. */
  #action(): boolean {
    for (;;) {
      const closing = /^(\s-)?\}\}/.exec(this.#source.slice(this.#position, this.#position + 4))
      if (closing !== null) {
        this.#push('close', '}}')
        this.#advance(closing[0].length)
        return closing[1] !== undefined
      }
      if (this.#position >= this.#source.length) this.#fail('a {{ has no }}')
      const token = this.#match() ?? this.#fail(`unexpected ${JSON.stringify(this.#source[this.#position])} in an action`)
      this.#tokens.push(token)
      this.#advance(token.text.length)
    }
  }

  #match(): Token | undefined {
    const line = this.#line
    for (const [kind, pattern] of patterns) {
      pattern.lastIndex = this.#position
      const text = pattern.exec(this.#source)?.[0]
      if (text === undefined) continue
      // White space before the minus of `-}}` leaves its last character to it.
      if (kind === 'space' && this.#source.startsWith('-}}', this.#position + text.length)) {
        return text.length === 1 ? undefined : { kind, text: text.slice(0, -1), line }
      }
      if (kind === 'string') return { kind, text, value: this.#constant(text), line }
      return kind === 'number' ? { kind, text, value: Number(text.replaceAll('_', '')), line } : { kind, text, line }
    }
    return undefined
  }

  #constant(text: string): string | number {
    try {
      return constant(text)
    } catch (err) {
      return this.#fail((err as Error).message)
    }
  }

  #push(kind: Token['kind'], text: string): void {
    this.#tokens.push({ kind, text, line: this.#line })
  }

  #advance(length: number): void {
    const end = this.#position + length
    for (let next = this.#source.indexOf('\n', this.#position); next >= 0 && next < end; next = this.#source.indexOf('\n', next + 1))
      this.#line++
    this.#position = end
  }

  #fail(message: string): never {
    throw new TemplateError(`${this.#name}:${this.#line}: ${message}`)
  }
}

/** What a quoted constant stands for; a character constant is its number. */
function constant(text: string): string | number {
  if (text.startsWith('`')) return text.slice(1, -1)
  const value = text
    .slice(1, -1)
    .replaceAll(/\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|[0-7]{3}|.)/gs, (_all, escape: string) => unescape(escape))
  return text.startsWith("'") ? (value.codePointAt(0) ?? 0) : value
}

function unescape(escape: string): string {
  const simple: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', a: '\u0007', b: '\b', f: '\f', v: '\v' }
  if (Object.hasOwn(simple, escape)) return simple[escape]!
  if (/^[uUx]./.test(escape)) {
    const code = Number.parseInt(escape.slice(1), 16)
    return code <= 0x10ffff ? String.fromCodePoint(code) : refuse(`\\${escape} is not a character`)
  }
  if (/^[0-7]{3}$/.test(escape)) return String.fromCodePoint(Number.parseInt(escape, 8))
  return escape === '\\' || escape === '"' || escape === "'" ? escape : refuse(`unknown escape \\${escape}`)
}
function refuse(message: string): never {
  throw new TemplateError(message)
}
