import type { Change } from './store.ts'

/** How much of the past is kept for watchers that come back and for lists at an earlier revision. */
export interface HistoryLimits {
  readonly maxChanges: number
  readonly maxAgeMs: number
}

interface Kept {
  readonly change: Change
  readonly at: number
}

/** The recent changes in revision order, bounded in number and age. */
export class History {
  readonly #limits: HistoryLimits
  #kept: Kept[] = []
  /** Index of the oldest one that counts; what lies before it is dropped in bulk. */
  #start = 0
  #compactedRevision: number

  constructor(limits: HistoryLimits, compactedRevision: number) {
    this.#limits = limits
    this.#compactedRevision = compactedRevision
  }

  /** The newest revision whose change is forgotten. */
  get compactedRevision(): number {
    return this.#compactedRevision
  }

  add(changes: readonly Change[], now: number): void {
    for (const change of changes) this.#kept.push({ change, at: now })
    let start = this.#start
    while (this.#kept.length - start > this.#limits.maxChanges || (this.#kept[start]?.at ?? now) < now - this.#limits.maxAgeMs) start++
    this.#dropUntil(start)
  }

  compact(revision: number): void {
    this.#dropUntil(this.#firstAfter(revision))
    this.#compactedRevision = Math.max(this.#compactedRevision, revision)
  }

  /** The changes after `revision`, oldest first. */
  *after(revision: number): Generator<Change> {
    for (let index = this.#firstAfter(revision); index < this.#kept.length; index++) yield this.#kept[index]!.change
  }

  #firstAfter(revision: number): number {
    let low = this.#start
    let high = this.#kept.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#kept[middle]!.change.revision <= revision) low = middle + 1
      else high = middle
    }
    return low
  }

  #dropUntil(start: number): void {
    const last = this.#kept[start - 1]
    if (last !== undefined && start > this.#start) this.#compactedRevision = Math.max(this.#compactedRevision, last.change.revision)
    this.#start = start
    // Moving the rest down once per doubling keeps the cost per change constant and frees the dropped objects soon.
    if (this.#start > 256 && this.#start * 2 > this.#kept.length) {
      this.#kept = this.#kept.slice(this.#start)
      this.#start = 0
    }
  }
}
