/** A line that did not go on, as it would have gone on: without its secrets. */
export interface LostLine {
  /** RFC 3339. */
  readonly time: string
  /** Bytes of the whole line. */
  readonly bytes: number
  /** Its beginning. */
  readonly text: string
}

const maxTextLength = 256
const linesPerKey = 5
const maxKeys = 300
/** Lines are lost by the hundred thousand: what is kept is to tell of a while, and to cost nothing. */
const minIntervalMs = 1000

interface Kept {
  readonly lines: LostLine[]
  lastAt: number
}

/** The last few lines that were lost for each key, one a second at most. When there are too many keys, the one that lost nothing for longest goes. */
export class LostLines {
  readonly #kept = new Map<string, Kept>()

  /** Whether one more is wanted; `now` is monotonic, in ms. */
  wants(key: string, now: number): boolean {
    const kept = this.#kept.get(key)
    return kept === undefined || now - kept.lastAt >= minIntervalMs
  }

  add(key: string, now: number, line: LostLine): void {
    const kept = this.#kept.get(key) ?? { lines: [], lastAt: now }
    kept.lastAt = now
    kept.lines.push(line)
    if (kept.lines.length > linesPerKey) kept.lines.shift()
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    if (this.#kept.size > maxKeys) this.#kept.delete(this.#kept.keys().next().value!)
  }

  /** Oldest first. */
  of(key: string): readonly LostLine[] {
    return this.#kept.get(key)?.lines ?? []
  }
}

/** `timeMs` since the epoch; `text` is the beginning of the line, as it may be shown. */
export function describeLostLine(timeMs: number, bytes: number, text: string): LostLine {
  return { time: new Date(timeMs).toISOString(), bytes, text: text.slice(0, maxTextLength).toWellFormed() }
}
