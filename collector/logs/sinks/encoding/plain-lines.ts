import type { ByteWriter } from '../../../../lib/byte-writer.ts'
import { Escapes } from '../../../../lib/byte-writer.ts'
import { logLevels, logStreams } from '../../log-batch.ts'
import type { LogBatch, LogOrigin } from '../../log-batch.ts'
import { TimeReader } from './line-time.ts'

/** Control characters as `\n` and `\x1b`: a text can neither begin a line nor steer a terminal. A tab and a backslash stand for themselves. */
const plainEscapes = new Escapes(
  new Map(
    [...Array.from({ length: 0x20 }, (_, byte) => byte), 0x7f]
      .filter((byte) => byte !== 0x09)
      .map((byte): [number, string] => [byte, byte === 0x0a ? '\\n' : `\\x${byte.toString(16).padStart(2, '0')}`]),
  ),
)

const space = 0x20
const room = 64

/** Lines for people: `2026-11-21T09:14:32.123456789Z default/web-1/app stdout info text`. */
export class PlainLineEncoder {
  readonly #times = new TimeReader()
  readonly #names = new WeakMap<LogOrigin, Buffer>()
  #batch: LogBatch | undefined

  append(writer: ByteWriter, batch: LogBatch, index: number): void {
    if (batch !== this.#batch) this.#times.use(batch.times)
    this.#batch = batch
    const name = this.#nameOf(batch.origin)
    writer.reserve(room)
    this.#times.append(writer, index, 9)
    writer.appendByte(space)
    writer.appendEscaped(name, 0, name.length, plainEscapes)
    writer.appendText(` ${logStreams[batch.streams[index]!] ?? 'stdout'} ${logLevels[batch.levels[index]!] ?? 'unknown'} `)
    writer.appendEscaped(batch.text, index === 0 ? 0 : batch.ends[index - 1]!, batch.ends[index]!, plainEscapes)
  }

  #nameOf(origin: LogOrigin): Buffer {
    let name = this.#names.get(origin)
    if (name === undefined) {
      const { id, namespace, pod, container } = origin
      name = Buffer.from(pod === '' ? id : `${namespace}/${pod}/${container}`)
      this.#names.set(origin, name)
    }
    return name
  }
}
