import { watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { readdir } from 'node:fs/promises'
import type { Clock, Timer } from '../../lib/clock.ts'

export interface FolderLooksOptions {
  /** Absolute path; may be missing, go and come. */
  readonly path: string
  readonly clock: Clock
  /** What is written in several steps counts as one change. */
  readonly settleMs: number
  /** Looks at the names in the folder, none where it is missing. Says how long until the next look where nothing changes. */
  readonly look: (names: readonly string[]) => Promise<number>
  /** A look that fails is told. Says how long until the next one. */
  readonly onFailure: (error: unknown) => number
}

/** Looks at a folder, one look at a time: whenever something in it has changed, and after a while for what the system did not tell. Hidden files are left out. */
export class FolderLooks {
  readonly #options: FolderLooksOptions
  #watcher: FSWatcher | undefined
  #timer: Timer | undefined
  #looking: Promise<void> | undefined
  #hasChanged = false
  #isStopped = false

  constructor(options: FolderLooksOptions) {
    this.#options = options
  }

  /** Resolves after the first look. */
  async start(): Promise<void> {
    await this.#look()
  }

  /** Resolves when the look that is under way has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    this.#dropWatcher(this.#watcher)
    await this.#looking
  }

  #lookIn(ms: number): void {
    this.#timer?.cancel()
    if (!this.#isStopped) this.#timer = this.#options.clock.setTimer(ms, () => void this.#look())
  }

  #look(): Promise<void> {
    const { settleMs, onFailure } = this.#options
    this.#hasChanged = false
    this.#looking = this.#lookOnce()
      .catch(onFailure)
      .then((ms) => {
        this.#looking = undefined
        this.#lookIn(this.#hasChanged ? settleMs : ms)
      })
    return this.#looking
  }

  async #lookOnce(): Promise<number> {
    const { path, look } = this.#options
    // Before it is read, so that nothing falls between the two.
    this.#watch()
    const names = await readdir(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
      this.#dropWatcher(this.#watcher)
      return []
    })
    const ms = await look(names.filter((name) => !name.startsWith('.')))
    // The look may have made the folder.
    this.#watch()
    return ms
  }

  #watch(): void {
    if (this.#watcher !== undefined || this.#isStopped) return
    try {
      const watcher = watch(this.#options.path, () => this.#noteChange())
      watcher.on('error', () => this.#dropWatcher(watcher))
      this.#watcher = watcher
    } catch {
      // The folder is not there yet, or cannot be watched: the slow look goes on.
    }
  }

  #noteChange(): void {
    this.#hasChanged = true
    if (this.#looking === undefined) this.#lookIn(this.#options.settleMs)
  }

  #dropWatcher(watcher: FSWatcher | undefined): void {
    watcher?.close()
    if (this.#watcher === watcher) this.#watcher = undefined
  }
}
