import { mkdir, open, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { LogContext } from '../../context.ts'
import type { LogBatch } from '../../log-batch.ts'
import type { SinkDeclaration } from '../declaration.ts'
import { LineFormatter, readLineFormat } from '../line-format.ts'
import type { LineFormat } from '../line-format.ts'
import type { LogSender, SendOutcome } from '../sink.ts'
import { Rotation } from './file-rotation.ts'
import type { RotationOptions } from './file-rotation.ts'

interface FileOptions {
  readonly path: string
  readonly format: LineFormat
  readonly rotate: RotationOptions
}

/**
 * Lines in a file of this machine, rotated by size or age. Delivered means on disk (fdatasync). What a crash or a full disk left of half a request is
 * cut off.
 */
export const file: SinkDeclaration<FileOptions> = {
  type: 'file',
  isSerial: true,
  delivery: { onFull: 'wait', maxDelayMs: 200 },
  readOptions: (node) => {
    const path = node.required('path')
    if (path !== '' && !path.startsWith('/')) node.problem('path', 'must be absolute')
    const rotate = node.child('rotate')
    const options = {
      maxBytes: rotate.bytes('max_bytes', { min: 4096, max: 2 ** 40, default: 100 << 20 }),
      maxAgeMs: rotate.duration('max_age', { min: 0, max: 366 * 86_400_000, default: 0 }),
      keep: rotate.count('keep', { min: 0, max: 10_000, default: 5 }),
      isCompressed: rotate.flag('compress', true),
    }
    rotate.finish()
    return { path, format: readLineFormat(node), rotate: options }
  },
  create: (options, context) => new FileSender(options, context),
}

const newline = 0x0a
const tailBytes = 64 << 10

class FileSender implements LogSender {
  readonly #path: string
  readonly #formatter: LineFormatter
  readonly #rotation: Rotation
  #file: FileHandle | undefined
  #inode = 0
  /** All of it lines that were acknowledged. */
  #size = 0

  constructor({ path, format, rotate }: FileOptions, context: LogContext) {
    this.#path = path
    this.#formatter = new LineFormatter(format)
    this.#rotation = new Rotation(path, rotate, context)
  }

  async send(batches: readonly LogBatch[], signal: AbortSignal): Promise<SendOutcome> {
    const { bytes, release } = this.#formatter.format(batches)
    try {
      const file = await this.#opened()
      signal.throwIfAborted()
      await this.#append(file, bytes)
      return { bytes: bytes.length }
    } finally {
      release()
    }
  }

  async close(): Promise<void> {
    await this.#closeFile()
    await this.#rotation.finish()
  }

  async #append(file: FileHandle, bytes: Buffer): Promise<void> {
    try {
      for (let written = 0; written < bytes.length;) {
        written += (await file.write(bytes, written, bytes.length - written, this.#size + written)).bytesWritten
      }
      await file.datasync()
      this.#size += bytes.length
    } catch (error) {
      await file.truncate(this.#size).catch(() => {})
      await this.#closeFile()
      throw error
    }
  }

  /** The file to write to: another one when somebody moved it away, and when it is time. */
  async #opened(): Promise<FileHandle> {
    const inode = await stat(this.#path).then(
      ({ ino }) => ino,
      () => 0,
    )
    if (this.#file !== undefined && inode !== this.#inode) await this.#closeFile()
    this.#file ??= await this.#open()
    if (!this.#rotation.isDue(this.#size)) return this.#file
    await this.#closeFile()
    await this.#rotation.rotate()
    return (this.#file = await this.#open())
  }

  async #open(): Promise<FileHandle> {
    await mkdir(dirname(this.#path), { recursive: true })
    // Not for appending, which would write behind whatever is there.
    const file = await open(this.#path, 'a+', 0o640).then(async (created) => {
      await created.close()
      return open(this.#path, 'r+')
    })
    try {
      const { ino, size, birthtimeMs } = await file.stat()
      this.#inode = ino
      this.#size = await endOfLines(file, size)
      if (this.#size < size) await file.truncate(this.#size)
      this.#rotation.begin(this.#size, birthtimeMs)
      return file
    } catch (error) {
      await file.close()
      throw error
    }
  }

  async #closeFile(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close().catch(() => {})
  }
}

/** Where the last whole line of a file ends. */
async function endOfLines(file: FileHandle, size: number): Promise<number> {
  const bytes = Buffer.allocUnsafe(tailBytes)
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - tailBytes)
    const { bytesRead } = await file.read(bytes, 0, end - start, start)
    const last = bytes.subarray(0, bytesRead).lastIndexOf(newline)
    if (last >= 0) return start + last + 1
    end = start
  }
  return 0
}
