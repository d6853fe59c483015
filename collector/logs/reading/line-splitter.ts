import { maxSpanBytes } from '../decoding/slice.ts'

const newline = 0x0a
const nothing = Buffer.alloc(0)

/** Told of each line: its bytes without the line's end, where it begins in the file, and how many of its bytes were left out behind them. */
export type OnLine = (
  line: { readonly buffer: Buffer; readonly start: number; readonly end: number },
  position: number,
  cut: number,
) => void

/** Where bytes of all files are put together with what is left of the last ones; it is only in use within one call. */
let scratch = Buffer.allocUnsafe(128 * 1024)
const keptScratchBytes = 1024 * 1024

/**
 * Makes lines of a file's bytes. Of a line longer than `maxBytes` the beginning is kept and the rest counted, so that memory is bounded; one of more than
 * `maxSpanBytes` ends there.
 */
export class LineSplitter {
  readonly #onLine: OnLine
  readonly #maxBytes: number
  #carry: Buffer = nothing
  /** Bytes of the unfinished line that are in the file and not in `#carry`. */
  #cut = 0
  #position: number
  readonly #line: { buffer: Buffer; start: number; end: number } = { buffer: nothing, start: 0, end: 0 }

  constructor(position: number, maxBytes: number, onLine: OnLine) {
    this.#position = position
    this.#maxBytes = maxBytes
    this.#onLine = onLine
  }

  /** Where the unfinished line begins: everything before it was told. */
  get safePosition(): number {
    return this.#position - this.#carry.length - this.#cut
  }

  /** Begins anew at a byte; an unfinished line is forgotten. Returns its bytes. */
  restart(position: number): number {
    const forgotten = this.#carry.length + this.#cut
    this.#carry = nothing
    this.#cut = 0
    this.#position = position
    return forgotten
  }

  /** Takes the next bytes of the file, as Latin 1. */
  feed(bytes: string): void {
    const carried = this.#carry.length
    const length = carried + bytes.length
    if (scratch.length < length) scratch = Buffer.allocUnsafe(length * 2)
    const buffer = scratch
    this.#carry.copy(buffer)
    buffer.write(bytes, carried, 'latin1')
    this.#split(buffer.subarray(0, length), carried)
    this.#position += bytes.length
    if (scratch.length > keptScratchBytes && this.#carry.length < keptScratchBytes) scratch = Buffer.allocUnsafe(128 * 1024)
  }

  /** Tells the unfinished line, if there is one: the file has ended. */
  flush(): void {
    if (this.#carry.length === 0) return
    const [rest, cut, position] = [this.#carry, this.#cut, this.safePosition]
    this.restart(this.#position)
    this.#tell(rest, 0, { end: rest.length, position, cut })
  }

  #split(view: Buffer, carried: number): void {
    // Where `view[0]` would be in the file, had nothing been cut.
    const base = this.#position - carried
    let start = 0
    let end = view.indexOf(newline, carried)
    const begun = carried + this.#cut
    if (begun + (end < 0 ? view.length : end) - carried > maxSpanBytes) {
      start = maxSpanBytes - begun + carried
      this.#tell(view, 0, { end: start, position: base - this.#cut, cut: this.#cut })
      this.#cut = 0
    }
    for (; end >= 0; end = view.indexOf(newline, start)) {
      const cut = this.#cut
      this.#cut = 0
      this.#tell(view, start, { end, position: base + start - cut, cut })
      start = end + 1
    }
    const rest = view.length - start
    if (rest > this.#maxBytes) {
      this.#cut += rest - this.#maxBytes
      this.#carry = Buffer.from(view.subarray(start, start + this.#maxBytes))
    } else this.#carry = rest === 0 ? nothing : Buffer.from(view.subarray(start))
  }

  #tell(buffer: Buffer, start: number, { end, position, cut }: { end: number; position: number; cut: number }): void {
    const line = this.#line
    line.buffer = buffer
    line.start = start
    line.end = end
    if (end - start > this.#maxBytes) {
      cut += end - start - this.#maxBytes
      line.end = start + this.#maxBytes
    }
    this.#onLine(line, position, cut)
    line.buffer = nothing
  }
}
