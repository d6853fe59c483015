import type { Clock } from '../../lib/clock.ts'
import type { RateLimit } from '../routing/extensions.ts'

/** So many keys may have used something of their allowance before those are looked for that are whole again. */
const maxKeys = 1000

/** Rates of many, by key: so many in a time, spent evenly, the first ones at once. By the monotonic clock. */
export class Allowances {
  readonly #clock: Clock
  /** When each allowance is whole again. */
  readonly #fullAt = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Milliseconds until one more is within the rate; 0 is now, and takes it from the allowance. */
  take(key: string, limit: RateLimit): number {
    const waitMs = this.#waitMs(key, limit)
    if (waitMs === 0) this.#spend(key, limit)
    return waitMs
  }

  /** Takes one more in any case; the answer is in how many milliseconds it may be used. */
  reserve(key: string, limit: RateLimit): number {
    const waitMs = this.#waitMs(key, limit)
    this.#spend(key, limit)
    return waitMs
  }

  #waitMs(key: string, { notifications, perMs }: RateLimit): number {
    const now = this.#clock.monotonic()
    const usedMs = Math.max(this.#fullAt.get(key) ?? now, now) - now
    // The sum of fractions must not deny the last of the allowance.
    return Math.max(Math.ceil(usedMs - (perMs - perMs / notifications) - 0.001), 0)
  }

  #spend(key: string, { notifications, perMs }: RateLimit): void {
    const now = this.#clock.monotonic()
    this.#fullAt.set(key, Math.max(this.#fullAt.get(key) ?? now, now) + perMs / notifications)
    if (this.#fullAt.size <= maxKeys) return
    for (const [other, fullAt] of this.#fullAt) if (fullAt <= now) this.#fullAt.delete(other)
  }
}
