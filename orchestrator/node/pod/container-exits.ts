import type { Clock } from '../../../lib/clock.ts'

/** Who waits for the runtime's word that containers have ended. */
export class ContainerExits {
  readonly #clock: Clock
  readonly #looks = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The runtime has said that a container has ended, or has it no more. */
  note(): void {
    for (const look of this.#looks) look()
  }

  /** Resolves as soon as containers have ended as is waited for, or when the time is up; says which of the two. */
  async wait(haveEnded: () => boolean, limitMs: number): Promise<boolean> {
    if (haveEnded()) return true
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = () => {
      if (haveEnded()) resolve()
    }
    const timer = this.#clock.setTimer(limitMs, resolve)
    this.#looks.add(look)
    await promise
    timer.cancel()
    this.#looks.delete(look)
    return haveEnded()
  }
}
