import { endianness } from 'node:os'
import type { ByteWriter } from '../../../../lib/byte-writer.ts'

const letterZ = 0x5a
const isLittleEndian = endianness() === 'LE'

/**
 * Reads times as seconds and nanoseconds. A 64-bit integer of JavaScript is an object; two numbers are not, so a line costs no memory. 2^48 ns are
 * 281,474 s and 976,710,656 ns, and so on for 2^32.
 */
export class TimeReader {
  #halves: Uint32Array = new Uint32Array(0)
  readonly #second = Buffer.allocUnsafe(20)
  #secondOf = Number.NaN
  seconds = 0
  nanos = 0

  /** Sets the column that `read` reads from. */
  use(times: BigInt64Array): void {
    this.#halves = new Uint32Array(times.buffer, times.byteOffset, times.length * 2)
  }

  read(index: number): void {
    const halves = this.#halves
    const low = halves[index * 2 + (isLittleEndian ? 0 : 1)]!
    const high = halves[index * 2 + (isLittleEndian ? 1 : 0)]! | 0
    const [upper, lower] = [high >> 16, high & 0xffff]
    const rest = upper * 976_710_656 + lower * 294_967_296 + low
    const carried = Math.floor(rest / 1e9)
    this.seconds = upper * 281_474 + lower * 4 + carried
    this.nanos = rest - carried * 1e9
  }

  /** Appends time `index` as `2026-11-21T09:14:32.123456789Z` with so many digits behind the point; needs 32 bytes of room. */
  append(writer: ByteWriter, index: number, digits: 6 | 9): void {
    this.read(index)
    if (this.seconds !== this.#secondOf) {
      this.#secondOf = this.seconds
      this.#second.write(`${new Date(this.seconds * 1000).toISOString().slice(0, 19)}.`)
    }
    writer.append(this.#second)
    writer.appendDigits(digits === 9 ? this.nanos : Math.floor(this.nanos / 1000), digits)
    writer.appendByte(letterZ)
  }
}
