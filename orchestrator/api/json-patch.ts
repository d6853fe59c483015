import { isDeepStrictEqual } from 'node:util'
import { badRequest, entityTooLarge, unprocessable, type StatusError } from './status-error.ts'

/** As upstream: more operations than this in one patch are refused. */
const maxOperations = 10_000

interface Operation {
  readonly op: 'add' | 'remove' | 'replace' | 'move' | 'copy' | 'test'
  readonly path: readonly string[]
  readonly from?: readonly string[]
  readonly value?: unknown
}

/**
 * RFC 6902. The result of the operations on a copy; `document` stays as it is. Throws 400 for malformed operations, 422 where one cannot be
 * applied.
 */
export function applyJsonPatch(document: unknown, operations: unknown): unknown {
  if (!Array.isArray(operations)) throw badRequest('error decoding patch: json: a JSON patch must be an array of operations')
  if (operations.length > maxOperations)
    throw entityTooLarge(`The allowed maximum operations in a JSON patch is ${maxOperations}, got ${operations.length}`)
  const parsed = operations.map(parseOperation)
  const holder = { root: structuredClone(document) }
  for (const operation of parsed) applyOperation(holder, operation)
  return holder.root
}

interface Holder {
  root: unknown
}

function parseOperation(operation: unknown, index: number): Operation {
  const { op, path, from, value } = (operation ?? {}) as Record<string, unknown>
  if (typeof op !== 'string' || !['add', 'remove', 'replace', 'move', 'copy', 'test'].includes(op))
    throw badRequest(
      `error decoding patch: operation ${index}: op: ${JSON.stringify(op)}: supported values: add, remove, replace, move, copy, test`,
    )
  if (typeof path !== 'string') throw badRequest(`error decoding patch: operation ${index}: path: must be a string`)
  if ((op === 'move' || op === 'copy') && typeof from !== 'string')
    throw badRequest(`error decoding patch: operation ${index}: from: must be a string`)
  const needsValue = op === 'add' || op === 'replace' || op === 'test'
  if (needsValue && !Object.hasOwn(operation as object, 'value'))
    throw badRequest(`error decoding patch: operation ${index}: value: must be given`)
  return {
    op: op as Operation['op'],
    path: parsePointer(path, index),
    ...(typeof from === 'string' ? { from: parsePointer(from, index) } : {}),
    value,
  }
}

function parsePointer(pointer: string, index: number): string[] {
  if (pointer === '') return []
  if (!pointer.startsWith('/'))
    throw badRequest(`error decoding patch: operation ${index}: path: ${JSON.stringify(pointer)} must start with '/'`)
  return pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

const pointerText = (path: readonly string[]) => path.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

function applyOperation(holder: Holder, { op, path, from, value }: Operation): void {
  switch (op) {
    case 'add':
      return add(holder, path, structuredClone(value))
    case 'remove':
      remove(holder, path, op)
      return
    case 'replace':
      return replace(holder, path, structuredClone(value))
    case 'copy':
      return add(holder, path, structuredClone(read(holder, from!, op)))
    case 'move': {
      if (path.length > from!.length && from!.every((part, at) => part === path[at]))
        throw refused(op, path, 'a value cannot move into itself')
      return add(holder, path, remove(holder, from!, op))
    }
    case 'test':
      return test(holder, path, value)
  }
}

function test(holder: Holder, path: readonly string[], value: unknown): void {
  let found: unknown
  try {
    found = read(holder, path, 'test')
  } catch (error) {
    // As upstream's library: a test for null passes where the last member is missing.
    if (value !== null) throw error
    found = null
  }
  if (!isDeepStrictEqual(found, value)) throw refused('test', path, 'testing value failed')
}

function refused(op: string, path: readonly string[], why: string): StatusError {
  return unprocessable(
    `the server rejected our request due to an error in our request: ${op} operation on ${JSON.stringify(pointerText(path))}: ${why}`,
  )
}

function read(holder: Holder, path: readonly string[], op: string): unknown {
  let value = holder.root
  for (const part of path) value = child(value, part, { op, path })
  return value
}

interface Where {
  readonly op: string
  readonly path: readonly string[]
}

function child(value: unknown, part: string, { op, path }: Where): unknown {
  if (Array.isArray(value)) return value[arrayIndex(value, part, { op, path }, value.length - 1)]
  if (isObject(value) && Object.hasOwn(value, part)) return value[part]
  throw refused(op, path, 'path does not exist')
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The index that a pointer part names, at most `highest`. Negative ones count from the end, as upstream's library allows. */
function arrayIndex(array: readonly unknown[], part: string, { op, path }: Where, highest: number): number {
  if (part === '-' && highest === array.length) return array.length
  if (!/^-?(?:0|[1-9]\d*)$/.test(part)) throw refused(op, path, `${JSON.stringify(part)} is no array index`)
  const index = Number(part) < 0 ? array.length + Number(part) : Number(part)
  if (index < 0 || index > highest) throw refused(op, path, `array index ${part} is out of bounds`)
  return index
}

function parentOf(holder: Holder, path: readonly string[], op: string): Record<string, unknown> | unknown[] {
  let parent = holder.root
  for (const part of path.slice(0, -1)) parent = child(parent, part, { op, path })
  if (Array.isArray(parent) || isObject(parent)) return parent
  throw refused(op, path, 'path does not exist')
}

function add(holder: Holder, path: readonly string[], value: unknown): void {
  if (path.length === 0) {
    holder.root = value
    return
  }
  const parent = parentOf(holder, path, 'add')
  const last = path.at(-1)!
  if (Array.isArray(parent)) parent.splice(arrayIndex(parent, last, { op: 'add', path }, parent.length), 0, value)
  else define(parent, last, value)
}

/** Sets a member without ever reaching the prototype. */
function define(object: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
}

function remove(holder: Holder, path: readonly string[], op: string): unknown {
  if (path.length === 0) throw refused(op, path, 'the whole document cannot be removed')
  const parent = parentOf(holder, path, op)
  const last = path.at(-1)!
  if (Array.isArray(parent)) return parent.splice(arrayIndex(parent, last, { op, path }, parent.length - 1), 1)[0]
  const value = child(parent, last, { op, path })
  delete parent[last]
  return value
}

function replace(holder: Holder, path: readonly string[], value: unknown): void {
  if (path.length === 0) {
    holder.root = value
    return
  }
  const parent = parentOf(holder, path, 'replace')
  const last = path.at(-1)!
  child(parent, last, { op: 'replace', path })
  if (Array.isArray(parent)) parent[arrayIndex(parent, last, { op: 'replace', path }, parent.length - 1)] = value
  else define(parent, last, value)
}
