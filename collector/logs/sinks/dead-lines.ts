import { ByteWriter } from '../../../lib/byte-writer.ts'
import { createRefusedFile } from '../../../lib/delivery/dead-letters.ts'
import type { DeadLetterOptions } from '../../../lib/delivery/dead-letters.ts'
import { JsonLineEncoder } from './encoding/json-lines.ts'
import type { RefusedLines } from './outcome.ts'

/** Keeps refused lines for a person to look at, and to send again. */
export interface DeadLines {
  /** Rejects when the file cannot be written. */
  add(refused: RefusedLines): Promise<void>
}

const writeBytes = 1 << 20
const maxMessageLength = 1000

/**
 * Appends an object per line to `refused.jsonl`: `time` and `reason` of the refusal, `message` of the receiver, and the `line` as other sinks write it.
 * The file takes `maxBytes`, then becomes `refused.old.jsonl`.
 */
export function createDeadLines(options: DeadLetterOptions): DeadLines {
  const append = createRefusedFile(options)
  const encoder = new JsonLineEncoder()
  const writer = new ByteWriter()
  let turn = Promise.resolve()
  const write = async ({ reason, message, lines }: RefusedLines): Promise<void> => {
    const about = { time: new Date(options.clock.now()).toISOString(), reason, message: message.slice(0, maxMessageLength) }
    const head = `${JSON.stringify(about).slice(0, -1)},"line":`
    for (const [index, line] of lines.entries()) {
      writer.appendText(head)
      encoder.append(writer, line.batch, line.index)
      writer.appendText('}\n')
      if (writer.length >= writeBytes || index === lines.length - 1) await append(writer.take())
    }
  }
  return {
    add: (refused) => {
      const done = turn.then(() => write(refused))
      turn = done.catch(() => {})
      return done
    },
  }
}
