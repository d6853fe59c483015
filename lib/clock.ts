/**
 * Time as a dependency. Everything that waits or stamps takes a `Clock`, so tests run simulated hours in milliseconds.
 * Pure code takes `now` as an argument instead.
 */
export interface Clock {
  /** Wall-clock time, milliseconds since the Unix epoch. May jump. */
  now(): number
  /** Milliseconds since an arbitrary point, fractional, never going back: the only thing to measure durations with. */
  monotonic(): number
  /** Resolves after `ms` milliseconds, or at once (without throwing) when `signal` aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Calls `callback` once after `ms` milliseconds. Timers never keep the process alive on their own. */
  setTimer(ms: number, callback: () => void): Timer
}

/** A pending call; `cancel` is idempotent and safe after the call has happened. */
export interface Timer {
  cancel(): void
}

/** The largest delay that a Node timer takes; longer ones would fire at once. */
const maxTimerMs = 2_147_483_647

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const finish = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', finish)
        resolve()
      }
      const timer = setTimeout(finish, Math.min(Math.max(ms, 0), maxTimerMs))
      signal?.addEventListener('abort', finish, { once: true })
    }),
  setTimer: (ms, callback) => {
    const timer = setTimeout(callback, Math.min(Math.max(ms, 0), maxTimerMs))
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
}

/** Milliseconds since the epoch as the second-precision RFC 3339 text of `metav1.Time`. */
export function toTimestamp(ms: number): string {
  return new Date(Math.floor(ms / 1000) * 1000).toISOString().replace('.000Z', 'Z')
}

/** Milliseconds since the epoch as the microsecond-precision text of `metav1.MicroTime`. */
export function toMicroTimestamp(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z')
}

/** The milliseconds since the epoch of an RFC 3339 text, or `undefined` where there is none or it is malformed. */
export function fromTimestamp(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}
