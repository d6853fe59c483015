import type { Clock } from '../../lib/clock.ts'
import type { LogQuery } from '../../collector/logs/store/log-query.ts'
import type { LineRecord, LogRecord, Problem } from '../../collector/logs/store/log-records.ts'
import type { LogSource } from './log-source.ts'

/** A source that says nothing for so long is given up; one that searches or waits for lines gives signs every five seconds. */
export const silenceMs = 12_000

/** One source's answer, line by line, until its stored lines are told. */
export class SourceReader {
  readonly source: LogSource
  /** Where it goes on when lines are told as they come. */
  place: string | undefined
  /** What is missing of it. */
  readonly problems: Problem[] = []
  readonly #records: AsyncIterator<readonly LogRecord[]>
  readonly #clock: Clock
  #lines: LineRecord[] = []
  #next = 0
  #isLive = false
  #isOver = false

  constructor(
    source: LogSource,
    options: { readonly query: LogQuery; readonly clock: Clock; readonly signal: AbortSignal; readonly from?: string },
  ) {
    this.source = source
    this.#clock = options.clock
    this.#records = source.open(options.query, options.from, options.signal)[Symbol.asyncIterator]()
  }

  /** The line that is next; `undefined` where there is no more that is stored, or the source failed. */
  get head(): LineRecord | undefined {
    return this.#lines[this.#next]
  }

  /** Whether lines may follow as they come. */
  get isLive(): boolean {
    return this.#isLive
  }

  /** Goes to the next line; a promise only where it has to come first. */
  advance(): Promise<void> | undefined {
    this.#next++
    return this.#next < this.#lines.length ? undefined : this.fill()
  }

  /** Resolves when there is a head, or never will be one. */
  async fill(): Promise<void> {
    while (this.head === undefined && !this.#isLive && !this.#isOver) {
      this.#lines = []
      this.#next = 0
      const chunk = await this.chunk()
      if (chunk !== undefined) this.#lines = this.#take(chunk)
    }
  }

  /** The records that come next; `undefined` at the end. A failure is one of the `problems` and an end. */
  async chunk(): Promise<readonly LogRecord[] | undefined> {
    const over = new AbortController()
    const silence = this.#clock.sleep(silenceMs, over.signal).then(() => 'silence' as const)
    try {
      const next = await Promise.race([this.#records.next(), silence])
      if (next === 'silence') throw new Error(`nothing was heard of it for ${silenceMs / 1000} s`)
      if (next.done !== true) return next.value
    } catch (error) {
      this.#fail((error as Error).message)
    } finally {
      over.abort()
    }
    this.#isOver = true
    return undefined
  }

  close(): void {
    this.#isOver = true
    void Promise.resolve(this.#records.return?.(undefined)).catch(() => {})
  }

  #take(chunk: readonly LogRecord[]): LineRecord[] {
    const lines: LineRecord[] = []
    for (const record of chunk) {
      if ('text' in record) lines.push(record)
      else if ('live' in record) {
        this.place = record.live
        this.#isLive = true
      } else if ('end' in record) {
        this.problems.push(...record.end.problems.map(({ problem }) => ({ node: this.source.name, problem })))
        this.#isOver = true
      }
    }
    return lines
  }

  #fail(problem: string): void {
    this.problems.push({ node: this.source.name, problem })
  }
}
