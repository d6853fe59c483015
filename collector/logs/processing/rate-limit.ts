import type { LimitSettings } from '../settings.ts'

/** Lets so many lines and bytes a second go on, and a burst of some seconds' worth at once. */
export class RateLimit {
  readonly #settings: LimitSettings
  #lines: number
  #bytes: number
  #filledAt: number

  constructor(settings: LimitSettings, now: number) {
    this.#settings = settings
    this.#lines = settings.linesPerSecond * settings.burstSeconds
    this.#bytes = settings.bytesPerSecond * settings.burstSeconds
    this.#filledAt = now
  }

  /** Whether a line of so many bytes goes on; `now` is monotonic, in ms. */
  take(bytes: number, now: number): boolean {
    const { linesPerSecond, bytesPerSecond, burstSeconds } = this.#settings
    const seconds = Math.max(0, now - this.#filledAt) / 1000
    this.#filledAt = now
    this.#lines = Math.min(this.#lines + linesPerSecond * seconds, linesPerSecond * burstSeconds)
    this.#bytes = Math.min(this.#bytes + bytesPerSecond * seconds, bytesPerSecond * burstSeconds)
    if (this.#lines < 1 || this.#bytes < bytes) return false
    this.#lines--
    this.#bytes -= bytes
    return true
  }
}
