import type { EventEmitter } from 'node:events'
import type { FSWatcher } from 'node:fs'
import { Tail, type TailOptions } from 'tail'

interface Block {
  readonly start: number
  readonly end: number
}

/** What `tail` keeps; its types tell of its events alone. */
interface TailParts extends EventEmitter {
  currentCursorPos: number
  queue: Block[]
  watcher: FSWatcher | undefined
  watch(start: number, isFlushed: boolean): void
  unwatch(): void
  readBlock(): void
}

const TailBase = Tail as unknown as new (path: string, options: TailOptions) => TailParts

/** `tail` takes a block off its queue when it has been read to its end: that is what `onShift` tells. */
class BlockQueue extends Array<Block> {
  onShift: () => void = () => {}

  override shift(): Block | undefined {
    const block = super.shift()
    this.onShift()
    return block
  }
}

export interface PinnedTailOptions {
  /** Stays the caller's, who closes it after `close`. */
  readonly fd: number
  readonly position: number
  /** Called with the bytes as Latin 1, which is one character a byte, in order. */
  readonly onBytes: (bytes: string) => void
  /** Something about the file has changed. */
  readonly onChange: () => void
}

/**
 * `tail` of an open file: it goes by the descriptor, so that renaming and unlinking change nothing, starts at any byte, and reads when it is
 * asked to, a block at a time.
 */
export class PinnedTail extends TailBase {
  readonly #onChange: () => void
  #finishBlock: ((error: Error | undefined) => void) | undefined

  constructor({ fd, position, onBytes, onChange }: PinnedTailOptions) {
    // Whole bytes and no lines; where it begins is set below, since `tail` knows only the beginning and the end.
    super(`/proc/self/fd/${fd}`, { separator: null, encoding: 'latin1', fromBeginning: true })
    this.#onChange = onChange
    this.#useQueue()
    this.currentCursorPos = position
    this.on('line', onBytes)
    this.on('error', (error: unknown) => this.#fail(error))
  }

  /** The byte up to which was read. */
  get position(): number {
    return this.currentCursorPos
  }

  set position(position: number) {
    this.currentCursorPos = position
  }

  /** Begins to tell of changes. `false` where the kernel has no watch left: somebody has to look now and then. */
  beginWatching(): boolean {
    try {
      super.watch(this.currentCursorPos, false)
      this.watcher?.on('error', () => {})
      this.watcher?.unref()
      return true
    } catch {
      return false
    }
  }

  /** Reads from `position` to `end`. Resolves when all was handed to `onBytes`, also where the file turned out to be shorter. */
  async readTo(end: number): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      this.#finishBlock = (error) => {
        this.#finishBlock = undefined
        if (error === undefined) resolve()
        else reject(error)
      }
    })
    this.queue.push({ start: this.currentCursorPos, end })
    this.currentCursorPos = end
    this.readBlock()
    return done
  }

  close(): void {
    if (this.watcher !== undefined) super.unwatch()
    this.#useQueue()
    this.removeAllListeners('line')
  }

  /** The base class begins to watch while it is constructed, which is too early. */
  override watch(): void {}

  change(): void {
    this.#onChange()
  }

  rename(): void {
    this.#onChange()
  }

  #useQueue(): void {
    const queue = new BlockQueue()
    queue.onShift = () => this.#finishBlock?.(undefined)
    this.queue = queue
  }

  #fail(error: unknown): void {
    const finish = this.#finishBlock
    this.#useQueue()
    finish?.(error instanceof Error ? error : new Error(String(error)))
  }
}
