import { PassThrough, Transform } from 'node:stream'
import type { Readable, TransformCallback } from 'node:stream'

/**
 * Splits Docker's multiplexed stream (8-byte header: stream number, three zeros, big-endian length) as it flows, whatever way the
 * chunks are cut. `onFrame` gets pieces of a frame as they come and says whether there is room; with none, it is waited for.
 */
export class Demultiplexer {
  #header = Buffer.alloc(8)
  #headerLength = 0
  #remaining = 0
  #stream = 1
  readonly #onPiece: (stream: number, piece: Buffer) => void

  constructor(onPiece: (stream: number, piece: Buffer) => void) {
    this.#onPiece = onPiece
  }

  push(chunk: Buffer): void {
    let offset = 0
    while (offset < chunk.length) {
      if (this.#remaining === 0) {
        offset += this.#takeHeader(chunk, offset)
        continue
      }
      const end = Math.min(chunk.length, offset + this.#remaining)
      this.#onPiece(this.#stream, chunk.subarray(offset, end))
      this.#remaining -= end - offset
      offset = end
    }
  }

  #takeHeader(chunk: Buffer, offset: number): number {
    const taken = Math.min(8 - this.#headerLength, chunk.length - offset)
    chunk.copy(this.#header, this.#headerLength, offset, offset + taken)
    this.#headerLength += taken
    if (this.#headerLength === 8) {
      this.#stream = this.#header[0]!
      this.#remaining = this.#header.readUInt32BE(4)
      this.#headerLength = 0
    }
    return taken
  }
}

/** Both output streams of a multiplexed stream, merged in their order. */
export class MergedOutput extends Transform {
  readonly #demultiplexer = new Demultiplexer((_stream, piece) => this.push(piece))

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.#demultiplexer.push(chunk)
    callback()
  }
}

/**
 * The two output streams of a multiplexed stream, apart. Whoever reads only one of them must resume the other: a full one holds up both,
 * which is what bounds the memory.
 */
export function splitOutput(source: Readable): { readonly stdout: PassThrough; readonly stderr: PassThrough } {
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const full = new Set<PassThrough>()
  const demultiplexer = new Demultiplexer((stream, piece) => {
    const target = stream === 2 ? stderr : stdout
    if (target.destroyed || target.write(piece)) return
    if (full.has(target)) return
    full.add(target)
    source.pause()
    const release = () => {
      full.delete(target)
      if (full.size === 0) source.resume()
    }
    target.once('drain', release)
    target.once('close', release)
  })
  source.on('data', (chunk: Buffer) => demultiplexer.push(chunk))
  const finish = () => {
    stdout.end()
    stderr.end()
  }
  source.once('end', finish)
  source.once('close', finish)
  source.on('error', finish)
  return { stdout, stderr }
}
