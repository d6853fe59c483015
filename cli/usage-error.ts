/** A mistake in what was typed: shown as one line, exit code 2. */
export class UsageError extends Error {
  readonly code = 'USAGE'
}
