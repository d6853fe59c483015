import { tokenize } from './lexer.ts'
import type { Token } from './lexer.ts'
import { TemplateError } from './syntax.ts'
import type { Node, Operand, Pipeline } from './syntax.ts'

/** What one file or text has in it: its own pieces, and the templates that it defines. */
export interface ParsedTemplate {
  readonly name: string
  readonly body: readonly Node[]
  readonly definitions: ReadonlyMap<string, readonly Node[]>
  /** The templates that it calls, with the line. */
  readonly calls: readonly { readonly name: string; readonly line: number }[]
}

/** Nested deeper than this, a template is taken for an attack. */
const maxNesting = 100
const maxSourceLength = 256 * 1024

/** Parses Go's text/template language. Throws `TemplateError`; functions that are not in `functions` are refused here. */
export function parseTemplate(name: string, source: string, functions: ReadonlySet<string>): ParsedTemplate {
  if (source.length > maxSourceLength) throw new TemplateError(`${name}: a template may have up to ${maxSourceLength} characters`)
  return new Parser(name, tokenize(name, source), functions).parse()
}

class Parser {
  readonly #name: string
  readonly #tokens: readonly Token[]
  readonly #functions: ReadonlySet<string>
  readonly #definitions = new Map<string, readonly Node[]>()
  readonly #calls: { name: string; line: number }[] = []
  #index = 0
  #depth = 0
  #loops = 0
  #variables: string[] = ['']

  constructor(name: string, tokens: readonly Token[], functions: ReadonlySet<string>) {
    this.#name = name
    this.#tokens = tokens
    this.#functions = functions
  }

  parse(): ParsedTemplate {
    const { nodes, stop } = this.#list([])
    if (stop !== 'end') this.#fail(`unexpected {{${stop}}}`)
    return { name: this.#name, body: nodes, definitions: this.#definitions, calls: this.#calls }
  }

  /** Pieces up to one of the words in `stops`, which is taken, or the end. */
  #list(stops: readonly string[]): { nodes: Node[]; stop: string } {
    if (++this.#depth > maxNesting) this.#fail(`nested deeper than ${maxNesting}`)
    const nodes: Node[] = []
    for (;;) {
      const token = this.#next()
      if (token.kind === 'end') {
        if (stops.length > 0) this.#fail('{{end}} is missing')
        this.#depth--
        return { nodes, stop: 'end' }
      }
      if (token.kind === 'text') {
        nodes.push({ kind: 'text', text: token.text })
        continue
      }
      this.#space()
      const word = this.#peek()
      if (word.kind === 'word' && (word.text === 'end' || word.text === 'else')) {
        if (!stops.includes(word.text)) this.#fail(`unexpected {{${word.text}}}`)
        this.#next()
        this.#depth--
        return { nodes, stop: word.text }
      }
      const node = this.#action(word)
      if (node !== undefined) nodes.push(node)
    }
  }

  #action(word: Token): Node | undefined {
    const keyword = word.kind === 'word' ? word.text : ''
    switch (keyword) {
      case 'if':
      case 'with':
      case 'range':
        this.#next()
        return this.#scoped(() => this.#control(keyword))
      case 'define':
      case 'block':
        this.#next()
        return this.#define(keyword)
      case 'template': {
        this.#next()
        const { name, pipeline } = this.#templateCall()
        return { kind: 'template', name, pipeline }
      }
      case 'break':
      case 'continue':
        this.#next()
        if (this.#loops === 0) this.#fail(`{{${keyword}}} outside of {{range}}`)
        this.#close()
        return { kind: keyword }
      default: {
        const pipeline = this.#pipeline()
        this.#close()
        return { kind: 'action', pipeline }
      }
    }
  }

  #control(kind: 'if' | 'with' | 'range'): Node {
    const pipeline = this.#pipeline(kind === 'range')
    this.#close()
    if (kind === 'range') this.#loops++
    const { nodes: body, stop } = this.#scoped(() => this.#list(['else', 'end']))
    if (kind === 'range') this.#loops--
    return { kind, pipeline, body, otherwise: stop === 'else' ? this.#otherwise(kind) : this.#ended() }
  }

  /** What follows `else`: `{{else if …}}` shares its parent's `{{end}}`. */
  #otherwise(kind: 'if' | 'with' | 'range'): readonly Node[] {
    this.#space()
    const word = this.#peek()
    if (word.kind === 'word' && word.text === kind && kind !== 'range') {
      this.#next()
      return [this.#scoped(() => this.#control(kind))]
    }
    this.#close()
    const { nodes } = this.#scoped(() => this.#list(['end']))
    this.#close()
    return nodes
  }

  #ended(): readonly Node[] {
    this.#close()
    return []
  }

  #define(kind: 'define' | 'block'): Node | undefined {
    if (kind === 'define' && this.#depth > 1) this.#fail('{{define}} inside of another action')
    const name = this.#string()
    const pipeline = kind === 'block' ? this.#pipeline() : undefined
    this.#close()
    const outer = this.#variables
    const loops = this.#loops
    this.#variables = ['']
    this.#loops = 0
    const { nodes } = this.#list(['end'])
    this.#variables = outer
    this.#loops = loops
    this.#close()
    this.#definitions.set(name, nodes)
    return kind === 'block' ? { kind: 'template', name, pipeline } : undefined
  }

