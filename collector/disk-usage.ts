import { lstat, opendir, readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Clock } from '../lib/clock.ts'
import type { Container } from './container.ts'
import { column } from './metrics.ts'
import { codeOf } from './readers/kept-file.ts'
import type { StatsStore } from './stats-store.ts'

export interface DiskUsageOptions {
  readonly clock: Clock
  readonly store: StatsStore
  /** A layer is walked again when its figure is this old. */
  readonly intervalMs: number
  /** How many files are looked at per second, over all containers. */
  readonly filesPerSecond: number
  /** A layer with more files gets no figure. */
  readonly maxFiles: number
}

/** What a walk came to. */
export interface Usage {
  readonly bytes: number
  readonly files: number
}

/** Files looked at between two pauses. */
const batch = 64

const idleMs = 5_000

/**
 * Disk use of writable layers and log files, by walking them one after the other within a budget of files per second. A figure keeps
 * the time of its walk. Hard links count once.
 */
export class DiskUsage {
  readonly #options: DiskUsageOptions
  #walks = 0
  #files = 0
  #tooLarge = 0

  constructor(options: DiskUsageOptions) {
    this.#options = options
  }

  /** Counters for `/metrics`. */
  get counters(): { readonly walks: number; readonly files: number; readonly tooLarge: number } {
    return { walks: this.#walks, files: this.#files, tooLarge: this.#tooLarge }
  }

  /** Walks whatever is due until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const container = this.#due()
      if (container === undefined) await this.#options.clock.sleep(idleMs, signal)
      else await this.measure(container, signal)
    }
  }

  /** Walks one container's layer and logs now. */
  async measure(container: Container, signal: AbortSignal): Promise<void> {
    const { layerPath, logPath } = container.description
    const layer = layerPath === undefined ? undefined : await this.#walk(layerPath, signal)
    const logs = logPath === undefined ? undefined : await sizeOfLogs(logPath)
    if (signal.aborted) return
    this.#walks++
    const { ring } = container
    ring.set(column.fsUsage, layer?.bytes ?? Number.NaN)
    ring.set(column.fsInodes, layer?.files ?? Number.NaN)
    ring.set(column.logsUsage, logs ?? Number.NaN)
    container.layerMeasuredAtMs = this.#options.clock.now()
  }

  #due(): Container | undefined {
    const { clock, store, intervalMs } = this.#options
    let oldest: Container | undefined
    for (const container of store.all()) {
      const { description, ring, layerMeasuredAtMs = 0 } = container
      if (description.layerPath === undefined && description.logPath === undefined) continue
      if (ring.count === 0 || clock.now() - layerMeasuredAtMs < intervalMs) continue
      if (oldest === undefined || layerMeasuredAtMs < (oldest.layerMeasuredAtMs ?? 0)) oldest = container
    }
    return oldest
  }

  /** `undefined` when the folder can't be read or holds too many files. */
  async #walk(root: string, signal: AbortSignal): Promise<Usage | undefined> {
    const { clock, filesPerSecond, maxFiles } = this.#options
    const linked = new Set<string>()
    const folders = [root]
    let usage: Usage = { bytes: 0, files: 0 }
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      const directory = await openFolder(folder, folder === root)
      if (directory === undefined) return undefined
      if (directory === 'gone') continue
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

async function openFolder(path: string, isRoot: boolean) {
  try {
    return await opendir(path)
  } catch (error) {
    return !isRoot && codeOf(error) === 'ENOENT' ? 'gone' : undefined
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
