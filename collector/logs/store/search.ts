import type { Clock } from '../../../lib/clock.ts'
import { Heap } from '../../../lib/heap.ts'
import { logLevels, logStreams } from '../log-batch.ts'
import type { LogLevel, LogOrigin } from '../log-batch.ts'
import { timeOf } from './block.ts'
import type { BlockLines } from './block.ts'
import type { ArchivedBlock, ArchivedFile, LogArchive, LogPlace, LogView } from './log-archive.ts'
import { LineScanner, textOf } from './line-filter.ts'
import type { LineFilter } from './line-filter.ts'
import { LogFileError } from './log-file.ts'

/** A line that was found. */
export interface FoundLine {
  /** ns since the epoch. */
  readonly time: bigint
  readonly origin: LogOrigin
  readonly level: LogLevel
  readonly stream: (typeof logStreams)[number]
  readonly text: string
  readonly fields: Readonly<Record<string, string | number | boolean>> | undefined
  /** As `lineId` of the batch in which it came. */
  readonly id: string
}

export interface LogSearchRequest {
  readonly filter: LineFilter
  /** How many lines at most. */
  readonly limit: number
  /** `forward`: oldest first. `backward`: newest first. */
  readonly direction: 'forward' | 'backward'
}

/** Decompressed text that a search keeps at most; what is needed again beyond that is read again. */
const maxDecodedBytes = 32 << 20
/** Lines that are handed on together. */
const chunkLines = 512
/** Blocks that are decompressed while one is searched. */
const blocksAhead = 2
/** A search that finds nothing says so now and then, by an empty chunk. */
const blocksPerSign = 64
/** What is written within this time after the first line is read and ordered together while following. */
export const followWindowMs = 100

/** Lines of the archive that a filter wants, in the order of their times, in chunks. Memory is bounded, however many there are. */
export async function* searchLogs(view: LogView, request: LogSearchRequest, signal: AbortSignal): AsyncGenerator<readonly FoundLine[]> {
  const reader = new BlockReader()
  try {
    yield* mergeBlocks(candidatesOf(view, request), request, { reader, signal })
  } finally {
    await reader.close()
  }
}

interface Candidates {
  readonly scanner: LineScanner
  readonly blocks: readonly ArchivedBlock[]
}

/** Blocks that may have wanted lines, in the order in which they are needed. */
function candidatesOf(view: LogView, { filter, direction }: LogSearchRequest): Candidates {
  const scanner = new LineScanner(filter)
  const blocks = view.blocks.filter(({ header, origin }) => scanner.mayHave(header, origin))
  const isForward = direction === 'forward'
  const compare = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0)
  blocks.sort((a, b) => (isForward ? compare(a.header.minTime, b.header.minTime) : compare(b.header.maxTime, a.header.maxTime)))
  return { scanner, blocks }
}

/** The wanted lines of one block that are still to come. */
interface Cursor {
  readonly block: ArchivedBlock
  readonly lines: Uint32Array
  readonly times: BigInt64Array
  next: number
  /** Breaks ties, so that lines of equal times stay in the order of their blocks. */
  readonly rank: number
}

