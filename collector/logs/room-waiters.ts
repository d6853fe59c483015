/** Those who wait for room. */
export class RoomWaiters {
  #waiting: (() => void)[] = []

  /** Resolves when there is room, or when `signal` aborts. `isFull` is asked again after each `call`. */
  async wait(isFull: () => boolean, signal: AbortSignal): Promise<void> {
    while (isFull() && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const wake = () => resolve()
      signal.addEventListener('abort', wake, { once: true })
      this.#waiting.push(wake)
      await promise
      signal.removeEventListener('abort', wake)
    }
  }

  /** There may be room. */
  call(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }
}
