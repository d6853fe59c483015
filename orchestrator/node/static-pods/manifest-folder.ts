import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import type { CoreV1Pod } from '../../api/generated/kinds.ts'
import { FolderLooks } from '../folder-looks.ts'

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
  readonly #looks: FolderLooks
  #manifests: ReadonlyMap<string, Manifest> = new Map()

  constructor(options: ManifestFolderOptions) {
    this.#options = options
    this.#looks = new FolderLooks({
      ...options,
      settleMs,
      look: (names) => this.#look(names),
      onFailure: (error) => {
        options.log.warn({ path: options.path, err: error }, 'the folder of static pods cannot be read, they stay as they are')
        return rescanMs
      },
    })
  }

  /** Resolves when the folder has been read for the first time. */
  start(): Promise<void> {
    return this.#looks.start()
  }

  stop(): Promise<void> {
    return this.#looks.stop()
  }

  async #look(names: readonly string[]): Promise<number> {
    const before = this.#manifests
    const next = await this.#readAll(names)
    this.#manifests = next
    if (before.size !== next.size || [...next].some(([name, { pod }]) => before.get(name)?.pod !== pod))
      this.#options.onChange(podsOf(next))
    return rescanMs
  }

  async #readAll(names: readonly string[]): Promise<ReadonlyMap<string, Manifest>> {
    const found = new Map<string, Manifest>()
    for (const name of names.toSorted().slice(0, maxManifests)) {
      const manifest = await this.#read(name)
      if (manifest !== undefined) found.set(name, manifest)
    }
    if (names.length > maxManifests) this.#options.log.warn({ count: names.length, max: maxManifests }, 'too many files of static pods')
    return found
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
