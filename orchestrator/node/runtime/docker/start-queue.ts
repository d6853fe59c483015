import type { Clock } from '../../../../lib/clock.ts'

/**
 * Lets few starts go on at once, since a machine that starts everything together has nothing running before the last of it. Containers go before sandboxes: each
 * finishes a pod. A start that takes long gives its place up, so that what hangs keeps nothing else from starting.
 */
export class StartQueue {
  readonly #clock: Clock
  readonly #patienceMs: number
  readonly #waiting: Record<'container' | 'sandbox', (() => void)[]> = { container: [], sandbox: [] }
  #free: number

  constructor(options: { readonly clock: Clock; readonly concurrency: number; readonly patienceMs: number }) {
    this.#clock = options.clock
    this.#patienceMs = options.patienceMs
    this.#free = options.concurrency
  }

  /** Runs a start in its turn; resolves and rejects as it does. */
  async run<T>(kind: 'container' | 'sandbox', start: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((begin) => this.#waiting[kind].push(begin))
    let hasPlace = true
    const giveUp = () => {
      if (!hasPlace) return
      hasPlace = false
      this.#next()
    }
    const timer = this.#clock.setTimer(this.#patienceMs, giveUp)
    try {
      return await start()
    } finally {
      timer.cancel()
      giveUp()
    }
  }

  #next(): void {
    const next = this.#waiting.container.shift() ?? this.#waiting.sandbox.shift()
    if (next === undefined) this.#free++
    else next()
  }
}
