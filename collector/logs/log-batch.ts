/** What writes lines: one attempt of a container, a file, a unit of the journal. One object until something about it changes. */
export interface LogOrigin {
  /** Unique on the node and the same after a restart: `docker/<container id>`, `file/<path>`, `journal/<unit>`, `audit`, `events`. */
  readonly id: string
  readonly kind: 'container' | 'file' | 'journal' | 'audit' | 'events'
  readonly node: string
  /** Of containers; empty strings where there is no such thing. */
  readonly namespace: string
  readonly pod: string
  readonly podUid: string
  readonly container: string
  readonly containerId: string
  readonly image: string
  /** The controller of the pod, such as `{ kind: 'Deployment', name: 'web' }`. */
  readonly owner: { readonly kind: string; readonly name: string } | undefined
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

/** How grave a line is; the index is what `LogBatch.levels` holds. */
export const logLevels = ['unknown', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
export type LogLevel = (typeof logLevels)[number]

/** What writes to: the index is what `LogBatch.streams` holds. */
export const logStreams = ['stdout', 'stderr'] as const

/**
 * Lines of one file in the order in which they were written, as columns: index i of each is line i. Nobody changes a batch once it was
 * handed on, and no line is an object of its own, so that a line costs no allocation.
 */
export interface LogBatch {
  readonly origin: LogOrigin
  /** Identity of the file, the same after a restart and after it was renamed; with `positions[i]` it names a line for ever. */
  readonly file: string
  readonly count: number
  /** The texts, valid UTF-8, without their line ends, one after another. A text of several lines has `\n` in it. */
  readonly text: Buffer
  /** Where text i ends in `text`; it begins where the one before ends. */
  readonly ends: Uint32Array
  /** ns since the epoch. */
  readonly times: BigInt64Array
  /** Byte of the file at which line i begins. Grows within a batch. */
  readonly positions: Float64Array
  /** Byte of the file behind the last line: once the batch is acknowledged, reading may go on from here. */
  readonly nextPosition: number
  readonly levels: Uint8Array
  readonly streams: Uint8Array
  /** What a parser found in line i; absent where none was asked for. */
  readonly fields: readonly (Readonly<Record<string, string | number | boolean>> | undefined)[] | undefined
}

/** A name for line i that every attempt and every sink agrees on. */
export function lineId(batch: LogBatch, index: number): string {
  return `${batch.file}-${batch.positions[index]!.toString(36)}`
}

/** The text of line i. */
export function lineText(batch: LogBatch, index: number): string {
  return batch.text.toString('utf8', index === 0 ? 0 : batch.ends[index - 1], batch.ends[index])
}
