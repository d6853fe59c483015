import { invalidValue } from '../field-errors.ts'
import { between } from '../field-rules.ts'
import type { StatusCause } from '../status-error.ts'

/** A path that goes up nowhere. */
export function checkNoBacksteps(path: string, field: string): StatusCause[] {
  return path.split('/').includes('..') ? [invalidValue(field, path, "must not contain '..'")] : []
}

/** A path below another one that must not leave it. */
export function checkDescendingPath(path: string, field: string): StatusCause[] {
  return [...(path.startsWith('/') ? [invalidValue(field, path, 'must be a relative path')] : []), ...checkNoBacksteps(path, field)]
}

/** A file's name in a volume: as a descending path, and not of a name that the writer of volumes uses itself. */
export function checkVolumePath(path: string, field: string): StatusCause[] {
  const isReserved = path.startsWith('..') && !path.startsWith('../')
  return [...checkDescendingPath(path, field), ...(isReserved ? [invalidValue(field, path, "must not start with '..'")] : [])]
}

/** The permissions of a file. */
export const fileMode = between(0, 0o777, 'must be a number between 0 and 0777 (octal), both inclusive')
