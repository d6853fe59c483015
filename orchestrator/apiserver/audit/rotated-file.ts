import { chmod, mkdir, open, readdir, rename, rm, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { createReadStream, createWriteStream } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { Clock } from '../../../lib/clock.ts'
import type { AuditBatch, AuditSink } from './audit-sink.ts'

export interface RotatedFileOptions {
  readonly path: string
  /** A file that would become larger gets a time in its name, and is compressed. */
  readonly maxBytes: number
  /** So many of those stay. */
  readonly maxBackups: number
  readonly clock: Clock
}

/** JSON lines in a file that only its owner reads. Files before it are called `NAME-TIME.EXT.gz`. */
export class RotatedFile implements AuditSink {
  readonly #options: RotatedFileOptions
  #handle: FileHandle | undefined
  #size = 0
  #tidying: Promise<void> = Promise.resolve()

  constructor(options: RotatedFileOptions) {
    this.#options = options
  }

  async write({ bytes }: AuditBatch): Promise<void> {
    await this.#open()
    if (this.#size > 0 && this.#size + bytes.length > this.#options.maxBytes) await this.#rotate()
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await this.#handle!.write(bytes, at, bytes.length - at)
      at += bytesWritten
      this.#size += bytesWritten
    }
  }

  async close(): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
    await this.#tidying
  }

  async #open(): Promise<void> {
    if (this.#handle !== undefined) return
    const { path } = this.#options
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    this.#handle = await open(path, 'a', 0o600)
    await chmod(path, 0o600)
    this.#size = (await this.#handle.stat()).size
  }

  async #rotate(): Promise<void> {
    const { path, clock } = this.#options
    await this.#handle!.close()
    this.#handle = undefined
    const [, name = '', extension = ''] = /^(.*?)(\.[^.]*)?$/.exec(basename(path))!
    const time = new Date(clock.now()).toISOString().replaceAll(':', '-').replace('Z', '')
    const backup = join(dirname(path), `${name}-${time}${extension}`)
    await rename(path, backup)
    // Beside what goes on: a failure costs room, no events.
    this.#tidying = this.#tidying.then(() => this.#tidy(backup, `${name}-`, extension)).catch(() => {})
    await this.#open()
  }

  async #tidy(backup: string, prefix: string, extension: string): Promise<void> {
    await pipeline(createReadStream(backup), createGzip(), createWriteStream(`${backup}.gz.new`, { mode: 0o600 }))
    await rename(`${backup}.gz.new`, `${backup}.gz`)
    await unlink(backup)
    const folder = dirname(backup)
    const backups = (await readdir(folder)).filter((name) => name.startsWith(prefix) && name.endsWith(`${extension}.gz`)).sort()
    for (const name of backups.slice(0, Math.max(0, backups.length - this.#options.maxBackups)))
      await rm(join(folder, name), { force: true })
  }
}
