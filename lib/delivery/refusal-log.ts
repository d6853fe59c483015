import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Refusal } from './dead-letters.ts'

const quietMs = 60_000

interface Told {
  readonly at: number
  /** Refused since then. */
  items: number
}

/** Tells the log of refusals: the first of each reason at once, then at most one line a minute with all that came meanwhile. Reasons are few. */
export class RefusalLog {
  readonly #clock: Clock
  readonly #log: Log
  readonly #told = new Map<string, Told>()

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Log }) {
    this.#clock = clock
    this.#log = log
  }

  note({ reason, message, items }: Pick<Refusal, 'reason' | 'message' | 'items'>): void {
    const now = this.#clock.monotonic()
    const told = this.#told.get(reason)
    if (told !== undefined && now - told.at < quietMs) {
      told.items += items
      return
    }
    this.#log.warn({ items: items + (told?.items ?? 0), reason, err: message }, 'the other end refused for good what it was sent')
    this.#told.set(reason, { at: now, items: 0 })
  }
}
