const newline = 10
const space = 32
const tab = 9
const zero = 48
const nine = 57
const dot = 46

/** Reads numbers and words out of a file's bytes without making strings. One is used for all files, one after the other. */
export class Scanner {
  bytes: Uint8Array = new Uint8Array(0)
  /** Where the file's bytes end. */
  end = 0
  position = 0

  /** Starts over on new bytes. */
  reset(bytes: Uint8Array, end: number): void {
    this.bytes = bytes
    this.end = end
    this.position = 0
  }

  /** Whether everything is read. */
  get isDone(): boolean {
    return this.position >= this.end
  }

  /** The decimal number at the position (`max` and other words are NaN and skipped); stands behind it. Fractions are read. */
  number(): number {
    const { bytes, end } = this
    let position = this.position
    while (position < end && (bytes[position] === space || bytes[position] === tab)) position++
    const start = position
    let value = 0
    for (; position < end; position++) {
      const byte = bytes[position]!
      if (byte < zero || byte > nine) break
      value = value * 10 + (byte - zero)
    }
    if (position === start) {
      this.position = position
      this.skipWord()
      return Number.NaN
    }
    if (position < end && bytes[position] === dot) {
      let scale = 1
      for (position++; position < end; position++, scale *= 10) {
        const byte = bytes[position]!
        if (byte < zero || byte > nine) break
        value = value * 10 + (byte - zero)
      }
      value /= scale
    }
    this.position = position
    return value
  }

  /** The hexadecimal number at the position, NaN where there is none; stands behind it. */
  hex(): number {
    const { bytes, end } = this
    this.skipBlanks()
    const start = this.position
    let value = 0
    for (; this.position < end; this.position++) {
      const digit = hexDigit(bytes[this.position]!)
      if (digit < 0) break
      value = value * 16 + digit
    }
    return this.position === start ? Number.NaN : value
  }

  /** Skips blanks, but not line ends. */
  skipBlanks(): void {
    const { bytes, end } = this
    while (this.position < end && (bytes[this.position] === space || bytes[this.position] === tab)) this.position++
  }

  /** Goes behind the word at the position, up to a blank or line end. */
  skipWord(): void {
    const { bytes, end } = this
    for (; this.position < end; this.position++) {
      const byte = bytes[this.position]
      if (byte === space || byte === newline || byte === tab) return
    }
  }

  /** Goes to the start of the next line. */
  skipLine(): void {
    const { bytes, end } = this
    while (this.position < end && bytes[this.position] !== newline) this.position++
    this.position++
  }

  /** Whether the line has nothing more. */
  get isLineDone(): boolean {
    return this.position >= this.end || this.bytes[this.position] === newline
  }

  /** Whether `word` stands at `start`. */
  isAt(start: number, word: Uint8Array): boolean {
    if (start + word.length > this.end) return false
    for (let index = 0; index < word.length; index++) if (this.bytes[start + index] !== word[index]) return false
    return true
  }
}

function hexDigit(byte: number): number {
  if (byte >= zero && byte <= nine) return byte - zero
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1
}

/** A word as bytes, for `Scanner.isAt`. */
export function toBytes(word: string): Uint8Array {
  return Buffer.from(word, 'latin1')
}

/** Reads the rest of the file and reports each chosen key. */
export type KeyedParser = (scanner: Scanner, take: (target: number, value: number) => void) => void

interface Key {
  readonly bytes: Uint8Array
  readonly target: number
}

/**
 * A parser of `key value` lines that hands the values of chosen keys to `take(target, value)`. Keys are found by a hash of their
 * bytes and then compared, so that neither order nor number of the lines matters.
 */
export function createKeyedParser(targets: Readonly<Record<string, number>>): KeyedParser {
  const keys = new Map<number, Key[]>()
  for (const [word, target] of Object.entries(targets)) {
    const bytes = toBytes(word)
    const hash = bytes.reduce(mix, 0)
    keys.set(hash, [...(keys.get(hash) ?? []), { bytes, target }])
  }
  return (scanner, take) => {
    const { bytes, end } = scanner
    while (!scanner.isDone) {
      const start = scanner.position
      let hash = 0
      let position = start
      for (; position < end && bytes[position] !== space && bytes[position] !== newline; position++) hash = mix(hash, bytes[position]!)
      scanner.position = position
      const candidates = keys.get(hash)
      if (candidates !== undefined) {
        for (const { bytes: word, target } of candidates) {
          if (word.length === position - start && scanner.isAt(start, word)) take(target, scanner.number())
        }
      }
      scanner.skipLine()
    }
  }
}

function mix(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0
}
