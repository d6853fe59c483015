import { closeSync, openSync, readSync } from 'node:fs'
import type { DescriptorBudget } from './descriptor-budget.ts'

/** What a read came to: the number of bytes, or why there are none. */
export type ReadOutcome = number | 'gone' | 'failed'

/** The buffer that every file is read into, one after the other; grown when a file fills it. */
export class ReadBuffer {
  bytes: Buffer = Buffer.allocUnsafe(64 * 1024)

  /** Doubles it; the first `kept` bytes stay. */
  grow(kept = 0): void {
    const larger = Buffer.allocUnsafe(this.bytes.length * 2)
    this.bytes.copy(larger, 0, 0, kept)
    this.bytes = larger
  }
}

/** The largest file that is read whole; more is cut. */
const maxFileBytes = 4 * 1024 * 1024

/**
 * A file of the kernel that is opened once and read again and again from its start; where no descriptor is left for it, it is opened for each
 * reading. `gone` (ENODEV, ESRCH) means that the cgroup or process no longer exists. A file that cannot be opened keeps the reason in `problem`.
 */
export class KeptFile {
  readonly path: string
  /** Error code of the last open or read that failed: `ENOENT`, `EACCES`, `EOPNOTSUPP`, … */
  problem: string | undefined
  readonly #budget: DescriptorBudget
  #descriptor: number | undefined
  /** It can be opened, and no descriptor was left to keep. */
  #isBrief = false

  constructor(path: string, budget: DescriptorBudget) {
    this.path = path
    this.#budget = budget
    this.open()
  }

  /** Whether it can be read. */
  get isOpen(): boolean {
    return this.#descriptor !== undefined || this.#isBrief
  }

  /** Whether it has a descriptor of its own. */
  get isKept(): boolean {
    return this.#descriptor !== undefined
  }

  /** Opens the file unless it is open. */
  open(): void {
    if (this.isOpen) return
    try {
      const descriptor = openSync(this.path, 'r')
      this.problem = undefined
      this.#isBrief = !this.#keep(descriptor)
      if (this.#isBrief) closeSync(descriptor)
    } catch (error) {
      this.problem = codeOf(error)
    }
  }

  #keep(descriptor: number): boolean {
    if (!this.#budget.take()) return false
    this.#descriptor = descriptor
    this.#isBrief = false
    return true
  }

  /**
   * Reads the file from its start into `buffer`. Lists (`/proc/net/*`, `cgroup.procs`) come a page at a time and are read until nothing
   * more comes; other files of the kernel come whole in one read.
   */
  read(buffer: ReadBuffer, isList = false): ReadOutcome {
    if (this.#descriptor !== undefined) return this.#readFrom(this.#descriptor, buffer, isList)
    if (!this.#isBrief) return 'failed'
    let descriptor: number
    try {
      descriptor = openSync(this.path, 'r')
    } catch (error) {
      this.problem = codeOf(error)
      // It was there before.
      return this.problem === 'ENOENT' ? 'gone' : 'failed'
    }
    const outcome = this.#readFrom(descriptor, buffer, isList)
    if (!this.#keep(descriptor)) closeSync(descriptor)
    return outcome
  }

  #readFrom(descriptor: number, buffer: ReadBuffer, isList: boolean): ReadOutcome {
    try {
      if (isList) return readList(descriptor, buffer)
      let length = readSync(descriptor, buffer.bytes, 0, buffer.bytes.length, 0)
      while (length === buffer.bytes.length && length < maxFileBytes) {
        buffer.grow()
        length = readSync(descriptor, buffer.bytes, 0, buffer.bytes.length, 0)
      }
      return length
    } catch (error) {
      this.problem = codeOf(error)
      return this.problem === 'ENODEV' || this.problem === 'ESRCH' ? 'gone' : 'failed'
    }
  }

  /** Lets the descriptor go; idempotent. */
  close(): void {
    this.#isBrief = false
    if (this.#descriptor === undefined) return
    closeSync(this.#descriptor)
    this.#descriptor = undefined
    this.#budget.give()
  }
}

/** No line of a list is this long, so a read that leaves as much of the kernel's page free was the last. */
const lastPageBytes = 2048

/** Reads on from where the last read ended until the file gives nothing more. */
export function readList(descriptor: number, buffer: ReadBuffer): number {
  let length = 0
  for (;;) {
    if (length === buffer.bytes.length) buffer.grow(length)
    const count = readSync(descriptor, buffer.bytes, length, buffer.bytes.length - length, length)
    length += count
    if (count < lastPageBytes || length >= maxFileBytes) return length
  }
}

/** The system's code of an error, such as `EACCES`. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'EUNKNOWN'
}
