/** Trying again can't help, only a change of the object can: the loop logs and counts it and doesn't retry. */
export class TerminalError extends Error {
  readonly code = 'ETERMINAL'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'TerminalError'
  }
}

export const isTerminal = (error: unknown): error is TerminalError =>
  error instanceof Error && 'code' in error && error.code === 'ETERMINAL'
