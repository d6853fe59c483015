import { pino } from 'pino'

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
  return pino(
    {
      level: options.level,
      base: { component: options.component },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: secretPaths, censor: '[redacted]' },
    },
    output,
  )
}

/** A logger that drops everything, for tests and for callers that do not care. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
}
