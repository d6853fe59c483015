import { badRequest } from './status-error.ts'

/** A body as text, and the fields that it gave more than once. */
export interface Decoded {
  readonly value: unknown
  /** Paths, as in `SchemaReport.unknownFields`. */
  readonly duplicates: readonly string[]
}

/** Deeper nesting than this is refused, as upstream does: it serves only to exhaust the stack. */
const maxDepth = 1000

/**
 * Parses JSON; throws a BadRequest for malformed text. The last of several equal fields counts. `__proto__` fields become plain fields,
 * which no definition has. Numbers are JavaScript's.
 */
export function decodeJson(bytes: Uint8Array | string): Decoded {
  const text = typeof bytes === 'string' ? bytes : decodeUtf8(bytes)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw badRequest(`the object provided is unrecognized (must be of type JSON): ${(error as Error).message}`)
  }
  return { value, duplicates: findDuplicates(text) }
}

/** The text of UTF-8 bytes. */
export function decodeUtf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

interface Level {
  readonly keys: Set<string> | undefined
  path: string
  index: number
}

/**
 * Walks text that JSON.parse has accepted and reports keys that occur twice in one object. Strings are skipped by `indexOf`, so that large
 * values cost little.
 */
function findDuplicates(text: string): string[] {
  const duplicates: string[] = []
  const levels: Level[] = []
  let key = ''
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: {
        const end = stringEnd(text, at)
        const level = levels.at(-1)
        if (level?.keys !== undefined && isKey(text, end)) {
          const raw = text.slice(at + 1, end)
          key = raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw
          const path = level.path === '' ? key : `${level.path}.${key}`
          if (level.keys.has(key)) duplicates.push(path)
          else level.keys.add(key)
        }
        at = end
        break
      }
      case 0x7b:
      case 0x5b: {
        if (levels.length >= maxDepth) throw badRequest('the object provided is unrecognized: exceeded max depth')
        levels.push({ keys: text[at] === '{' ? new Set() : undefined, path: childPath(levels.at(-1), key), index: 0 })
        break
      }
      case 0x7d:
      case 0x5d:
        levels.pop()
        break
      case 0x2c: {
        const level = levels.at(-1)
        if (level !== undefined) level.index++
        break
      }
    }
  }
  return duplicates
}

function childPath(level: Level | undefined, key: string): string {
  if (level === undefined) return ''
  if (level.keys === undefined) return `${level.path}[${level.index}]`
  return level.path === '' ? key : `${level.path}.${key}`
}

function stringEnd(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (end > 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0
  while (text[at - 1 - backslashes] === '\\') backslashes++
  return backslashes % 2 === 1
}

function isKey(text: string, end: number): boolean {
  for (let at = end + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x3a) return true
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return false
  }
  return false
}
