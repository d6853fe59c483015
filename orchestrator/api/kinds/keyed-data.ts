import { forbiddenField, invalidValue } from '../field-errors.ts'
import { checkConfigKey } from '../names.ts'
import type { StatusCause } from '../status-error.ts'
import { validateImmutable } from '../validation.ts'

/** The most that all values of a ConfigMap or Secret may have together. */
export const maxBytes = 1024 * 1024

/** How many keys a map has. */
export const countOf = (map: object | undefined) => Object.keys(map ?? {}).length
/** How many bytes a base64 text stands for. */
export const bytesOfBase64 = (text: string) => Math.floor((text.length * 3) / 4)

/** Keys become file names and variables, so they are narrow. */
export function validateKeys(map: Readonly<Record<string, string>> | undefined, field: string): StatusCause[] {
  return Object.keys(map ?? {}).flatMap((key) => checkConfigKey(key).map((message) => invalidValue(`${field}[${key}]`, key, message)))
}

interface MaybeImmutable {
  readonly immutable?: boolean
  readonly data?: unknown
  readonly binaryData?: unknown
}

/** An object marked immutable keeps its data and its mark. */
export function validateSealed(object: MaybeImmutable, previous: MaybeImmutable): StatusCause[] {
  if (previous.immutable !== true) return []
  const sealed = 'field is immutable when `immutable` is set'
  return [
    ...(object.immutable === true ? [] : [forbiddenField('immutable', sealed)]),
    ...(['data', 'binaryData'] as const).flatMap((field) =>
      validateImmutable(field, object[field], previous[field]).map(() => forbiddenField(field, sealed)),
    ),
  ]
}
