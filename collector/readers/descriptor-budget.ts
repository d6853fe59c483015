import { readFileSync } from 'node:fs'

/** What the process may have open, so that files that are kept open leave room for everything else. */
export class DescriptorBudget {
  readonly #max: number
  readonly #whole: DescriptorBudget | undefined
  #taken = 0

  constructor(max: number, whole?: DescriptorBudget) {
    this.#max = max
    this.#whole = whole
  }

  /** A budget that takes out of this one, at most a share of it. */
  part(share: number): DescriptorBudget {
    return new DescriptorBudget(this.#max * share, this)
  }

  /** Takes one descriptor; `false` where none is left. */
  take(): boolean {
    if (this.#taken >= this.#max || this.#whole?.take() === false) return false
    this.#taken++
    return true
  }

  /** Gives one back. */
  give(): void {
    this.#taken--
    this.#whole?.give()
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
