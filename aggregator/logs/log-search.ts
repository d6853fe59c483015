import type { Clock } from '../../lib/clock.ts'
import { Heap } from '../../lib/heap.ts'
import type { LogQuery } from '../../collector/logs/store/log-query.ts'
import type { LineRecord, LogRecord } from '../../collector/logs/store/log-records.ts'
import type { LogSources } from './log-source.ts'
import { LiveMerge } from './live-merge.ts'
import { SourceReader } from './source-reader.ts'

export interface LogSearchOptions {
  readonly sources: LogSources
  readonly clock: Clock
}

/** Lines that are handed on together. */
const chunkLines = 512

/**
 * One answer from the answers of many sources, in the order of times. Each source's lines come in that order already, so one chunk of each is in
 * memory, and a source is asked for more only when its lines are taken. A source that fails is named in the last record, or while lines are followed
 * as soon as that is known; the others go on.
 */
export class LogSearch {
  readonly #options: LogSearchOptions

  constructor(options: LogSearchOptions) {
    this.#options = options
  }

  /** The records of an answer, in chunks, until its end or until `signal` aborts. */
  async *query(query: LogQuery, signal: AbortSignal): AsyncGenerator<readonly LogRecord[]> {
    const { sources, clock } = this.#options
    const ended = new AbortController()
    const both = AbortSignal.any([signal, ended.signal])
    const asked = { ...query, hasMarks: true }
    const begunAt = clock.now()
    const readers = sources
      .list()
      .filter((source) => source.mayAnswer(query))
      .map((source) => new SourceReader(source, { query: asked, clock, signal: both }))
    try {
      const counted = { lines: 0 }
      yield* this.#stored(readers, query, counted)
      const problems = readers.flatMap((reader) => reader.problems)
      if (!query.isFollowing || both.aborted) {
        yield [{ end: { lines: counted.lines, isCutAtLimit: query.tail === undefined && counted.lines >= query.limit, problems } }]
        return
      }
      if (problems.length > 0) yield problems
      yield* new LiveMerge({ sources, query: asked, readers, begunAt, clock }).records(both)
    } finally {
      ended.abort()
      for (const reader of readers) reader.close()
    }
  }

  async *#stored(readers: readonly SourceReader[], query: LogQuery, counted: { lines: number }): AsyncGenerator<readonly LineRecord[]> {
    let chunk: LineRecord[] = []
    const newest = query.tail === undefined ? undefined : new Newest<LineRecord>(query.tail)
    const limit = newest === undefined ? query.limit : Number.POSITIVE_INFINITY
    for await (const line of mergeReaders(readers, query.direction)) {
      if (counted.lines >= limit) break
      if (newest === undefined) {
        counted.lines++
        chunk.push(line)
      } else newest.push(line)
      if (chunk.length >= chunkLines) yield chunk.splice(0)
    }
    if (newest !== undefined) {
      chunk = newest.items()
      counted.lines = chunk.length
    }
    if (chunk.length > 0) yield chunk
  }
}

/** Heads of all readers, the first by time at a time. */
async function* mergeReaders(readers: readonly SourceReader[], direction: LogQuery['direction']): AsyncGenerator<LineRecord> {
  await Promise.all(readers.map((reader) => reader.fill()))
  const isForward = direction === 'forward'
  // Times of RFC 3339 with nine digits are ordered as texts.
  const heap = new Heap<SourceReader>((a, b) => (isForward ? a.head!.time < b.head!.time : a.head!.time > b.head!.time))
  for (const reader of readers) if (reader.head !== undefined) heap.push(reader)
  for (let top = heap.top; top !== undefined; top = heap.top) {
    yield top.head!
    const filling = top.advance()
    if (filling !== undefined) await filling
    if (top.head === undefined) heap.pop()
    else heap.sink()
  }
}

/** The last so many of what was pushed. */
class Newest<T> {
  readonly #most: number
  readonly #ring: T[] = []
  #next = 0

  constructor(most: number) {
    this.#most = most
  }

  push(item: T): void {
    if (this.#most === 0) return
    this.#ring[this.#next] = item
    this.#next = (this.#next + 1) % this.#most
  }

  items(): T[] {
    return this.#ring.length < this.#most ? [...this.#ring] : [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)]
  }
}
