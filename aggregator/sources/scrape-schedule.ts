import type { Clock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'

export interface ScrapeScheduleOptions {
  readonly resolutionMs: number
  /**
   * Scrapes one target; called once per resolution and never twice at once for the same key. Must not reject. `latenessMs`: how much later
   * than planned it is called.
   */
  readonly scrape: (key: string, signal: AbortSignal, latenessMs: number) => Promise<void>
  readonly clock: Clock
  readonly random: Random
}

interface Loop {
  readonly abort: AbortController
  /** Aborting it ends the wait for the next scrape. */
  wake: AbortController
}

/** How far apart the first scrapes of many targets are. */
const firstGapMs = 8

/** Calls for each target on a schedule of its own, at a random place within the resolution: a slow one holds up nobody, and the load is spread. */
export class ScrapeSchedule {
  readonly #options: ScrapeScheduleOptions
  readonly #loops = new Map<string, Loop>()

  constructor(options: ScrapeScheduleOptions) {
    this.#options = options
  }

  /** Begins with a target; the first scrape comes at once. A known key changes nothing. */
  begin(key: string): void {
    if (this.#loops.has(key)) return
    const loop: Loop = { abort: new AbortController(), wake: new AbortController() }
    this.#loops.set(key, loop)
    void this.#run(key, loop)
  }

  /** Ends with a target, a scrape that is on its way included. Whether there was one. */
  end(key: string): boolean {
    this.#loops.get(key)?.abort.abort()
    return this.#loops.delete(key)
  }

  /** Scrapes a target now rather than at its next turn. */
  wake(key: string): void {
    this.#loops.get(key)?.wake.abort()
  }

  has(key: string): boolean {
    return this.#loops.has(key)
  }

  keys(): readonly string[] {
    return [...this.#loops.keys()]
  }

  stop(): void {
    for (const key of this.keys()) this.end(key)
  }

  async #run(key: string, loop: Loop): Promise<void> {
    const { clock, random, resolutionMs, scrape } = this.#options
    const { signal } = loop.abort
    const phase = random.fraction() * resolutionMs
    await clock.sleep(random.fraction() * Math.min(resolutionMs, this.#loops.size * firstGapMs), signal)
    let plannedAt = clock.monotonic()
    while (!signal.aborted) {
      const begunAt = clock.monotonic()
      await scrape(key, signal, Math.max(0, begunAt - plannedAt))
      plannedAt = nextSlot(begunAt, { phase, resolutionMs }, clock.monotonic())
      await clock.sleep(plannedAt - clock.monotonic(), AbortSignal.any([signal, loop.wake.signal]))
      if (loop.wake.signal.aborted) loop.wake = new AbortController()
    }
  }
}

/** The next moment of the phase that is at least half a resolution after the last scrape began and not over yet. */
function nextSlot(
  begunAt: number,
  { phase, resolutionMs }: { readonly phase: number; readonly resolutionMs: number },
  now: number,
): number {
  const earliest = Math.max(begunAt + resolutionMs / 2, now)
  return Math.ceil((earliest - phase) / resolutionMs) * resolutionMs + phase
}
