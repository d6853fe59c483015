/** Numbers of the SPDY/3.1 control frames that are understood. */
export const frameType = { synStream: 1, synReply: 2, rstStream: 3, settings: 4, ping: 6, goAway: 7, headers: 8, windowUpdate: 9 } as const

/** The last frame of a stream's direction. */
export const finFlag = 1

/** Larger frames than this are refused: the length field alone could ask for 16 MiB of memory each. */
const maxFrameBytes = 1024 * 1024
const headerBytes = 8
const version = 3

export type Frame =
  | { readonly kind: 'data'; readonly streamId: number; readonly isLast: boolean; readonly payload: Buffer }
  | { readonly kind: 'control'; readonly type: number; readonly flags: number; readonly payload: Buffer }

/** Cuts a byte stream into frames, whatever way the chunks are cut. */
export class FrameReader {
  #pending: Buffer = Buffer.alloc(0)

  /** The frames that are complete with this chunk. Throws a RangeError for what no client may send. */
  push(chunk: Buffer): Frame[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    const frames: Frame[] = []
    while (this.#pending.length >= headerBytes) {
      const length = this.#pending.readUIntBE(5, 3)
      if (length > maxFrameBytes) throw new RangeError(`a SPDY frame of ${length} bytes is larger than ${maxFrameBytes}`)
      if (this.#pending.length < headerBytes + length) break
      frames.push(parseFrame(this.#pending, length))
      this.#pending = this.#pending.subarray(headerBytes + length)
    }
    return frames
  }
}

function parseFrame(bytes: Buffer, length: number): Frame {
  const payload = bytes.subarray(headerBytes, headerBytes + length)
  const flags = bytes[4]!
  const isControl = (bytes[0]! & 0x80) !== 0
  if (!isControl) return { kind: 'data', streamId: bytes.readUInt32BE(0), isLast: (flags & finFlag) !== 0, payload }
  const frameVersion = bytes.readUInt16BE(0) & 0x7fff
  if (frameVersion !== version) throw new RangeError(`SPDY version ${frameVersion} is not spoken: only 3`)
  return { kind: 'control', type: bytes.readUInt16BE(2), flags, payload }
}

/** A data frame's header; the payload follows it on the wire. */
export function dataHeader(streamId: number, length: number, isLast: boolean): Buffer {
  const header = Buffer.alloc(headerBytes)
  header.writeUInt32BE(streamId, 0)
  header[4] = isLast ? finFlag : 0
  header.writeUIntBE(length, 5, 3)
  return header
}

/** A whole control frame. */
export function controlFrame(type: number, flags: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(headerBytes)
  header.writeUInt16BE(0x8000 | version, 0)
  header.writeUInt16BE(type, 2)
  header[4] = flags
  header.writeUIntBE(payload.length, 5, 3)
  return Buffer.concat([header, payload])
}
