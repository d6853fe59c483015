import type { Clock, Timer } from './clock.ts'

interface Pending {
  readonly at: number
  readonly sequence: number
  readonly callback: () => void
}

/**
 * A clock that stands still until it is told to go on. `advance` fires what falls due in order of time, letting promises
 * settle between timers, so a loop that sleeps again inside the advanced span is seen through to the end of it.
 */
export class FakeClock implements Clock {
  #now: number
  #elapsed = 0
  #sequence = 0
  #pending: Pending[] = []

  constructor(now = Date.UTC(2030, 0, 1)) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#elapsed
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const timer = this.setTimer(ms, resolve)
      signal?.addEventListener(
        'abort',
        () => {
          timer.cancel()
          resolve()
        },
        { once: true },
      )
    })
  }

  setTimer(ms: number, callback: () => void): Timer {
    const entry: Pending = { at: this.#elapsed + Math.max(ms, 0), sequence: this.#sequence++, callback }
    this.#pending.push(entry)
    return {
      cancel: () => {
        const index = this.#pending.indexOf(entry)
        if (index >= 0) this.#pending.splice(index, 1)
      },
    }
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#pending.length
  }

  /** Moves time on by `ms`, firing every timer that falls due on the way, and lets what they started settle. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms
    await this.settle()
    for (let next = this.#due(end); next !== undefined; next = this.#due(end)) {
      this.#moveTo(Math.max(next.at, this.#elapsed))
      this.#pending.splice(this.#pending.indexOf(next), 1)
      next.callback()
      await this.settle()
    }
    this.#moveTo(end)
    await this.settle()
  }

  /** Lets promise chains and immediates run until nothing more is queued by them (a bounded number of turns). */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
  }

  #due(end: number): Pending | undefined {
    let first: Pending | undefined
    for (const entry of this.#pending) {
      if (entry.at > end) continue
      if (first === undefined || entry.at < first.at || (entry.at === first.at && entry.sequence < first.sequence)) first = entry
    }
    return first
  }

  #moveTo(elapsed: number): void {
    this.#now += elapsed - this.#elapsed
    this.#elapsed = elapsed
  }
}
