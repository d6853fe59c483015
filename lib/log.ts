import { pino } from 'pino'
import type { Logger } from 'pino'

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

/** The process's root logger: JSON lines on standard error, secrets redacted. Built once, in a `main.ts`. */
export function createLog(options: { readonly level: string; readonly component: string }): Log {
  const output = pino.destination({ dest: 2, sync: true })
  // A full disk costs log lines, never the process.
  output.on('error', () => {})
  const root = pino(
    {
      level: options.level,
      base: { component: options.component },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: secretPaths, censor: '[redacted]' },
    },
    output,
  )
  return withFields(root, {})
}

/** Strict readers of JSON refuse a field that is there twice: a child's takes the place of its parent's, and parts of parts are joined. */
function withFields(root: Logger, fields: Readonly<Record<string, unknown>>): Log {
  const logger = root.child(fields)
  return {
    debug: (more, message) => logger.debug(more, message),
    info: (more, message) => logger.info(more, message),
    warn: (more, message) => logger.warn(more, message),
    error: (more, message) => logger.error(more, message),
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
