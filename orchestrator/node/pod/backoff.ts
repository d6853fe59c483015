/** A key's delay and when it was last lengthened. */
interface Entry {
  delayMs: number
  updatedMs: number
}

/**
 * Waiting times that double with each use of a key, from `initialMs` to `maxMs`, and start anew after quiet of twice `maxMs`: the
 * rules of client-go's `flowcontrol.Backoff`, which the kubelet restarts containers by. Holds no clock: `now` is given.
 */
export class Backoff {
  readonly #initialMs: number
  readonly #maxMs: number
  readonly #entries = new Map<string, Entry>()

  constructor(initialMs: number, maxMs: number) {
    this.#initialMs = initialMs
    this.#maxMs = maxMs
  }

  /** How long `key` still has to wait, counted from `sinceMs` (when the last try ended). 0: it may go ahead. */
  remainingMs(key: string, sinceMs: number, nowMs: number): number {
    const entry = this.#entries.get(key)
    if (entry === undefined || this.#hasExpired(entry, sinceMs)) return 0
    return Math.max(0, sinceMs + entry.delayMs - nowMs)
  }

  /** The delay that a try which ends now would have to wait for. */
  delayMs(key: string): number {
    return this.#entries.get(key)?.delayMs ?? 0
  }

  /** Notes a try: the next one of `key` waits longer. `sinceMs` is when the previous one ended. */
  lengthen(key: string, sinceMs: number, nowMs: number): void {
    const entry = this.#entries.get(key)
    const delayMs = entry === undefined || this.#hasExpired(entry, sinceMs) ? this.#initialMs : Math.min(entry.delayMs * 2, this.#maxMs)
    this.#entries.set(key, { delayMs, updatedMs: nowMs })
  }

  /** Goes on with a delay that was told before this process began. */
  resume(key: string, delayMs: number, nowMs: number): void {
    this.#entries.set(key, { delayMs: Math.min(delayMs, this.#maxMs), updatedMs: nowMs })
  }

  forget(key: string): void {
    this.#entries.delete(key)
  }

  #hasExpired(entry: Entry, sinceMs: number): boolean {
    return sinceMs - entry.updatedMs > 2 * this.#maxMs
  }
}
