import { watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, Timer } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import type { CoreV1Pod } from '../../api/generated/kinds.ts'

/** A file is often written in several steps: they count as one change. */
const settleMs = 100
/** What the system did not tell is found by a look this often, as in the kubelet. */
const rescanMs = 20_000
const maxManifestBytes = 1024 * 1024
const maxManifests = 200

export interface ManifestFolderOptions {
  /** Absolute path; may be missing and come later. */
  readonly path: string
  readonly nodeName: string
  readonly clock: Clock
  readonly log: Log
  /** Told all pods of the folder whenever they have changed. */
  readonly onChange: (pods: readonly CoreV1Pod[]) => void
}

interface Manifest {
  readonly text: string
  readonly pod: CoreV1Pod | undefined
}

/**
 * The pods that the files of a folder describe. A file that cannot be read or understood is told in the log, and what it said before
 * stands: half a file must not end a pod.
 */
export class ManifestFolder {
  readonly #options: ManifestFolderOptions
  #manifests: ReadonlyMap<string, Manifest> = new Map()
  #watcher: FSWatcher | undefined
  #timer: Timer | undefined
  #scanning: Promise<void> | undefined
  #isStopped = false

  constructor(options: ManifestFolderOptions) {
    this.#options = options
  }

  /** Resolves when the folder has been read for the first time. */
  async start(): Promise<void> {
    await this.#scan()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    this.#watcher?.close()
    await this.#scanning
  }

  #scanIn(ms: number): void {
    this.#timer?.cancel()
    if (this.#isStopped) return
    this.#timer = this.#options.clock.setTimer(ms, () => void this.#scan())
  }

  #scan(): Promise<void> {
    this.#scanning ??= this.#scanOnce().finally(() => {
      this.#scanning = undefined
      this.#scanIn(rescanMs)
    })
    return this.#scanning
  }

  async #scanOnce(): Promise<void> {
    const { path, log, onChange } = this.#options
    try {
      this.#watch()
      const next = await this.#readAll()
      const before = this.#manifests
      this.#manifests = next
      if (before.size !== next.size || [...next].some(([name, { pod }]) => before.get(name)?.pod !== pod)) onChange(podsOf(next))
    } catch (error) {
      log.warn({ path, err: error }, 'the folder of static pods cannot be read, they stay as they are')
    }
  }

  #watch(): void {
    if (this.#watcher !== undefined || this.#isStopped) return
    try {
      const watcher = watch(this.#options.path, () => this.#scanIn(settleMs))
      const drop = () => {
        watcher.close()
        if (this.#watcher === watcher) this.#watcher = undefined
      }
      watcher.on('error', drop)
      this.#watcher = watcher
    } catch {
      // The folder is not there yet, or cannot be watched: the slow look goes on.
    }
  }

  async #readAll(): Promise<ReadonlyMap<string, Manifest>> {
    const names = (await this.#names()).filter((name) => !name.startsWith('.')).sort()
    const found = new Map<string, Manifest>()
    for (const name of names.slice(0, maxManifests)) {
      const manifest = await this.#read(name)
      if (manifest !== undefined) found.set(name, manifest)
    }
    if (names.length > maxManifests) this.#options.log.warn({ count: names.length, max: maxManifests }, 'too many files of static pods')
    return found
  }

  async #names(): Promise<string[]> {
    try {
      return await readdir(this.#options.path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      this.#watcher?.close()
      this.#watcher = undefined
      return []
    }
  }

  async #read(name: string): Promise<Manifest | undefined> {
    const { nodeName, clock, log } = this.#options
    const path = join(this.#options.path, name)
    const before = this.#manifests.get(name)
    try {
      const facts = await stat(path)
      if (!facts.isFile()) return undefined
      if (facts.size > maxManifestBytes) throw new RangeError(`${facts.size} bytes, at most ${maxManifestBytes} are read`)
      const text = await readFile(path, 'utf8')
      if (text === before?.text) return before
      try {
        // The tables of all kinds are loaded only where there is a file to check.
        const { parseManifest } = await import('./manifest.ts')
        return { text, pod: parseManifest(text, { path, nodeName, nowMs: clock.now() }) }
      } catch (error) {
        log.warn({ path, err: error }, 'not a static pod')
        return { text, pod: before?.pod }
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      log.warn({ path, err: error }, 'the file of a static pod cannot be read')
      return before
    }
  }
}

/** One pod per name: the first file wins. */
function podsOf(manifests: ReadonlyMap<string, Manifest>): readonly CoreV1Pod[] {
  const pods = new Map<string, CoreV1Pod>()
  for (const { pod } of manifests.values()) {
    const key = `${pod?.metadata.namespace}/${pod?.metadata.name}`
    if (pod !== undefined && !pods.has(key)) pods.set(key, pod)
  }
  return [...pods.values()]
}
