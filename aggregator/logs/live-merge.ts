import type { Clock } from '../../lib/clock.ts'
import type { LogQuery } from '../../collector/logs/store/log-query.ts'
import type { LineRecord, LogRecord, Problem } from '../../collector/logs/store/log-records.ts'
import type { LogSource, LogSources } from './log-source.ts'
import { SourceReader } from './source-reader.ts'

export interface LiveMergeOptions {
  readonly sources: LogSources
  readonly query: LogQuery
  /** Those whose stored lines are told; their answers go on. */
  readonly readers: readonly SourceReader[]
  /** When the question came, ms: sources that were away then are asked for what they have had since. */
  readonly begunAt: number
  readonly clock: Clock
}

/** Lines that come within this time of one another are told in the order of their times. */
export const orderingWindowMs = 500
/** Sources wait when nobody takes so many lines. */
const maxHeldLines = 10_000
const firstRetryMs = 500
const longestRetryMs = 10_000

interface Held {
  readonly record: LineRecord
  /** When it came here, monotonic ms. */
  readonly at: number
}

/** Lines of many sources as they come. A source that breaks off is named once, and asked again until it answers, for what came meanwhile. */
export class LiveMerge {
  readonly #options: LiveMergeOptions
  readonly #known = new Set<string>()
  #held: Held[] = []
  #problems: Problem[] = []
  #wake = Promise.withResolvers<void>()
  #taken = Promise.withResolvers<void>()
  #isOver = false

  constructor(options: LiveMergeOptions) {
    this.#options = options
  }

  async *records(signal: AbortSignal): AsyncGenerator<readonly LogRecord[]> {
    const { sources, readers, clock } = this.#options
    for (const reader of readers) this.#start(reader.source, reader, signal)
    const addNew = () => {
      for (const source of sources.list())
        if (!this.#known.has(source.name) && source.mayAnswer(this.#options.query)) this.#start(source, undefined, signal)
    }
    const unsubscribe = sources.onAdded(addNew)
    addNew()
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    try {
      while (!signal.aborted) {
        await Promise.race([this.#wake.promise, aborted])
        this.#wake = Promise.withResolvers()
        do {
          if (this.#problems.length > 0) yield this.#problems.splice(0)
          if (this.#held.length === 0) break
          await clock.sleep(this.#held[0]!.at + orderingWindowMs - clock.monotonic(), signal)
          const due = this.#takeDue(clock.monotonic() - orderingWindowMs)
          if (due.length > 0) yield due
        } while (!signal.aborted)
      }
    } finally {
      unsubscribe()
      this.#isOver = true
      this.#taken.resolve()
    }
  }

  /** Everything that has waited long enough, with what is older than the newest of that. */
  #takeDue(before: number): readonly LineRecord[] {
    let limit = ''
    for (const { at, record } of this.#held) if (at <= before && record.time > limit) limit = record.time
    const due = this.#held.filter(({ record }) => record.time <= limit).map(({ record }) => record)
    this.#held = this.#held.filter(({ record }) => record.time > limit)
    this.#taken.resolve()
    this.#taken = Promise.withResolvers()
    return due.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
  }

  #start(source: LogSource, reader: SourceReader | undefined, signal: AbortSignal): void {
    this.#known.add(source.name)
    void this.#pump(source, reader, signal)
  }

  async #pump(source: LogSource, first: SourceReader | undefined, signal: AbortSignal): Promise<void> {
    const { query, clock, begunAt } = this.#options
    let reader = first?.isLive === true ? first : undefined
    let place = first?.place
    // What the first attempt said was told already.
    let wasTold = first !== undefined && first.problems.length > 0
    for (let delayMs = firstRetryMs; !signal.aborted; delayMs = Math.min(delayMs * 2, longestRetryMs)) {
      if (reader === undefined) {
        const since = query.filter.since ?? BigInt(begunAt) * 1_000_000n
        const again: LogQuery = { ...query, tail: undefined, filter: { ...query.filter, since } }
        reader = new SourceReader(source, { query: again, clock, signal, ...(place === undefined ? {} : { from: place }) })
      }
      const problemsBefore = reader.problems.length
      for (let chunk = await reader.chunk(); chunk !== undefined && !signal.aborted; chunk = await reader.chunk()) {
        delayMs = firstRetryMs
        wasTold = false
        place = await this.#take(chunk, place, signal)
      }
      reader.close()
      if (signal.aborted) return
      if (!wasTold) this.#tell(source, reader.problems.slice(problemsBefore))
      wasTold = true
      reader = undefined
      await clock.sleep(delayMs, signal)
    }
  }

  #tell({ name }: LogSource, problems: readonly Problem[]): void {
    const [{ problem }] = problems.length > 0 ? (problems as readonly [Problem]) : [{ problem: 'it has ended its answer' }]
    this.#problems.push({ node: name, problem: `${problem}; it is asked again` })
    this.#wake.resolve()
  }

  async #take(chunk: readonly LogRecord[], place: string | undefined, signal: AbortSignal): Promise<string | undefined> {
    let behind = place
    const at = this.#options.clock.monotonic()
    for (const record of chunk) {
      if ('text' in record) this.#held.push({ record, at })
      else if ('live' in record) behind = record.live
      else if ('place' in record) behind = record.place
    }
    if (this.#held.length > 0) this.#wake.resolve()
    while (this.#held.length > maxHeldLines && !signal.aborted && !this.#isOver) await this.#taken.promise
    return behind
  }
}
