/** Longest tag value in UTF-16 units; longer ones are cut. InfluxDB refuses keys over 64 KiB, all tags of a point together. */
const maxTagValueLength = 1024
const maxTagKeyLength = 256
/** A tag of labels may be longer. */
const maxLabelsLength = 8192
/** InfluxDB refuses string fields over 64 KiB. */
const maxStringLength = 16_000

/** Buffers that were given back wait for their next use; what lends and gives back in turn needs no more. */
const maxSpares = 4

const minus = 45
const zero = 48

/**
 * Bytes of InfluxDB's line protocol in one buffer that grows and is reused. Safe by construction for what went through the functions below: no
 * value can end a line, a tag or a field.
 */
export class LineWriter {
  #bytes: Buffer = Buffer.allocUnsafe(1 << 20)
  #length = 0
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
    this.#bytes = this.#spares.pop() ?? Buffer.allocUnsafe(lent.length)
    this.#length = 0
    let isReleased = false
    const release = () => {
      if (!isReleased && this.#spares.length < maxSpares) this.#spares.push(lent)
      isReleased = true
    }
    return { bytes, release }
  }

  /** Makes sure of room for so many bytes; what follows may be written without another check. */
  reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
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

/** `,key=value` for every tag, sorted by key; tags with an empty value are left out. */
export function encodeTags(tags: Readonly<Record<string, string>>): string {
  let text = ''
  for (const name of Object.keys(tags).sort()) {
    const value = storedTagValue(name, tags[name]!)
    if (value !== '') text += `,${escapeKey(cleanTagValue(name, maxTagKeyLength))}=${escapeKey(value)}`
  }
  return text
}

/** The value under which a tag's value is found in InfluxDB. */
export function storedTagValue(name: string, value: string): string {
  return cleanTagValue(value, name === 'labels' ? maxLabelsLength : maxTagValueLength)
}

/**
 * The nearest tag value that the line protocol can carry: control characters and line ends as spaces, lone surrogates as U+FFFD, cut to
 * `maxLength`, a space after a backslash at the end, which would swallow the separator behind it, and an even number of backslashes before a comma, an
 * equals sign or a space: where InfluxDB looks for the ends of lines it takes them in pairs, so that one too few would bare what is escaped behind it.
 */
export function cleanTagValue(value: string, maxLength: number): string {
  const clean = value.slice(0, maxLength).toWellFormed().replaceAll(unprintable, ' ')
  const ended = clean.endsWith('\\') ? `${clean} ` : clean
  return ended.replaceAll(unpaired, '$&\\')
}

/** A string field in its quotes. Control characters become spaces, so that a line stays a line; what is too long is cut. */
export function quoteString(text: string): string {
  return `"${text.slice(0, maxStringLength).toWellFormed().replaceAll(unprintable, ' ').replaceAll(/["\\]/g, '\\$&')}"`
}

/** An odd number of backslashes before something that is escaped. */
const unpaired = /(?<!\\)(?:\\\\)*\\(?=[,= ])/g

/** Control characters (Unicode's Cc) and the two line separators beyond them. */
const unprintable = /[\p{Cc}\u2028\u2029]/gu

/** A cleaned tag key, tag value or field key. */
export function escapeKey(text: string): string {
  return text.replaceAll(/[,= ]/g, '\\$&')
}

/** A cleaned measurement. */
export function escapeMeasurement(name: string): string {
  return name.replaceAll(/[, ]/g, '\\$&')
}
