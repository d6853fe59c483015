import { readFileSync } from 'node:fs'

/** What the process may have open, so that files that are kept open leave room for everything else. */
export class DescriptorBudget {
  readonly #max: number
  #taken = 0

  constructor(max: number) {
    this.#max = max
  }

  /** Takes one descriptor; `false` where none is left. */
  take(): boolean {
    if (this.#taken >= this.#max) return false
    this.#taken++
    return true
  }

  /** Gives one back. */
  give(): void {
    this.#taken--
  }
}

/** How many files this process may have open at a time; endless where the kernel says so, or nothing. */
export function openFilesLimit(limitsFile = '/proc/self/limits'): number {
  try {
    return Number(/^Max open files\s+(\d+)/m.exec(readFileSync(limitsFile, 'utf8'))?.[1] ?? Infinity)
  } catch {
    return Infinity
  }
}
