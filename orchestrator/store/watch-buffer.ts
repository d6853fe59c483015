import { type Change, type Store, StoreError } from './store.ts'

/** A step of a buffered watch: some changes, after which the reader knows everything up to `revision`. */
export interface WatchStep {
  readonly changes: readonly Change[]
  readonly revision: number
}

export interface BufferedWatchOptions {
  readonly store: Store
  readonly prefix: string
  readonly fromRevision: number
  /** Ends the watch quietly. */
  readonly signal: AbortSignal
  /** More unread changes than this end the watch with the error `slow`. */
  readonly maxChanges?: number
}

const defaultMaxChanges = 10_000

/**
 * A watch to be read at the reader's own pace. Ends when `signal` aborts or the store stops; throws `slow` when the reader falls
 * too far behind, `compacted` or `future` (from the first step) when the watch cannot start there.
 */
export async function* bufferedWatch(options: BufferedWatchOptions): AsyncGenerator<WatchStep> {
  const { store, prefix, fromRevision, signal, maxChanges = defaultMaxChanges } = options
  let pending: Change[] = []
  let revision = fromRevision
  let isClosed = signal.aborted
  let isTooSlow = false
  let wake = () => {}
  const close = () => {
    isClosed = true
    wake()
  }
  const changed = (changes: readonly Change[], at: number) => {
    revision = at
    if (pending.length + changes.length > maxChanges) {
      isTooSlow = true
      pending = []
    } else if (!isTooSlow) for (const change of changes) pending.push(change)
    wake()
  }
  const unsubscribe = store.watch(prefix, fromRevision, { changed, closed: close })
  signal.addEventListener('abort', close, { once: true })
  try {
    while (!isClosed) {
      if (isTooSlow) throw new StoreError('slow', `the watch fell more than ${maxChanges} changes behind`)
      if (pending.length > 0) {
        const changes = pending
        pending = []
        yield { changes, revision }
      } else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    unsubscribe()
    signal.removeEventListener('abort', close)
  }
}
