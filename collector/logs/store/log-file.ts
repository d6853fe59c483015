import { open, readdir } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32, zstdDecompress } from 'node:zlib'
import { promisify } from 'node:util'
import type { LogOrigin } from '../log-batch.ts'
import {
  codecs,
  decodeLines,
  frameBytes,
  headerBytes,
  maxRecordBytes,
  payloadBytes,
  readHeader,
  readRecord,
  recordTypes,
  writeHeader,
} from './block.ts'
import type { BlockHeader, BlockLines } from './block.ts'
import type { Interval } from './coverage.ts'

/** Whose lines a block has. */
export interface LogSource {
  readonly origin: LogOrigin
  readonly file: string
  /** In segments: which bytes of the file are in it. */
  readonly covered?: readonly Interval[]
}

/** Where a block is in its file. */
export interface BlockEntry {
  readonly offset: number
  readonly length: number
  readonly header: BlockHeader
}

/** Journals are appended to; a segment is a journal that was closed and compressed. Both have a number that grows, and one of each has the same. */
export interface LogFileName {
  readonly sequence: number
  readonly kind: 'journal' | 'segment'
}

/** At the start of every file; the digit is the version of the format. */
export const magic = Buffer.from('BNCLOG1\n')
export const trailerBytes = 16
export const entryBytes = 12 + headerBytes
const decompress = promisify(zstdDecompress)
/** A compressed block that would become larger than any that is written is damaged. */
const maxPayloadBytes = maxRecordBytes

export function fileName({ sequence, kind }: LogFileName): string {
  return `${String(sequence).padStart(10, '0')}.${kind}`
}

/** The journals and segments of a folder, oldest first; a journal whose segment is there is left out. Empty where there is no folder. */
export async function listLogFiles(folder: string): Promise<readonly LogFileName[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const bySequence = new Map<number, LogFileName>()
  for (const name of names) {
    const match = /^(\d{10,15})\.(journal|segment)$/.exec(name)
    if (match === null) continue
    const found: LogFileName = { sequence: Number(match[1]), kind: match[2] as LogFileName['kind'] }
    if (found.kind === 'segment' || !bySequence.has(found.sequence)) bySequence.set(found.sequence, found)
  }
  return [...bySequence.values()].sort((a, b) => a.sequence - b.sequence)
}

/** A damaged file, with its name. */
export class LogFileError extends Error {
  readonly code = 'LOG_FILE'
}

/** The origin and the file that a record of a source names; `undefined` where it names none. */
export function readSource(record: Buffer): LogSource | undefined {
  try {
    const { origin, file } = JSON.parse(record.toString('utf8', 1)) as LogSource
    return typeof file === 'string' && typeof origin?.id === 'string' ? { origin, file } : undefined
  } catch {
    return undefined
  }
}

/** What a stretch of a journal has, as far as its records are whole. */
export interface JournalPart {
  readonly sources: readonly LogSource[]
  readonly entries: readonly BlockEntry[]
  /** Byte of the journal behind the last whole record. */
  readonly end: number
}

/** Reads records from `bytes`, which lie at `offset` of a journal that has `knownSources` sources before. Stops at the first that is not whole. */
export function readJournalPart(bytes: Buffer, offset: number, knownSources: number): JournalPart {
  const sources: LogSource[] = []
  const entries: BlockEntry[] = []
  let at = 0
  for (let record = readRecord(bytes, at); record !== undefined; record = readRecord(bytes, at)) {
    const length = frameBytes + record.length
    if (record[0] === recordTypes.source) {
      const source = readSource(record)
      if (source === undefined) break
      sources.push(source)
    } else if (record[0] === recordTypes.block && record.length >= headerBytes) {
      const header = readHeader(record, 0)
      if (header.source >= knownSources + sources.length) break
      entries.push({ offset: offset + at, length, header })
    } else break
    at += length
  }
  return { sources, entries, end: offset + at }
}

/** What a segment says of itself at its end. */
export async function readSegmentIndex(handle: FileHandle, name: string): Promise<Omit<JournalPart, 'end'>> {
  const damaged = (why: string) => new LogFileError(`${name}: ${why}`)
  const { size } = await handle.stat()
  if (size < magic.length + trailerBytes) throw damaged('it is too short')
  const trailer = await readAt(handle, size - trailerBytes, trailerBytes)
  const indexAt = trailer.readDoubleLE(0)
  if (trailer.readUInt32LE(12) !== crc32(trailer.subarray(0, 12)) || !(indexAt >= magic.length && indexAt < size))
    throw damaged('its end is damaged')
  const record = readRecord(await readAt(handle, indexAt, size - trailerBytes - indexAt), 0)
  if (record?.[0] !== recordTypes.index) throw damaged('its index is damaged')
  const count = record.readUInt32LE(1)
  const entries: BlockEntry[] = []
  for (let index = 0; index < count; index++) {
    const at = 5 + index * entryBytes
    entries.push({ offset: record.readDoubleLE(at), length: record.readUInt32LE(at + 8), header: readHeader(record, at + 12) })
  }
  return { sources: JSON.parse(record.toString('utf8', 5 + count * entryBytes)) as LogSource[], entries }
}

/** The index of a segment as its last record and the trailer behind it. */
export function encodeIndexBody(entries: readonly BlockEntry[], sources: readonly LogSource[]): Buffer {
  const fixed = Buffer.alloc(4 + entries.length * entryBytes)
  fixed.writeUInt32LE(entries.length, 0)
  for (const [index, { offset, length, header }] of entries.entries()) {
    const at = 4 + index * entryBytes
    fixed.writeDoubleLE(offset, at)
    fixed.writeUInt32LE(length, at + 8)
    writeHeader(fixed, at + 12, header)
  }
  return Buffer.concat([fixed, Buffer.from(JSON.stringify(sources))])
}

export function encodeTrailer(indexAt: number): Buffer {
  const trailer = Buffer.alloc(trailerBytes)
  trailer.writeDoubleLE(indexAt, 0)
  trailer.writeUInt32LE(1, 8)
  trailer.writeUInt32LE(crc32(trailer.subarray(0, 12)), 12)
  return trailer
}

/** The lines of a block. Throws `LogFileError` where it is damaged. */
export async function readBlock(handle: FileHandle, { offset, length }: BlockEntry, name: string): Promise<BlockLines> {
  const record = readRecord(await readAt(handle, offset, length), 0)
  if (record?.[0] !== recordTypes.block || record.length < headerBytes) throw new LogFileError(`${name}: the block at ${offset} is damaged`)
  return unpackBlock(record, `${name}: the block at ${offset}`)
}

/** The lines of a block's record. */
export async function unpackBlock(record: Buffer, what: string): Promise<BlockLines> {
  const header = readHeader(record, 0)
  const packed = record.subarray(headerBytes)
  try {
    if (header.codec === codecs.raw) return decodeLines(header, packed)
    // Known beforehand: one piece of work for the pool instead of one for each 16 KiB.
    const length = payloadBytes(header)
    if (length > maxPayloadBytes) throw new RangeError('it says that it is larger than any block')
    return decodeLines(header, await decompress(packed, { chunkSize: Math.max(length, 64), maxOutputLength: Math.max(length, 64) }))
  } catch (error) {
    throw new LogFileError(`${what} is damaged`, { cause: error })
  }
}

/** `length` bytes of a file, fewer where it ends before. */
export async function readAt(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return bytes.subarray(0, filled)
}

/** Opens a file of a folder for reading; `undefined` where it is not there (any more). */
export async function openLogFile(folder: string, name: LogFileName): Promise<FileHandle | undefined> {
  return open(join(folder, fileName(name)), 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
}
