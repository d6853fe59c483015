/** Matches are looked for within this many bytes, so that an offset fits into two of them. */
const windowBytes = 65_535
const hashBits = 14
const minMatch = 4
const maxCopy = 64

/** Compresses into snappy's block format: the length, then literals and copies. Greedy, with one candidate per hash of four bytes. */
export function compressSnappy(input: Buffer): Buffer {
  const output = Buffer.allocUnsafe(32 + input.length + Math.ceil(input.length / 6))
  let at = writeVarint(output, 0, input.length)
  const table = new Int32Array(1 << hashBits).fill(-1)
  let position = 0
  let literalStart = 0
  while (position + minMatch <= input.length) {
    const word = input.readUInt32LE(position)
    const slot = Math.imul(word, 0x1e35a7bd) >>> (32 - hashBits)
    const candidate = table[slot]!
    table[slot] = position
    if (candidate < 0 || position - candidate > windowBytes || input.readUInt32LE(candidate) !== word) {
      // Where nothing repeats, look less often.
      position += 1 + ((position - literalStart) >> 5)
      continue
    }
    at = writeLiteral(output, at, input.subarray(literalStart, position))
    let length = minMatch
    while (position + length < input.length && input[candidate + length] === input[position + length]) length++
    at = writeCopies(output, at, { offset: position - candidate, length })
    position += length
    literalStart = position
  }
  at = writeLiteral(output, at, input.subarray(literalStart))
  return output.subarray(0, at)
}

function writeVarint(output: Buffer, start: number, value: number): number {
  let at = start
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) output[at++] = (rest & 127) | 128
  output[at++] = rest
  return at
}

function writeLiteral(output: Buffer, start: number, literal: Buffer): number {
  if (literal.length === 0) return start
  let at = start
  const length = literal.length - 1
  if (length < 60) {
    output[at++] = length << 2
  } else {
    const bytes = length < 0x100 ? 1 : length < 0x1_0000 ? 2 : length < 0x100_0000 ? 3 : 4
    output[at++] = (59 + bytes) << 2
    at = output.writeUIntLE(length, at, bytes)
  }
  output.set(literal, at)
  return at + literal.length
}

function writeCopies(output: Buffer, start: number, { offset, length }: { readonly offset: number; readonly length: number }): number {
  let at = start
  for (let rest = length; rest > 0;) {
    const size = Math.min(rest, maxCopy)
    output[at++] = ((size - 1) << 2) | 2
    at = output.writeUInt16LE(offset, at)
    rest -= size
  }
  return at
}
