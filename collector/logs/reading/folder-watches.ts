import { watch, type FSWatcher } from 'node:fs'

type Listener = (name: string | undefined) => void

/** One watch of the kernel per folder, whoever wants it. It tells of names that come and go, not of files that grow. */
export class FolderWatches {
  readonly #folders = new Map<string, { readonly watcher: FSWatcher; readonly listeners: Set<Listener> }>()

  /** `undefined` where the folder can't be watched: somebody has to look now and then. */
  add(folder: string, listener: Listener): (() => void) | undefined {
    const known = this.#folders.get(folder) ?? this.#open(folder)
    if (known === undefined) return undefined
    known.listeners.add(listener)
    return () => {
      known.listeners.delete(listener)
      if (known.listeners.size > 0) return
      known.watcher.close()
      if (this.#folders.get(folder) === known) this.#folders.delete(folder)
    }
  }

  close(): void {
    for (const { watcher } of this.#folders.values()) watcher.close()
    this.#folders.clear()
  }

  #open(folder: string) {
    const listeners = new Set<Listener>()
    let watcher: FSWatcher
    try {
      watcher = watch(folder, (event, name) => {
        if (event !== 'rename') return
        for (const listener of listeners) listener(name ?? undefined)
      })
    } catch {
      return undefined
    }
    const known = { watcher, listeners }
    // The folder is gone, or the kernel lost events: whoever listens looks for himself.
    watcher.on('error', () => {
      this.#folders.delete(folder)
      watcher.close()
      for (const listener of listeners) listener(undefined)
    })
    watcher.unref()
    this.#folders.set(folder, known)
    return known
  }
}
