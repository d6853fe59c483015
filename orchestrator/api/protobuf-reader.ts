/** A body that is no protobuf. */
export class ProtobufError extends Error {
  readonly code = 'ERR_PROTOBUF'
}

/** Reads protobuf's wire format from a range of bytes. Every read checks its bounds and throws a `ProtobufError` beyond them. */
export class ProtobufReader {
  position: number
  readonly end: number
  private readonly bytes: Uint8Array

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes
    this.position = start
    this.end = end
  }

  get isDone(): boolean {
    return this.position >= this.end
  }

  /** A field's number and wire type. */
  tag(): { readonly number: number; readonly wireType: number } {
    const tag = this.varint()
    if (tag < 8 || tag > 0xffff_ffff) throw new ProtobufError('illegal tag')
    return { number: Math.floor(tag / 8), wireType: tag % 8 }
  }

  /** An unsigned varint; exact up to 2^53, which no tag, length or count exceeds. */
  varint(): number {
    let value = 0
    let factor = 1
    for (let count = 0; count < 10; count++) {
      const byte = this.byte()
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
      factor *= 128
    }
    throw new ProtobufError('a varint is too long')
  }

  /** A signed 64 bit varint (two's complement); exact within JavaScript's safe integers. */
  int64(): number {
    const start = this.position
    const value = this.varint()
    if (value <= Number.MAX_SAFE_INTEGER) return value
    let exact = 0n
    for (let at = this.position - 1; at >= start; at--) exact = (exact << 7n) | BigInt(this.bytes[at]! & 0x7f)
    return Number(BigInt.asIntN(64, exact))
  }

  double(): number {
    if (this.position + 8 > this.end) throw new ProtobufError('unexpected end')
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset + this.position, 8)
    this.position += 8
    return view.getFloat64(0, true)
  }

  /** A reader of the next length-delimited field, which this one skips. */
  message(): ProtobufReader {
    const start = this.delimited()
    return new ProtobufReader(this.bytes, start, this.position)
  }

  /** The next length-delimited field's bytes; a view, not a copy. */
  slice(): Uint8Array {
    const start = this.delimited()
    return this.bytes.subarray(start, this.position)
  }

  text(): string {
    const start = this.delimited()
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + start, this.position - start).toString('utf8')
  }

  /** Passes over a field that nobody knows. */
  skip(wireType: number): void {
    if (wireType === 0) this.varint()
    else if (wireType === 1) this.advance(8)
    else if (wireType === 2) this.delimited()
    else if (wireType === 5) this.advance(4)
    else throw new ProtobufError(`illegal wire type ${wireType}`)
  }

  private delimited(): number {
    const length = this.varint()
    const start = this.position
    this.advance(length)
    return start
  }

  private advance(length: number): void {
    if (this.position + length > this.end) throw new ProtobufError('unexpected end')
    this.position += length
  }

  private byte(): number {
    if (this.position >= this.end) throw new ProtobufError('unexpected end')
    return this.bytes[this.position++]!
  }
}
