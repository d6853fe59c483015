import type { AutoscalerSettings } from './settings.ts'

interface Backoff {
  readonly until: number
  readonly durationMs: number
  readonly failedAt: number
}

/** What the autoscaler remembers of groups from round to round: what it asked for and what went wrong. */
export class GroupHealth {
  readonly #settings: AutoscalerSettings
  readonly #backoffs = new Map<string, Backoff>()
  /** Since when nodes of a group have been on their way. */
  readonly #waitingSince = new Map<string, number>()

  constructor(settings: AutoscalerSettings) {
    this.#settings = settings
  }

  isBackedOff(group: string, now: number): boolean {
    return (this.#backoffs.get(group)?.until ?? 0) > now
  }

  /** A scale-up failed: the group is left alone for a while, twice as long as the last time. */
  failed(group: string, now: number): void {
    const { initialBackoffMs, maxBackoffMs, backoffResetMs } = this.#settings
    const previous = this.#backoffs.get(group)
    const isFresh = previous === undefined || now - previous.failedAt > backoffResetMs
    const durationMs = isFresh ? initialBackoffMs : Math.min(previous.durationMs * 2, maxBackoffMs)
    this.#backoffs.set(group, { until: now + durationMs, durationMs, failedAt: now })
    this.#waitingSince.delete(group)
  }

  /** Notes how many nodes of a group are on their way; answers since when some have been, `undefined` where none are. */
  observe(group: string, upcoming: number, now: number): number | undefined {
    if (upcoming === 0) this.#waitingSince.delete(group)
    else if (!this.#waitingSince.has(group)) this.#waitingSince.set(group, now)
    return this.#waitingSince.get(group)
  }

  /** More nodes were asked for: the wait begins anew. */
  asked(group: string, now: number): void {
    this.#waitingSince.set(group, now)
  }
}
