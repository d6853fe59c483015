import { ByteWriter } from '../../../lib/byte-writer.ts'
import type { AuditBatch } from './audit-sink.ts'

const newline = 10

/** A batch that has been handed over; `release` gives its memory back. */
export interface LentBatch extends AuditBatch {
  release(): void
}

/**
 * Events that wait to be written, as bytes: strings that wait a quarter of a second outlive the young generation, and moving them there cost the
 * server more than making them.
 */
export class AuditLines {
  readonly #writer = new ByteWriter()
  #ends: number[] = []
  #times: number[] = []
  #namespaces: string[] = []
  #codes: number[] = []

  get count(): number {
    return this.#ends.length
  }

  get byteLength(): number {
    return this.#writer.length
  }

  add(json: string, time: number, namespace: string, code: number): void {
    this.#writer.appendText(json)
    this.#writer.reserve(1)
    this.#writer.appendByte(newline)
    this.#ends.push(this.#writer.length)
    this.#times.push(time)
    this.#namespaces.push(namespace)
    this.#codes.push(code)
  }

  /** Everything that was added since the last call. */
  take(): LentBatch {
    const [ends, times, namespaces, codes] = [this.#ends, this.#times, this.#namespaces, this.#codes]
    this.#ends = []
    this.#times = []
    this.#namespaces = []
    this.#codes = []
    return { count: ends.length, ...this.#writer.lend(), ends, times, namespaces, codes }
  }
}
