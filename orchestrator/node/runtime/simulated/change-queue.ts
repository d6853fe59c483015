import type { ObservedContainer, Owner, RuntimeChange } from '../runtime.ts'

/** More waiting changes than this are replaced by one snapshot. */
const maxWaiting = 10_000

/** Changes on their way to one watcher, bounded: a watcher that is too slow gets a snapshot instead. */
export class ChangeQueue {
  readonly owner: Owner
  readonly #snapshot: () => Promise<readonly ObservedContainer[]>
  #waiting: RuntimeChange[] = []
  #needsSnapshot = false
  #failure: Error | undefined
  #wake: (() => void) | undefined

  constructor(owner: Owner, snapshot: () => Promise<readonly ObservedContainer[]>) {
    this.owner = owner
    this.#snapshot = snapshot
  }

  push(change: RuntimeChange): void {
    if (this.#waiting.length >= maxWaiting) {
      this.#waiting = []
      this.#needsSnapshot = true
    }
    if (!this.#needsSnapshot) this.#waiting.push(change)
    this.#wake?.()
  }

  /** Ends `changes` with an error. */
  fail(error: Error): void {
    this.#failure = error
    this.#wake?.()
  }

  async *changes(signal: AbortSignal): AsyncGenerator<RuntimeChange> {
    const wake = () => this.#wake?.()
    signal.addEventListener('abort', wake)
    try {
      while (!signal.aborted) {
        if (this.#failure !== undefined) throw this.#failure
        if (this.#needsSnapshot) {
          this.#needsSnapshot = false
          yield { type: 'snapshot', containers: await this.#snapshot() }
        }
        const batch = this.#waiting
        this.#waiting = []
        yield* batch
        if (this.#waiting.length === 0 && !this.#needsSnapshot && this.#failure === undefined && !signal.aborted) {
          await new Promise<void>((resolve) => (this.#wake = resolve))
          this.#wake = undefined
        }
      }
    } finally {
      signal.removeEventListener('abort', wake)
    }
  }
}
