import { TemplateError } from './syntax.ts'

/** What templates work with. Go's nil is `undefined`; numbers are not told apart by kind. */
export type Value = string | number | boolean | undefined | readonly Value[] | Thing | Method

/** A method of a thing, bound to it. */
export interface Method {
  readonly call: (args: readonly Value[]) => Value
}

/**
 * An object of a template: a struct with fields and methods, and with `list` or `entries` also a list or a map that can be ranged over,
 * measured and indexed. Fields go before map entries, as methods do in Go.
 */
export class Thing {
  readonly fields: ReadonlyMap<string, Value>
  readonly list: readonly Value[] | undefined
  readonly entries: ReadonlyMap<string, Value> | undefined
  /** What an absent entry is: Go's zero value of the map's type. */
  readonly absent: Value
  readonly #text: (() => string) | undefined

  constructor(parts: {
    readonly fields?: Readonly<Record<string, Value>>
    readonly list?: readonly Value[]
    readonly entries?: ReadonlyMap<string, Value>
    readonly absent?: Value
    readonly text?: () => string
  }) {
    this.fields = new Map(Object.entries(parts.fields ?? {}))
    this.list = parts.list
    this.entries = parts.entries
    this.absent = parts.absent
    this.#text = parts.text
  }

  toText(): string {
    if (this.#text !== undefined) return this.#text()
    if (this.list !== undefined) return toText(this.list)
    if (this.entries !== undefined)
      return `map[${sortedEntries(this.entries)
        .map(([name, value]) => `${name}:${toText(value)}`)
        .join(' ')}]`
    const shown = [...this.fields.values()].filter((value) => !isMethod(value))
    return `{${shown.map(toText).join(' ')}}`
  }
}

/** A text that HTML output takes as it is. */
export class SafeText extends Thing {
  readonly value: string

  constructor(value: string) {
    super({ text: () => value })
    this.value = value
  }
}

export function isMethod(value: Value): value is Method {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Thing)
}

/** The elements of a list, or `undefined` for what is none. */
export function listOf(value: Value): readonly Value[] | undefined {
  if (Array.isArray(value)) return value as readonly Value[]
  return value instanceof Thing ? value.list : undefined
}

/** Entries of a map in the order of their keys. */
export function sortedEntries(entries: ReadonlyMap<string, Value>): [string, Value][] {
  return [...entries].sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0))
}

/** As Go prints a value with `%v`. */
export function toText(value: Value): string {
  if (typeof value === 'string') return value
  if (value === undefined) return ''
  if (typeof value === 'number') return formatNumber(value)
  if (typeof value === 'boolean') return String(value)
  if (value instanceof Thing) return value.toText()
  return Array.isArray(value) ? `[${value.map(toText).join(' ')}]` : ''
}

/** Whole numbers whole, others as short as they can be. */
function formatNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  return String(value).replace(/e([+-])(\d)$/, 'e$10$2')
}

/** False are: nothing, `false`, 0, and whatever is empty. */
export function isTrue(value: Value): boolean {
  if (value instanceof SafeText) return value.value !== ''
  const list = listOf(value)
  if (list !== undefined) return list.length > 0
  if (value instanceof Thing) return value.entries === undefined || value.entries.size > 0
  return value !== undefined && value !== false && value !== 0 && value !== ''
}

/** A number of the arguments, or an error that names the function. */
export function asNumber(value: Value, of: string): number {
  if (typeof value === 'number') return value
  if (typeof value === 'string' && value.trim() !== '' && !Number.isNaN(Number(value))) return Number(value)
  throw new TemplateError(`${of}: ${describe(value)} is not a number`)
}

/** A text of the arguments, or an error that names the function. */
export function asText(value: Value, of: string): string {
  if (typeof value === 'string') return value
  if (value instanceof SafeText) return value.value
  if (value === undefined) return ''
  throw new TemplateError(`${of}: ${describe(value)} is not a text`)
}

/** What kind of thing a value is, for messages; never what it says. */
export function describe(value: Value): string {
  if (value === undefined) return 'nil'
  if (listOf(value) !== undefined) return 'a list'
  if (value instanceof Thing) return value.entries === undefined ? 'an object' : 'a map'
  return typeof value === 'object' ? 'a method' : `a ${typeof value}`
}

/** A plain value as JSON would write it. */
export function toPlain(value: Value): unknown {
  const list = listOf(value)
  if (list !== undefined) return list.map(toPlain)
  if (value instanceof SafeText) return value.value
  if (!(value instanceof Thing)) return isMethod(value) ? null : (value ?? null)
  const members = value.entries ?? value.fields
  const shown = [...members].filter(([, member]) => !isMethod(member))
  return value.fields.has('Unix') ? value.toText() : Object.fromEntries(shown.map(([name, member]) => [name, toPlain(member)]))
}
