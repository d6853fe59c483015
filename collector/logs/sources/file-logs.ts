import { existsSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { basename, dirname, matchesGlob } from 'node:path'
import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import type { FolderWatches } from '../reading/folder-watches.ts'
import type { FollowedPath } from '../reading/followed-path.ts'
import { originalName } from '../reading/siblings.ts'

/** Files that are found by patterns. */
export interface FileLogsOptions {
  readonly paths: readonly string[]
  readonly exclude: readonly string[]
  readonly clock: Clock
  readonly log: Log
  readonly watches: FolderWatches
  /** Opens a path for reading; `undefined` where it is not wanted. */
  readonly follow: (path: string) => FollowedPath | undefined
  /** A path is gone, and all of it was read. */
  readonly forget: (path: string) => void
}

interface Followed {
  readonly path: FollowedPath
  readonly unwatch: (() => void) | undefined
}

/** Together with what rotation leaves of them; more than these are not followed. */
const maxPaths = 4096
/** Files often come several at a time. */
const gatherMs = 50

/** Follows the files that match, as they come and go. What rotation made of a file belongs to the file. */
export class FileLogs {
  readonly #options: FileLogsOptions
  readonly #followed = new Map<string, Followed>()
  readonly #folders = new Map<string, (() => void) | undefined>()
  #isLooking = false
  #isLookWanted = false
  #isFull = false

  constructor(options: FileLogsOptions) {
    this.#options = options
  }

  /** Looks for files that have come, and lets go of those that are gone. */
  async look(): Promise<void> {
    if (this.#isLooking) {
      this.#isLookWanted = true
      return
    }
    this.#isLooking = true
    try {
      const names = await this.#find()
      for (const name of names) this.#open(name, names)
      this.#letGo()
    } finally {
      this.#isLooking = false
    }
    if (!this.#isLookWanted) return
    this.#isLookWanted = false
    await this.look()
  }

  async #find(): Promise<ReadonlySet<string>> {
    const { paths, exclude, log } = this.#options
    const names = new Set<string>()
    for (const pattern of paths) {
      this.#watchFolder(fixedFolder(pattern))
      try {
        for await (const name of glob(pattern)) {
          if (names.size >= maxPaths) break
          if (!exclude.some((form) => matchesGlob(name, form))) names.add(name)
        }
      } catch (err) {
        log.debug({ err, pattern }, 'files can not be looked for')
      }
    }
    return names
  }

  #open(name: string, names: ReadonlySet<string>): void {
    const { watches, follow, log } = this.#options
    const original = originalName(basename(name))
    if (this.#followed.has(name) || name.endsWith('.gz')) return
    if (original !== undefined && (names.has(`${dirname(name)}/${original}`) || existsSync(`${dirname(name)}/${original}`))) return
    if (this.#followed.size >= maxPaths) {
      if (!this.#isFull) log.warn({ maxPaths }, 'more files match than are followed')
      this.#isFull = true
      return
    }
    const path = follow(name)
    if (path === undefined) return
    const base = basename(name)
    const unwatch = watches.add(dirname(name), (changed) => {
      if (changed === undefined || changed.startsWith(base)) path.group.look()
    })
    this.#followed.set(name, { path, unwatch })
    this.#watchFolder(dirname(name))
    path.release()
    path.group.look()
  }

  #isWanted(path: string): boolean {
    const { paths, exclude } = this.#options
    return paths.some((form) => matchesGlob(path, form)) && !exclude.some((form) => matchesGlob(path, form)) && existsSync(path)
  }

  #letGo(): void {
    for (const [name, { path, unwatch }] of this.#followed) {
      if (existsSync(name)) continue
      path.group.look()
      if (path.group.files.length > 0) continue
      path.group.close()
      unwatch?.()
      this.#followed.delete(name)
      this.#options.forget(name)
    }
  }

  /** A file that comes to a folder may match. */
  #watchFolder(folder: string): void {
    if (this.#folders.get(folder) !== undefined) return
    let isGathering = false
    const unwatch = this.#options.watches.add(folder, (name) => {
      const path = `${folder}/${name ?? ''}`
      if (this.#followed.has(path)) return
      // At once: it may be gone again soon.
      if (name !== undefined && this.#isWanted(path)) this.#open(path, new Set())
      if (isGathering) return
      isGathering = true
      this.#options.clock.setTimer(gatherMs, () => {
        isGathering = false
        void this.look()
      })
    })
    this.#folders.set(folder, unwatch)
  }
}

/** The folder of a pattern in which nothing stands for something else. */
function fixedFolder(pattern: string): string {
  const wild = pattern.search(/[*?[{]/)
  return wild < 0 ? dirname(pattern) : dirname(`${pattern.slice(0, wild)}x`)
}
