import type { Document, Node } from 'yaml'
import { lazyPackage } from './lazy-package.ts'

const yaml = lazyPackage<typeof import('yaml')>('yaml')

/** One thing that is wrong with a configuration file: where, which field, what it says and what it may say. */
export interface FileProblem {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly field: string
  readonly value: string
  readonly allowed: string
}

/** A configuration file that was not taken. The message has one line per problem: `file:line:column: field: value: what is allowed`. */
export class FileError extends Error {
  readonly code = 'EFILE'
  readonly problems: readonly FileProblem[]

  constructor(problems: readonly FileProblem[]) {
    super(problems.map(formatProblem).join('\n'))
    this.problems = problems
  }
}

/** A value inside a document, with the path that names it to a person: `groups[0].rules[1].for`. */
export interface Field {
  readonly path: string
  readonly node: Node | null
}

const maxFileBytes = 1 << 20
const maxProblems = 20
/** Aliases make a small file large when it is read: what is read is bounded, not only what is written. */
const maxValues = 200_000
const maxAliases = 200
/** The parser's time grows with the square of the depth. */
const maxDepth = 200

/** `file:line:column: field: value: what is allowed`. */
function formatProblem(problem: FileProblem): string {
  const place = `${problem.file}:${problem.line}:${problem.column}`
  return [place, problem.field, problem.value, problem.allowed].filter((part) => part !== '').join(': ')
}

/**
 * Walks a YAML (or JSON) document by a schema written in code. Every reader notes a problem and answers `undefined` for what is not as it
 * should be, so one pass finds all of them; `finish` throws `FileError` if there were any.
 */
export class DocumentReader {
  readonly root: Field
  readonly #file: string
  readonly #document: Document
  readonly #lines = new (yaml().LineCounter)()
  readonly #problems: FileProblem[] = []
  readonly #aliased = new Map<Node, Node | undefined>()
  #values = 0

