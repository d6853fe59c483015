import { mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'

export interface SpoolOptions {
  /** A folder that nothing else writes to; made if it is not there. */
  readonly dir: string
  /** What all segments together may take; the oldest segment goes when more is needed. */
  readonly maxBytes: number
  /** A new segment is begun when the last one has reached this size. */
  readonly segmentBytes?: number
}

/** One record: `points` is what the payload counts as when it is lost. */
export interface SpoolRecord {
  readonly payload: Buffer
  readonly points: number
}

export interface SpoolStats {
  readonly bytes: number
  readonly points: number
  readonly segments: number
  /** Points dropped because of `maxBytes` or because the disk took no more. */
  readonly droppedPoints: number
  /** Bytes behind the last whole record of a segment, found when it was opened: torn by a crash, or damaged. */
  readonly tornBytes: number
  /** Why the last append that failed did. */
  readonly lastError: string | undefined
}

/** The first four bytes of a segment, and its format. */
const magic = 0x42535031
const segmentHeaderBytes = 4
/** Payload length, points, CRC-32 of points and payload. */
const recordHeaderBytes = 12
const maxPayloadBytes = 64 << 20

interface RecordPlace {
  readonly offset: number
  readonly length: number
  readonly points: number
}

interface Segment {
  readonly path: string
  readonly records: RecordPlace[]
  /** Records before this one are acknowledged. */
  next: number
  size: number
}

/**
 * Batches on disk, first in, first out, over restarts and crashes. An append is done when it is on the platters (fdatasync, in the thread
 * pool). A record stays until it is acknowledged; after a crash the segment that was being read is offered again from its start, so what
 * is delivered must be harmless to deliver twice. A torn or damaged end of a segment is cut off and counted.
 * Calls may overlap: they are carried out one after the other.
 */
export class Spool {
  readonly #options: Required<SpoolOptions>
  readonly #segments: Segment[] = []
  readonly #places = new WeakMap<SpoolRecord, RecordPlace>()
  #writer: FileHandle | undefined
  #sequence = 0
  #droppedPoints = 0
  #tornBytes = 0
  #lastError: string | undefined
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: SpoolOptions) {
    this.#options = { segmentBytes: 8 << 20, ...options }
  }

  /** Makes the folder if need be and reads what is there; to be called once, first. Rejects when the folder cannot be used. */
  async open(): Promise<void> {
    const { dir } = this.#options
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const names = (await readdir(dir)).filter((name) => segmentPattern.test(name)).sort()
    for (const name of names) {
      const { segment, tornBytes } = await readSegment(join(dir, name))
      this.#tornBytes += tornBytes
      if (segment.records.length > 0) this.#segments.push(segment)
      else await unlink(segment.path)
    }
    if (names.length > 0) this.#sequence = Number.parseInt(names.at(-1)!, 10)
  }

  get isEmpty(): boolean {
    return this.#segments.length === 0
  }

  stats(): SpoolStats {
    const pending = this.#segments.flatMap(({ records, next }) => records.slice(next))
    return {
      bytes: this.#size(),
      points: pending.reduce((sum, { points }) => sum + points, 0),
      segments: this.#segments.length,
      droppedPoints: this.#droppedPoints,
      tornBytes: this.#tornBytes,
      lastError: this.#lastError,
    }
  }

  /** Resolves to whether the record is on disk; when the disk does not take it, it is counted as dropped. Never rejects. */
  append(record: SpoolRecord): Promise<boolean> {
    return this.#inTurn(async () => {
      try {
        await this.#write(record)
        return true
      } catch (error) {
        this.#droppedPoints += record.points
        this.#lastError = (error as Error).message
        await this.#abandonWriter()
        return false
      }
    })
  }

  /** The oldest record that is not acknowledged. */
  peek(): Promise<SpoolRecord | undefined> {
    return this.#inTurn(async () => {
      const segment = this.#segments[0]
      const place = segment?.records[segment.next]
      if (segment === undefined || place === undefined) return undefined
      const file = await open(segment.path, 'r')
      try {
        const payload = Buffer.allocUnsafe(place.length)
        await file.read(payload, 0, place.length, place.offset)
        const record = { payload, points: place.points }
        this.#places.set(record, place)
        return record
      } finally {
        await file.close()
      }
    })
  }

  /** Removes the record that `peek` gave. Harmless when it was dropped in between for want of room. */
  acknowledge(record: SpoolRecord): Promise<void> {
    return this.#inTurn(async () => {
      const segment = this.#segments[0]
      if (segment === undefined || segment.records[segment.next] !== this.#places.get(record)) return
      segment.next++
      if (segment.next === segment.records.length) await this.#removeFirst()
    })
  }

  /** Closes the files; what is not acknowledged stays for the next `open`. */
  close(): Promise<void> {
    return this.#inTurn(() => this.#closeWriter())
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => {})
    return done
  }

  #size(): number {
    return this.#segments.reduce((sum, { size }) => sum + size, 0)
  }

  async #write(record: SpoolRecord): Promise<void> {
    const bytes = recordHeaderBytes + record.payload.length
    while (this.#segments.length > 0 && this.#size() + bytes > this.#options.maxBytes) await this.#dropFirst()
    const segment = await this.#segmentFor(bytes)
    const header = Buffer.allocUnsafe(recordHeaderBytes)
    header.writeUInt32LE(record.payload.length, 0)
    header.writeUInt32LE(record.points, 4)
    header.writeUInt32LE(checksum(record.points, record.payload), 8)
    await writeFully(this.#writer!, Buffer.concat([header, record.payload]), segment.size)
    await this.#writer!.datasync()
    segment.records.push({ offset: segment.size + recordHeaderBytes, length: record.payload.length, points: record.points })
    segment.size += bytes
  }

  async #segmentFor(bytes: number): Promise<Segment> {
    const last = this.#segments.at(-1)
    if (this.#writer !== undefined && last !== undefined && last.size + bytes <= this.#options.segmentBytes) return last
    await this.#closeWriter()
    const path = join(this.#options.dir, `${String(++this.#sequence).padStart(12, '0')}.spool`)
    this.#writer = await beginSegment(this.#options.dir, path)
    const segment: Segment = { path, records: [], next: 0, size: segmentHeaderBytes }
    this.#segments.push(segment)
    return segment
  }

  async #dropFirst(): Promise<void> {
    const { records, next } = this.#segments[0]!
    for (const { points } of records.slice(next)) this.#droppedPoints += points
    await this.#removeFirst()
  }

  async #removeFirst(): Promise<void> {
    if (this.#segments.length === 1) await this.#closeWriter()
    const segment = this.#segments.shift()!
    await unlink(segment.path).catch(() => {})
  }

  /** After a failed write the end of the segment is unknown: cut it back to the last whole record and begin another one next time. */
  async #abandonWriter(): Promise<void> {
    const segment = this.#segments.at(-1)
    if (this.#writer !== undefined && segment !== undefined) await this.#writer.truncate(segment.size).catch(() => {})
    await this.#closeWriter()
    if (segment?.records.length === 0) {
      this.#segments.pop()
      await unlink(segment.path).catch(() => {})
    }
  }

  async #closeWriter(): Promise<void> {
    const writer = this.#writer
    this.#writer = undefined
    await writer?.close().catch(() => {})
  }
}

