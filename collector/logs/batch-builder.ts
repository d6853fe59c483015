import { isUtf8 } from 'node:buffer'
import type { LogBatch, LogOrigin } from './log-batch.ts'

const maxLines = 16_384
const maxTextBytes = 512 * 1024
/** What is kept between batches: a batch with a huge line does not cost memory for ever. */
const keptTextBytes = 1024 * 1024

type Fields = Readonly<Record<string, string | number | boolean>>

/** Collects the lines of one batch in columns that are used again for the next; `finish` copies what is needed. */
export class BatchBuilder {
  #text = Buffer.allocUnsafe(64 * 1024)
  #length = 0
  #count = 0
  readonly #ends = new Uint32Array(maxLines)
  /** Times as two halves each, in the machine's order: low first. */
  readonly #times = new Uint32Array(maxLines * 2)
  readonly #positions = new Float64Array(maxLines)
  readonly #levels = new Uint8Array(maxLines)
  readonly #streams = new Uint8Array(maxLines)
  #fields: (Fields | undefined)[] | undefined

  get count(): number {
    return this.#count
  }

  get textBytes(): number {
    return this.#length
  }

  get isFull(): boolean {
    return this.#count === maxLines || this.#length >= maxTextBytes
  }

  /** Where the last line began; -1 without one. */
  get lastPosition(): number {
    return this.#count === 0 ? -1 : this.#positions[this.#count - 1]!
  }

  /** Appends a line. It must not be called when it `isFull`. */
  add(
    line: { readonly buffer: Buffer; readonly start: number; readonly end: number; readonly stream: number } & LineTime,
    position: number,
    level: number,
    fields: Fields | undefined,
  ): void {
    const { buffer, start, end } = line
    const length = this.#length + end - start
    if (length > this.#text.length) this.#grow(length)
    buffer.copy(this.#text, this.#length, start, end)
    const index = this.#count++
    this.#length = length
    this.#ends[index] = length
    this.#times[index * 2] = line.timeLow
    this.#times[index * 2 + 1] = line.timeHigh
    this.#positions[index] = position
    this.#levels[index] = level
    this.#streams[index] = line.stream
    if (fields !== undefined || this.#fields !== undefined) {
      this.#fields ??= Array.from({ length: index })
      this.#fields[index] = fields
    }
  }

  /** The batch so far; the builder is empty again. Bytes that are no UTF-8 come out as U+FFFD. */
  finish(origin: LogOrigin, file: string, nextPosition: number): LogBatch {
    const count = this.#count
    let text = Buffer.from(this.#text.subarray(0, this.#length))
    let ends = this.#ends.slice(0, count)
    // A character may not be put together of two lines either, which `isUtf8` of the whole would not see.
    if (!isUtf8(text) || !endsAreWhole(text, ends)) ({ text, ends } = toUtf8(text, ends))
    const batch: LogBatch = {
      origin,
      file,
      count,
      text,
      ends,
      times: new BigInt64Array(this.#times.slice(0, count * 2).buffer),
      positions: this.#positions.slice(0, count),
      nextPosition,
      levels: this.#levels.slice(0, count),
      streams: this.#streams.slice(0, count),
      fields: this.#fields,
    }
    this.#fields = undefined
    this.#count = 0
    this.#length = 0
    if (this.#text.length > keptTextBytes) this.#text = Buffer.allocUnsafe(64 * 1024)
    return batch
  }

  #grow(length: number): void {
    const larger = Buffer.allocUnsafe(Math.max(length, this.#text.length * 2))
    this.#text.copy(larger, 0, 0, this.#length)
    this.#text = larger
  }
}

export interface LineTime {
  readonly timeHigh: number
  readonly timeLow: number
}

/** Whether each line begins with a first byte of a character. */
function endsAreWhole(text: Buffer, ends: Uint32Array): boolean {
  for (let index = 0; index < ends.length - 1; index++)
    if ((text[ends[index]!]! & 0xc0) === 0x80 && ends[index]! < text.length) return false
  return true
}

function toUtf8(text: Buffer, ends: Uint32Array): { text: Buffer<ArrayBuffer>; ends: Uint32Array<ArrayBuffer> } {
  const parts: Buffer[] = []
  const newEnds = new Uint32Array(ends.length)
  let length = 0
  for (let index = 0; index < ends.length; index++) {
    const part = Buffer.from(text.toString('utf8', index === 0 ? 0 : ends[index - 1], ends[index]))
    parts.push(part)
    length += part.length
    newEnds[index] = length
  }
  return { text: Buffer.concat(parts, length), ends: newEnds }
}