  #templateCall(): { name: string; pipeline: Pipeline | undefined } {
    const { line } = this.#peek()
    const name = this.#string()
    this.#calls.push({ name, line })
    this.#space()
    const pipeline = this.#peek().kind === 'close' ? undefined : this.#pipeline()
    this.#close()
    return { name, pipeline }
  }

  #string(): string {
    this.#space()
    const token = this.#next()
    if (token.kind !== 'string' || typeof token.value !== 'string') return this.#fail('a name in quotes is expected')
    return token.value
  }

  #pipeline(isRange = false): Pipeline {
    if (++this.#depth > maxNesting) this.#fail(`nested deeper than ${maxNesting}`)
    this.#space()
    const { variables, isDeclaration } = this.#assignment(isRange)
    const commands: Operand[][] = []
    do {
      commands.push(this.#command())
      this.#space()
    } while (this.#takeSymbol('|'))
    for (const [index, command] of commands.entries()) {
      if (command.length === 0) this.#fail('a value is missing')
      const isCallable = command[0]!.kind !== 'literal' && command[0]!.kind !== 'dot'
      if (!isCallable && (index > 0 || command.length > 1)) this.#fail('a constant cannot take arguments')
    }
    // The names are known from here on, not in their own values.
    if (isDeclaration) this.#variables.push(...variables)
    this.#depth--
    return { variables, isDeclaration, commands }
  }

  /** `$x :=`, `$x =`, and `$i, $x :=` of a range; goes back where there is none. */
  #assignment(isRange: boolean): { variables: string[]; isDeclaration: boolean } {
    const start = this.#index
    const variables: string[] = []
    while (this.#peek().kind === 'variable') {
      variables.push(this.#next().text.slice(1))
      this.#space()
      const isDeclaration = this.#takeSymbol(':=')
      if (isDeclaration || this.#takeSymbol('=')) {
        if (variables.length > (isRange ? 2 : 1)) this.#fail('too many variables')
        if (!isDeclaration) for (const name of variables) this.#checkVariable(name)
        return { variables, isDeclaration }
      }
      if (!this.#takeSymbol(',')) break
      this.#space()
    }
    this.#index = start
    return { variables: [], isDeclaration: false }
  }

  #command(): Operand[] {
    const operands: Operand[] = []
    for (;;) {
      const hasSpace = this.#space()
      const operand = this.#operand()
      if (operand === undefined) return operands
      if (operands.length > 0 && !hasSpace) this.#fail('a space is missing between two values')
      operands.push(operand)
    }
  }

  #operand(): Operand | undefined {
    const token = this.#peek()
    switch (token.kind) {
      case 'string':
      case 'number':
        this.#next()
        return { kind: 'literal', value: token.value! }
      case 'field':
        return { kind: 'field', path: this.#path() }
      case 'variable':
        this.#next()
        this.#checkVariable(token.text.slice(1))
        return { kind: 'variable', name: token.text.slice(1), path: this.#path() }
      case 'word':
        this.#next()
        return this.#word(token.text)
      case 'symbol':
        if (this.#takeSymbol('.')) return { kind: 'dot' }
        if (!this.#takeSymbol('(')) return undefined
        return this.#group()
      default:
        return undefined
    }
  }

  #word(text: string): Operand {
    if (text === 'true' || text === 'false') return { kind: 'literal', value: text === 'true' }
    if (text === 'nil') return { kind: 'literal', value: undefined }
    if (!this.#functions.has(text)) this.#fail(`function ${JSON.stringify(text)} is not defined`)
    return { kind: 'function', name: text }
  }

  #group(): Operand {
    const pipeline = this.#pipeline()
    if (!this.#takeSymbol(')')) this.#fail('a ) is missing')
    return { kind: 'group', pipeline, path: this.#path() }
  }

  #path(): string[] {
    const path: string[] = []
    while (this.#peek().kind === 'field') path.push(this.#next().text.slice(1))
    return path
  }

  #checkVariable(name: string): void {
    if (!this.#variables.includes(name)) this.#fail(`variable $${name} is not defined`)
  }

  /** Variables made inside vanish behind it. */
  #scoped<T>(read: () => T): T {
    const count = this.#variables.length
    const result = read()
    this.#variables.length = count
    return result
  }

  #close(): void {
    this.#space()
    const token = this.#next()
    if (token.kind !== 'close') this.#fail(`unexpected ${JSON.stringify(token.text)} in an action`)
  }

  #takeSymbol(text: string): boolean {
    const token = this.#peek()
    if (token.kind !== 'symbol' || token.text !== text) return false
    this.#index++
    return true
  }

  #space(): boolean {
    if (this.#peek().kind !== 'space') return false
    this.#index++
    return true
  }

  #peek(): Token {
    return this.#tokens[this.#index]!
  }

  #next(): Token {
    const token = this.#peek()
    if (token.kind !== 'end') this.#index++
    return token
  }

  #fail(message: string): never {
    throw new TemplateError(`${this.#name}:${this.#peek().line}: ${message}`)
  }
}
