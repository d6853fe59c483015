import type { Clock } from '../../../lib/clock.ts'

/** Something with output that waits to be written. */
export interface Flushable {
  flush(): void
}

/** Writing to one connection costs about this much, encryption included; fan-out may take at most half of the thread. */
const costPerFlushMs = 0.02
const maxPauseMs = 50

/**
 * Decides when watchers write. With few watchers at once, in the same turn; with many the pause grows with their number, so that
 * events that come fast share writes instead of making the event loop fall behind.
 */
export class FlushScheduler {
  readonly #clock: Clock
  readonly #waiting = new Set<Flushable>()
  #isScheduled = false
  #notBefore = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  request(flushable: Flushable): void {
    this.#waiting.add(flushable)
    if (this.#isScheduled) return
    this.#isScheduled = true
    const pause = this.#notBefore - this.#clock.monotonic()
    if (pause <= 1) setImmediate(() => this.#run())
    else this.#clock.setTimer(pause, () => this.#run())
  }

  #run(): void {
    this.#isScheduled = false
    const due = [...this.#waiting]
    this.#waiting.clear()
    for (const flushable of due) flushable.flush()
    this.#notBefore = this.#clock.monotonic() + Math.min(maxPauseMs, due.length * costPerFlushMs * 2)
  }
}
