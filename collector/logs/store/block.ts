import { crc32 } from 'node:zlib'
import type { LogBatch } from '../log-batch.ts'

/** What is known of a block without reading its lines. Lines of one source, which is one origin and one file. */
export interface BlockHeader {
  readonly codec: number
  /** Bit i: some line has level i. */
  readonly levelBits: number
  readonly source: number
  readonly count: number
  readonly textBytes: number
  readonly partCount: number
  readonly fieldsBytes: number
  readonly firstPosition: number
  readonly nextPosition: number
  readonly minTime: bigint
  readonly maxTime: bigint
}

/** The lines of a block as columns; times come as halves, because a bigint per line would be garbage. */
export interface BlockLines {
  readonly header: BlockHeader
  readonly ends: Uint32Array
  /** From the position of the line before, of the first line from `firstPosition`. */
  readonly gaps: Uint32Array
  readonly timesLow: Uint32Array
  readonly timesHigh: Int32Array
  /** The level, and the stream from bit 4 on. */
  readonly flags: Uint8Array
  /** Pairs: from this line on, lines came by the record at this byte of the journal. None in a journal itself. */
  readonly parts: Uint32Array
  readonly text: Buffer
  readonly fields: readonly (Readonly<Record<string, string | number | boolean>> | null)[] | undefined
}

export const codecs = { raw: 0, zstd: 1 } as const
/** What a record is: the first byte behind its frame. */
export const recordTypes = { source: 1, block: 2, index: 3 } as const
/** Length and checksum in front of a record. */
export const frameBytes = 8
export const headerBytes = 56
/** A record that says it is larger is none. */
export const maxRecordBytes = 256 << 20

const bytesPerLine = 17
const maxGap = 0xffff_ffff
/** A block of a batch ends with the line that reaches so much text. */
const maxBlockText = 512 << 10

/**
 * Lines `from` to `to` of a batch as framed records of a journal, appended to `records`; each holds at most half a megabyte of text unless one line
 * alone is larger.
 */
export function encodeLines(batch: LogBatch, [from, to]: readonly [number, number], source: number, records: Buffer[]): void {
  for (let start = from; start < to;) {
    const end = endOfBlock(batch, start, to)
    const isLast = end === batch.count
    records.push(encodeBlock(batch, [start, end], source, isLast ? batch.nextPosition : batch.positions[end]!))
    start = end
  }
}

function endOfBlock({ ends, positions }: LogBatch, start: number, to: number): number {
  const textStart = start === 0 ? 0 : ends[start - 1]!
  for (let line = start + 1; line < to; line++) {
    const gap = positions[line]! - positions[line - 1]!
    if (!(gap >= 0 && gap <= maxGap) || ends[line - 1]! - textStart >= maxBlockText) return line
  }
  return to
}

function encodeBlock(batch: LogBatch, [from, to]: readonly [number, number], source: number, nextPosition: number): Buffer {
  const count = to - from
  const textStart = from === 0 ? 0 : batch.ends[from - 1]!
  const textBytes = batch.ends[to - 1]! - textStart
  const fields = batch.fields === undefined ? undefined : Buffer.from(JSON.stringify(batch.fields.slice(from, to)))
  const record = Buffer.allocUnsafe(frameBytes + headerBytes + count * bytesPerLine + textBytes + (fields?.length ?? 0))
  const columns = columnsOf(count)
  const halves = new Int32Array(batch.times.buffer, batch.times.byteOffset + from * 8, count * 2)
  let levelBits = 0
  let last = batch.positions[from]!
  for (let line = 0; line < count; line++) {
    const place = batch.positions[from + line]!
    columns.ends[line] = batch.ends[from + line]! - textStart
    columns.gaps[line] = place - last
    last = place
    columns.timesLow[line] = halves[line * 2]!
    columns.timesHigh[line] = halves[line * 2 + 1]!
    const level = batch.levels[from + line]! & 15
    levelBits |= 1 << level
    columns.flags[line] = level | (batch.streams[from + line]! << 4)
  }
  const { minTime, maxTime } = timeRange(columns)
  writeHeader(record, frameBytes, {
    codec: codecs.raw,
    levelBits,
    source,
    count,
    textBytes,
    partCount: 0,
    fieldsBytes: fields?.length ?? 0,
    firstPosition: batch.positions[from]!,
    nextPosition,
    minTime,
    maxTime,
  })
  record.set(columns.bytes, frameBytes + headerBytes)
  const textAt = frameBytes + headerBytes + columns.bytes.length
  batch.text.copy(record, textAt, textStart, textStart + textBytes)
  if (fields !== undefined) record.set(fields, textAt + textBytes)
  return sealFrame(record)
}

