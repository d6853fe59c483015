import type { Kind, KubeObject } from '../api/object.ts'

/**
 * A local, always-current copy of one kind: list, then watch, then relist with backoff whenever the stream breaks.
 * Keys are `keyOf(object)`. Objects are shared and must not be changed.
 */
export interface Informer<T extends KubeObject> {
  readonly kind: Kind<T>
  get(key: string): T | undefined
  list(): Iterable<T>
  /** Objects whose `indexer` value (see `InformerOptions.indexes`) is `value`, e.g. pods of a node, without a scan. */
  byIndex(index: string, value: string): Iterable<T>
  /** The resourceVersion up to which this copy is complete; 0 before the first list. */
  readonly revision: number
  readonly hasSynced: boolean
  /** Called for each change, after the copy has it. Existing objects are replayed as `added` to a late handler. Returns the unsubscriber. */
  onChange(handler: ChangeHandler<T>): () => void
  /** Resolves when the first list is in; rejects when `signal` aborts first. */
  waitForSync(signal?: AbortSignal): Promise<void>
  /** Resolves when this copy is complete up to `revision`, which a write's answer carries; rejects when `signal` aborts first. */
  waitForRevision(revision: number, signal?: AbortSignal): Promise<void>
}

export interface ChangeHandler<T> {
  added?(object: T): void
  updated?(object: T, previous: T): void
  deleted?(object: T): void
}

/** One informer per kind (and narrowing), shared by all that ask. `run` drives them all until `signal` aborts. */
export interface InformerFactory {
  informer<T extends KubeObject>(kind: Kind<T>, options?: InformerOptions<T>): Informer<T>
  run(signal: AbortSignal): Promise<void>
}

export interface InformerOptions<T> {
  readonly fieldSelector?: string
  readonly labelSelector?: string
  readonly namespace?: string
  readonly indexes?: Readonly<Record<string, (object: T) => readonly string[]>>
}
