import { definitionOf, type Definition, type Shape, type ShapeType } from './definition.ts'
import type { Kind } from './object.ts'
import { canonicalQuantity, quantityMessage, tryParseQuantity } from './quantity.ts'
import { badRequest, type StatusError } from './status-error.ts'

/** What is wrong with the shape of a decoded body. */
export interface SchemaReport {
  /** Paths of fields that the definition does not have: `spec.foo`, `spec.containers[0].imagee`. */
  readonly unknownFields: readonly string[]
  /** In the words of upstream's decoder; any makes the body unacceptable whatever the field validation level. */
  readonly typeErrors: readonly string[]
}

interface Draft {
  readonly unknownFields: string[]
  readonly typeErrors: string[]
}

/** Where a walk is: the nearest struct, and the way to it without indices as Go's decoder counts it. */
interface Place {
  readonly struct: string
  readonly path: string
  readonly goPath: string
}

/** Compares a decoded body with its definition. Nothing is changed. */
export function checkSchema(definition: string, object: unknown): SchemaReport {
  const report: Draft = { unknownFields: [], typeErrors: [] }
  const compiled = definitionOf(definition)
  if (isPlainObject(object)) checkStruct(compiled, object, { struct: compiled.shortName, path: '', goPath: '' }, report)
  else report.typeErrors.push(`json: cannot unmarshal ${jsonTypeName(object)} into Go value of type ${compiled.shortName}`)
  return report
}

function checkStruct(definition: Definition, object: Record<string, unknown>, place: Place, report: Draft): void {
  for (const name in object) {
    const shape = definition.fields.get(name)
    const value = object[name]
    if (shape === undefined) report.unknownFields.push(join(place.path, name))
    else if (value !== null && !isSimpleMatch(shape, value)) {
      checkValue(shape, value, { struct: definition.shortName, path: join(place.path, name), goPath: join(place.goPath, name) }, report)
    }
  }
}

/** The common case without building a path. */
function isSimpleMatch(shape: Shape, value: unknown): boolean {
  return (
    (shape.type === 'string' && typeof value === 'string') ||
    (shape.type === 'boolean' && typeof value === 'boolean') ||
    shape.type === 'any'
  )
}

function checkValue(shape: Shape, value: unknown, place: Place, report: Draft): void {
  if (value === null) return
  switch (shape.type) {
    case 'any':
      return
    case 'struct':
      if (isPlainObject(value)) checkStruct(shape.definition, value, place, report)
      else mismatch(shape, value, place, report)
      return
    case 'array':
      if (!Array.isArray(value)) return mismatch(shape, value, place, report)
      for (let at = 0; at < value.length; at++) {
        if (!isSimpleMatch(shape.items!, value[at])) checkValue(shape.items!, value[at], { ...place, path: `${place.path}[${at}]` }, report)
      }
      return
    case 'map':
      if (!isPlainObject(value)) return mismatch(shape, value, place, report)
      for (const key in value) {
        if (!isSimpleMatch(shape.values!, value[key]))
          checkValue(shape.values!, value[key], { ...place, path: join(place.path, key), goPath: place.goPath }, report)
      }
      return
    default:
      checkScalar(shape, value, place, report)
  }
}

function checkScalar(shape: Shape, value: unknown, place: Place, report: Draft): void {
  switch (shape.type) {
    case 'bytes':
      if (typeof value !== 'string') return mismatch(shape, value, place, report)
      if (!isBase64(value)) report.typeErrors.push(`illegal base64 data at input byte ${badBase64At(value)}`)
      return
    case 'quantity':
      if ((typeof value !== 'string' && typeof value !== 'number') || tryParseQuantity(value) === undefined)
        report.typeErrors.push(quantityMessage)
      return
    case 'time':
      if (typeof value !== 'string') return mismatch(shape, value, place, report)
      if (!timePattern.test(value) || Number.isNaN(Date.parse(value)))
        report.typeErrors.push(
          `parsing time ${JSON.stringify(value)} as "2006-01-02T15:04:05Z07:00": cannot parse ${JSON.stringify(value)} as "2006"`,
        )
      return
    default:
      if (!isPlainScalar(shape.type, value)) mismatch(shape, value, place, report)
  }
}

function isPlainScalar(type: ShapeType, value: unknown): boolean {
  switch (type) {
    case 'string':
      return typeof value === 'string'
    case 'boolean':
      return typeof value === 'boolean'
    case 'double':
      return typeof value === 'number'
    case 'intOrString':
      return typeof value === 'string' || isInteger(value, 'int32')
    default:
      return isInteger(value, type)
  }
}

