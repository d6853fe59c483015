import type { StatusCause } from './status-error.ts'

/** A value as upstream prints it in a field error: texts quoted, objects as JSON. */
function printed(value: unknown): string {
  return JSON.stringify(value) ?? 'null'
}

const withDetail = (text: string, detail: string) => (detail === '' ? text : `${text}: ${detail}`)

/** `Required value: detail`. */
export const required = (field: string, detail = ''): StatusCause => ({
  reason: 'FieldValueRequired',
  message: withDetail('Required value', detail),
  field,
})

/** `Invalid value: "x": detail`. */
export const invalidValue = (field: string, value: unknown, detail = ''): StatusCause => ({
  reason: 'FieldValueInvalid',
  message: withDetail(`Invalid value: ${printed(value)}`, detail),
  field,
})

/** `Unsupported value: "x": supported values: "A", "B"`, in the order given. */
export const notSupported = (field: string, value: unknown, supported: readonly string[]): StatusCause => ({
  reason: 'FieldValueNotSupported',
  message: `Unsupported value: ${printed(value)}: supported values: ${supported.map(printed).join(', ')}`,
  field,
})

/** `Duplicate value: "x"`. */
export const duplicate = (field: string, value: unknown): StatusCause => ({
  reason: 'FieldValueDuplicate',
  message: `Duplicate value: ${printed(value)}`,
  field,
})

/** `Not found: "x"`. */
export const missing = (field: string, value: unknown): StatusCause => ({
  reason: 'FieldValueNotFound',
  message: `Not found: ${printed(value)}`,
  field,
})

/** `Forbidden: detail`. */
export const forbiddenField = (field: string, detail: string): StatusCause => ({
  reason: 'FieldValueForbidden',
  message: `Forbidden: ${detail}`,
  field,
})

/** `Too long: may not be more than N bytes`. */
export const tooLong = (field: string, maxBytes: number): StatusCause => ({
  reason: 'FieldValueTooLong',
  message: `Too long: may not be more than ${maxBytes} bytes`,
  field,
})

/** `Too many: N: must have at most M items`. */
export const tooMany = (field: string, count: number, max: number): StatusCause => ({
  reason: 'FieldValueTooMany',
  message: `Too many: ${count}: must have at most ${max} items`,
  field,
})

/** What upstream says of a change to a field that may not change. */
export const immutableMessage = 'field is immutable'
