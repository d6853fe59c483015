import type { LogOrigin } from './log-batch.ts'

/** Why lines or bytes did not go on. Each is counted for its origin. */
export type LossReason = 'truncated' | 'held' | 'unreadable' | 'limit' | 'drop' | 'sample'

/** What was read, handed on and lost of one origin, or of all. Lines that never were read are unknown in number: there the bytes count. */
export class Account {
  readBytes = 0
  readLines = 0
  acknowledgedLines = 0
  acknowledgedBytes = 0
  /** Lines that were not in the form in which their source writes. */
  oddLines = 0
  cutLines = 0
  cutBytes = 0
  truncations = 0
  /** Files that had gone before they were read to their end, which nobody was there to see. */
  goneFiles = 0
  readonly lostLines: Record<string, number> = {}
  readonly lostBytes: Record<string, number> = {}
  /** Whose it is; `undefined` of the total. */
  origin: LogOrigin | undefined
  readonly #total: Account | undefined

  constructor(origin: LogOrigin | undefined, total?: Account) {
    this.origin = origin
    this.#total = total
  }

  read(bytes: number): void {
    this.readBytes += bytes
    this.#total?.read(bytes)
  }

  line(): void {
    this.readLines++
    this.#total?.line()
  }

  odd(): void {
    this.oddLines++
    this.#total?.odd()
  }

  cut(bytes: number): void {
    this.cutLines++
    this.cutBytes += bytes
    this.#total?.cut(bytes)
  }

  truncated(): void {
    this.truncations++
    this.#total?.truncated()
  }

  gone(): void {
    this.goneFiles++
    this.#total?.gone()
  }

  acknowledge(lines: number, bytes: number): void {
    this.acknowledgedLines += lines
    this.acknowledgedBytes += bytes
    this.#total?.acknowledge(lines, bytes)
  }

  lose(reason: LossReason, lines: number, bytes: number): void {
    this.lostLines[reason] = (this.lostLines[reason] ?? 0) + lines
    this.lostBytes[reason] = (this.lostBytes[reason] ?? 0) + bytes
    this.#total?.lose(reason, lines, bytes)
  }
}
