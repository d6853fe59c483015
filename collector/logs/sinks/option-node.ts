import { accessSync, constants } from 'node:fs'
import { byteSizeForm, parseByteSize } from '../../../lib/byte-size.ts'
import type { DocumentReader, Field } from '../../../lib/document.ts'
import { durationForm, parseDuration } from '../../../lib/duration.ts'
import { isHeaderValue } from './http-options.ts'

/** A secret that stands in the configuration, or in a file that is read when it is needed and again when it has changed. */
export type Secret = { readonly value: string } | { readonly file: string }

export interface Bounds {
  readonly min: number
  readonly max: number
  readonly default: number
}

/** One mapping of a configuration, read key by key; `finish` notes every key that nobody has asked for. */
export class OptionNode {
  readonly field: Field
  readonly isPresent: boolean
  readonly #reader: DocumentReader
  readonly #members: ReadonlyMap<string, Field>
  readonly #asked = new Set<string>()

  /** `isPresent`: whether there is a mapping at `field`; an absent one has no members. */
  constructor(reader: DocumentReader, field: Field, isPresent = true) {
    this.field = field
    this.isPresent = isPresent
    this.#reader = reader
    this.#members = new Map(isPresent ? reader.entries(field) : [])
  }

  /** Notes that the value of `key`, or its absence, is not what is `allowed`. */
  problem(key: string, allowed: string): undefined {
    const member = this.#members.get(key)
    return this.#reader.problem(member ?? this.field, member === undefined ? `${key} ${allowed}` : allowed)
  }

  has(key: string): boolean {
    return this.#ask(key) !== undefined
  }

  text(key: string): string | undefined {
    return this.#reader.text(this.#ask(key))
  }

  /** A text in a certain form; `form` ends the sentence "must be …". */
  matching(key: string, pattern: RegExp, form: string): string | undefined {
    return this.#reader.parsed(this.#ask(key), (text) => (pattern.test(text) ? text : undefined), form)
  }

  required(key: string): string {
    const text = this.text(key)
    if (!this.has(key) || text === '') this.problem(key, 'is missing')
    return text ?? ''
  }

  flag(key: string, fallback: boolean): boolean {
    return this.#reader.boolean(this.#ask(key)) ?? fallback
  }

  word<T extends string>(key: string, allowed: readonly T[], fallback: T): T {
    return this.#reader.word(this.#ask(key), allowed) ?? fallback
  }

  texts(key: string): readonly string[] | undefined {
    const field = this.#ask(key)
    return field === undefined ? undefined : this.#reader.texts(field)
  }

  /** A mapping of names to texts. */
  textRecord(key: string): Readonly<Record<string, string>> {
    return this.#reader.textRecord(this.#ask(key))
  }

  count(key: string, bounds: Bounds): number {
    const value = this.#reader.number(this.#ask(key))
    return this.#within(key, bounds, { value, shown: String })
  }

  bytes(key: string, bounds: Bounds): number {
    const value = this.#reader.parsed(this.#ask(key), parseByteSize, byteSizeForm)
    return this.#within(key, bounds, { value, shown: String })
  }

  /** Milliseconds. */
  duration(key: string, bounds: Bounds): number {
    const value = this.#reader.parsed(this.#ask(key), parseDuration, durationForm)
    return this.#within(key, bounds, { value, shown: (ms) => (ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`) })
  }

  /** An address such as `https://host:9200/path`, without a password in it. */
  url(key: string, schemes: readonly string[]): string {
    const text = this.required(key)
    if (text === '') return ''
    const url = URL.parse(text)
    if (url === null || !schemes.includes(url.protocol.slice(0, -1)) || url.hostname === '') {
      this.problem(key, `must be an address that begins with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`)
      return ''
    }
    if (url.username !== '' || url.password !== '') this.problem(key, 'must not hold a password: there are options for it')
    return text
  }

  /** `key` or, in a file, `key_file`. */
  secret(key: string): Secret | undefined {
    const value = this.text(key)
    const file = this.file(`${key}_file`)
    if (value !== undefined && file !== undefined) return this.problem(`${key}_file`, `cannot be given together with ${key}`)
    // Not as a problem of the value, which would be shown.
    if (value !== undefined && !isHeaderValue(value)) return this.#reader.problem(this.field, `${key} must be printable ASCII`)
    if (value !== undefined) return { value }
    return file === undefined ? undefined : { file }
  }

  /** The path of a file that can be read. */
  file(key: string): string | undefined {
    const path = this.text(key)
    if (path === undefined) return undefined
    try {
      accessSync(path, constants.R_OK)
      return path
    } catch (error) {
      return this.problem(key, `cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`)
    }
  }

  /** A mapping within this one, without members where it is absent. */
  child(key: string): OptionNode {
    const field = this.#ask(key)
    return new OptionNode(this.#reader, field ?? this.field, field !== undefined)
  }

  /** Notes keys that mean nothing here. */
  finish(): void {
    for (const key of this.#members.keys()) {
      // The value is not shown: it may be a secret under a name that is mistyped.
      if (!this.#asked.has(key)) this.#reader.problem(this.field, `unknown field ${key}; allowed here: ${[...this.#asked].join(', ')}`)
    }
  }

  #ask(key: string): Field | undefined {
    this.#asked.add(key)
    return this.#members.get(key)
  }

  #within(
    key: string,
    { min, max, default: fallback }: Bounds,
    { value, shown }: { readonly value: number | undefined; readonly shown: (value: number) => string },
  ): number {
    if (value === undefined) return fallback
    if (Number.isInteger(value) && value >= min && value <= max) return value
    this.problem(key, `must be whole, from ${shown(min)} to ${shown(max)}`)
    return fallback
  }
}
