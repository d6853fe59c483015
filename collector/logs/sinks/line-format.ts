import { ByteWriter } from '../../../lib/byte-writer.ts'
import type { LogBatch } from '../log-batch.ts'
import { JsonLineEncoder } from './encoding/json-lines.ts'
import { PlainLineEncoder } from './encoding/plain-lines.ts'
import type { OptionNode } from './option-node.ts'

export type LineFormat = 'json' | 'plain'

/** Reads `format`. */
export function readLineFormat(node: OptionNode): LineFormat {
  return node.word('format', ['json', 'plain'], 'json')
}

const newline = 0x0a

/** Batches as lines of text, each with its end. */
export class LineFormatter {
  readonly #encoder: JsonLineEncoder | PlainLineEncoder
  readonly #writer = new ByteWriter()

  constructor(format: LineFormat) {
    this.#encoder = format === 'json' ? new JsonLineEncoder() : new PlainLineEncoder()
  }

  /** The bytes are the caller's until `release`. */
  format(batches: readonly LogBatch[]): { readonly bytes: Buffer; readonly release: () => void } {
    const writer = this.#writer
    for (const batch of batches) {
      for (let index = 0; index < batch.count; index++) {
        this.#encoder.append(writer, batch, index)
        writer.reserve(1)
        writer.appendByte(newline)
      }
    }
    return writer.lend()
  }
}
