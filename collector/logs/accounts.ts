import type { LogOrigin } from './log-batch.ts'
import { LostLines, type LostLine } from './lost-lines.ts'

/** Why lines or bytes did not go on. Each is counted for its origin. */
export type LossReason = 'truncated' | 'held' | 'unreadable' | 'limit' | 'drop' | 'sample'

/** What of an origin an account needs to know. */
export type AccountOrigin = Pick<LogOrigin, 'id' | 'kind' | 'namespace' | 'pod' | 'container'>

/** Lines and bytes that did not go on, by the reason. */
export class Losses {
  readonly lines: Record<string, number> = {}
  readonly bytes: Record<string, number> = {}

  add(reason: string, lines: number, bytes: number): void {
    this.lines[reason] = (this.lines[reason] ?? 0) + lines
    this.bytes[reason] = (this.bytes[reason] ?? 0) + bytes
  }

  addAll(losses: Losses): void {
    for (const [reason, lines] of Object.entries(losses.lines)) this.add(reason, lines, losses.bytes[reason] ?? 0)
  }
}

/** The figures of an account that only grow. */
export const countNames = [
  'readBytes',
  'readLines',
  'acknowledgedLines',
  'acknowledgedBytes',
  'oddLines',
  'cutLines',
  'cutBytes',
  'truncations',
  'goneFiles',
] as const

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
  /** Whose it is; `undefined` of the total. */
  origin: AccountOrigin | undefined
  readonly losses = new Losses()
  /** Those of `losses` that will not be met again: what lies before them is safe. */
  readonly sureLosses = new Losses()
  #dropped: Losses | undefined
  readonly #total: Account | undefined
  readonly #samples: LostLines
  /** Made once: a key is asked for with each line that is lost. */
  readonly #sampleKeys: Record<string, string> = {}

  constructor(origin: AccountOrigin | undefined, total?: Account) {
    this.origin = origin
    this.#total = total
    this.#samples = total === undefined ? new LostLines() : total.#samples
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

  /** Bytes that are lost for good. */
  lose(reason: LossReason, bytes: number): void {
    this.losses.add(reason, 0, bytes)
    this.sureLosses.add(reason, 0, bytes)
    this.#total?.lose(reason, bytes)
  }

  /** A line that does not go on. It is met again when reading begins anew before it is `settle`d. */
  drop(reason: LossReason, bytes: number): void {
    this.losses.add(reason, 1, bytes)
    this.#total?.losses.add(reason, 1, bytes)
    this.#dropped ??= new Losses()
    this.#dropped.add(reason, 1, bytes)
  }

  /** What was dropped since the last call, to be settled with what was read up to here. */
  takeDropped(): Losses | undefined {
    const dropped = this.#dropped
    this.#dropped = undefined
    return dropped
  }

  /** What was dropped will not be met again. */
  settle(dropped: Losses): void {
    this.sureLosses.addAll(dropped)
    this.#total?.sureLosses.addAll(dropped)
  }

  /** Whether a sample of the lines that are lost for that reason is wanted; `now` is monotonic, in ms. */
  wantsSample(reason: LossReason, now: number): boolean {
    return this.#samples.wants(this.#sampleKey(reason), now)
  }

  addSample(reason: LossReason, now: number, line: LostLine): void {
    this.#samples.add(this.#sampleKey(reason), now, line)
  }

  /** The last few lines of those that were lost, by the reason. */
  samples(): Readonly<Record<string, readonly LostLine[]>> {
    const byReason = Object.keys(this.losses.lines).map((reason) => [reason, this.#samples.of(this.#sampleKey(reason))] as const)
    return Object.fromEntries(byReason.filter(([, lines]) => lines.length > 0))
  }

  #sampleKey(reason: string): string {
    return (this.#sampleKeys[reason] ??= `${reason} ${this.origin?.id ?? ''}`)
  }
}
