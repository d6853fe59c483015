import type { Clock } from '../../lib/clock.ts'
import { openEngine } from './engine.ts'
import type { HistoryLimits } from './history.ts'
import type { Store } from './store.ts'

/** A store that forgets everything with the process: for tests. */
export function openMemoryStore(options: { readonly clock: Clock; readonly history?: Partial<HistoryLimits> }): Promise<Store> {
  const medium = {
    open: () => Promise.resolve({ revision: 0, writes: [] }),
    commit: () => Promise.resolve(),
    scrub: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
  return openEngine({ ...options, medium })
}
