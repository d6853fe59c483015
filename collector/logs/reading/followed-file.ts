import { closeSync, fstatSync } from 'node:fs'
import type { BatchWriter } from './batch-writer.ts'
import { fingerprintOf, readBeginning, readKnownBeginning } from './fingerprint.ts'
import { LineChain, type LineContext } from './line-chain.ts'
import { PinnedTail } from './pinned-tail.ts'
import type { Progress } from './progress.ts'

/** A file that is read from its path's queue: an open inode, or a compressed one. */
export interface QueuedFile {
  readonly inode: string
  readonly progress: Progress
  /** Whether its path leads to it no longer: it has been renamed or removed, and will be finished. */
  isDetached: boolean
  /** When bytes came last, or it was detached, by the monotonic clock. */
  lastGrowth: number
  readonly dueAt: number
  /** Bytes that are there and not read, as far as it is known. */
  backlog(): number
  /** Whether nothing names it any more: its space is only free when it is closed. */
  isUnlinked(): boolean
  /** Reads at most about `maxBytes`. `false` when there was nothing to read. */
  pull(maxBytes: number, writer: BatchWriter): Promise<boolean>
  flushHeld(writer: BatchWriter): void
  flushAll(writer: BatchWriter): void
  /** What is done with lines has changed: from the next ones on it is done anew. */
  renew(): void
  close(): void
}

export interface FollowedFileOptions {
  /** Becomes the file's, which closes it. */
  readonly fd: number
  readonly inode: string
  readonly progress: Progress
  readonly context: LineContext
  readonly monotonic: () => number
  readonly onChange: () => void
  /** A name for its content, where that is known by its beginning; `undefined` while it is not. */
  readonly nameContent: (fd: number) => string | undefined
  /** Resolves when what is known of files is on disk. */
  readonly save: () => Promise<void>
  /** Its content has been replaced: `lostBytes` at least were never read. Answers what the new content is to be called. */
  readonly onTruncated: (file: FollowedFile, lostBytes: number) => Progress
}

/** An open inode that is read as it grows. */
export class FollowedFile implements QueuedFile {
  readonly inode: string
  readonly fd: number
  isDetached = false
  lastGrowth: number
  /** Whether the kernel tells of changes. */
  readonly isWatched: boolean
  readonly #options: FollowedFileOptions
  readonly #tail: PinnedTail
  #chain: LineChain
  /** The largest size that was seen of this content: what was there of it, should it be gone. */
  #lastSize = 0
  #isClosed = false

  constructor(options: FollowedFileOptions) {
    const { fd, inode, progress, context, onChange } = options
    this.#options = options
    this.fd = fd
    this.inode = inode
    this.lastGrowth = options.monotonic()
    const { handed: position, handedPrint: fingerprint } = progress
    this.#chain = new LineChain(context, progress, { position, fingerprint, beginning: readKnownBeginning(fd, position) })
    this.#tail = new PinnedTail({ fd, position: this.#chain.position, onBytes: (bytes) => this.#chain.feed(bytes), onChange })
    this.isWatched = this.#tail.beginWatching()
  }

  get progress(): Progress {
    return this.#chain.progress
  }

  get dueAt(): number {
    return this.#chain.dueAt
  }

  get position(): number {
    return this.#chain.position
  }

  backlog(): number {
    if (this.#isClosed) return 0
    const { size } = fstatSync(this.fd)
    this.#lastSize = Math.max(this.#lastSize, size)
    return Math.max(0, size - this.#chain.position)
  }

  isUnlinked(): boolean {
    return !this.#isClosed && fstatSync(this.fd).nlink === 0
  }

  async pull(maxBytes: number, writer: BatchWriter): Promise<boolean> {
    if (this.#isClosed) return false
    const sizeBefore = this.#lastSize
    const { size } = fstatSync(this.fd)
    const { position } = this.#chain
    if (size < position || (size > position && !this.#chain.isStillIn(this.fd))) {
      this.#restart(Math.max(0, sizeBefore - position), writer)
      return this.pull(maxBytes, writer)
    }
    this.#lastSize = size
    if (size === position || !this.#isNamed()) return false
    this.lastGrowth = this.#options.monotonic()
    if (this.describe()) await this.#options.save()
    this.#chain.begin(writer)
    try {
      await this.#tail.readTo(Math.min(size, position + maxBytes))
    } finally {
      this.#tail.position = this.#chain.position
      this.#chain.end()
    }
    // A file that was emptied while it was being read ends before its end.
    return this.#chain.position > position
  }

  /** Notes what the file looks like, if it has content and that is not known. Answers whether there is something to save. */
  describe(): boolean {
    return (
      !this.#isClosed &&
      fstatSync(this.fd).size > 0 &&
      this.#isNamed() &&
      this.#chain.progress.describe(() => fingerprintOf(readBeginning(this.fd)))
    )
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
    this.#tail.close()
    closeSync(this.fd)
  }

  #isNamed(): boolean {
    const { progress } = this.#chain
    if (progress.entry.file !== '') return true
    const name = this.#options.nameContent(this.fd) ?? (this.isDetached ? this.inode : undefined)
    if (name !== undefined) progress.name(name)
    return name !== undefined
  }

  #restart(lostBytes: number, writer: BatchWriter): void {
    // The old content's last lines can still be found in a copy; the queue decides by what is held.
    this.#chain.flushHeld(writer)
    const progress = this.#options.onTruncated(this, lostBytes)
    this.#chain = new LineChain(this.#options.context, progress, { position: 0, fingerprint: progress.handedPrint })
    this.#tail.position = 0
    this.#lastSize = 0
  }
}
