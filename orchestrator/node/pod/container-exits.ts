import type { Clock } from '../../../lib/clock.ts'

/** How long the runtime may take to tell an exit after a stop. */
const exitWaitMs = 5_000

/** Who waits for the runtime's word that a container has ended, which may come a moment after a stop has returned. */
export class ContainerExits {
  readonly #clock: Clock
  readonly #waiters = new Map<string, () => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The runtime has said so, or has no such container any more. */
  note(id: string): void {
    this.#waiters.get(id)?.()
  }

  /** Resolves as soon as `hasExited` may be true; rejects where the runtime goes on saying that it runs. */
  async wait(id: string, hasExited: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = this.#clock.setTimer(exitWaitMs, resolve)
    this.#waiters.set(id, resolve)
    if (!hasExited()) await promise
    timer.cancel()
    this.#waiters.delete(id)
    if (!hasExited()) throw new Error(`container ${id} was stopped and the runtime says that it runs`)
  }
}
