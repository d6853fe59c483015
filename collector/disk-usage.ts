import type { StatsFs } from 'node:fs'
import { lstat, opendir, readdir, statfs } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Clock } from '../lib/clock.ts'
import type { Container } from './container.ts'
import { column } from './metrics.ts'
import { codeOf } from './readers/kept-file.ts'
import type { StatsStore } from './stats-store.ts'

export interface DiskUsageOptions {
  readonly clock: Clock
  readonly store: StatsStore
  /** A layer is measured again when its figure is this old, or later when that takes long. */
  readonly intervalMs: number
  /** How many files are looked at per second, over all containers. */
  readonly filesPerSecond: number
  /** A layer with more files gets no figure. */
  readonly maxFiles: number
}

/** Why a layer can't be measured. */
export interface LayerProblem {
  readonly path: string
  readonly errno: string
}

/** What a walk came to. */
export interface Usage {
  readonly bytes: number
  readonly files: number
}

/** A layer rests this many times as long as its walk took, up to a bound. */
const restPerWalk = 10
const maxIntervalMs = 1_200_000

/** Files looked at between two pauses. */
const batch = 64

const idleMs = 5_000

/**
 * Disk use of writable layers and log files. Where the file system keeps a project quota for a layer (overlay2 with `size`, containerd and
 * CRI-O with quotas), one call gives it; all others are walked one after the other within a budget of files per second, each again the
 * later the longer its last walk took. A figure keeps the time and the way of its measurement. Hard links count once.
 */
export class DiskUsage {
  readonly #options: DiskUsageOptions
  #walks = 0
  #files = 0
  #tooLarge = 0
  #quotas = 0
  readonly #problems = new Map<string, LayerProblem>()
  /** When a container is due again, by the monotonic clock. */
  readonly #dueAtMs = new WeakMap<Container, number>()

  constructor(options: DiskUsageOptions) {
    this.#options = options
  }

  /** Counters for `/metrics`. */
  get counters(): { readonly walks: number; readonly files: number; readonly tooLarge: number; readonly quotas: number } {
    return { walks: this.#walks, files: this.#files, tooLarge: this.#tooLarge, quotas: this.#quotas }
  }

  /** Why a layer that is still there can't be measured. */
  get problem(): LayerProblem | undefined {
    for (const [name, problem] of this.#problems) {
      if (this.#options.store.get(name) !== undefined) return problem
      this.#problems.delete(name)
    }
    return undefined
  }

  /** Walks whatever is due until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const container = this.#due()
      if (container === undefined) await this.#options.clock.sleep(idleMs, signal)
      else await this.measure(container, signal)
    }
  }

  /** Measures one container's layer and logs now. */
  async measure(container: Container, signal: AbortSignal): Promise<void> {
    const { clock, intervalMs } = this.#options
    const { layerPath, logPath } = container.description
    const startedAtMs = clock.monotonic()
    const quota = layerPath === undefined ? undefined : await quotaOf(layerPath)
    const walked = layerPath === undefined || quota !== undefined ? undefined : await this.#walk(layerPath, signal)
    const layer = quota ?? (walked !== undefined && 'bytes' in walked ? walked : undefined)
    const logs = logPath === undefined ? undefined : await sizeOfLogs(logPath)
    if (signal.aborted) return
    const now = clock.monotonic()
    this.#dueAtMs.set(container, now + Math.min(maxIntervalMs, Math.max(intervalMs, (now - startedAtMs) * restPerWalk)))
    if (quota === undefined) this.#walks++
    else this.#quotas++
    const { ring, description } = container
    if (walked !== undefined && 'errno' in walked) this.#problems.set(description.name, walked)
    else this.#problems.delete(description.name)
    ring.set(column.fsUsage, layer?.bytes ?? Number.NaN)
    ring.set(column.fsInodes, layer?.files ?? Number.NaN)
    ring.set(column.logsUsage, logs ?? Number.NaN)
    container.layerMeasuredAtMs = clock.now()
    container.layerMethod = layer === undefined ? undefined : quota === undefined ? 'walk' : 'quota'
  }

  #due(): Container | undefined {
    const { clock, store } = this.#options
    let first: Container | undefined
    let firstAtMs = clock.monotonic()
    for (const container of store.all()) {
      const { description, ring } = container
      if ((description.layerPath === undefined && description.logPath === undefined) || ring.count === 0) continue
      const dueAtMs = this.#dueAtMs.get(container) ?? Number.NEGATIVE_INFINITY
      if (dueAtMs > firstAtMs || (first !== undefined && dueAtMs === firstAtMs)) continue
      first = container
      firstAtMs = dueAtMs
    }
    return first
  }

  /** `undefined` when the folder holds too many files. */
  async #walk(root: string, signal: AbortSignal): Promise<Usage | LayerProblem | undefined> {
    const { clock, filesPerSecond, maxFiles } = this.#options
    const linked = new Set<string>()
    const folders = [root]
    let usage: Usage = { bytes: 0, files: 0 }
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      const directory = await openFolder(folder, folder === root)
      if (directory === 'gone') continue
      if (typeof directory === 'string') {
        return { path: folder, errno: directory }
      }
      for await (const entry of directory) {
        const path = join(folder, entry.name)
        if (entry.isDirectory()) folders.push(path)
        const size = await sizeOf(path, linked)
        usage = { bytes: usage.bytes + size, files: usage.files + 1 }
        this.#files++
        if (usage.files > maxFiles) {
          this.#tooLarge++
          return undefined
        }
        if (usage.files % batch === 0) await clock.sleep((batch * 1000) / filesPerSecond, signal)
        if (signal.aborted) return undefined
      }
    }
    return usage
  }
}

