import type { LogBatch } from '../log-batch.ts'

/** From a byte of a file up to another one. */
export type Interval = readonly [from: number, to: number]

/** Batches of a file that overtake one another leave holes; beyond so many the oldest hole counts as filled. */
const maxIntervals = 64

/** What of each file is stored already, so that what is handed over a second time is told from what never came. */
export class Coverage {
  readonly #files = new Map<string, { intervals: Interval[]; lastSeen: number }>()

  /** `seen` is a number that grows; `forget` goes by it. */
  add(file: string, interval: Interval, seen: number): void {
    const known = this.#files.get(file)
    if (known === undefined) {
      this.#files.set(file, { intervals: [interval], lastSeen: seen })
      return
    }
    known.lastSeen = Math.max(known.lastSeen, seen)
    const { intervals } = known
    const last = intervals.at(-1)!
    if (interval[0] >= last[0] && interval[0] <= last[1]) intervals[intervals.length - 1] = [last[0], Math.max(last[1], interval[1])]
    else known.intervals = joinIntervals([...intervals, interval])
  }

  /** The runs of lines of a batch that are not stored yet, as half-open ranges of indexes. */
  missing({ file, count, positions }: LogBatch): Interval[] {
    const intervals = this.#files.get(file)?.intervals
    if (intervals === undefined || positions[0]! >= intervals.at(-1)![1]) return [[0, count]]
    const runs: [number, number][] = []
    for (let line = 0; line < count; line++) {
      const position = positions[line]!
      if (intervals.some(([from, to]) => position >= from && position < to)) continue
      const run = runs.at(-1)
      if (run?.[1] === line) run[1] = line + 1
      else runs.push([line, line + 1])
    }
    return runs
  }

  /** Drops files that were last seen at or before `seen`. */
  forget(seen: number): void {
    for (const [file, { lastSeen }] of this.#files) if (lastSeen <= seen) this.#files.delete(file)
  }

  get size(): number {
    return this.#files.size
  }
}

/** Intervals in order, those that touch as one; beyond so many the oldest holes count as filled. */
export function joinIntervals(intervals: readonly Interval[]): Interval[] {
  const result: [number, number][] = []
  for (const [from, to] of intervals.toSorted((a, b) => a[0] - b[0])) {
    const last = result.at(-1)
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to)
    else result.push([from, to])
  }
  while (result.length > maxIntervals) result.splice(0, 2, [result[0]![0], result[1]![1]])
  return result
}
