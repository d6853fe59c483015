import { BatchBuilder, type LineTime } from '../batch-builder.ts'
import type { LogBatch, LogOrigin } from '../log-batch.ts'

/** A file whose lines are being written into batches. */
export interface WrittenFile {
  readonly origin: LogOrigin
  readonly name: string
  /** The beginning of the oldest line that was begun and is not told yet, such as one of which only pieces came. */
  readonly oldestUntold: number
  onBatch(batch: LogBatch): void
}

type Fields = Readonly<Record<string, string | number | boolean>>
type Line = { readonly buffer: Buffer; readonly start: number; readonly end: number; readonly stream: number } & LineTime

/** Makes the lines of one file after the other into batches whose positions grow. */
export class BatchWriter {
  readonly #builder = new BatchBuilder()
  #file: WrittenFile | undefined

  begin(file: WrittenFile): void {
    this.#file = file
  }

  add(line: Line, position: number, level: number, fields: Fields | undefined): void {
    const builder = this.#builder
    if (builder.isFull || position <= builder.lastPosition) this.flush(Math.min(position, this.#file!.oldestUntold))
    builder.add(line, position, level, fields)
  }

  /** Ends the batch: everything of the file before `nextPosition` has been told. */
  flush(nextPosition: number): void {
    if (this.#builder.count === 0) return
    const file = this.#file!
    file.onBatch(this.#builder.finish(file.origin, file.name, nextPosition))
  }
}
