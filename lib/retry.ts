import type { Clock } from './clock.ts'
import type { Random } from './random.ts'

/** How delays grow: from `initialMs` by `factor` (2) up to `maxMs`, each lengthened by a random part of up to `jitter` (0.5) of itself. */
export interface BackoffOptions {
  readonly initialMs: number
  readonly maxMs: number
  readonly factor?: number
  readonly jitter?: number
  readonly random: Random
}

/** A growing delay. `next` answers the delay to wait now and grows the following one; `reset` starts over after a success. */
export interface Backoff {
  next(): number
  reset(): void
}

/** An exponential backoff with jitter, so that many clients of a server that comes back don't arrive at once. */
export function createBackoff({ initialMs, maxMs, factor = 2, jitter = 0.5, random }: BackoffOptions): Backoff {
  let delayMs = initialMs
  return {
    next: () => {
      const current = delayMs
      delayMs = Math.min(delayMs * factor, maxMs)
      return current * (1 + jitter * random.fraction())
    },
    reset: () => {
      delayMs = initialMs
    },
  }
}

export interface RetryOptions extends BackoffOptions {
  readonly clock: Clock
  /** How often the operation is tried at most, the first time included. */
  readonly attempts: number
  /** Whether this error is worth another try. All are, unless said otherwise. */
  readonly isRetryable?: (error: unknown) => boolean
  readonly signal?: AbortSignal
}

/**
 * Runs `operation` until it succeeds, and throws its last error when the attempts are used up, the error isn't retryable or the signal aborts.
 */
export async function retry<T>(operation: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const backoff = createBackoff(options)
  for (let attempt = 1; ; attempt++) {
    try {
      return await operation(attempt)
    } catch (error) {
      const isLast = attempt >= options.attempts || options.signal?.aborted === true
      if (isLast || options.isRetryable?.(error) === false) throw error
      await options.clock.sleep(backoff.next(), options.signal)
      if (options.signal?.aborted) throw error
    }
  }
}