async function* mergeBlocks(
  { scanner, blocks }: Candidates,
  { limit, direction }: LogSearchRequest,
  { reader, signal }: { readonly reader: BlockReader; readonly signal: AbortSignal },
): AsyncGenerator<readonly FoundLine[]> {
  const isForward = direction === 'forward'
  const isBefore = (a: Cursor, b: Cursor) => {
    const left = a.times[a.next]!
    const right = b.times[b.next]!
    return left === right ? a.rank < b.rank : isForward ? left < right : left > right
  }
  const heap = new Heap(isBefore)
  let opened = 0
  let left = limit
  let chunk: FoundLine[] = []
  const mustOpen = () => {
    if (opened >= blocks.length) return false
    const top = heap.top
    if (top === undefined) return true
    const { minTime, maxTime } = blocks[opened]!.header
    return isForward ? minTime <= top.times[top.next]! : maxTime >= top.times[top.next]!
  }
  while (left > 0 && !signal.aborted) {
    while (mustOpen() && !signal.aborted) {
      for (let ahead = opened + 1; ahead <= opened + blocksAhead && ahead < blocks.length; ahead++) reader.prefetch(blocks[ahead]!)
      const cursor = await openCursor(blocks[opened]!, { scanner, reader, isForward, rank: opened++ })
      if (cursor !== undefined) heap.push(cursor)
      if (opened % blocksPerSign === 0) yield chunk.splice(0)
    }
    const top = heap.top
    if (top === undefined) break
    chunk.push(lineOf(top.block, reader.held(top.block) ?? (await reader.read(top.block))!, top.lines[top.next]!))
    left--
    if (++top.next < top.lines.length) heap.sink()
    else heap.pop()
    if (chunk.length >= chunkLines) yield chunk.splice(0)
  }
  if (chunk.length > 0) yield chunk
}

async function openCursor(
  block: ArchivedBlock,
  options: { readonly scanner: LineScanner; readonly reader: BlockReader; readonly isForward: boolean; readonly rank: number },
): Promise<Cursor | undefined> {
  const decoded = await options.reader.read(block)
  if (decoded === undefined) return undefined
  const lines = await options.scanner.scan(decoded, block.origin.kind)
  if (lines.length === 0) {
    options.reader.drop(block)
    return undefined
  }
  if (!options.isForward) lines.reverse()
  const times = new BigInt64Array(lines.length)
  for (const [index, line] of lines.entries()) times[index] = timeOf(decoded, line)
  return { block, lines: lines.slice(), times, next: 0, rank: options.rank }
}

function lineOf(block: ArchivedBlock, decoded: BlockLines, line: number): FoundLine {
  const flags = decoded.flags[line]!
  return {
    time: timeOf(decoded, line),
    origin: block.origin,
    level: logLevels[flags & 15] ?? 'unknown',
    stream: logStreams[flags >> 4] ?? 'stdout',
    text: textOf(decoded, line),
    fields: decoded.fields?.[line] ?? undefined,
    id: `${block.lineFile}-${positionOf(decoded, line).toString(36)}`,
  }
}

/** Positions of blocks that lines were handed on of. */
const positions = new WeakMap<BlockLines, Float64Array>()

function positionOf(block: BlockLines, line: number): number {
  let known = positions.get(block)
  if (known === undefined) {
    let position = block.header.firstPosition
    known = Float64Array.from(block.gaps, (gap, index) => (position += index === 0 ? 0 : gap))
    positions.set(block, known)
  }
  return known[line]!
}

/**
 * Lines as they come, from `place` on, until `signal` aborts; each chunk with the place behind it. Within a chunk, which is what came within
 * `followWindowMs`, lines are in the order of their times. A place whose journal has been compressed meanwhile is found in its segment.
 */
export async function* followLogs(
  archive: LogArchive,
  options: { readonly filter: LineFilter; readonly from: LogPlace; readonly clock: Clock },
  signal: AbortSignal,
): AsyncGenerator<{ readonly lines: readonly FoundLine[]; readonly place: LogPlace }> {
  const scanner = new LineScanner(options.filter)
  let from = options.from
  const changes = new Changes(archive, signal)
  while (!signal.aborted) {
    changes.arm()
    const view = await archive.look()
    const { place } = view
    try {
      if (place.sequence !== from.sequence || place.offset !== from.offset) yield* linesBehind(view, from, { scanner, signal })
      from = place
    } finally {
      view.release()
    }
    await changes.next()
    await options.clock.sleep(followWindowMs, signal)
  }
}

/** A change that happens while nobody waits is not lost: listening begins before the look. */
class Changes {
  readonly #archive: LogArchive
  readonly #signal: AbortSignal
  #pending: Promise<void> | undefined

