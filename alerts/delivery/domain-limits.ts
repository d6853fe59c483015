import type { Clock } from '../../lib/clock.ts'
import type { RateLimit } from '../routing/extensions.ts'
import { Allowances } from './allowances.ts'

/** Who can be told now, who has to wait, and for how long. */
export interface Admission {
  readonly now: readonly string[]
  readonly later: readonly string[]
  readonly afterMs: number
}

/** So many mails to one domain in a minute, spent evenly: what comes too early is told when to come again. */
export class DomainLimits {
  readonly #limit: RateLimit | undefined
  readonly #allowances: Allowances

  constructor(perMinute: number | undefined, clock: Clock) {
    this.#limit = perMinute === undefined ? undefined : { notifications: perMinute, perMs: 60_000 }
    this.#allowances = new Allowances(clock)
  }

  /** Takes from the allowance of each recipient's domain. */
  admit(recipients: readonly string[]): Admission {
    if (this.#limit === undefined) return { now: recipients, later: [], afterMs: 0 }
    const [now, later]: [string[], string[]] = [[], []]
    let afterMs = 0
    for (const recipient of recipients) {
      const domain = /@([^@>\s]+)>?$/.exec(recipient)?.[1]?.toLowerCase() ?? ''
      const waitMs = this.#allowances.take(domain, this.#limit)
      afterMs = Math.max(afterMs, waitMs)
      if (waitMs > 0) later.push(recipient)
      else now.push(recipient)
    }
    return { now, later, afterMs }
  }
}
