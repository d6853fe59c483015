import type { Logger } from 'pino'
import { lazyPackage } from './lazy-package.ts'

/**
 * Structured logging: `log.info({ namespace, name }, 'message')`. error = a person must act; warn = degraded and healing;
 * info = state changed; debug = why. Libraries throw; only the top of a chain logs, once.
 */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  /** A logger for one component that puts `fields` on every line. */
  child(fields: Record<string, unknown>): Log
}

/** Field paths whose values never reach a log line. */
const secretPaths = ['token', 'password', 'authorization', 'secret', '*.token', '*.password', '*.authorization', '*.secret', '*.data']

/** Which lines are written: those of a level and of graver ones. */
const severities = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60, silent: Infinity }
const library = lazyPackage<typeof import('pino')>('pino')

/**
 * The process's root logger: JSON lines on standard error, secrets redacted. Built once, in a `main.ts`. What writes is loaded with the first line: the
 * supervisor hardly ever has one.
 */
export function createLog({ level, component }: { readonly level: string; readonly component: string }): Log {
  let root: Logger | undefined
  return withFields(
    { least: severities[level as keyof typeof severities] ?? severities.info, of: () => (root ??= openRoot(component)) },
    {},
  )
}

function openRoot(component: string): Logger {
  const { pino } = library()
  const output = pino.destination({ dest: 2, sync: true })
  // A full disk costs log lines, never the process.
  output.on('error', () => {})
  return pino(
    {
      level: 'trace',
      base: { component },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: secretPaths, censor: '[redacted]' },
    },
    output,
  )
}

interface Root {
  readonly least: number
  of(): Logger
}

/** Strict readers of JSON refuse a field that is there twice: a child's takes the place of its parent's, and parts of parts are joined. */
function withFields(root: Root, fields: Readonly<Record<string, unknown>>): Log {
  let logger: Logger | undefined
  const writeAt = (level: 'debug' | 'info' | 'warn' | 'error') => (more: object, message: string) => {
    if (severities[level] < root.least) return
    logger ??= root.of().child(fields)
    logger[level](more, message)
  }
  return {
    debug: writeAt('debug'),
    info: writeAt('info'),
    warn: writeAt('warn'),
    error: writeAt('error'),
    child: (more) => {
      const isNested = fields['part'] !== undefined && more['part'] !== undefined
      return withFields(root, { ...fields, ...more, ...(isNested ? { part: `${String(fields['part'])}/${String(more['part'])}` } : {}) })
    },
  }
}

/** A logger that drops everything, for tests and for callers that do not care. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
}