/**
 * What a project quota counts for a folder: with one in force the file system answers with the quota's size and use for everything below
 * (XFS and ext4 do so for folders that hand their project on), and so with another size than for the folder's parent.
 */
async function quotaOf(path: string): Promise<Usage | undefined> {
  try {
    // Layers of overlay2 are `<id>/diff`, those of containerd `<id>/fs`: the folder of all layers has no project.
    return quotaUsage(await statfs(path), await statfs(dirname(dirname(path))))
  } catch {
    return undefined
  }
}

/** The use that a quota tells for a folder with `own` figures among folders with `all`; `undefined` where both are the file system's. */
export function quotaUsage(own: Sizes, all: Sizes): Usage | undefined {
  if (own.type !== all.type || own.bsize !== all.bsize || own.blocks === all.blocks) return undefined
  return { bytes: (own.blocks - own.bfree) * own.bsize, files: own.files === all.files ? Number.NaN : own.files - own.ffree }
}

type Sizes = Pick<StatsFs, 'type' | 'bsize' | 'blocks' | 'bfree' | 'files' | 'ffree'>

/** The folder, `gone` for one that went away during the walk, or the code of the error. */
async function openFolder(path: string, isRoot: boolean) {
  try {
    return await opendir(path)
  } catch (error) {
    const code = codeOf(error)
    return !isRoot && code === 'ENOENT' ? 'gone' : code
  }
}

async function sizeOf(path: string, linked: Set<string>): Promise<number> {
  try {
    const { blocks, nlink, dev, ino } = await lstat(path)
    if (nlink > 1) {
      const key = `${dev}:${ino}`
      if (linked.has(key)) return 0
      linked.add(key)
    }
    return blocks * 512
  } catch {
    return 0
  }
}

/** A log file with the rotated ones beside it. */
async function sizeOfLogs(logPath: string): Promise<number | undefined> {
  try {
    const name = basename(logPath)
    const names = (await readdir(dirname(logPath))).filter((candidate) => candidate.startsWith(name))
    const sizes = await Promise.all(names.map((candidate) => sizeOf(join(dirname(logPath), candidate), new Set())))
    return sizes.reduce((total, size) => total + size, 0)
  } catch {
    return undefined
  }
}
