import { parseDuration } from '../../../lib/duration.ts'
import { parseByteSize } from '../../../lib/byte-size.ts'
import type { LimitSettings, MultilineSettings, ParserSettings } from '../settings.ts'
import { compilePattern, PatternError } from './pattern.ts'

const prefix = 'binnacle.io/logs-'

/** What a pod says of its own logs. */
export interface Wishes {
  isExcluded?: boolean
  parser?: ParserSettings
  multiline?: MultilineSettings
  limit?: LimitSettings
}

/** Wishes, and what was written and is not heeded. */
export interface ReadWishes {
  readonly wishes: Wishes
  readonly problems: readonly string[]
}

const parsers = ['json', 'logfmt', 'klog', 'access', 'none'] as const

/** How each wish is read; `undefined` for a value that is not allowed. */
const readers: Readonly<Record<string, { readonly allowed: string; read(value: string, wishes: Wishes): true | undefined }>> = {
  exclude: {
    allowed: 'true or false',
    read: (value, wishes) => {
      if (value !== 'true' && value !== 'false') return undefined
      wishes.isExcluded = value === 'true'
      return true
    },
  },
  parser: {
    allowed: `${parsers.join(', ')}, or regex: and a regular expression with named groups`,
    read: (value, wishes) => {
      const word = parsers.find((name) => name === value)
      if (word !== undefined) wishes.parser = { type: word }
      else if (value.startsWith('regex:') && compilePattern(value.slice(6)).groupNames.length > 0)
        wishes.parser = { type: 'regex', pattern: value.slice(6) }
      else return undefined
      return true
    },
  },
  multiline: {
    allowed: 'a regular expression that the first line of an entry matches',
    read: (value, wishes) => {
      if (value === '') return undefined
      compilePattern(value)
      wishes.multiline = { start: value, timeoutMs: wishes.multiline?.timeoutMs ?? 2000, maxLines: 500 }
      return true
    },
  },
  'multiline-timeout': {
    allowed: 'a duration from 100ms to 1m',
    read: (value, wishes) => {
      const timeoutMs = parseDuration(value)
      if (timeoutMs === undefined || timeoutMs < 100 || timeoutMs > 60_000) return undefined
      if (wishes.multiline !== undefined) wishes.multiline = { ...wishes.multiline, timeoutMs }
      return true
    },
  },
  'limit-lines': {
    allowed: 'lines a second, such as 1000',
    read: (value, wishes) => {
      if (!/^[1-9]\d{0,8}$/.test(value)) return undefined
      wishes.limit = { bytesPerSecond: Number.POSITIVE_INFINITY, burstSeconds: 5, ...wishes.limit, linesPerSecond: Number(value) }
      return true
    },
  },
  'limit-bytes': {
    allowed: 'bytes a second, such as 1MiB',
    read: (value, wishes) => {
      const bytes = parseByteSize(value)
      if (bytes === undefined || bytes < 1) return undefined
      wishes.limit = { linesPerSecond: Number.POSITIVE_INFINITY, burstSeconds: 5, ...wishes.limit, bytesPerSecond: bytes }
      return true
    },
  },
}

/**
 * Reads what annotations wish of the logs of a container; `binnacle.io/logs-parser.web` is for the container `web` alone and counts more than the
 * same for all. Whatever is not as it should be is told and not heeded.
 */
export function readWishes(annotations: Readonly<Record<string, string>>, container: string): ReadWishes {
  const wishes: Wishes = {}
  const problems: string[] = []
  for (const [name, reader] of Object.entries(readers)) {
    const own = `${prefix}${name}.${container}`
    const key = Object.hasOwn(annotations, own) ? own : `${prefix}${name}`
    if (!Object.hasOwn(annotations, key)) continue
    const value = annotations[key]!
    const why = problemOf(() => reader.read(value, wishes), reader.allowed)
    if (why !== undefined) problems.push(`${key}: ${JSON.stringify(value.slice(0, 80))}: allowed is ${why}`)
  }
  return { wishes, problems }
}

function problemOf(read: () => true | undefined, allowed: string): string | undefined {
  try {
    return read() === true ? undefined : allowed
  } catch (error) {
    if (error instanceof PatternError) return error.message
    throw error
  }
}
