import type { EventRecorder } from '../../client/events.ts'

/**
 * Leaves out warnings that were given a moment ago in the same words: autoscalers run with each sample, and what is wrong stays wrong. A
 * warning that lasts is given once per period, as if autoscalers ran by their sync period.
 */
export class RepeatedWarnings {
  readonly #periodMs: number
  /** By autoscaler: when each text was given last. What is older than the period is dropped. */
  readonly #given = new Map<string, Map<string, number>>()

  constructor(periodMs: number) {
    this.#periodMs = periodMs
  }

  /** A recorder for one run of an autoscaler. */
  filter(key: string, events: EventRecorder, now: number): EventRecorder {
    const given = new Map([...(this.#given.get(key) ?? [])].filter(([, at]) => now - at < this.#periodMs))
    this.#given.set(key, given)
    return {
      event(about, type, reason, message) {
        const text = `${reason} ${message}`
        if (type === 'Warning' && given.has(text)) return
        if (type === 'Warning') given.set(text, now)
        events.event(about, type, reason, message)
      },
      flush: () => events.flush(),
      get dropped() {
        return events.dropped
      },
    }
  }

  forget(key: string): void {
    this.#given.delete(key)
  }
}
