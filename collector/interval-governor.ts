/** What passes may cost before they come less often. */
export interface CostBudget {
  /** Share of the interval that a pass may take on average; a quarter by default. */
  readonly maxPassShare?: number
  /** Cores that the whole process may use on average; needs `cpuSeconds`. Not looked at by default: a process may do other things too. */
  readonly maxCpuCores?: number
  /** CPU time of the process since its start. */
  readonly cpuSeconds?: () => number
}

/** How the interval stands, and why. */
export interface IntervalState {
  /** The set interval times this is the one in use. */
  readonly factor: number
  /** Share of the interval in use that passes took lately, and cores that the process used; NaN where not known. */
  readonly passShare: number
  readonly cpuCores: number
  /** Why the interval is stretched; undefined while it is not. */
  readonly reason: string | undefined
}

/** Steps in which the interval is stretched. */
const factors = [1, 2, 5, 10] as const

const defaultPassShare = 0.25

/** Passes over which cost is averaged. */
const windowPasses = 10

/** It goes back once the shorter interval would take no more than this part of the budget, for so many windows. */
const returnBelow = 0.6
const calmWindows = 2

/**
 * Keeps what reading costs within a budget: when passes take too large a share of the interval, or the process too much CPU, the
 * interval is stretched by 2, 5 and at most 10, and goes back step by step when there is room again.
 */
export class IntervalGovernor {
  /** Times that the interval was stretched. */
  stretches = 0
  readonly #intervalMs: number
  readonly #budget: CostBudget
  readonly #onChange: (state: IntervalState) => void
  #step = 0
  #passes = 0
  #passMs = 0
  #calm = 0
  #windowStart: { readonly elapsedMs: number; readonly cpuSeconds: number } | undefined
  #state: IntervalState = { factor: 1, passShare: Number.NaN, cpuCores: Number.NaN, reason: undefined }

  constructor(intervalMs: number, budget: CostBudget, onChange: (state: IntervalState) => void) {
    this.#intervalMs = intervalMs
    this.#budget = budget
    this.#onChange = onChange
  }

  get state(): IntervalState {
    return this.#state
  }

  /** The interval in use. */
  get intervalMs(): number {
    return this.#intervalMs * factors[this.#step]!
  }

  /** Takes note of a pass; `elapsedMs` is the monotonic clock. */
  note(passMs: number, elapsedMs: number): void {
    const { cpuSeconds } = this.#budget
    this.#windowStart ??= { elapsedMs, cpuSeconds: cpuSeconds?.() ?? Number.NaN }
    this.#passMs += passMs
    if (++this.#passes < windowPasses) return
    const passShare = this.#passMs / windowPasses / this.intervalMs
    const cpuCores = ((cpuSeconds?.() ?? Number.NaN) - this.#windowStart.cpuSeconds) / ((elapsedMs - this.#windowStart.elapsedMs) / 1000)
    this.#passes = 0
    this.#passMs = 0
    this.#windowStart = undefined
    this.#decide(passShare, cpuCores)
  }

  #decide(passShare: number, cpuCores: number): void {
    const { maxPassShare = defaultPassShare, maxCpuCores = Number.POSITIVE_INFINITY } = this.#budget
    const before = this.#step
    const cost = Math.max(passShare / maxPassShare, (cpuCores || 0) / maxCpuCores)
    const lower = factors[before - 1]
    const isCalm = lower !== undefined && (cost * factors[before]!) / lower <= returnBelow
    this.#calm = isCalm ? this.#calm + 1 : 0
    if (cost > 1 && before < factors.length - 1) this.#step++
    else if (this.#calm >= calmWindows) {
      this.#step--
      this.#calm = 0
    }
    if (this.#step > before) this.stretches++
    this.#state = { factor: factors[this.#step]!, passShare, cpuCores, reason: this.#reason(before, passShare, cpuCores) }
    if (this.#step !== before) this.#onChange(this.#state)
  }

  /** The reason of a stretch stays until the interval is back. */
  #reason(before: number, passShare: number, cpuCores: number): string | undefined {
    if (this.#step === 0) return undefined
    if (this.#step <= before) return this.#state.reason
    const { maxPassShare = defaultPassShare, maxCpuCores } = this.#budget
    if (passShare > maxPassShare) return `passes took ${percent(passShare)} of the interval, ${percent(maxPassShare)} are allowed`
    return `the process used ${cpuCores.toFixed(2)} cores, ${maxCpuCores} are allowed`
  }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`
}
