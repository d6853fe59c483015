import type { Clock } from '../lib/clock.ts'

/** How long each stage of the pipeline has computed since the start, in ms. Waiting does not count. */
export class StageTimes {
  readonly #clock: Clock
  readonly #spentMs = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Does the work and counts its time, also when it throws. */
  measure<T>(stage: string, work: () => T): T {
    const begun = this.#clock.monotonic()
    try {
      return work()
    } finally {
      this.#spentMs.set(stage, (this.#spentMs.get(stage) ?? 0) + this.#clock.monotonic() - begun)
    }
  }

  /** By stage, in the order in which the stages were first seen. */
  totals(): ReadonlyMap<string, number> {
    return this.#spentMs
  }
}
