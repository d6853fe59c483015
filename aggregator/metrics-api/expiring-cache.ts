import type { Clock } from '../../lib/clock.ts'

export interface ExpiringCacheOptions<V> {
  readonly clock: Clock
  /** How long an answer is good for; 0 keeps it only for those that asked while it was on its way. */
  readonly ttlMs: (value: V) => number
  /** More entries than this push out the oldest. */
  readonly maxEntries: number
}

/** Answers by key that are asked for once: while one is on its way or fresh, everybody gets it. Failures are not kept. */
export class ExpiringCache<V> {
  readonly #options: ExpiringCacheOptions<V>
  readonly #entries = new Map<string, { readonly answer: Promise<V>; until: number }>()

  constructor(options: ExpiringCacheOptions<V>) {
    this.#options = options
  }

  /** The answer for a key, from `load` when there is none that is fresh. Rejects as `load` does. */
  get(key: string, load: () => Promise<V>): Promise<V> {
    const { clock, ttlMs, maxEntries } = this.#options
    const known = this.#entries.get(key)
    if (known !== undefined && known.until > clock.monotonic()) return known.answer
    const entry = { answer: load(), until: Infinity }
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    if (this.#entries.size > maxEntries) this.#entries.delete(this.#entries.keys().next().value!)
    entry.answer.then(
      (value) => {
        entry.until = clock.monotonic() + ttlMs(value)
      },
      () => {
        if (this.#entries.get(key) === entry) this.#entries.delete(key)
      },
    )
    return entry.answer
  }

  get size(): number {
    return this.#entries.size
  }
}
