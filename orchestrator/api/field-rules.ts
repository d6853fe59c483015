import { invalidValue, notSupported, required } from './field-errors.ts'
import type { StatusCause } from './status-error.ts'

/** Says what is wrong with a value at a path. Absent values are shown to it, too; most rules have nothing to say of them. */
export type Rule<V> = (value: V | undefined, field: string) => readonly StatusCause[]

/** A struct of a body, of which anything may be missing until its rules were asked. */
export const partial = <T extends object>(value: T): Partial<T> => value

/** Rules of a struct's fields, as data. Fields without a rule are free. */
export type FieldRules<T> = { readonly [F in keyof T]?: Rule<Exclude<T[F], undefined>> }

const nothing: readonly StatusCause[] = []

/** Everything that a struct's table has to say, in the order of the table. `path` is '' for a whole object. */
export function checkFields<T extends object>(object: T, path: string, rules: FieldRules<T>): StatusCause[] {
  const causes: StatusCause[] = []
  for (const name in rules) {
    const found = rules[name]!(object[name] as never, path === '' ? name : `${path}.${name}`)
    if (found.length > 0) causes.push(...found)
  }
  return causes
}

/** A nested struct with a table of its own, and with what involves more than one of its fields. */
export function struct<T extends object>(rules: FieldRules<T>, whole?: (value: T, field: string) => readonly StatusCause[]): Rule<T> {
  return (value, field) => {
    if (value === undefined) return nothing
    const causes = checkFields(value, field, rules)
    return whole === undefined ? causes : [...causes, ...whole(value, field)]
  }
}

/** Every item of a list, by one rule. */
export function each<V>(rule: Rule<V>): Rule<readonly V[]> {
  return (list, field) =>
    list === undefined || list.length === 0 ? nothing : list.flatMap((item, index) => rule(item, `${field}[${index}]`))
}

/** All of several rules. */
export function all<V>(...rules: readonly Rule<V>[]): Rule<V> {
  return (value, field) => rules.flatMap((rule) => rule(value, field))
}

/** Must be there and not empty. */
export function present(detail = ''): Rule<unknown> {
  return (value, field) =>
    value === undefined || value === '' || (Array.isArray(value) && value.length === 0) ? [required(field, detail)] : nothing
}

/** One of some words, if given. The words are told in the order given, as upstream tells them. */
export function oneOf(...words: readonly string[]): Rule<string> {
  return (value, field) => (value === undefined || words.includes(value) ? nothing : [notSupported(field, value, words)])
}

/** One of some words, and not left out. `detail` says more where it is. */
export function choice(words: readonly string[], detail = ''): Rule<string> {
  return (value, field) => {
    if (value === undefined || value === '') return [required(field, detail)]
    return words.includes(value) ? nothing : [notSupported(field, value, words)]
  }
}

/** A text of a form, if given and not empty. */
export function formed(check: (text: string) => readonly string[]): Rule<string> {
  return (value, field) => (value === undefined || value === '' ? nothing : causesOf(check, value, field))
}

/** A text of a form that must be there. */
export function named(check: (text: string) => readonly string[]): Rule<string> {
  return (value, field) => (value === undefined || value === '' ? [required(field)] : causesOf(check, value, field))
}

/** What a check of a text found, as causes. */
export function causesOf(check: (text: string) => readonly string[], value: string, field: string): StatusCause[] {
  return check(value).map((message) => invalidValue(field, value, message))
}

/** What upstream says of a number outside a range. */
export const rangeMessage = (low: number, high: number) => `must be between ${low} and ${high}, inclusive`

/** What upstream says of a number below zero. */
export const notNegative = 'must be greater than or equal to 0'

/** A number within bounds, if given. */
export function between(low: number, high: number, message = rangeMessage(low, high)): Rule<number> {
  return (value, field) => (value === undefined || (value >= low && value <= high) ? nothing : [invalidValue(field, value, message)])
}

/** A number not below zero, if given. */
export const count: Rule<number> = between(0, Number.MAX_SAFE_INTEGER, notNegative)

/** A port's number; 0 and absence are as wrong as any other. */
export const port: Rule<number> = (value, field) => between(1, 65_535)(value ?? 0, field)