const segmentPattern = /^\d{12}\.spool$/

function checksum(points: number, payload: Buffer): number {
  const head = Buffer.allocUnsafe(4)
  head.writeUInt32LE(points)
  return crc32(payload, crc32(head))
}

/** A new file with its header. It gets its name when the header is in, so that a segment without one is not ours to read. */
async function beginSegment(dir: string, path: string): Promise<FileHandle> {
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    const header = Buffer.alloc(segmentHeaderBytes)
    header.writeUInt32LE(magic)
    await writeFully(file, header, 0)
    await rename(`${path}.new`, path)
    await syncFolder(dir)
    return file
  } catch (error) {
    await file.close().catch(() => {})
    throw error
  }
}

async function writeFully(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += (await file.write(bytes, written, bytes.length - written, position + written)).bytesWritten
  }
}

async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function readSegment(path: string): Promise<{ readonly segment: Segment; readonly tornBytes: number }> {
  const { size } = await stat(path)
  const segment: Segment = { path, records: [], next: 0, size: segmentHeaderBytes }
  const file = await open(path, 'r+')
  try {
    const header = Buffer.alloc(recordHeaderBytes)
    await file.read(header, 0, segmentHeaderBytes, 0)
    if (header.readUInt32LE(0) !== magic) return { segment, tornBytes: size }
    for (let place = await readRecord(file, segment.size, size); place !== undefined; place = await readRecord(file, segment.size, size)) {
      segment.records.push(place)
      segment.size = place.offset + place.length
    }
    if (segment.size < size) await file.truncate(segment.size)
    return { segment, tornBytes: size - segment.size }
  } finally {
    await file.close()
  }
}

/** The whole and undamaged record at `offset`, if there is one. */
async function readRecord(file: FileHandle, offset: number, size: number): Promise<RecordPlace | undefined> {
  if (offset + recordHeaderBytes > size) return undefined
  const header = Buffer.alloc(recordHeaderBytes)
  await file.read(header, 0, recordHeaderBytes, offset)
  const length = header.readUInt32LE(0)
  const points = header.readUInt32LE(4)
  const start = offset + recordHeaderBytes
  if (length > maxPayloadBytes || start + length > size) return undefined
  const payload = Buffer.allocUnsafe(length)
  await file.read(payload, 0, length, start)
  return checksum(points, payload) === header.readUInt32LE(8) ? { offset: start, length, points } : undefined
}