/** Several blocks of one source, in the order of their positions, as one payload with its header; `offsets` say where the journal has them. */
export function mergeBlocks(blocks: readonly BlockLines[], offsets: readonly number[], source: number) {
  const count = sum(blocks, (block) => block.header.count)
  const columns = columnsOf(count)
  const parts = new Uint32Array(blocks.length * 2)
  let line = 0
  let text = 0
  let levelBits = 0
  let last = blocks[0]!.header.firstPosition
  for (const [index, block] of blocks.entries()) {
    parts.set([line, offsets[index]!], index * 2)
    const size = block.header.count
    for (let each = 0; each < size; each++) columns.ends[line + each] = block.ends[each]! + text
    columns.gaps.set(block.gaps, line)
    columns.gaps[line] = block.header.firstPosition - last
    last = lastPosition(block)
    columns.timesLow.set(block.timesLow, line)
    columns.timesHigh.set(block.timesHigh, line)
    columns.flags.set(block.flags, line)
    levelBits |= block.header.levelBits
    line += size
    text += block.header.textBytes
  }
  const hasFields = blocks.some((block) => block.fields !== undefined)
  const fields = hasFields
    ? Buffer.from(JSON.stringify(blocks.flatMap((block) => block.fields ?? Array.from({ length: block.header.count }, () => null))))
    : Buffer.alloc(0)
  const header: BlockHeader = {
    codec: codecs.raw,
    levelBits,
    source,
    count,
    textBytes: text,
    partCount: blocks.length,
    fieldsBytes: fields.length,
    firstPosition: blocks[0]!.header.firstPosition,
    nextPosition: blocks.at(-1)!.header.nextPosition,
    ...timeRange(columns),
  }
  const pieces = [columns.bytes, Buffer.from(parts.buffer), ...blocks.map((block) => block.text), fields]
  return { header, payload: Buffer.concat(pieces) }
}

/** Whether `next` may follow `last` in one block. */
export function canFollow(last: BlockLines, next: BlockHeader): boolean {
  const gap = next.firstPosition - lastPosition(last)
  return gap >= 0 && gap <= maxGap
}

function lastPosition({ header, gaps }: BlockLines): number {
  let position = header.firstPosition
  for (let line = 1; line < header.count; line++) position += gaps[line]!
  return position
}

/** A framed record of a header and its payload. */
export function frameBlock(header: BlockHeader, payload: Buffer): Buffer {
  const record = Buffer.allocUnsafe(frameBytes + headerBytes + payload.length)
  writeHeader(record, frameBytes, header)
  record.set(payload, frameBytes + headerBytes)
  return sealFrame(record)
}

/** A framed record of a type and what follows it. */
export function frameRecord(type: number, body: Buffer): Buffer {
  const record = Buffer.allocUnsafe(frameBytes + 1 + body.length)
  record[frameBytes] = type
  record.set(body, frameBytes + 1)
  return sealFrame(record)
}

function sealFrame(record: Buffer): Buffer {
  record.writeUInt32LE(record.length - frameBytes, 0)
  record.writeUInt32LE(crc32(record.subarray(frameBytes)), 4)
  return record
}

/** The whole record at a byte of `bytes`, without its frame; `undefined` where it is cut short or damaged. */
export function readRecord(bytes: Buffer, offset: number): Buffer | undefined {
  if (offset + frameBytes > bytes.length) return undefined
  const length = bytes.readUInt32LE(offset)
  if (length < 1 || length > maxRecordBytes || offset + frameBytes + length > bytes.length) return undefined
  const body = bytes.subarray(offset + frameBytes, offset + frameBytes + length)
  return crc32(body) === bytes.readUInt32LE(offset + 4) ? body : undefined
}

