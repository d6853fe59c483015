import { existsSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import type { LogFigure, LogRoutes } from '../context.ts'
import type { LogSink } from '../sinks/sink.ts'
import { answerLogQuery, queryLogs } from './answer.ts'
import { LogArchive } from './log-archive.ts'
import { parseLogQuery, parseNodeQuery } from './log-query.ts'
import type { LogQuery } from './log-query.ts'
import type { LogRecord } from './log-records.ts'
import { StoreWriter } from './store-writer.ts'

export interface LogStoreOptions {
  /** Of the sink; `store` by default. */
  readonly name?: string
  /** A folder of the store's own. */
  readonly folder: string
  /** What the store may take on disk; 512 MiB or a twentieth of the disk by default, whichever is less. */
  readonly maxBytes?: number
  /** Lines that came longer ago go; a week by default. */
  readonly maxAgeMs?: number
  readonly clock: Clock
  readonly log: Log
}

/** Recent lines on this machine's disk, and the way to find them. */
export interface LogStore {
  /** `start` and `stop` of it are the store's. */
  readonly sink: LogSink
  /** The records of an answer, in chunks, until its end or until `signal` aborts. */
  query(query: LogQuery, signal: AbortSignal): AsyncIterable<readonly LogRecord[]>
  /** For the collector's door: nothing more with the parameters of `parseLogQuery`, `/query` with those of `parseNodeQuery`. */
  readonly routes: LogRoutes
  figures(): readonly LogFigure[]
}

export const defaultMaxStoreBytes = 512 << 20
export const defaultMaxStoreAgeMs = 7 * 24 * 3_600_000
/** The least that is of use: two files and what is being written. */
export const minStoreBytes = 4 << 20
const maxJournalBytes = 8 << 20
const maxJournalAgeMs = 6 * 3_600_000

/** A store in a folder. Nothing is read or written before `sink.start`. */
export function createLogStore(options: LogStoreOptions): LogStore {
  const { name = 'store', folder, clock, log, maxAgeMs = defaultMaxStoreAgeMs } = options
  const maxBytes = options.maxBytes ?? Math.min(defaultMaxStoreBytes, Math.floor(diskBytes(folder) / 20))
  if (!(maxBytes >= minStoreBytes)) throw new RangeError(`maxBytes: ${maxBytes} is not allowed, at least ${minStoreBytes}`)
  const archive = new LogArchive({ folder, clock, log })
  const writer = new StoreWriter({
    name,
    folder,
    maxBytes,
    maxAgeMs,
    // Several journals may be there before they are compressed.
    journalBytes: Math.min(maxJournalBytes, Math.floor(maxBytes / 8)),
    journalAgeMs: Math.min(maxJournalAgeMs, maxAgeMs / 4),
    onStop: () => archive.close(),
    clock,
    log,
  })
  const context = { archive, clock, open: { count: 0 } }
  const answerBy =
    (parse: typeof parseLogQuery): LogRoutes[string] =>
    (request, signal) =>
      answerLogQuery(context, { parse, parameters: request.query }, signal)
  return {
    sink: writer,
    query: (query, signal) => queryLogs(context, query, signal),
    routes: { '': answerBy(parseLogQuery), '/query': answerBy(parseNodeQuery) },
    figures: () => figuresOf(writer),
  }
}

/** Reads a store that somebody else writes, perhaps in another process. */
export function openLogStore(options: Pick<LogStoreOptions, 'folder' | 'clock' | 'log'>): Pick<LogStore, 'query'> & { close(): void } {
  const archive = new LogArchive(options)
  const context = { archive, clock: options.clock, open: { count: 0 } }
  return { query: (query, signal) => queryLogs(context, query, signal), close: () => archive.close() }
}

function figuresOf(writer: StoreWriter): readonly LogFigure[] {
  const { bytes, files, repeatedLines } = writer.sizes()
  return [
    { name: 'store_bytes', type: 'gauge', help: 'Bytes that the log store takes on disk.', value: bytes },
    { name: 'store_files', type: 'gauge', help: 'Files of the log store.', value: files },
    {
      name: 'store_repeated_lines_total',
      type: 'counter',
      help: 'Lines that were handed over a second time and not stored again.',
      value: repeatedLines,
    },
  ]
}

/** Of the disk that a folder is or will be on. */
function diskBytes(folder: string): number {
  let existing = folder
  while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing)
  const { blocks, bsize } = statfsSync(existing)
  return blocks * bsize
}