  constructor(file: string, text: string) {
    this.#file = file
    if (Buffer.byteLength(text) > maxFileBytes) throw new FileError([this.#whole(`must be at most ${maxFileBytes} bytes`)])
    if (nestsTooDeeply(text)) throw new FileError([this.#whole(`must not nest more than ${maxDepth} levels`)])
    this.#document = yaml().parseDocument(text, { lineCounter: this.#lines, uniqueKeys: false, prettyErrors: false, logLevel: 'error' })
    for (const error of this.#document.errors) {
      const { line, col } = this.#lines.linePos(error.pos[0])
      const allowed = error.code === 'MULTIPLE_DOCS' ? 'must be one document: what is behind --- would not be read' : error.message
      this.#problems.push({ file, line, column: col, field: '', value: '', allowed })
    }
    this.finish()
    this.root = { path: '', node: this.#document.contents }
  }

  /** Throws every problem found so far. */
  finish(): void {
    if (this.#problems.length > 0) throw new FileError(this.#problems.slice(0, maxProblems))
  }

  /** Notes that a field's value is not `allowed`. */
  problem(field: Field, allowed: string): undefined {
    const offset = field.node?.range?.[0] ?? 0
    const { line, col } = this.#lines.linePos(offset)
    this.#problems.push({ file: this.#file, line, column: col, field: field.path, value: describe(field.node), allowed })
    return undefined
  }

  /** Notes a problem where `action` throws an error of a kind that has a `code`; its message is what is allowed. */
  attempt<T>(field: Field, action: () => T): T | undefined {
    try {
      return action()
    } catch (err) {
      if (!(err instanceof Error) || !('code' in err)) throw err
      return this.problem(field, err.message)
    }
  }

  /** The members of a mapping; a key that is not in `keys` is a problem, as is the absence of one in `required`. */
  record<K extends string>(field: Field, keys: readonly K[], required: readonly K[] = []): Partial<Record<K, Field>> {
    const members: Partial<Record<K, Field>> = {}
    for (const [key, member] of this.entries(field)) {
      if ((keys as readonly string[]).includes(key)) members[key as K] = member
      else this.problem(member, `unknown field; allowed here: ${keys.join(', ')}`)
    }
    for (const key of required) {
      if (members[key] === undefined) this.problem(field, `field ${key} is missing`)
    }
    return members
  }

  /** Keys and values of a mapping whose keys are free. A member that is null counts as absent. */
  entries(field: Field): [string, Field][] {
    const node = this.#resolve(field)
    if (!yaml().isMap(node)) {
      this.problem(field, 'must be a mapping')
      return []
    }
    this.#count(node.items.length)
    // The parser compares each key with each.
    const seen = new Set<string>()
    return node.items.flatMap((pair): [string, Field][] => {
      const key = yaml().isScalar(pair.key) ? String(pair.key.value) : ''
      const path = field.path === '' ? key : `${field.path}.${key}`
      const member = { path, node: (pair.value ?? pair.key) as Node | null }
      if (seen.has(key)) this.problem(member, 'map keys must be unique')
      seen.add(key)
      const isNull = pair.value === null || (yaml().isScalar(pair.value) && pair.value.value === null)
      return isNull ? [] : [[key, member]]
    })
  }

  /** The elements of a list; an absent field is an empty list. */
  list(field: Field | undefined): Field[] {
    if (field === undefined) return []
    const node = this.#resolve(field)
    if (!yaml().isSeq(node)) {
      this.problem(field, 'must be a list')
      return []
    }
    this.#count(node.items.length)
    return node.items.map((item, index) => ({ path: `${field.path}[${index}]`, node: item as Node | null }))
  }

  /** A scalar as text, whatever its YAML type: `5`, `true` and `"5"` are all texts. */
  text(field: Field | undefined): string | undefined {
    if (field === undefined) return undefined
    const node = this.#resolve(field)
    if (!yaml().isScalar(node) || node.value === null) return this.problem(field, 'must be a text')
    return typeof node.value === 'string' ? node.value : (node.source ?? JSON.stringify(node.value))
  }

  /** `true` or `false`. */
  boolean(field: Field | undefined): boolean | undefined {
    if (field === undefined) return undefined
    const node = this.#resolve(field)
    return yaml().isScalar(node) && typeof node.value === 'boolean' ? node.value : this.problem(field, 'must be true or false')
  }

  /** A number. */
  number(field: Field | undefined): number | undefined {
    if (field === undefined) return undefined
    const node = this.#resolve(field)
    return yaml().isScalar(node) && typeof node.value === 'number' ? node.value : this.problem(field, 'must be a number')
  }

  /** One of a fixed set of words. */
  word<T extends string>(field: Field | undefined, allowed: readonly T[]): T | undefined {
    const text = this.text(field)
    if (text === undefined || field === undefined) return undefined
    return (allowed as readonly string[]).includes(text) ? (text as T) : this.problem(field, `allowed: ${allowed.join(', ')}`)
  }

  /** A text that `parse` turns into something, or `undefined` and a problem saying that it must be `form`. */
  parsed<T>(field: Field | undefined, parse: (text: string) => T | undefined, form: string): T | undefined {
    const text = this.text(field)
    if (text === undefined || field === undefined) return undefined
    const value = parse(text)
    return value === undefined ? this.problem(field, `must be ${form}`) : value
  }

  /** A list of texts. */
  texts(field: Field | undefined): string[] {
    return this.list(field).flatMap((item) => this.text(item) ?? [])
  }

  /** A text, or a list of texts; none where there is no field. */
  words(field: Field | undefined): string[] {
    if (field === undefined) return []
    return this.isList(field) ? this.texts(field) : [this.text(field) ?? '']
  }

  /** Whether a field is a list, so that it can be one or something else. */
  isList(field: Field): boolean {
    return yaml().isSeq(this.#resolve(field))
  }

  isMapping(field: Field): boolean {
    return yaml().isMap(this.#resolve(field))
  }

  /** Whether a scalar is written with quotes, so that it is meant as a text. */
  isQuoted(field: Field): boolean {
    const node = this.#resolve(field)
    return yaml().isScalar(node) && (node.type === 'QUOTE_SINGLE' || node.type === 'QUOTE_DOUBLE')
  }

  /** A mapping of free keys to texts. */
  textRecord(field: Field | undefined): Record<string, string> {
    if (field === undefined) return {}
    return Object.fromEntries(this.entries(field).map(([key, member]) => [key, this.text(member) ?? '']))
  }

  #resolve(field: Field): Node | null | undefined {
    const { node } = field
    if (!yaml().isAlias(node)) return node
    if (this.#aliased.has(node)) return this.#aliased.get(node)
    if (this.#aliased.size >= maxAliases) throw new FileError([this.#whole(`must have at most ${maxAliases} aliases`)])
    const target = node.resolve(this.#document)
    this.#aliased.set(node, target)
    return target
  }

  /** Throws when more was read than any file needs. */
  #count(values: number): void {
    this.#values += values
    if (this.#values > maxValues)
      throw new FileError([this.#whole(`must not come to more than ${maxValues} values, those of aliases included`)])
  }

  #whole(allowed: string): FileProblem {
    return { file: this.#file, line: 1, column: 1, field: '', value: '', allowed }
  }
}

/** Counts brackets wherever they are, and dashes at the beginning of a line: no file that means well comes near. */
function nestsTooDeeply(text: string): boolean {
  let depth = 0
  for (let index = 0; index < text.length; index++) {
    const character = text.charCodeAt(index)
    if (character === 0x5b || character === 0x7b) depth++
    else if ((character === 0x5d || character === 0x7d) && depth > 0) depth--
    if (depth > maxDepth) return true
  }
  return new RegExp(`^[ \\t]*(?:[-?:][ \\t]+){${maxDepth}}`, 'm').test(text)
}

/** What stands for a value in a message. Of an address neither user, password nor query are shown: what holds a secret there is not known here. */
function describe(node: Node | null): string {
  if (yaml().isScalar(node)) return JSON.stringify(hideSecrets(node.value))?.slice(0, 80) ?? 'null'
  if (yaml().isMap(node)) return 'a mapping'
  if (yaml().isSeq(node)) return 'a list'
  return yaml().isAlias(node) ? `*${node.source}` : 'nothing'
}

function hideSecrets(value: unknown): unknown {
  if (typeof value !== 'string' || !value.includes('://')) return value
  return value.replace(/:\/\/.*@/s, '://***@').replace(/\?.*/s, '?***')
}
