import { write } from 'node:fs'
import { promisify } from 'node:util'
import type { LogContext } from '../../context.ts'
import type { LogBatch } from '../../log-batch.ts'
import type { SinkDeclaration } from '../declaration.ts'
import { LineFormatter, readLineFormat } from '../line-format.ts'
import type { LineFormat } from '../line-format.ts'
import type { LogSender, SendOutcome } from '../sink.ts'

const writeAsync = promisify(write)
/** A pipe that is full is asked again after so long. */
const fullPipeMs = 5

interface StdoutOptions {
  readonly format: LineFormat
}

/** Lines on standard output of this process. Written is delivered: what reads the other end has no way to acknowledge. */
export const stdout: SinkDeclaration<StdoutOptions> = {
  type: 'stdout',
  isSerial: true,
  delivery: { onFull: 'wait', maxDelayMs: 100 },
  readOptions: (node) => ({ format: readLineFormat(node) }),
  create: ({ format }, context) => new StdoutSender(format, context),
}

class StdoutSender implements LogSender {
  readonly #formatter: LineFormatter
  readonly #context: LogContext

  constructor(format: LineFormat, context: LogContext) {
    this.#formatter = new LineFormatter(format)
    this.#context = context
  }

  async send(batches: readonly LogBatch[], signal: AbortSignal): Promise<SendOutcome> {
    const { bytes, release } = this.#formatter.format(batches)
    try {
      for (let written = 0; written < bytes.length;) written += await this.#write(bytes, written, signal)
      return { bytes: bytes.length }
    } finally {
      release()
    }
  }

  async close(): Promise<void> {}

  /** Pipes and terminals may be set to take what they can at once; a reader that is slow is no error. */
  async #write(bytes: Buffer, from: number, signal: AbortSignal): Promise<number> {
    signal.throwIfAborted()
    try {
      return (await writeAsync(1, bytes, from, bytes.length - from, null)).bytesWritten
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      await this.#context.clock.sleep(fullPipeMs, signal)
      return 0
    }
  }
}
