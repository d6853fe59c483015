import { closeSync, createReadStream, fstatSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { BatchWriter } from './batch-writer.ts'
import { Fingerprinter, hasFingerprint, headBytes, type Fingerprint } from './fingerprint.ts'
import type { QueuedFile } from './followed-file.ts'
import { LineChain, type LineContext } from './line-chain.ts'
import type { Progress } from './progress.ts'

export interface GzipFileOptions {
  /** Becomes the file's, which closes it. */
  readonly fd: number
  readonly inode: string
  readonly progress: Progress
  readonly context: LineContext
  readonly monotonic: () => number
  /** What is left of it can not be read. */
  readonly onDamaged: (error: Error) => void
}

/** A rotated file that was compressed. It does not grow; what was read of it before is skipped. */
export class GzipFile implements QueuedFile {
  readonly inode: string
  readonly fd: number
  isDetached = true
  lastGrowth: number
  readonly #options: GzipFileOptions
  readonly #chain: LineChain
  #chunks: AsyncIterator<Buffer> | undefined
  #skip: number
  #isAtEnd = false
  #isClosed = false

  constructor(options: GzipFileOptions) {
    const { progress, context } = options
    this.#options = options
    this.fd = options.fd
    this.inode = options.inode
    // A compressed file needs no time to be quiet.
    this.lastGrowth = Number.NEGATIVE_INFINITY
    this.#skip = progress.handed
    this.#chain = new LineChain(context, progress, { position: progress.handed, fingerprint: progress.handedPrint })
  }

  get progress(): Progress {
    return this.#chain.progress
  }

  get dueAt(): number {
    return this.#chain.dueAt
  }

  backlog(): number {
    return this.#isAtEnd ? 0 : 1
  }

  isUnlinked(): boolean {
    return !this.#isClosed && fstatSync(this.fd).nlink === 0
  }

  async pull(maxBytes: number, writer: BatchWriter): Promise<boolean> {
    if (this.#isAtEnd || this.#isClosed) return false
    this.#chunks ??= decompress(this.fd)[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    this.#chain.begin(writer)
    try {
      for (let taken = 0; taken < maxBytes;) {
        const { value, done } = await this.#chunks.next()
        if (done === true) {
          this.#isAtEnd = true
          break
        }
        taken += value.length
        this.#take(value)
      }
    } catch (error) {
      this.#isAtEnd = true
      this.#options.onDamaged(error as Error)
    }
    this.#chain.end()
    return true
  }

  flushHeld(writer: BatchWriter): void {
    this.#chain.flushHeld(writer)
  }

  flushAll(writer: BatchWriter): void {
    this.#chain.flushAll(writer)
  }

  renew(): void {
    this.#chain.renew()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    void this.#chunks?.return?.()
    closeSync(this.fd)
  }

  #take(chunk: Buffer): void {
    const skipped = Math.min(this.#skip, chunk.length)
    this.#skip -= skipped
    if (skipped < chunk.length) this.#chain.feed(chunk.toString('latin1', skipped))
  }
}

/** Whether a rotated file is the one of which the fingerprint was taken. Of a compressed one all before `end` is looked at. */
export async function isSameContent(fd: number, isCompressed: boolean, fingerprint: Fingerprint): Promise<boolean> {
  if (!isCompressed) return hasFingerprint(fd, fingerprint)
  const seen = new Fingerprinter(0)
  let left = fingerprint.end
  try {
    for await (const chunk of decompress(fd)) {
      const taken = Math.min(left, (chunk as Buffer).length)
      seen.feed((chunk as Buffer).toString('latin1', 0, taken))
      left -= taken
      if (left === 0) break
    }
  } catch {
    return false
  }
  const found = seen.take()
  // A short file's head was taken when there was less of it.
  return (
    left === 0 &&
    found.tail.hash === fingerprint.tail.hash &&
    (found.head.length !== fingerprint.head.length || found.head.hash === fingerprint.head.hash)
  )
}

/** The beginning of what a compressed file holds, enough for `contentName` and `mayBegin`; what can't be read is empty. */
export async function readCompressedBeginning(fd: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  let hasLine = false
  try {
    for await (const chunk of decompress(fd)) {
      chunks.push(chunk as Buffer)
      bytes += (chunk as Buffer).length
      hasLine ||= (chunk as Buffer).includes(0x0a)
      if (bytes >= 128 * 1024 || (hasLine && bytes >= headBytes)) break
    }
  } catch {
    return Buffer.alloc(0)
  }
  return Buffer.concat(chunks)
}

function decompress(fd: number): Readable {
  const gunzip = createGunzip()
  // By the descriptor, which stays open: a stream closes the one that it is given.
  const file = createReadStream(`/proc/self/fd/${fd}`)
  file.on('error', (error) => gunzip.destroy(error))
  gunzip.on('close', () => file.destroy())
  return file.pipe(gunzip)
}
