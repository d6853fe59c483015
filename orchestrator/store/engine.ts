import type { Clock } from '../../lib/clock.ts'
import { History, type HistoryLimits } from './history.ts'
import type { Medium, Write } from './medium.ts'
import { endOfPrefix, OrderedMap } from './ordered-map.ts'
import {
  type Change,
  type Entry,
  isStoreError,
  type ListOptions,
  type Listing,
  type Store,
  StoreError,
  type StoredObject,
  type Watcher,
} from './store.ts'
import { isUnder, Watchers } from './watchers.ts'

export interface EngineOptions {
  readonly medium: Medium
  readonly clock: Clock
  readonly history?: Partial<HistoryLimits>
}

/** Five minutes, as etcd keeps behind an API server, and enough changes for a thousand pods being replaced at once. */
const defaultHistory: HistoryLimits = { maxChanges: 50_000, maxAgeMs: 5 * 60_000 }
/** One transaction takes at most this many writes, so a burst does not make the first of it wait for the last. */
const maxBatch = 512
/** More waiting writes than this are turned away: the disk has stopped keeping up. */
const maxQueue = 20_000

interface Operation {
  readonly key: string
  readonly expectedRevision: number
  /** Absent for a removal. */
  readonly object: StoredObject | undefined
  readonly resolve: (entry: Entry) => void
  readonly reject: (error: unknown) => void
}

interface Prepared {
  readonly operation: Operation
  readonly change: Change
}

/** Opens `medium`, reads what it holds into memory and serves it as a `Store`. */
export async function openEngine(options: EngineOptions): Promise<Store> {
  const recovered = await options.medium.open()
  return new Engine(options, recovered.writes, recovered.revision)
}

/**
 * The store over any medium: state and history in memory, one batch of writes at a time under way to the medium, all that
 * arrive meanwhile go with the next one (group commit). Checks happen when a batch is put together: then nothing is under
 * way, so the memory state is the truth.
 */
class Engine implements Store {
  readonly #medium: Medium
  readonly #clock: Clock
  readonly #entries = new OrderedMap<Entry>()
  readonly #history: History
  readonly #watchers = new Watchers()
  #queue: Operation[] = []
  #pump: Promise<void> | undefined
  #revision: number
  #isStopped = false

  constructor(options: EngineOptions, writes: readonly Write[], revision: number) {
    this.#medium = options.medium
    this.#clock = options.clock
    this.#revision = Math.max(1, revision)
    for (const { key, bytes, revision: at, createRevision } of writes) {
      this.#entries.set(key, { key, revision: at, createRevision, bytes: bytes!, object: JSON.parse(bytes!.toString()) as StoredObject })
    }
    this.#history = new History({ ...defaultHistory, ...options.history }, this.#revision)
  }

  get revision(): number {
    return this.#revision
  }

