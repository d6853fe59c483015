/** Buffers that were given back wait for their next use; what lends and gives back in turn needs no more. */
const maxSpares = 4
/** A buffer that one huge value has blown up is not kept. */
const maxKeptBytes = 8 << 20
const firstBytes = 64 << 10
const nothing = Buffer.alloc(0)

const minus = 45
const zero = 48
const lowerA = 97

/** What stands for each byte that cannot stand for itself. */
export class Escapes {
  /** 1 where a byte has a replacement. */
  readonly marks = new Uint8Array(256)
  readonly replacements: readonly (Buffer | undefined)[]
  /** Length of the longest replacement. */
  readonly longest: number

  /** Of bytes, all below 128: those of characters beyond ASCII are then never touched. */
  constructor(replacements: ReadonlyMap<number, string>) {
    const buffers: (Buffer | undefined)[] = Array.from({ length: 256 }, () => undefined)
    let longest = 1
    for (const [byte, text] of replacements) {
      this.marks[byte] = 1
      const buffer = Buffer.from(text)
      buffers[byte] = buffer
      longest = Math.max(longest, buffer.length)
    }
    this.replacements = buffers
    this.longest = longest
  }
}

/** Bytes in one buffer that grows and is reused. It takes memory when there is something to write. */
export class ByteWriter {
  #bytes: Buffer = nothing
  #length = 0
  /** How large the next buffer is, where none is spare. */
  #usualBytes = firstBytes
  readonly #spares: Buffer[] = []

  /** Bytes since the last `take`. */
  get length(): number {
    return this.#length
  }

  /** What has been written so far; the bytes are the caller's own. */
  take(): Buffer {
    const lines = Buffer.from(this.#bytes.subarray(0, this.#length))
    this.#length = 0
    return lines
  }

  /**
   * As `take`, without a copy: the bytes are the caller's until `release`, and then the writer's again. Memory outside the heap that comes
   * and goes by the megabyte makes the engine collect garbage all the time.
   */
  lend(): { readonly bytes: Buffer; readonly release: () => void } {
    const lent = this.#bytes
    const bytes = lent.subarray(0, this.#length)
    this.#usualBytes = Math.max(firstBytes, Math.min(lent.length, maxKeptBytes))
    this.#bytes = nothing
    this.#length = 0
    let isReleased = false
    const release = () => {
      if (!isReleased && this.#spares.length < maxSpares && lent.length > 0 && lent.length <= maxKeptBytes) this.#spares.push(lent)
      isReleased = true
    }
    return { bytes, release }
  }

  /** Makes sure of room for so many bytes; what follows may be written without another check. */
  reserve(more: number): void {
    if (this.#length + more > this.#bytes.length) this.#grow(this.#length + more)
  }

  /** Needs reserved room. */
  append(part: Buffer): void {
    const bytes = this.#bytes
    let at = this.#length
    if (part.length > 40) {
      bytes.set(part, at)
      at += part.length
    } else {
      // A call into the engine costs more than copying a few bytes here.
      for (let index = 0; index < part.length; index++) bytes[at++] = part[index]!
    }
    this.#length = at
  }

  /** The bytes of `part` from `start` to before `end`; needs reserved room. */
  appendSlice(part: Buffer, start: number, end: number): void {
    this.#length += part.copy(this.#bytes, this.#length, start, end)
  }

  /** The bytes of `part` from `start` to before `end`, with `escapes`. Takes care of its room itself; what needs no escape is one copy. */
  appendEscaped(part: Uint8Array, start: number, end: number, escapes: Escapes): void {
    const { marks, replacements, longest } = escapes
    this.reserve(end - start + longest)
    let from = start
    for (let at = start; at < end; at++) {
      if (marks[part[at]!] === 0) continue
      this.#copy(part, from, at)
      this.append(replacements[part[at]!]!)
      from = at + 1
      this.reserve(end - from + longest)
    }
    this.#copy(part, from, end)
  }

  /** One byte; needs reserved room. */
  appendByte(byte: number): void {
    this.#bytes[this.#length++] = byte
  }

  /** `value`, whole, not negative and below 10^`digits`, with leading zeros; needs reserved room. */
  appendDigits(value: number, digits: number): void {
    const bytes = this.#bytes
    let rest = value
    for (let at = this.#length + digits - 1; at >= this.#length; at--) {
      const next = Math.floor(rest / 10)
      bytes[at] = zero + (rest - next * 10)
      rest = next
    }
    this.#length += digits
  }

  /** A whole number that is not negative, as `toString(36)`; needs 12 bytes of room. */
  appendBase36(value: number): void {
    let scale = 1
    while (scale * 36 <= value) scale *= 36
    let rest = value
    for (; scale >= 1; scale /= 36) {
      const digit = Math.floor(rest / scale)
      this.#bytes[this.#length++] = digit < 10 ? zero + digit : lowerA - 10 + digit
      rest -= digit * scale
    }
  }

  #grow(length: number): void {
    const spare = this.#length === 0 ? this.#spares.pop() : undefined
    const isEnough = spare !== undefined && spare.length >= length
    const larger = isEnough ? spare : Buffer.allocUnsafe(Math.max(this.#usualBytes, this.#bytes.length * 2, length))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }

  #copy(part: Uint8Array, start: number, end: number): void {
    const bytes = this.#bytes
    let at = this.#length
    if (end - start > 40) bytes.set(part.subarray(start, end), at)
    else for (let index = start; index < end; index++) bytes[at++] = part[index]!
    this.#length += end - start
  }

  /** Takes care of its room itself. */
  appendText(text: string): void {
    this.reserve(text.length * 3)
    this.#length += this.#bytes.write(text, this.#length)
  }

  /** A float field; needs 32 bytes of room. */
  appendFloat(value: number): void {
    this.#length += this.#bytes.write(String(value), this.#length, 'latin1')
  }

  /** An integer field with its `i`; needs 32 bytes of room. The value is whole and below 2^63. */
  appendInteger(value: number): void {
    if (!Number.isSafeInteger(value)) {
      this.#length += this.#bytes.write(`${BigInt(value)}i`, this.#length, 'latin1')
      return
    }
    const bytes = this.#bytes
    let rest = value
    if (rest < 0) {
      bytes[this.#length++] = minus
      rest = -rest
    }
    let digits = 1
    for (let bound = 10; rest >= bound; bound *= 10) digits++
    let at = this.#length + digits
    this.#length = at + 1
    bytes[at] = 105 // i
    // Small integers divide several times faster than doubles do.
    while (rest > 0x7fff_ffff) {
      const next = Math.floor(rest / 10)
      bytes[--at] = zero + (rest - next * 10)
      rest = next
    }
    let small = rest | 0
    do {
      const next = (small / 10) | 0
      bytes[--at] = zero + (small - next * 10)
      small = next
    } while (small > 0)
  }
}
