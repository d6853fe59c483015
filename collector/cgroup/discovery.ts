import { readdirSync, statSync, watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { join } from 'node:path'
import type { Clock, Timer } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { codeOf } from '../readers/kept-file.ts'
import { parseContainerPath } from './container-path.ts'

/** A cgroup that was found. */
export interface FoundCgroup {
  /** Path below the tree's root: `/`, `/system.slice/ssh.service`. */
  readonly path: string
  readonly madeAtMs: number
}

export interface DiscoveryOptions {
  readonly clock: Clock
  readonly log: Log
  /** The tree that is looked through. */
  readonly root: string
  /** Time between two sweeps of the whole tree; changes seen by watching come at once. */
  readonly sweepIntervalMs: number
  /** All cgroups there are, parents first. Called after each sweep. */
  readonly onSweep: (cgroups: readonly FoundCgroup[]) => void
}

/** How much of a tree is looked at: beyond this a machine has more cgroups than anyone reads figures of. */
const maxCgroups = 2048
const maxWatches = 512
const maxDepth = 8

/** Changes that come close together are looked at once. */
const settleMs = 50

/**
 * Finds cgroups without asking a runtime: `fs.watch` on each folder, and a slow sweep for what watching misses. Mount units are left
 * out, and what is inside a container's own cgroup is that container's business.
 */
export class CgroupDiscovery {
  readonly #options: DiscoveryOptions
  readonly #watchers = new Map<string, FSWatcher>()
  #settling: Timer | undefined
  #watchProblem: string | undefined

  constructor(options: DiscoveryOptions) {
    this.#options = options
  }

  /** Folders watched, and why more can't be. */
  get watching(): { readonly folders: number; readonly problem: string | undefined } {
    return { folders: this.#watchers.size, problem: this.#watchProblem }
  }

  /** Sweeps until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.sweep()
      await this.#options.clock.sleep(this.#options.sweepIntervalMs, signal)
    }
    this.#settling?.cancel()
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  /** Looks through the whole tree now. */
  sweep(): void {
    const found: FoundCgroup[] = []
    this.#visit('/', 0, found)
    const folders = new Set(found.map(({ path }) => path))
    for (const [path, watcher] of this.#watchers) {
      if (folders.has(path)) continue
      watcher.close()
      this.#watchers.delete(path)
    }
    this.#options.onSweep(found)
  }

  #visit(path: string, depth: number, found: FoundCgroup[]): void {
    if (found.length >= maxCgroups || depth > maxDepth) return
    const folder = join(this.#options.root, path)
    let names
    try {
      found.push({ path, madeAtMs: statSync(folder).mtimeMs })
      if (parseContainerPath(path) !== undefined) return
      this.#watch(path, folder)
      names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory() && !entry.name.endsWith('.mount'))
    } catch {
      // It went away while it was looked at; the next sweep doesn't find it.
      return
    }
    for (const { name } of names) this.#visit(path === '/' ? `/${name}` : `${path}/${name}`, depth + 1, found)
  }

  #watch(path: string, folder: string): void {
    if (this.#watchers.has(path) || this.#watchers.size >= maxWatches) return
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#sweepSoon())
      watcher.on('error', (err) => {
        this.#options.log.debug({ err, path }, 'watching a cgroup ended')
        watcher.close()
        this.#watchers.delete(path)
      })
      this.#watchers.set(path, watcher)
      this.#watchProblem = undefined
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') this.#watchProblem = codeOf(error)
    }
  }

  #sweepSoon(): void {
    this.#settling ??= this.#options.clock.setTimer(settleMs, () => {
      this.#settling = undefined
      this.sweep()
    })
  }
}