  get compactedRevision(): number {
    return this.#history.compactedRevision
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key)
  }

  list(prefix: string, options: ListOptions = {}): Listing {
    const { atRevision = this.#revision } = options
    if (atRevision !== this.#revision) {
      this.#checkKept(atRevision)
      return this.#listPast(prefix, options, atRevision)
    }
    const { limit = Infinity, startAfter } = options
    const end = endOfPrefix(prefix)
    const entries: Entry[] = []
    for (const entry of this.#entries.range(startAfter ?? prefix, end, startAfter !== undefined)) {
      if (entries.length === limit) break
      if (isUnder(prefix, entry.key)) entries.push(entry)
    }
    const remaining = entries.length < limit ? 0 : this.#entries.count(`${entries.at(-1)?.key ?? prefix}\0`, end)
    return { entries, revision: atRevision, remaining }
  }

  /** The present with every change after `revision` undone. */
  #listPast(prefix: string, { limit = Infinity, startAfter = '' }: ListOptions, revision: number): Listing {
    const past = new Map<string, Entry | undefined>()
    for (const change of this.#history.after(revision)) {
      if (!past.has(change.entry.key)) past.set(change.entry.key, change.previous)
    }
    const all: Entry[] = []
    for (const entry of this.#entries.range(prefix, endOfPrefix(prefix))) if (!past.has(entry.key)) all.push(entry)
    for (const entry of past.values()) if (entry !== undefined) all.push(entry)
    const rest = all.filter(({ key }) => key > startAfter && isUnder(prefix, key)).sort((a, b) => (a.key < b.key ? -1 : 1))
    const entries = rest.slice(0, limit)
    return { entries, revision, remaining: rest.length - entries.length }
  }

  put(key: string, object: StoredObject, expectedRevision: number): Promise<Entry> {
    return this.#enqueue(key, object, expectedRevision)
  }

  delete(key: string, expectedRevision: number): Promise<Entry> {
    return this.#enqueue(key, undefined, expectedRevision)
  }

  watch(prefix: string, fromRevision: number, watcher: Watcher): () => void {
    if (this.#isStopped) throw new StoreError('stopped', 'the store is closed')
    this.#checkKept(fromRevision)
    const missed: Change[] = []
    if (fromRevision < this.#revision) {
      for (const change of this.#history.after(fromRevision)) if (isUnder(prefix, change.entry.key)) missed.push(change)
    }
    const unsubscribe = this.#watchers.add(prefix, watcher)
    if (missed.length > 0) watcher.changed(missed, this.#revision)
    return unsubscribe
  }

  compact(revision: number): void {
    this.#history.compact(Math.min(revision, this.#revision))
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return this.#pump
    this.#isStopped = true
    await this.#pump
    this.#watchers.close()
    await this.#medium.close()
  }

  #checkKept(revision: number): void {
    if (revision > this.#revision)
      throw new StoreError('future', `revision ${revision} is not reached yet, the store is at ${this.#revision}`)
    if (revision < this.compactedRevision)
      throw new StoreError('compacted', `too old resource version: ${revision} (${this.compactedRevision})`)
  }

  #enqueue(key: string, object: StoredObject | undefined, expectedRevision: number): Promise<Entry> {
    if (this.#isStopped) return Promise.reject(new StoreError('stopped', 'the store is closed'))
    if (this.#queue.length >= maxQueue) return Promise.reject(new StoreError('busy', `${maxQueue} writes wait already`))
    return new Promise((resolve, reject) => {
      this.#queue.push({ key, object, expectedRevision, resolve, reject })
      this.#pump ??= this.#drain()
    })
  }

  async #drain(): Promise<void> {
    // One turn, so that writes of the same moment share a batch.
    await Promise.resolve()
    while (this.#queue.length > 0) await this.#commit(this.#nextBatch())
    this.#pump = undefined
  }

  /** Takes the writes of the next transaction off the queue, rejecting those whose expectation does not hold. One write per key. */
  #nextBatch(): Prepared[] {
    const batch: Prepared[] = []
    const keys = new Set<string>()
    const later: Operation[] = []
    let taken = 0
    for (; taken < this.#queue.length && batch.length < maxBatch; taken++) {
      const operation = this.#queue[taken]!
      if (keys.has(operation.key)) {
        later.push(operation)
        continue
      }
      const prepared = this.#prepare(operation, this.#revision + batch.length + 1)
      if (prepared === undefined) continue
      keys.add(operation.key)
      batch.push(prepared)
    }
    this.#queue = later.length === 0 && taken === this.#queue.length ? [] : later.concat(this.#queue.slice(taken))
    return batch
  }

  #prepare(operation: Operation, revision: number): Prepared | undefined {
    const { key, object, expectedRevision } = operation
    const previous = this.#entries.get(key)
    if ((previous?.revision ?? 0) !== expectedRevision) {
      const found = previous === undefined ? 'does not exist' : `is at revision ${previous.revision}`
      operation.reject(new StoreError('conflict', `${key} ${found}, expected ${expectedRevision}`, { current: previous }))
      return undefined
    }
    try {
      if (object === undefined) {
        const last = entryOf(key, atRevision(previous!.object, revision), revision, previous!.createRevision)
        return { operation, change: { type: 'deleted', revision, entry: last, previous: previous! } }
      }
      object.metadata.resourceVersion = String(revision)
      const entry = entryOf(key, object, revision, previous?.createRevision ?? revision)
      return {
        operation,
        change: previous === undefined ? { type: 'created', revision, entry } : { type: 'updated', revision, entry, previous },
      }
    } catch (error) {
      operation.reject(error)
      return undefined
    }
  }

  async #commit(batch: readonly Prepared[]): Promise<void> {
    if (batch.length === 0) return
    try {
      await this.#medium.commit(batch.map(({ change }) => writeOf(change)))
    } catch (error) {
      const cause = isStoreError(error) ? error : new StoreError('broken', 'the write did not reach the disk', { cause: error })
      for (const { operation } of batch) operation.reject(cause)
      return
    }
    const changes = batch.map(({ change }) => change)
    for (const { type, entry } of changes) {
      if (type === 'deleted') this.#entries.delete(entry.key)
      else this.#entries.set(entry.key, entry)
    }
    this.#revision = changes.at(-1)!.revision
    this.#history.add(changes, this.#clock.now())
    for (const { operation, change } of batch) operation.resolve(change.entry)
    this.#watchers.tell(changes, this.#revision)
  }
}

function entryOf(key: string, object: StoredObject, revision: number, createRevision: number): Entry {
  return { key, revision, createRevision, object, bytes: bytesOf(JSON.stringify(object)) }
}

/** Its own memory rather than a slice of a shared block: entries live long, and one would keep its whole block alive. */
function bytesOf(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text))
  bytes.write(text)
  return bytes
}

function atRevision(object: StoredObject, revision: number): StoredObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } }
}

function writeOf({ type, entry }: Change): Write {
  const { key, revision, createRevision, bytes } = entry
  return type === 'deleted' ? { key, revision, createRevision } : { key, revision, createRevision, bytes }
}
