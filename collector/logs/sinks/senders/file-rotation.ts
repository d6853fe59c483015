import { createReadStream, createWriteStream } from 'node:fs'
import { open, readdir, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { LogContext } from '../../context.ts'

export interface RotationOptions {
  readonly maxBytes: number
  /** 0: no matter how old. */
  readonly maxAgeMs: number
  /** How many older files stay. */
  readonly keep: number
  readonly isCompressed: boolean
}

/**
 * Moves a file away when it is large or old enough: `app.log` becomes `app.log.20261121T091432.123Z`, then `….gz` in the background. The oldest beyond
 * `keep` are removed; nothing with another kind of name is touched.
 */
export class Rotation {
  readonly #path: string
  readonly #options: RotationOptions
  readonly #context: LogContext
  #begunAt = 0
  #work: Promise<void> = Promise.resolve()

  constructor(path: string, options: RotationOptions, context: LogContext) {
    this.#path = path
    this.#options = options
    this.#context = context
  }

  /** A file is open that holds so much and was made at that time, where the file system knows it. */
  begin(size: number, birthtimeMs: number): void {
    this.#begunAt = size > 0 && birthtimeMs > 0 ? birthtimeMs : this.#context.clock.now()
  }

  isDue(size: number): boolean {
    const { maxBytes, maxAgeMs } = this.#options
    return size > 0 && (size >= maxBytes || (maxAgeMs > 0 && this.#context.clock.now() - this.#begunAt >= maxAgeMs))
  }

  /** Moves the file, which nobody writes to. */
  async rotate(): Promise<void> {
    for (let ms = this.#context.clock.now(); ; ms++) {
      const target = `${this.#path}.${new Date(ms).toISOString().replaceAll(/[-:]/g, '')}`
      if ((await exists(target)) || (await exists(`${target}.gz`))) continue
      await rename(this.#path, target)
      break
    }
    this.#work = this.#work.then(() =>
      this.#tidy().catch((err: unknown) =>
        this.#context.log.warn({ err }, 'a rotated file could not be tidied up; tried again at the next'),
      ),
    )
  }

  /** Resolves when nothing goes on in the background. */
  finish(): Promise<void> {
    return this.#work
  }

  async #tidy(): Promise<void> {
    const { keep, isCompressed } = this.#options
    const dir = dirname(this.#path)
    const names = (await readdir(dir)).filter((name) => isRotated(name, basename(this.#path))).sort()
    // Of a run that was killed.
    for (const name of names.filter((name) => name.endsWith('.part'))) await unlink(join(dir, name))
    const whole = names.filter((name) => !name.endsWith('.part'))
    const kept = keep === 0 ? [] : whole.slice(-keep)
    for (const name of whole.slice(0, whole.length - kept.length)) await unlink(join(dir, name))
    if (!isCompressed) return
    for (const name of kept.filter((name) => !name.endsWith('.gz'))) await compressFile(join(dir, name))
  }
}

/** What this rotation has made of a file, whole or not. */
function isRotated(name: string, base: string): boolean {
  return name.startsWith(`${base}.`) && /^\d{8}T\d{6}\.\d{3}Z(\.gz(\.part)?)?$/.test(name.slice(base.length + 1))
}

/** Makes `path.gz` of `path`; one of both is whole at every moment. */
async function compressFile(path: string): Promise<void> {
  const part = `${path}.gz.part`
  await pipeline(createReadStream(path), createGzip(), createWriteStream(part, { mode: 0o640 }))
  const file = await open(part, 'r')
  await file.sync().finally(() => file.close())
  await rename(part, `${path}.gz`)
  await unlink(path)
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