  constructor(archive: LogArchive, signal: AbortSignal) {
    this.#archive = archive
    this.#signal = signal
  }

  arm(): void {
    this.#pending ??= this.#archive.changed(this.#signal)
  }

  async next(): Promise<void> {
    await this.#pending
    this.#pending = undefined
  }
}

async function* linesBehind(
  { blocks, place }: LogView,
  from: LogPlace,
  { scanner, signal }: { readonly scanner: LineScanner; readonly signal: AbortSignal },
): AsyncGenerator<{ readonly lines: readonly FoundLine[]; readonly place: LogPlace }> {
  const reader = new BlockReader()
  const lines: FoundLine[] = []
  const take = () => ({ lines: lines.splice(0).sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0)), place: from })
  try {
    for (const block of blocks) {
      const { sequence, kind } = block.file.name
      const isBefore = sequence < from.sequence || (sequence === from.sequence && kind === 'journal' && block.offset < from.offset)
      if (isBefore || signal.aborted || !scanner.mayHave(block.header, block.origin)) continue
      const decoded = await reader.read(block)
      if (decoded === undefined) continue
      const first = sequence === from.sequence ? firstLineBehind(decoded, from.offset) : 0
      for (const line of await scanner.scan(decoded, block.origin.kind, first)) lines.push(lineOf(block, decoded, line))
      reader.drop(block)
      // The place is that of the start: what is handed on in parts is handed on again after a break.
      if (lines.length >= chunkLines * 8) yield take()
    }
    yield { ...take(), place }
  } finally {
    await reader.close()
  }
}

/** The first line of a block of a segment that came by a record at or behind a byte of its journal. */
function firstLineBehind({ parts, header }: BlockLines, offset: number): number {
  for (let index = 0; index < parts.length; index += 2) if (parts[index + 1]! >= offset) return parts[index]!
  return parts.length === 0 ? 0 : header.count
}

/** Reads blocks, and keeps what was read last. */
class BlockReader {
  readonly #decoded = new Map<ArchivedBlock, BlockLines>()
  /** File → whether it is there. */
  readonly #files = new Map<ArchivedFile, Promise<boolean>>()
  readonly #ahead = new Map<ArchivedBlock, Promise<BlockLines | undefined>>()
  #bytes = 0

  /** Begins to read what is needed soon. */
  prefetch(block: ArchivedBlock): void {
    if (this.#ahead.has(block) || this.#decoded.has(block)) return
    const reading = this.#read(block)
    // Whoever asks for it gets the error.
    reading.catch(() => {})
    this.#ahead.set(block, reading)
  }

  /** `undefined` where the file has been removed or the block is damaged. */
  async read(block: ArchivedBlock): Promise<BlockLines | undefined> {
    const decoded = await (this.#ahead.get(block) ?? this.#read(block))
    this.#ahead.delete(block)
    if (decoded === undefined) return undefined
    this.#decoded.set(block, decoded)
    this.#bytes += decoded.text.length
    for (const [oldest] of this.#decoded) {
      if (this.#bytes <= maxDecodedBytes || oldest === block) break
      this.drop(oldest)
    }
    return decoded
  }

  async #read(block: ArchivedBlock): Promise<BlockLines | undefined> {
    let isThere = this.#files.get(block.file)
    if (isThere === undefined) {
      isThere = block.file.acquire()
      this.#files.set(block.file, isThere)
    }
    if (!(await isThere)) return undefined
    try {
      return await block.file.read(block)
    } catch (error) {
      if (error instanceof LogFileError) return undefined
      throw error
    }
  }

  held(block: ArchivedBlock): BlockLines | undefined {
    return this.#decoded.get(block)
  }

  drop(block: ArchivedBlock): void {
    this.#bytes -= this.#decoded.get(block)?.text.length ?? 0
    this.#decoded.delete(block)
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#ahead.values())
    for (const [file, isThere] of this.#files) if (await isThere) file.release()
  }
}
