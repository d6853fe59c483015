import type { Clock } from '../../lib/clock.ts'

/** Looks at something again and again, `everyMs` after the last look has ended, until it is stopped. A look that fails is told and is no end. */
export class PeriodicLook {
  readonly #abort = new AbortController()
  #loop: Promise<void> | undefined
  readonly #options: {
    readonly clock: Clock
    readonly everyMs: number
    readonly look: () => Promise<void>
    readonly onFailure: (error: unknown) => void
  }

  constructor(options: {
    readonly clock: Clock
    readonly everyMs: number
    readonly look: () => Promise<void>
    readonly onFailure: (error: unknown) => void
  }) {
    this.#options = options
  }

  get isStopped(): boolean {
    return this.#abort.signal.aborted
  }

  /** The first look is at once. */
  start(): void {
    this.#loop = this.#run()
  }

  /** Resolves when the look that is under way has ended. */
  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#loop
  }

  async #run(): Promise<void> {
    const { clock, everyMs, look, onFailure } = this.#options
    const { signal } = this.#abort
    while (!signal.aborted) {
      await look().catch(onFailure)
      await clock.sleep(everyMs, signal)
    }
  }
}
