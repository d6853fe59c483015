import { mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'

export interface SpoolOptions {
  /** A folder that nothing else writes to; made if it is not there. */
  readonly dir: string
  /** What all segments together may take. */
  readonly maxBytes: number
  /** What makes room when more is needed: the oldest segment goes (default), or an append is refused. */
  readonly whenFull?: 'drop-oldest' | 'refuse'
  /** A new segment is begun when the last one has reached this size. */
  readonly segmentBytes?: number
  /** The wall clock, ms. */
  readonly now: () => number
}

/** What waits together: `items` is what the body counts as when it is lost. */
export interface Payload {
  readonly body: Buffer
  readonly items: number
}

/** A payload that is on disk. */
export interface SpoolRecord extends Payload {
  /** When its segment was begun, ms: no record in it is older. */
  readonly begunAt: number
}

export interface SpoolStats {
  readonly bytes: number
  /** Items that wait: neither leased nor acknowledged. */
  readonly items: number
  readonly segments: number
  /** Items that were on disk and are lost: dropped for want of room, or not readable any more. */
  readonly droppedItems: number
  readonly unreadableItems: number
  /** Bytes behind the last whole record of a segment, found when it was opened: torn by a crash, or damaged. */
  readonly tornBytes: number
  /** Why the disk last refused something. */
  readonly lastError: string | undefined
}

/** The first four bytes of a segment, and its format. */
const magic = 0x42535031
const segmentHeaderBytes = 4
/** Body length, items, CRC-32 of items and body. */
const recordHeaderBytes = 12
const maxBodyBytes = 64 << 20

interface RecordPlace {
  readonly offset: number
  readonly length: number
  readonly items: number
  state: 'waiting' | 'leased' | 'done'
}

interface Segment {
  readonly path: string
  readonly records: RecordPlace[]
  /** Records before this one are not waiting. */
  next: number
  /** How many records are not acknowledged. */
  open: number
  size: number
  begunAt: number
}

const segmentsInFull = 8

/**
 * Payloads on disk, first in, first out, over restarts and crashes. An append is done when it is on the platters (fdatasync, in the thread
 * pool). `lease` hands out the oldest that is not handed out yet; a record stays until it is acknowledged, in any order. After a crash a segment
 * that was half acknowledged is offered again from its start, so what is delivered must be harmless to deliver twice. A torn or damaged end of
 * a segment is cut off and counted. Calls may overlap: they are carried out one after the other.
 */
export class Spool {
  readonly #options: Required<SpoolOptions>
  readonly #segments: Segment[] = []
  readonly #places = new WeakMap<SpoolRecord, readonly [Segment, RecordPlace]>()
  #writer: FileHandle | undefined
  #sequence = 0
  #waiting = 0
  #droppedItems = 0
  #unreadableItems = 0
  #tornBytes = 0
  #lastError: string | undefined
  #turn: Promise<unknown> = Promise.resolve()
  #beforeLoss = async () => {}

  constructor(options: SpoolOptions) {
    // Several segments even in a small spool: the oldest can only go as a whole, and not while something of it is on its way.
    this.#options = { segmentBytes: Math.min(8 << 20, Math.floor(options.maxBytes / segmentsInFull)), whenFull: 'drop-oldest', ...options }
  }

  /**
   * Makes the folder if need be and reads what is there; to be called once, first. Rejects when the folder cannot be used. `beforeLoss` is awaited
   * when something that waits has been counted as lost and is still on disk.
   */
  async open(beforeLoss: () => Promise<void> = async () => {}): Promise<void> {
    this.#beforeLoss = beforeLoss
    const { dir } = this.#options
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const names = (await readdir(dir)).filter((name) => segmentPattern.test(name)).sort()
    for (const name of names) {
      const { segment, tornBytes } = await readSegment(join(dir, name))
      this.#tornBytes += tornBytes
      this.#waiting += segment.records.reduce((sum, { items }) => sum + items, 0)
      if (segment.records.length > 0) this.#segments.push(segment)
      else await unlink(segment.path)
    }
    if (names.length > 0) this.#sequence = Number.parseInt(names.at(-1)!, 10)
  }

  /** Whether nothing waits. */
  get isEmpty(): boolean {
    return this.#waiting === 0
  }

  /** Whether a record of so many bytes, its header among them, fits without anything being dropped. */
  hasRoom(bytes: number): boolean {
    return this.#size() + bytes + segmentHeaderBytes <= this.#options.maxBytes
  }

  stats(): SpoolStats {
    return {
      bytes: this.#size(),
      items: this.#waiting,
      segments: this.#segments.length,
      droppedItems: this.#droppedItems,
      unreadableItems: this.#unreadableItems,
      tornBytes: this.#tornBytes,
      lastError: this.#lastError,
    }
  }

  /**
   * Resolves with the record when it is on disk, or with `undefined` when the disk does not take it, which is for the caller to count. A leased
   * one is the caller's to acknowledge. Never rejects.
   */
  append(payload: Payload, isLeased = false): Promise<SpoolRecord | undefined> {
    return this.#inTurn(async () => {
      try {
        return await this.#write(payload, isLeased)
      } catch (error) {
        this.#lastError = (error as Error).message
        await this.#abandonWriter()
        return undefined
      }
    })
  }

  /** The oldest record that waits; it waits no more. Records that cannot be read are counted and passed over. */
  lease(): Promise<SpoolRecord | undefined> {
    return this.#inTurn(async () => {
      for (;;) {
        const segment = this.#segments.find(({ next, records }) => next < records.length)
        if (segment === undefined) return undefined
        const place = segment.records[segment.next++]!
        if (place.state !== 'waiting') continue
        const body = await this.#read(segment, place)
        this.#waiting -= place.items
        if (body === undefined) {
          this.#unreadableItems += place.items
          await this.#beforeLoss()
          await this.#finish(segment, place)
          continue
        }
        place.state = 'leased'
        return this.#record({ body, items: place.items }, segment, place)
      }
    })
  }

  /** Removes a record that was leased. */
  acknowledge(record: SpoolRecord): Promise<void> {
    return this.#inTurn(async () => {
      const [segment, place] = this.#places.get(record) ?? []
      if (segment !== undefined && place !== undefined) await this.#finish(segment, place)
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

  #record(payload: Payload, segment: Segment, place: RecordPlace): SpoolRecord {
    const record: SpoolRecord = { ...payload, begunAt: segment.begunAt }
    this.#places.set(record, [segment, place])
    return record
  }

  #size(): number {
    return this.#segments.reduce((sum, { size }) => sum + size, 0)
  }

  async #read({ path }: Segment, { offset, length, items }: RecordPlace): Promise<Buffer | undefined> {
    try {
      const file = await open(path, 'r')
      try {
        const record = await readRecord(file, offset - recordHeaderBytes, offset + length)
        return record?.place.items === items ? record.body : undefined
      } finally {
        await file.close()
      }
    } catch (error) {
      this.#lastError = (error as Error).message
      return undefined
    }
  }

  async #finish(segment: Segment, place: RecordPlace): Promise<void> {
    if (place.state === 'done') return
    place.state = 'done'
    if (--segment.open === 0) await this.#remove(segment)
  }

  async #write(payload: Payload, isLeased: boolean): Promise<SpoolRecord> {
    const bytes = recordHeaderBytes + payload.body.length
    if (bytes + segmentHeaderBytes > this.#options.maxBytes) throw new Error('larger than the whole spool may be')
    while (!this.hasRoom(bytes)) {
      if (this.#options.whenFull === 'refuse') throw new Error('the spool is full')
      await this.#dropOldest()
    }
    const segment = await this.#segmentFor(bytes)
    const header = Buffer.allocUnsafe(recordHeaderBytes)
    header.writeUInt32LE(payload.body.length, 0)
    header.writeUInt32LE(payload.items, 4)
    header.writeUInt32LE(checksum(payload.items, payload.body), 8)
    await writeFully(this.#writer!, Buffer.concat([header, payload.body]), segment.size)
    await this.#writer!.datasync()
    const place: RecordPlace = {
      offset: segment.size + recordHeaderBytes,
      length: payload.body.length,
      items: payload.items,
      state: isLeased ? 'leased' : 'waiting',
    }
    segment.records.push(place)
    segment.open++
    segment.size += bytes
    if (!isLeased) this.#waiting += payload.items
    return this.#record(payload, segment, place)
  }

  async #segmentFor(bytes: number): Promise<Segment> {
    const last = this.#segments.at(-1)
    if (this.#writer !== undefined && last !== undefined && last.size + bytes <= this.#options.segmentBytes) return last
    await this.#closeWriter()
    const path = join(this.#options.dir, `${String(++this.#sequence).padStart(12, '0')}.spool`)
    this.#writer = await beginSegment(this.#options.dir, path)
    const segment: Segment = { path, records: [], next: 0, open: 0, size: segmentHeaderBytes, begunAt: this.#options.now() }
    this.#segments.push(segment)
    return segment
  }

  /** Gives up the oldest segment of which nothing is on its way. */
  async #dropOldest(): Promise<void> {
    const segment = this.#segments.find(({ records }) => records.every(({ state }) => state !== 'leased'))
    if (segment === undefined) throw new Error('everything in the spool is on its way')
    for (const { items, state } of segment.records) {
      if (state !== 'waiting') continue
      this.#droppedItems += items
      this.#waiting -= items
    }
    await this.#beforeLoss()
    await this.#remove(segment)
  }

  async #remove(segment: Segment): Promise<void> {
    const index = this.#segments.indexOf(segment)
    if (index < 0) return
    if (index === this.#segments.length - 1) await this.#closeWriter()
    this.#segments.splice(index, 1)
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

function checksum(items: number, body: Buffer): number {
  const head = Buffer.allocUnsafe(4)
  head.writeUInt32LE(items)
  return crc32(body, crc32(head))
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
  const { size, mtimeMs, birthtimeMs } = await stat(path)
  const segment: Segment = {
    path,
    records: [],
    next: 0,
    open: 0,
    size: segmentHeaderBytes,
    begunAt: birthtimeMs > 0 ? Math.min(birthtimeMs, mtimeMs) : mtimeMs,
  }
  const file = await open(path, 'r+')
  try {
    const header = Buffer.alloc(recordHeaderBytes)
    await file.read(header, 0, segmentHeaderBytes, 0)
    if (header.readUInt32LE(0) !== magic) return { segment, tornBytes: size }
    for (let found = await readRecord(file, segment.size, size); found !== undefined; found = await readRecord(file, segment.size, size)) {
      segment.records.push(found.place)
      segment.open++
      segment.size = found.place.offset + found.place.length
    }
    if (segment.size < size) await file.truncate(segment.size)
    return { segment, tornBytes: size - segment.size }
  } finally {
    await file.close()
  }
}

/** The whole and undamaged record at `offset`, if there is one. */
async function readRecord(
  file: FileHandle,
  offset: number,
  size: number,
): Promise<{ readonly place: RecordPlace; readonly body: Buffer } | undefined> {
  if (offset + recordHeaderBytes > size) return undefined
  const header = Buffer.alloc(recordHeaderBytes)
  await file.read(header, 0, recordHeaderBytes, offset)
  const length = header.readUInt32LE(0)
  const items = header.readUInt32LE(4)
  const start = offset + recordHeaderBytes
  if (length > maxBodyBytes || start + length > size) return undefined
  const body = Buffer.allocUnsafe(length)
  await file.read(body, 0, length, start)
  if (checksum(items, body) !== header.readUInt32LE(8)) return undefined
  return { place: { offset: start, length, items, state: 'waiting' }, body }
}
