import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import { PeriodicLook } from '../periodic-look.ts'
import { isUnavailable } from '../runtime/runtime.ts'
import type { ImageFacts, ImageService } from '../runtime/runtime.ts'

/** How often the disk is looked at, as in the kubelet. */
const lookMs = 300_000

/** When images go. */
export interface ImageCollection {
  /** Above this use of the disk, images go … */
  readonly highPercent: number
  /** … until it is down to this. */
  readonly lowPercent: number
  /** Only those that nothing has used for this long. */
  readonly minAgeMs: number
}

export interface ImageCollectorOptions extends ImageCollection {
  readonly clock: Clock
  readonly log: Log
  readonly images: ImageService
  /** Of the disk that images are on. */
  readonly disk: () => Promise<{ readonly capacityBytes: number; readonly availableBytes: number }>
}

/** Removes images that no container of the engine uses, the longest unused first, when their disk runs full. */
export class ImageCollector {
  readonly #options: ImageCollectorOptions
  /** Image id → when it was last used, or first seen. */
  readonly #lastUsed = new Map<string, number>()
  readonly #looks: PeriodicLook

  constructor(options: ImageCollectorOptions) {
    this.#options = options
    this.#looks = new PeriodicLook({
      clock: options.clock,
      everyMs: lookMs,
      look: () => this.#look(),
      onFailure: (error) => options.log.warn({ err: error }, 'unused images cannot be looked for'),
    })
  }

  start(): void {
    this.#looks.start()
  }

  stop(): Promise<void> {
    return this.#looks.stop()
  }

  /** Removes what is unused, whatever the disk's use is. */
  async removeUnused(): Promise<void> {
    await this.#free(Infinity)
  }

  async #look(): Promise<void> {
    const { disk, highPercent, lowPercent, log } = this.#options
    await this.#note()
    const { capacityBytes, availableBytes } = await disk()
    const usedPercent = 100 - (availableBytes * 100) / capacityBytes
    if (!(usedPercent >= highPercent)) return
    const wantedBytes = (capacityBytes * (100 - lowPercent)) / 100 - availableBytes
    const freedBytes = await this.#free(wantedBytes)
    log.info({ usedPercent: Math.round(usedPercent), wantedBytes, freedBytes }, 'the disk of the images runs full')
  }

  /** Keeps in mind what is used now; answers what is not. */
  async #note(): Promise<readonly ImageFacts[]> {
    const { images, clock } = this.#options
    const [present, used] = await Promise.all([images.list(), images.used()])
    const nowMs = clock.monotonic()
    const ids = new Set(present.map(({ id }) => id))
    for (const id of this.#lastUsed.keys()) if (!ids.has(id)) this.#lastUsed.delete(id)
    for (const id of ids) if (used.has(id) || !this.#lastUsed.has(id)) this.#lastUsed.set(id, nowMs)
    return present.filter(({ id }) => !used.has(id))
  }

  async #free(wantedBytes: number): Promise<number> {
    const { images, clock, minAgeMs, log } = this.#options
    const unused = await this.#note()
    const nowMs = clock.monotonic()
    const old = unused.filter(({ id }) => nowMs - this.#lastUsed.get(id)! >= minAgeMs)
    let freedBytes = 0
    for (const { id, tags, sizeBytes } of old.sort((a, b) => this.#lastUsed.get(a.id)! - this.#lastUsed.get(b.id)!)) {
      if (freedBytes >= wantedBytes || this.#looks.isStopped) break
      try {
        await images.remove(id)
        this.#lastUsed.delete(id)
        freedBytes += sizeBytes
        log.info({ image: tags[0] ?? id, sizeBytes }, 'an unused image was removed')
      } catch (error) {
        if (isUnavailable(error)) throw error
        log.debug({ image: tags[0] ?? id, err: error }, 'an image stays')
      }
    }
    return freedBytes
  }
}
