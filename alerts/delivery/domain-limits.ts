import type { Clock } from '../../lib/clock.ts'

const minuteMs = 60_000
const maxDomains = 1000

/** Who can be told now, who has to wait, and for how long. */
export interface Admission {
  readonly now: readonly string[]
  readonly later: readonly string[]
  readonly afterMs: number
}

/** So many mails to one domain in a minute, spent evenly: what comes too early is told when to come again. */
export class DomainLimits {
  readonly #perMinute: number | undefined
  readonly #clock: Clock
  /** When each domain's allowance is whole again. */
  readonly #fullAt = new Map<string, number>()

  constructor(perMinute: number | undefined, clock: Clock) {
    this.#perMinute = perMinute
    this.#clock = clock
  }

  /** Takes from the allowance of each recipient's domain. */
  admit(recipients: readonly string[]): Admission {
    if (this.#perMinute === undefined) return { now: recipients, later: [], afterMs: 0 }
    const cost = minuteMs / this.#perMinute
    const [now, later]: [string[], string[]] = [[], []]
    const time = this.#clock.monotonic()
    let afterMs = 0
    for (const recipient of recipients) {
      const domain = /@([^@>\s]+)>?$/.exec(recipient)?.[1]?.toLowerCase() ?? ''
      const fullAt = Math.max(this.#fullAt.get(domain) ?? time, time)
      if (fullAt - time > minuteMs - cost) {
        later.push(recipient)
        afterMs = Math.max(afterMs, fullAt - time - (minuteMs - cost))
      } else {
        this.#fullAt.set(domain, fullAt + cost)
        now.push(recipient)
      }
    }
    if (this.#fullAt.size > maxDomains) for (const [domain, at] of this.#fullAt) if (at <= time) this.#fullAt.delete(domain)
    return { now, later, afterMs: Math.ceil(afterMs) }
  }
}
