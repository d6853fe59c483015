import { escapeHtml, functions } from './functions.ts'
import type { FunctionContext } from './functions.ts'
import { TemplateError } from './syntax.ts'
import type { Command, Node, Operand, Pipeline } from './syntax.ts'
import { SafeText, Thing, describe, isMethod, isTrue, listOf, sortedEntries, toText } from './value.ts'
import type { Value } from './value.ts'
import { weightOf } from './weight.ts'

/** What one rendering may cost. Whoever goes beyond it gets an error, not a part of the text. */
export interface RenderLimits {
  /** Pieces that are evaluated, and passes of loops. */
  readonly steps: number
  /** Templates that call each other. */
  readonly depth: number
  /** Characters of the result. */
  readonly output: number
  /** Characters and list elements that functions may make on the way. */
  readonly work: number
}

export const defaultLimits: RenderLimits = { steps: 200_000, depth: 50, output: 512 * 1024, work: 8 * 1024 * 1024 }

export interface Rendering {
  readonly templates: ReadonlyMap<string, readonly Node[]>
  readonly data: Value
  /** `html` escapes whatever an action prints. */
  readonly mode: 'text' | 'html'
  readonly now: number
  readonly limits: RenderLimits
}

/** How a list of nodes ended: at its end, or at `break` or `continue`. */
type Ending = 'end' | 'break' | 'continue'

interface Variable {
  readonly name: string
  value: Value
}

/** Runs the pieces of a template. Throws `TemplateError` for what Go's would fail at, and for anything beyond the limits. */
export function render(nodes: readonly Node[], rendering: Rendering): string {
  const interpreter = new Interpreter(rendering)
  interpreter.run(nodes, rendering.data, [{ name: '', value: rendering.data }])
  return interpreter.output
}

class Interpreter {
  output = ''
  readonly #rendering: Rendering
  readonly #context: FunctionContext
  #steps = 0
  #depth = 0
  #work = 0

  constructor(rendering: Rendering) {
    this.#rendering = rendering
    this.#context = { now: rendering.now, spend: (work) => this.#bound((this.#work += work)) }
  }

  run(nodes: readonly Node[], dot: Value, scope: Variable[]): Ending {
    const size = scope.length
    for (const node of nodes) {
      const ending = this.#node(node, dot, scope)
      if (ending !== 'end') {
        scope.length = size
        return ending
      }
    }
    scope.length = size
    return 'end'
  }

