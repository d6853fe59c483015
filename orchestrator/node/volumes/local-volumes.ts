import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../../../lib/log.ts'
import type { CoreV1PersistentVolume } from '../../api/generated/kinds.ts'
import { localDriver } from '../../api/persistent-volumes.ts'
import type { Informer } from '../../client/informer.ts'
import { localVolumesFolder } from './claim-volume.ts'

/** Removes the folders of volumes whose objects are gone: at the start, and whenever one goes. */
export class LocalVolumes {
  readonly #options: { readonly dataDir: string; readonly volumes: Informer<CoreV1PersistentVolume>; readonly log: Log }
  #unsubscribe: (() => void) | undefined

  constructor(options: { readonly dataDir: string; readonly volumes: Informer<CoreV1PersistentVolume>; readonly log: Log }) {
    this.#options = options
  }

  /** Resolves when what was left from before is gone. */
  async start(signal: AbortSignal): Promise<void> {
    const { volumes, dataDir } = this.#options
    await volumes.waitForSync(signal)
    this.#unsubscribe = volumes.onChange({ deleted: (volume) => void this.#remove(handleOf(volume)) })
    const known = new Set([...volumes.list()].map(handleOf))
    const present = await readdir(join(dataDir, localVolumesFolder)).catch(() => [])
    await Promise.all(present.filter((name) => !known.has(name)).map((name) => this.#remove(name)))
  }

  stop(): void {
    this.#unsubscribe?.()
  }

  async #remove(handle: string | undefined): Promise<void> {
    // The object may have been written by anybody: what is no plain name is no folder of ours.
    if (handle === undefined || handle === '' || handle === '.' || handle === '..' || handle.includes('/')) return
    const folder = join(this.#options.dataDir, localVolumesFolder, handle)
    await rm(folder, { recursive: true, force: true }).catch((error: unknown) => {
      this.#options.log.warn({ err: error, folder }, 'the folder of a volume that is gone cannot be removed')
    })
  }
}

const handleOf = ({ spec }: CoreV1PersistentVolume) => (spec?.csi?.driver === localDriver ? spec.csi.volumeHandle : undefined)
