/**
 * One version of one object. Entries and what hangs off them are shared by every reader: nobody may change them.
 * `bytes` is the JSON of `object`, `metadata.resourceVersion` included, made once per revision.
 */
export interface Entry {
  readonly key: string
  /** The revision of the write that made this version; also `object.metadata.resourceVersion`. */
  readonly revision: number
  /** The revision of the write that created the object. */
  readonly createRevision: number
  readonly object: StoredObject
  readonly bytes: Buffer
}

/** What the store keeps: anything with metadata. The store sets `metadata.resourceVersion` and touches nothing else. */
export interface StoredObject {
  readonly metadata: { resourceVersion?: string }
}

/**
 * One committed write. `entry` is the new version; for a removal it is the last version carrying the revision of the
 * removal, as watchers are told it. `previous` is absent for a creation.
 */
export interface Change {
  readonly type: 'created' | 'updated' | 'deleted'
  readonly revision: number
  readonly entry: Entry
  readonly previous?: Entry
}

/** What `list` answers: `entries` in key order as of `revision`. */
export interface Listing {
  readonly entries: readonly Entry[]
  readonly revision: number
  /** How many more follow the last entry; 0 when the listing is complete. */
  readonly remaining: number
}

export interface ListOptions {
  readonly limit?: number
  /** Only keys after this one. */
  readonly startAfter?: string
  /** The state at this earlier revision; `compacted` when its history is gone, `future` when it is yet to come. */
  readonly atRevision?: number
}

/** Receives the changes of one watch, in revision order, each exactly once, synchronously after they are durable. */
export interface Watcher {
  /** `revision` is the point up to which this watcher now knows everything. Must not throw. */
  changed(changes: readonly Change[], revision: number): void
  /** The store has stopped; nothing follows. */
  closed(): void
}

/**
 * A key-value store of objects with one global revision. A write is a compare-and-swap on one key and is acknowledged,
 * shown to readers and told to watchers only once it is durable; what is acknowledged survives a crash. Reads are answered
 * from memory. Writes to one key are done in the order of their calls.
 *
 * A prefix is `''`, a whole key, or ends with `/`.
 */
export interface Store {
  /** The revision of the last durable write. Grows with each write, never goes back, starts at 1. */
  readonly revision: number
  /** Revisions up to and including this one can no longer be listed or watched from. */
  readonly compactedRevision: number
  /** How many objects there are. */
  readonly size: number
  get(key: string): Entry | undefined
  list(prefix: string, options?: ListOptions): Listing
  /**
   * Makes `object` the new version of `key` if its present revision is `expectedRevision` (0: it must not exist).
   * Rejects with `conflict` (carrying what is there) or, when the medium fails, with `full` or `broken`; then nothing has changed.
   * The store owns `object` from then on.
   */
  put(key: string, object: StoredObject, expectedRevision: number): Promise<Entry>
  /** Removes `key` if its present revision is `expectedRevision`. Resolves with the last version, at the revision of the removal. */
  delete(key: string, expectedRevision: number): Promise<Entry>
  /**
   * Tells `watcher` of every change under `prefix` after `fromRevision`: first, before this returns, what history holds, then each
   * commit. Throws `compacted` or `future`. Returns the unsubscriber.
   */
  watch(prefix: string, fromRevision: number, watcher: Watcher): () => void
  /** Forgets the history up to and including `revision`. */
  compact(revision: number): void
  /** Refuses new writes, settles those under way, closes every watch and the medium. Idempotent. */
  stop(): Promise<void>
}

/**
 * conflict: the key is not at the expected revision. compacted: that far back nothing is kept. future: that revision is not
 * reached yet. full: no room on the disk. broken: the medium failed otherwise. stopped: the store is closed. newer: the data
 * were written by a newer version. locked: another process has them open. busy: too many writes wait already. slow: a buffered
 * watch fell too far behind.
 */
export type StoreErrorCode = 'conflict' | 'compacted' | 'future' | 'full' | 'broken' | 'stopped' | 'newer' | 'locked' | 'busy' | 'slow'

/** The only error that a store throws or rejects with. */
export class StoreError extends Error {
  readonly code: StoreErrorCode
  /** With `conflict`: what is there now, `undefined` when nothing is. */
  readonly current: Entry | undefined

  constructor(code: StoreErrorCode, message: string, options: { readonly current?: Entry | undefined; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'StoreError'
    this.code = code
    this.current = options.current
  }
}

/** Tells whether `error` is a `StoreError`, of the given code if one is given. */
export function isStoreError(error: unknown, code?: StoreErrorCode): error is StoreError {
  return error instanceof Error && error.name === 'StoreError' && (code === undefined || (error as StoreError).code === code)
}
