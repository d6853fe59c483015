import { createSlice, maxSpanBytes, type Slice } from './slice.ts'

/** Told of each whole line, where it begins in the file, and how many bytes of it were left out. */
export type OnText = (slice: Slice, position: number, cut: number) => void

/** Pieces of a stream's unfinished line. */
class Pending {
  readonly slice = createSlice()
  buffer = Buffer.alloc(0)
  length = 0
  cut = 0
  position = Number.POSITIVE_INFINITY

  /** The slice of the line so far; the pending is empty again. */
  take(): Slice {
    this.slice.buffer = this.buffer
    this.slice.start = 0
    this.slice.end = this.length
    this.slice.isPartial = false
    this.buffer = Buffer.alloc(0)
    this.length = 0
    this.cut = 0
    this.position = Number.POSITIVE_INFINITY
    return this.slice
  }

  append({ buffer, start, end }: Slice, maxBytes: number): void {
    const room = maxBytes - this.length
    const taken = Math.min(room, end - start)
    this.cut += end - start - taken
    if (this.length + taken > this.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.min(maxBytes, (this.length + taken) * 2))
      this.buffer.copy(larger, 0, 0, this.length)
      this.buffer = larger
    }
    buffer.copy(this.buffer, this.length, start, start + taken)
    this.length += taken
  }
}

/**
 * Puts together what a container runtime cut into pieces of 16 KiB, for each stream on its own, since their pieces come mixed. A line has the
 * time of its first piece. It keeps at most `maxBytes` of a line and counts the rest, and waits for its end for `maxSpanBytes` of the file.
 */
export class PieceJoiner {
  readonly #maxBytes: number
  readonly #onText: OnText
  readonly #pending = [new Pending(), new Pending()]

  constructor(maxBytes: number, onText: OnText) {
    this.#maxBytes = maxBytes
    this.#onText = onText
  }

  /** Where the oldest unfinished line begins; infinity where there is none. */
  get safePosition(): number {
    return Math.min(this.#pending[0]!.position, this.#pending[1]!.position)
  }

  push(slice: Slice, position: number, cut: number): void {
    const [first, second] = this.#pending as [Pending, Pending]
    if (position - Math.min(first.position, second.position) > maxSpanBytes) this.#tell(first.position < second.position ? first : second)
    const pending = slice.stream === 0 ? first : second
    const isFirst = pending.position === Number.POSITIVE_INFINITY
    if (isFirst && !slice.isPartial) {
      if (slice.end - slice.start > this.#maxBytes) {
        cut += slice.end - slice.start - this.#maxBytes
        slice.end = slice.start + this.#maxBytes
      }
      this.#onText(slice, position, cut)
      return
    }
    if (isFirst) {
      pending.position = position
      pending.slice.stream = slice.stream
      pending.slice.timeHigh = slice.timeHigh
      pending.slice.timeLow = slice.timeLow
    }
    pending.append(slice, this.#maxBytes)
    pending.cut += cut
    if (!slice.isPartial) this.#tell(pending)
  }

  /** Tells unfinished lines as they are: nothing will follow. */
  flush(): void {
    const inOrder = this.#pending.filter(({ position }) => position < Number.POSITIVE_INFINITY).sort((a, b) => a.position - b.position)
    for (const pending of inOrder) this.#tell(pending)
  }

  #tell(pending: Pending): void {
    const { position, cut } = pending
    this.#onText(pending.take(), position, cut)
  }
}
