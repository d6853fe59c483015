import { constants, createDeflate, createInflate } from 'node:zlib'
import type { Deflate, Inflate } from 'node:zlib'
import { dictionary } from './dictionary.ts'

/** Names (lower case) and values of a SPDY header block. */
export type Headers = ReadonlyMap<string, string>

/** A block that inflates to more is refused. */
const maxBlockBytes = 64 * 1024

/**
 * Header blocks of one direction of a connection. The compression context lives as long as the connection, so blocks must be handled in
 * the order of the wire, and every block must be.
 */
export class HeaderReader {
  readonly #inflate: Inflate = createInflate({ dictionary, finishFlush: constants.Z_SYNC_FLUSH })
  #failure: Error | undefined

  constructor() {
    this.#inflate.on('error', (error) => (this.#failure = error))
  }

  async read(block: Buffer): Promise<Headers> {
    const chunks: Buffer[] = []
    let size = 0
    const collect = (chunk: Buffer) => {
      size += chunk.length
      if (size <= maxBlockBytes) chunks.push(chunk)
      else this.#inflate.destroy(new RangeError(`a SPDY header block is larger than ${maxBlockBytes} bytes`))
    }
    this.#inflate.on('data', collect)
    try {
      await new Promise<void>((resolve, reject) => {
        this.#inflate.once('error', reject)
        this.#inflate.write(block)
        this.#inflate.flush(constants.Z_SYNC_FLUSH, () => {
          this.#inflate.off('error', reject)
          resolve()
        })
      })
    } finally {
      this.#inflate.off('data', collect)
    }
    if (this.#failure !== undefined) throw this.#failure
    return parseHeaders(Buffer.concat(chunks))
  }

  close(): void {
    this.#inflate.destroy()
  }
}

/** Compresses header blocks of one direction. */
export class HeaderWriter {
  readonly #deflate: Deflate = createDeflate({ dictionary })

  constructor() {
    this.#deflate.on('error', () => {})
  }

  async write(headers: Headers): Promise<Buffer> {
    const chunks: Buffer[] = []
    const collect = (chunk: Buffer) => chunks.push(chunk)
    this.#deflate.on('data', collect)
    this.#deflate.write(formatHeaders(headers))
    await new Promise<void>((resolve) => this.#deflate.flush(constants.Z_SYNC_FLUSH, resolve))
    this.#deflate.off('data', collect)
    return Buffer.concat(chunks)
  }

  close(): void {
    this.#deflate.destroy()
  }
}

/** The plain form of a header block: a count, then length and bytes of each name and value. Throws where it is cut short. */
export function parseHeaders(block: Buffer): Headers {
  const headers = new Map<string, string>()
  let offset = 4
  const text = () => {
    const length = block.readUInt32BE(offset)
    if (offset + 4 + length > block.length) throw new RangeError('a SPDY header block is cut short')
    const value = block.toString('utf8', offset + 4, offset + 4 + length)
    offset += 4 + length
    return value
  }
  for (let count = block.readUInt32BE(0); count > 0; count--) headers.set(text().toLowerCase(), text())
  return headers
}

/** The inverse of `parseHeaders`. */
export function formatHeaders(headers: Headers): Buffer {
  const parts = [uint32(headers.size)]
  for (const pair of headers) {
    for (const text of pair) {
      const bytes = Buffer.from(text)
      parts.push(uint32(bytes.length), bytes)
    }
  }
  return Buffer.concat(parts)
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
