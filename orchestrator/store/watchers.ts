import type { Change, Watcher } from './store.ts'

/**
 * Who watches which prefix. A change finds its watchers by the prefixes of its key that end with `/`, so the cost of a
 * change does not grow with watchers of other prefixes.
 */
export class Watchers {
  readonly #byPrefix = new Map<string, Set<Watcher>>()

  add(prefix: string, watcher: Watcher): () => void {
    const set = this.#byPrefix.get(prefix) ?? new Set()
    this.#byPrefix.set(prefix, set.add(watcher))
    return () => {
      set.delete(watcher)
      if (set.size === 0 && this.#byPrefix.get(prefix) === set) this.#byPrefix.delete(prefix)
    }
  }

  /** Hands each watcher those of `changes` that lie under its prefix, in one call. */
  tell(changes: readonly Change[], revision: number): void {
    const perPrefix = new Map<string, Change[]>()
    for (const change of changes) {
      for (const prefix of prefixesOf(change.entry.key)) {
        if (!this.#byPrefix.has(prefix)) continue
        const list = perPrefix.get(prefix)
        if (list === undefined) perPrefix.set(prefix, [change])
        else list.push(change)
      }
    }
    for (const [prefix, matching] of perPrefix) {
      for (const watcher of Array.from(this.#byPrefix.get(prefix) ?? [])) watcher.changed(matching, revision)
    }
  }

  close(): void {
    const all = [...this.#byPrefix.values()].flatMap((set) => [...set])
    this.#byPrefix.clear()
    for (const watcher of all) watcher.closed()
  }
}

function* prefixesOf(key: string): Generator<string> {
  yield ''
  for (let slash = key.indexOf('/'); slash >= 0 && slash < key.length - 1; slash = key.indexOf('/', slash + 1))
    yield key.slice(0, slash + 1)
  yield key
}

/** Whether `key` lies under `prefix`. */
export function isUnder(prefix: string, key: string): boolean {
  return key.startsWith(prefix) && (prefix === '' || prefix.endsWith('/') || prefix.length === key.length)
}
