/** Reads what `compressSnappy` writes; throws a RangeError on what is no such block. */
export function decompressSnappy(input: Buffer): Buffer {
  const { value: length, next } = readVarint(input, 0)
  const output = Buffer.alloc(length)
  let at = next
  let written = 0
  while (at < input.length) {
    const tag = input[at++]!
    if ((tag & 3) === 0) {
      const { size, start } = literalAt(input, at, tag)
      if (start + size > input.length || written + size > length) throw new RangeError('a literal leaves the block')
      input.copy(output, written, start, start + size)
      at = start + size
      written += size
      continue
    }
    const { size, offset, next: after } = copyAt(input, at, tag)
    if (offset === 0 || offset > written || written + size > length) throw new RangeError('a copy leaves the block')
    for (let index = 0; index < size; index++) output[written + index] = output[written + index - offset]!
    at = after
    written += size
  }
  if (written !== length) throw new RangeError(`${written} of ${length} bytes`)
  return output
}

/** The time series of a request, each with its frame. */
export function splitSeries(body: Buffer): readonly Buffer[] {
  const parts: Buffer[] = []
  for (let at = 0; at < body.length;) {
    const { next } = readField(body, at)
    parts.push(body.subarray(at, next))
    at = next
  }
  return parts
}

/** The labels of a framed time series, in their order. */
export function readLabels(series: Buffer): readonly (readonly [name: string, value: string])[] {
  const { content } = readField(series, 0)
  const labels: (readonly [string, string])[] = []
  for (let at = 0; at < content.length;) {
    const field = readField(content, at)
    at = field.next
    if (field.number !== 1) continue
    const name = readField(field.content, 0)
    labels.push([name.content.toString(), readField(field.content, name.next).content.toString()])
  }
  return labels
}

function readField(bytes: Buffer, start: number): { readonly number: number; readonly content: Buffer; readonly next: number } {
  const { value: length, next } = readVarint(bytes, start + 1)
  return { number: bytes[start]! >> 3, content: bytes.subarray(next, next + length), next: next + length }
}

function literalAt(input: Buffer, at: number, tag: number): { readonly size: number; readonly start: number } {
  const code = tag >> 2
  if (code < 60) return { size: code + 1, start: at }
  const bytes = code - 59
  return { size: input.readUIntLE(at, bytes) + 1, start: at + bytes }
}

function copyAt(input: Buffer, at: number, tag: number): { readonly size: number; readonly offset: number; readonly next: number } {
  if ((tag & 3) === 1) return { size: ((tag >> 2) & 7) + 4, offset: ((tag >> 5) << 8) | input.readUInt8(at), next: at + 1 }
  if ((tag & 3) === 2) return { size: (tag >> 2) + 1, offset: input.readUInt16LE(at), next: at + 2 }
  return { size: (tag >> 2) + 1, offset: input.readUInt32LE(at), next: at + 4 }
}

function readVarint(bytes: Buffer, start: number): { readonly value: number; readonly next: number } {
  let value = 0
  let next = start
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes.readUInt8(next++)
    value += (byte & 127) * scale
    if (byte < 128) return { value, next }
  }
}