export function writeHeader(target: Buffer, offset: number, header: BlockHeader): void {
  target[offset] = recordTypes.block
  target[offset + 1] = header.codec
  target[offset + 2] = header.levelBits
  target[offset + 3] = 0
  target.writeUInt32LE(header.source, offset + 4)
  target.writeUInt32LE(header.count, offset + 8)
  target.writeUInt32LE(header.textBytes, offset + 12)
  target.writeUInt32LE(header.partCount, offset + 16)
  target.writeUInt32LE(header.fieldsBytes, offset + 20)
  target.writeDoubleLE(header.firstPosition, offset + 24)
  target.writeDoubleLE(header.nextPosition, offset + 32)
  target.writeBigInt64LE(header.minTime, offset + 40)
  target.writeBigInt64LE(header.maxTime, offset + 48)
}

export function readHeader(bytes: Buffer, offset: number): BlockHeader {
  return {
    codec: bytes[offset + 1]!,
    levelBits: bytes[offset + 2]!,
    source: bytes.readUInt32LE(offset + 4),
    count: bytes.readUInt32LE(offset + 8),
    textBytes: bytes.readUInt32LE(offset + 12),
    partCount: bytes.readUInt32LE(offset + 16),
    fieldsBytes: bytes.readUInt32LE(offset + 20),
    firstPosition: bytes.readDoubleLE(offset + 24),
    nextPosition: bytes.readDoubleLE(offset + 32),
    minTime: bytes.readBigInt64LE(offset + 40),
    maxTime: bytes.readBigInt64LE(offset + 48),
  }
}

/** Bytes of a block's payload before it is compressed. */
export function payloadBytes({ count, partCount, textBytes, fieldsBytes }: BlockHeader): number {
  return count * bytesPerLine + partCount * 8 + textBytes + fieldsBytes
}

/** The lines of a payload that is not compressed any more. Text is a view of it. Throws a `RangeError` where lengths don't fit. */
export function decodeLines(header: BlockHeader, payload: Buffer): BlockLines {
  const { count, partCount, textBytes, fieldsBytes } = header
  const columns = columnsOf(count)
  const partsAt = columns.bytes.length
  const textAt = partsAt + partCount * 8
  if (payload.length !== textAt + textBytes + fieldsBytes) throw new RangeError('the lengths of a block do not fit its payload')
  columns.bytes.set(payload.subarray(0, partsAt))
  const parts = new Uint32Array(partCount * 2)
  new Uint8Array(parts.buffer).set(payload.subarray(partsAt, textAt))
  return {
    header,
    ...columns,
    parts,
    text: payload.subarray(textAt, textAt + textBytes),
    fields: fieldsBytes === 0 ? undefined : (JSON.parse(payload.toString('utf8', textAt + textBytes)) as NonNullable<BlockLines['fields']>),
  }
}

/** The time of a line, ns since the epoch. */
export function timeOf({ timesHigh, timesLow }: Pick<BlockLines, 'timesHigh' | 'timesLow'>, line: number): bigint {
  return (BigInt(timesHigh[line]!) << 32n) | BigInt(timesLow[line]!)
}

/** Columns that share one piece of memory, in the order in which they are written. */
function columnsOf(count: number) {
  const memory = new ArrayBuffer(count * bytesPerLine)
  return {
    bytes: Buffer.from(memory),
    ends: new Uint32Array(memory, 0, count),
    gaps: new Uint32Array(memory, count * 4, count),
    timesLow: new Uint32Array(memory, count * 8, count),
    timesHigh: new Int32Array(memory, count * 12, count),
    flags: new Uint8Array(memory, count * 16, count),
  }
}

function timeRange(columns: Pick<BlockLines, 'timesHigh' | 'timesLow'>): { readonly minTime: bigint; readonly maxTime: bigint } {
  const { timesHigh, timesLow } = columns
  let min = 0
  let max = 0
  for (let line = 1; line < timesHigh.length; line++) {
    const high = timesHigh[line]!
    const low = timesLow[line]!
    if (high < timesHigh[min]! || (high === timesHigh[min]! && low < timesLow[min]!)) min = line
    if (high > timesHigh[max]! || (high === timesHigh[max]! && low > timesLow[max]!)) max = line
  }
  return { minTime: timeOf(columns, min), maxTime: timeOf(columns, max) }
}

function sum<T>(items: readonly T[], figure: (item: T) => number): number {
  return items.reduce((total, item) => total + figure(item), 0)
}
