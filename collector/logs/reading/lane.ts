import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import { BatchWriter } from './batch-writer.ts'
import type { FileGroup } from './file-group.ts'

export interface LaneOptions {
  readonly clock: Clock
  readonly log: Log
  /** Resolves when the sinks of this lane have room. */
  readonly room: (signal: AbortSignal) => Promise<void>
}

/** What is read of one path before the next has its turn. */
const blockBytes = 256 * 1024
/** A path is not read more often than this where it has less than a block: a line at a time costs more than it is worth. */
const minIntervalMs = 20

/**
 * Reads the paths whose lines go to the same sinks, one block of each in turn, so that none waits for another that writes more; and none while
 * the sinks have no room.
 */
export class Lane {
  readonly #options: LaneOptions
  readonly #ready = new Set<FileGroup>()
  readonly #resting = new Set<FileGroup>()
  readonly #writer = new BatchWriter()
  #restIsOver: (() => void) | undefined

  constructor(options: LaneOptions) {
    this.#options = options
  }

  /** A path may have something to read. */
  wake(group: FileGroup): void {
    if (this.#resting.has(group)) return
    this.#ready.add(group)
    this.#restIsOver?.()
  }

  async run(signal: AbortSignal): Promise<void> {
    const { log, room } = this.#options
    while (!signal.aborted) {
      const group = this.#ready.values().next().value
      if (group === undefined) {
        await this.#untilWoken(signal)
        continue
      }
      await room(signal)
      if (signal.aborted) return
      this.#ready.delete(group)
      try {
        if (await group.pull(blockBytes, this.#writer)) this.#rest(group)
      } catch (err) {
        log.warn({ err, path: group.path }, 'a log could not be read: it is tried again')
        this.#options.clock.setTimer(1000, () => this.wake(group))
      }
    }
  }

  /** Behind all others, and after a moment where it had little. */
  #rest(group: FileGroup): void {
    if (group.backlog() >= blockBytes) {
      this.#ready.add(group)
      return
    }
    this.#resting.add(group)
    this.#options.clock.setTimer(minIntervalMs, () => {
      this.#resting.delete(group)
      this.wake(group)
    })
  }

  async #untilWoken(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const finish = () => {
        this.#restIsOver = undefined
        signal.removeEventListener('abort', finish)
        resolve()
      }
      this.#restIsOver = finish
      signal.addEventListener('abort', finish)
    })
  }
}
