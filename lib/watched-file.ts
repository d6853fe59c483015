import { readFileSync, statSync } from 'node:fs'
import type { Clock } from './clock.ts'

/** How long a file is taken to be what it was. */
const checkEveryMs = 10_000

/**
 * The text of a file that is replaced now and then, such as a token or a certificate that somebody renews. `read` looks at the file at most
 * once in ten seconds and reads it again when it has changed. While it can't be read the last text stands; without one `read` throws.
 */
export class WatchedFile {
  readonly #path: string
  readonly #clock: Clock
  #checkedAt = -Infinity
  #stamp = ''
  #text: string | undefined

  constructor(path: string, clock: Clock) {
    this.#path = path
    this.#clock = clock
  }

  read(): string {
    const now = this.#clock.monotonic()
    if (this.#text !== undefined && now - this.#checkedAt < checkEveryMs) return this.#text
    this.#checkedAt = now
    try {
      const { mtimeMs, size, ino } = statSync(this.#path)
      const stamp = `${mtimeMs} ${size} ${ino}`
      if (stamp !== this.#stamp || this.#text === undefined) this.#text = readFileSync(this.#path, 'utf8')
      this.#stamp = stamp
    } catch (error) {
      if (this.#text === undefined) throw error
    }
    return this.#text
  }
}