  #node(node: Node, dot: Value, scope: Variable[]): Ending {
    this.#step()
    switch (node.kind) {
      case 'text':
        this.#write(node.text)
        return 'end'
      case 'action': {
        const value = this.#pipeline(node.pipeline, dot, scope)
        if (node.pipeline.variables.length === 0) this.#print(value)
        return 'end'
      }
      case 'if':
      case 'with':
        return this.#condition(node, dot, scope)
      case 'range':
        return this.#range(node, dot, scope)
      case 'template':
        this.#call(node.name, node.pipeline === undefined ? undefined : this.#pipeline(node.pipeline, dot, scope))
        return 'end'
      default:
        return node.kind
    }
  }

  #condition(node: Extract<Node, { kind: 'if' | 'with' | 'range' }>, dot: Value, scope: Variable[]): Ending {
    const size = scope.length
    const value = this.#pipeline(node.pipeline, dot, scope)
    const isMet = isTrue(value)
    const ending = this.run(isMet ? node.body : node.otherwise, isMet && node.kind === 'with' ? value : dot, scope)
    scope.length = size
    return ending
  }

  #range(node: Extract<Node, { kind: 'if' | 'with' | 'range' }>, dot: Value, scope: Variable[]): Ending {
    const size = scope.length
    const { variables, isDeclaration } = node.pipeline
    const elements = this.#elements(this.#pipeline({ ...node.pipeline, variables: [] }, dot, scope))
    let count = 0
    for (const [key, value] of elements) {
      this.#step()
      count++
      // One variable takes the element, two take its key and itself.
      const values = variables.length === 2 ? [key, value] : [value]
      for (const [index, name] of variables.entries()) this.#assign(scope, name, values[index], isDeclaration)
      const ending = this.run(node.body, value, scope)
      scope.length = size
      if (ending === 'break') break
    }
    return count === 0 ? this.run(node.otherwise, dot, scope) : 'end'
  }

  *#elements(value: Value): Generator<readonly [Value, Value]> {
    const list = listOf(value)
    if (list !== undefined) {
      for (const [index, element] of list.entries()) yield [index, element]
    } else if (value instanceof Thing && value.entries !== undefined) {
      yield* sortedEntries(value.entries)
    } else if (typeof value === 'number') {
      for (let index = 0; index < value; index++) yield [index, index]
    } else if (value !== undefined) {
      throw new TemplateError(`range cannot go over ${describe(value)}`)
    }
  }

  #call(name: string, data: Value): void {
    const { templates, limits } = this.#rendering
    const body = templates.get(name)
    if (body === undefined) throw new TemplateError(`template ${JSON.stringify(name)} is not defined`)
    if (++this.#depth > limits.depth) throw new TemplateError(`templates call each other more than ${limits.depth} deep`)
    this.run(body, data, [{ name: '', value: data }])
    this.#depth--
  }

  #pipeline(pipeline: Pipeline, dot: Value, scope: Variable[]): Value {
    let value: Value
    for (const [index, command] of pipeline.commands.entries()) {
      value = this.#command(command, dot, scope, index === 0 ? [] : [value])
    }
    for (const name of pipeline.variables) this.#assign(scope, name, value, pipeline.isDeclaration)
    return value
  }

  /** `piped` is what the command before has made: the last argument. */
  #command(command: Command, dot: Value, scope: Variable[], piped: readonly Value[]): Value {
    this.#step()
    const [first, ...rest] = command
    if (first!.kind === 'function') {
      if (first!.name === 'and' || first!.name === 'or')
        return this.#decide(first!.name, rest, piped, (operand) => this.#operand(operand, dot, scope))
      const args = [...rest.map((operand) => this.#operand(operand, dot, scope)), ...piped]
      return this.#apply(first!.name, args)
    }
    const args = [...rest.map((operand) => this.#operand(operand, dot, scope)), ...piped]
    return this.#operand(first!, dot, scope, args)
  }

  /** `and` and `or`: the first argument that decides, without looking at those behind it. */
  #decide(name: 'and' | 'or', operands: readonly Operand[], piped: readonly Value[], evaluate: (operand: Operand) => Value): Value {
    let value: Value
    for (const operand of operands) {
      value = evaluate(operand)
      if (isTrue(value) === (name === 'or')) return value
    }
    return piped.length > 0 ? piped[0] : value
  }

  #operand(operand: Operand, dot: Value, scope: Variable[], args: readonly Value[] = []): Value {
    switch (operand.kind) {
      case 'literal':
        return operand.value
      case 'dot':
        return dot
      case 'function':
        return this.#apply(operand.name, [])
      case 'field':
        return this.#path(dot, operand.path, args)
      case 'variable':
        return this.#path(this.#variable(scope, operand.name).value, operand.path, args)
      case 'group':
        return this.#path(this.#pipeline(operand.pipeline, dot, [...scope]), operand.path, args)
    }
  }

  /** Follows fields, entries and methods; the arguments belong to the last one. */
  #path(start: Value, path: readonly string[], args: readonly Value[]): Value {
    let value = start
    for (const [index, name] of path.entries()) {
      this.#step()
      const isLast = index === path.length - 1
      value = this.#member(value, name)
      if (isMethod(value)) value = this.#charge(value.call(isLast ? args : []))
      else if (isLast && args.length > 0) throw new TemplateError(`.${name} is not a method and takes no arguments`)
    }
    if (path.length === 0 && args.length > 0) throw new TemplateError(`${describe(start)} takes no arguments`)
    return value
  }

  #member(value: Value, name: string): Value {
    if (!(value instanceof Thing)) throw new TemplateError(`${describe(value)} has no field .${name}`)
    if (value.fields.has(name)) return value.fields.get(name)
    if (value.entries === undefined) throw new TemplateError(`there is no field .${name}; there are ${[...value.fields.keys()].join(', ')}`)
    return value.entries.has(name) ? value.entries.get(name) : value.absent
  }

  #variable(scope: readonly Variable[], name: string): Variable {
    const found = scope.findLast((variable) => variable.name === name)
    if (found === undefined) throw new TemplateError(`variable $${name} is not defined`)
    return found
  }

  #assign(scope: Variable[], name: string, value: Value, isDeclaration: boolean): void {
    if (isDeclaration) scope.push({ name, value })
    else this.#variable(scope, name).value = value
  }

  #print(value: Value): void {
    if (this.#rendering.mode === 'text') return this.#write(value === undefined ? '<no value>' : this.#spell(value))
    if (value instanceof SafeText) return this.#write(value.value)
    this.#write(escapeInPlace(this.output, this.#spell(value)))
  }

  #write(text: string): void {
    if (this.output.length + text.length > this.#rendering.limits.output) {
      throw new TemplateError(`the text is longer than ${this.#rendering.limits.output} characters`)
    }
    this.output += text
  }

  #step(): void {
    if (++this.#steps > this.#rendering.limits.steps) throw new TemplateError(`more than ${this.#rendering.limits.steps} steps`)
  }

  #apply(name: string, args: readonly Value[]): Value {
    if (name === 'and' || name === 'or') throw new TemplateError(`${name}: arguments are missing`)
    this.#bound(args.reduce<number>((sum, arg) => sum + weightOf(arg), 0))
    return this.#charge(functions[name]!(args, this.#context))
  }

  #spell(value: Value): string {
    this.#bound(weightOf(value))
    return toText(value)
  }

  /** Counts what a function or method has made. */
  #charge(value: Value): Value {
    const list = listOf(value)
    this.#work += typeof value === 'string' ? value.length : value instanceof SafeText ? value.value.length : (list?.length ?? 1)
    this.#bound(this.#work)
    return value
  }

  #bound(work: number): void {
    if (work > this.#rendering.limits.work) throw new TemplateError('the template makes too much text on its way')
  }
}

/** Escapes by where in the HTML the output stands: text, an attribute without quotes, or a link. */
function escapeInPlace(before: string, text: string): string {
  const tail = before.slice(-80)
  if (/(?:href|src|action|formaction|background|poster)\s*=\s*["']?$/i.test(tail) && /^\s*[a-z][a-z0-9+.-]*:/i.test(text)) {
    if (!/^\s*(?:https?|mailto|tel):/i.test(text)) return '#refused'
  }
  if (!/=\s*$/.test(tail)) return escapeHtml(text)
  return text.replaceAll(/[^\p{L}\p{N}_-]/gu, (character) => `&#${character.codePointAt(0)};`)
}

/** A map of texts, as labels are: absent entries are empty. */
export function textMap(entries: Iterable<readonly [string, string]>, fields: Readonly<Record<string, Value>> = {}): Thing {
  return new Thing({ entries: new Map(entries), absent: '', fields })
}