const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:\d\d)$/
const base64Pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
// Go's decoder skips line breaks inside base64 text.
const isBase64 = (text: string) => base64Pattern.test(text) || (/[\r\n]/.test(text) && base64Pattern.test(text.replace(/[\r\n]/g, '')))
const badBase64At = (text: string) => {
  const at = text.search(/[^A-Za-z0-9+/\r\n]/)
  return at < 0 ? text.length - (text.length % 4) : at
}

function isInteger(value: unknown, type: ShapeType): boolean {
  if (!Number.isInteger(value)) return false
  return type === 'int64' || ((value as number) >= -2_147_483_648 && (value as number) <= 2_147_483_647)
}

function mismatch(shape: Shape, value: unknown, place: Place, report: Draft): void {
  report.typeErrors.push(
    `json: cannot unmarshal ${jsonTypeName(value)} into Go struct field ${place.struct}.${place.goPath} of type ${shape.goType}`,
  )
}

function jsonTypeName(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  if (value === null) return 'null'
  if (typeof value === 'boolean') return 'bool'
  // Go names the number only where a number was allowed but not this one.
  if (typeof value === 'number') return Number.isInteger(value) && Math.abs(value) <= 2_147_483_647 ? 'number' : `number ${value}`
  return typeof value
}

const join = (path: string, name: string) => (path === '' ? name : `${path}.${name}`)
const isPlainObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The object without unknown fields and nulls, with quantities in canonical form. Shares what needs no change with `object`. */
export function pruneUnknown<T>(definition: string, object: T): T {
  return isPlainObject(object) ? (pruneStruct(definitionOf(definition), object) as T) : object
}

function pruneStruct(definition: Definition, object: Record<string, unknown>): Record<string, unknown> {
  return rebuild(object, (name, value) => {
    const shape = definition.fields.get(name)
    return shape === undefined || value === null ? undefined : pruneValue(shape, value)
  })
}

/** The object with each value mapped (`undefined` drops it); the object itself when nothing changed. */
function rebuild(object: Record<string, unknown>, map: (name: string, value: unknown) => unknown): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined
  for (const name in object) {
    const before = object[name]
    const after = map(name, before)
    if (after === before) continue
    copy ??= { ...object }
    if (after === undefined) delete copy[name]
    // A map may hold this key as plain data; assigning it would change the prototype instead.
    else if (name !== '__proto__') copy[name] = after
  }
  return copy ?? object
}

function pruneValue(shape: Shape, value: unknown): unknown {
  switch (shape.type) {
    case 'struct':
      return isPlainObject(value) ? pruneStruct(shape.definition, value) : value
    case 'array':
      return Array.isArray(value) ? pruneArray(shape, value) : value
    case 'map':
      // Null values of a map stand for the zero value in Go; only maps of texts occur with them.
      return isPlainObject(value)
        ? rebuild(value, (_, entry) => (entry === null ? zeroOf(shape.values!) : pruneValue(shape.values!, entry)))
        : value
    case 'quantity':
      return typeof value === 'string' || typeof value === 'number' ? canonicalQuantity(value) : value
    case 'time':
      return typeof value === 'string' && !value.endsWith('Z') ? normalTime(value) : value
    default:
      return value
  }
}

function pruneArray(shape: Shape, value: unknown[]): unknown[] {
  let copy: unknown[] | undefined
  for (let at = 0; at < value.length; at++) {
    const after = value[at] === null ? zeroOf(shape.items!) : pruneValue(shape.items!, value[at])
    if (after === value[at]) continue
    copy ??= [...value]
    copy[at] = after
  }
  return copy ?? value
}

function zeroOf(shape: Shape): unknown {
  if (shape.type === 'string' || shape.type === 'bytes') return ''
  if (shape.type === 'struct') return {}
  return shape.type === 'boolean' ? false : shape.type === 'quantity' ? '0' : 0
}

function normalTime(text: string): string {
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? text : new Date(ms).toISOString().replace('.000Z', 'Z')
}

/** The 400 for a body with `typeErrors`: `Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal …`. */
export function decodingError(kind: Pick<Kind, 'version' | 'kind'>, typeErrors: readonly string[]): StatusError {
  return badRequest(`${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: ${typeErrors[0]}`)
}

/** The warnings (`fieldValidation=Warn`) of unknown and duplicate fields, in upstream's words. */
export function strictWarnings(unknownFields: readonly string[], duplicates: readonly string[]): readonly string[] {
  return [...duplicates.map((path) => `duplicate field "${path}"`), ...unknownFields.map((path) => `unknown field "${path}"`)]
}

/** The 400 of `fieldValidation=Strict`. */
export function strictDecodingError(kind: Pick<Kind, 'version' | 'kind'>, warnings: readonly string[]): StatusError {
  return badRequest(
    `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: strict decoding error: ${warnings.join(', ')}`,
  )
}

export { decodeJson, type Decoded } from './decode-json.ts'
export { decodeYaml } from './decode-yaml.ts'
