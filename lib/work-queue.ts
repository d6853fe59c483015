import type { Clock, Timer } from './clock.ts'

/**
 * A queue of keys for level-based workers. Promises:
 * - a key waits at most once: adding it again before a worker takes it changes nothing, so the queue is bounded by the number of keys;
 * - a key is never handed to two workers at once: added while it is being worked on, it is handed out once more after `done`;
 * - keys come out in the order in which they became ready;
 * - `addRateLimited` backs off exponentially per key until `forget`;
 * - after shutdown nothing more is taken in; `get` hands out what was ready and then answers `undefined`.
 */
export interface WorkQueue {
  add(key: string): void
  /** Adds the key once `ms` have passed; of several pending delays of a key the earliest counts. */
  addAfter(key: string, ms: number): void
  /** Adds the key after its backoff delay and lengthens the next one. */
  addRateLimited(key: string): void
  /** Resets the key's backoff. It doesn't remove the key. */
  forget(key: string): void
  /** How often the key was rate limited since it was last forgotten. */
  retries(key: string): number
  /** The next key, when there is one; `undefined` once the queue is shut down and empty. Every key that comes out must be given to `done`. */
  get(): Promise<string | undefined>
  done(key: string): void
  /** How many keys are ready and untaken. */
  readonly length: number
  /** Takes in nothing more, drops pending delays and what was to come out once more; what is ready is still handed out. */
  shutDown(): void
  /** Shuts down and resolves when every key that was handed out is done and none is left. */
  drain(): Promise<void>
}

/** Observers of a queue, called synchronously; they must not throw. */
export interface WorkQueueMetrics {
  /** A key became ready; `depth` counts it. */
  added?(depth: number): void
  /** A key was handed out after `waitedMs` in the queue. */
  taken?(waitedMs: number): void
  /** A key was given back after `workedMs`. */
  finished?(workedMs: number): void
  /** A key was rate limited. */
  retried?(): void
}

export interface WorkQueueOptions {
  readonly clock: Clock
  /** First backoff delay; doubles with each retry. 5 ms, as client-go. */
  readonly baseDelayMs?: number
  /** Longest backoff delay. 1,000 s, as client-go. */
  readonly maxDelayMs?: number
  readonly metrics?: WorkQueueMetrics
}

/** A queue with client-go's semantics (util/workqueue), on an injected clock. */
export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  return new KeyQueue(options)
}

class KeyQueue implements WorkQueue {
  readonly #clock: Clock
  readonly #baseDelayMs: number
  readonly #maxDelayMs: number
  readonly #metrics: WorkQueueMetrics
  /** Ready keys in order, each with the moment it became ready. A Map keeps insertion order and answers membership. */
  readonly #ready = new Map<string, number>()
  /** Keys in a worker's hands, with the moment they were taken. */
  readonly #working = new Map<string, number>()
  /** Keys added while being worked on. */
  readonly #again = new Set<string>()
  readonly #delayed = new Map<string, { readonly at: number; readonly timer: Timer }>()
  readonly #failures = new Map<string, number>()
  readonly #takers: ((key: string | undefined) => void)[] = []
  readonly #drainers: (() => void)[] = []
  #isShutDown = false

  constructor(options: WorkQueueOptions) {
    this.#clock = options.clock
    this.#baseDelayMs = options.baseDelayMs ?? 5
    this.#maxDelayMs = options.maxDelayMs ?? 1_000_000
    this.#metrics = options.metrics ?? {}
  }

  get length(): number {
    return this.#ready.size
  }

  add(key: string): void {
    if (this.#isShutDown || this.#ready.has(key)) return
    if (this.#working.has(key)) this.#again.add(key)
    else this.#makeReady(key)
  }

  addAfter(key: string, ms: number): void {
    if (this.#isShutDown) return
    if (ms <= 0) return this.add(key)
    const at = this.#clock.monotonic() + ms
    const pending = this.#delayed.get(key)
    if (pending !== undefined) {
      if (pending.at <= at) return
      pending.timer.cancel()
    }
    const timer = this.#clock.setTimer(ms, () => {
      this.#delayed.delete(key)
      this.add(key)
    })
    this.#delayed.set(key, { at, timer })
  }

  addRateLimited(key: string): void {
    const failures = this.retries(key)
    this.#failures.set(key, failures + 1)
    this.#metrics.retried?.()
    this.addAfter(key, Math.min(this.#baseDelayMs * 2 ** failures, this.#maxDelayMs))
  }

  forget(key: string): void {
    this.#failures.delete(key)
  }

  retries(key: string): number {
    return this.#failures.get(key) ?? 0
  }

  get(): Promise<string | undefined> {
    // Who waits already goes first.
    if (this.#takers.length === 0) for (const key of this.#ready.keys()) return Promise.resolve(this.#take(key))
    if (this.#isShutDown) return Promise.resolve(undefined)
    return new Promise((resolve) => this.#takers.push(resolve))
  }

  done(key: string): void {
    const takenAt = this.#working.get(key)
    if (takenAt === undefined) return
    this.#working.delete(key)
    this.#metrics.finished?.(this.#clock.monotonic() - takenAt)
    if (this.#again.delete(key) && !this.#isShutDown) this.#makeReady(key)
    this.#settleDrain()
  }

  shutDown(): void {
    this.#isShutDown = true
    for (const { timer } of this.#delayed.values()) timer.cancel()
    this.#delayed.clear()
    this.#serve()
    for (const taker of this.#takers.splice(0)) taker(undefined)
  }

  drain(): Promise<void> {
    this.shutDown()
    return new Promise((resolve) => {
      this.#drainers.push(resolve)
      this.#settleDrain()
    })
  }

  #makeReady(key: string): void {
    this.#ready.set(key, this.#clock.monotonic())
    this.#metrics.added?.(this.#ready.size)
    // Handed out a moment later, so that several adds in a row are one run.
    if (this.#takers.length > 0) queueMicrotask(() => this.#serve())
  }

  #serve(): void {
    for (const key of this.#ready.keys()) {
      const taker = this.#takers.shift()
      if (taker === undefined) return
      taker(this.#take(key))
    }
  }

  #take(key: string): string {
    const now = this.#clock.monotonic()
    this.#metrics.taken?.(now - this.#ready.get(key)!)
    this.#ready.delete(key)
    this.#working.set(key, now)
    return key
  }

  #settleDrain(): void {
    if (!this.#isShutDown || this.#working.size > 0 || this.#ready.size > 0) return
    for (const drainer of this.#drainers.splice(0)) drainer()
  }
}
