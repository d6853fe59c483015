import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import { createBackoff } from '../../lib/retry.ts'
import { keyOf } from '../api/object.ts'
import type { Kind, KubeObject, WatchEvent } from '../api/object.ts'
import { statusOf } from '../api/status-error.ts'
import type { Client, ListOptions } from './client.ts'
import type { ChangeHandler, Informer, InformerFactory, InformerOptions } from './informer.ts'

/** Delays between attempts to list or watch, as client-go's reflector. */
const firstRetryMs = 800
const lastRetryMs = 30_000
/** A watch that lived this long was a good one: the next failure starts with the shortest delay again. */
const goodWatchMs = 5_000

export interface InformerFactoryOptions {
  readonly client: Client
  readonly clock: Clock
  readonly log: Log
  /** Where given, retries are spread by up to a half of their delay. */
  readonly random?: Random
}

/** A factory of shared informers over one client. Informers that are asked for while it runs start at once. */
export function createInformerFactory(options: InformerFactoryOptions): InformerFactory {
  const informers = new Map<string, CachedInformer<KubeObject>>()
  let run: { readonly signal: AbortSignal; readonly runs: Promise<void>[] } | undefined
  return {
    informer<T extends KubeObject>(kind: Kind<T>, narrowing: InformerOptions<T> = {}): Informer<T> {
      const { indexes = {}, ...selection } = narrowing
      const id = JSON.stringify([
        kind.group,
        kind.version,
        kind.plural,
        selection.namespace,
        selection.labelSelector,
        selection.fieldSelector,
      ])
      let informer = informers.get(id) as CachedInformer<T> | undefined
      if (informer === undefined) {
        informer = new CachedInformer(kind, selection, options)
        informers.set(id, informer as unknown as CachedInformer<KubeObject>)
        run?.runs.push(informer.run(run.signal))
      }
      informer.addIndexes(indexes)
      return informer
    },
    async run(signal) {
      const runs = [...informers.values()].map((informer) => informer.run(signal))
      run = { signal, runs }
      if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      run = undefined
      await Promise.all(runs)
    },
  }
}

interface Index<T> {
  readonly valuesOf: (object: T) => readonly string[]
  readonly buckets: Map<string, Map<string, T>>
}

interface Waiter {
  readonly revision: number
  readonly resolve: () => void
}

const revisionOf = (resourceVersion: string | undefined) => Number(resourceVersion ?? 0)

class CachedInformer<T extends KubeObject> implements Informer<T> {
  readonly kind: Kind<T>
  readonly #selection: ListOptions
  readonly #options: InformerFactoryOptions
  readonly #log: Log
  readonly #items = new Map<string, T>()
  readonly #indexes = new Map<string, Index<T>>()
  readonly #handlers = new Set<ChangeHandler<T>>()
  readonly #waiters = new Set<Waiter>()
  #revision = 0
  #hasSynced = false

  constructor(kind: Kind<T>, selection: ListOptions, options: InformerFactoryOptions) {
    this.kind = kind
    this.#selection = selection
    this.#options = options
    this.#log = options.log.child({ informer: kind.plural })
  }

  get revision(): number {
    return this.#revision
  }

  get hasSynced(): boolean {
    return this.#hasSynced
  }

  get(key: string): T | undefined {
    return this.#items.get(key)
  }

  list(): Iterable<T> {
    return this.#items.values()
  }

  byIndex(index: string, value: string): Iterable<T> {
    const found = this.#indexes.get(index)
    if (found === undefined)
      throw new RangeError(`index ${index} of ${this.kind.plural} is not declared; there are: ${[...this.#indexes.keys()].join(', ')}`)
    return found.buckets.get(value)?.values() ?? []
  }

  onChange(handler: ChangeHandler<T>): () => void {
    this.#handlers.add(handler)
    if (handler.added !== undefined) for (const object of this.#items.values()) this.#notify(() => handler.added!(object))
    return () => this.#handlers.delete(handler)
  }

  waitForSync(signal?: AbortSignal): Promise<void> {
    return this.waitForRevision(0, signal)
  }

  waitForRevision(revision: number, signal?: AbortSignal): Promise<void> {
    if (this.#hasSynced && this.#revision >= revision) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const abandon = () => {
        this.#waiters.delete(waiter)
        reject(new Error(`stopped while waiting for ${this.kind.plural} to reach revision ${revision}`))
      }
      const waiter: Waiter = {
        revision,
        resolve: () => {
          signal?.removeEventListener('abort', abandon)
          resolve()
        },
      }
      if (signal?.aborted) return abandon()
      signal?.addEventListener('abort', abandon, { once: true })
      this.#waiters.add(waiter)
    })
  }

  addIndexes(indexes: NonNullable<InformerOptions<T>['indexes']>): void {
    for (const [name, valuesOf] of Object.entries(indexes)) {
      if (this.#indexes.has(name)) continue
      const index: Index<T> = { valuesOf, buckets: new Map() }
      this.#indexes.set(name, index)
      for (const [key, object] of this.#items) insert(index, key, object)
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options
    const backoff = createBackoff({ initialMs: firstRetryMs, maxMs: lastRetryMs, random: random ?? withoutJitter })
    let isListed = false
    while (!signal.aborted) {
      const startedAt = clock.monotonic()
      try {
        if (!isListed) await this.#relist()
        isListed = true
        await this.#follow(signal)
      } catch (error) {
        if (signal.aborted) return
        // Only a lost connection leaves what we have good to go on from: any answer of the server (410 above all) means to list anew.
        if (statusOf(error) !== undefined) isListed = false
        this.#log.warn(
          { err: error, resourceVersion: String(this.#revision) },
          isListed ? 'watch broke, watching again' : 'list or watch refused, listing again',
        )
      }
      if (clock.monotonic() - startedAt >= goodWatchMs) backoff.reset()
      await clock.sleep(backoff.next(), signal)
    }
  }

  async #relist(): Promise<void> {
    const { items, metadata } = await this.#options.client.list(this.kind, this.#selection)
    const gone = new Set(this.#items.keys())
    for (const object of items) {
      gone.delete(keyOf(object))
      this.#put(object)
    }
    for (const key of gone) this.#remove(key, this.#items.get(key)!)
    this.#hasSynced = true
    this.#advance(revisionOf(metadata.resourceVersion))
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const options = { ...this.#selection, resourceVersion: String(this.#revision), signal }
    for await (const event of this.#options.client.watch(this.kind, options)) {
      this.#apply(event)
      this.#advance(revisionOf(event.object.metadata.resourceVersion))
    }
  }

  #apply(event: WatchEvent<T>): void {
    switch (event.type) {
      case 'ADDED':
      case 'MODIFIED':
        return this.#put(event.object)
      case 'DELETED':
        return this.#remove(keyOf(event.object), event.object)
      case 'BOOKMARK':
        return
    }
  }

  #put(object: T): void {
    const key = keyOf(object)
    const previous = this.#items.get(key)
    if (previous?.metadata.resourceVersion === object.metadata.resourceVersion && previous !== undefined) return
    this.#items.set(key, object)
    for (const index of this.#indexes.values()) {
      if (previous !== undefined) erase(index, key, previous)
      insert(index, key, object)
    }
    for (const handler of this.#handlers) {
      this.#notify(() => (previous === undefined ? handler.added?.(object) : handler.updated?.(object, previous)))
    }
  }

  #remove(key: string, object: T): void {
    const previous = this.#items.get(key)
    if (previous === undefined) return
    this.#items.delete(key)
    for (const index of this.#indexes.values()) erase(index, key, previous)
    for (const handler of this.#handlers) this.#notify(() => handler.deleted?.(object))
  }

  #advance(revision: number): void {
    this.#revision = revision
    for (const waiter of this.#waiters) {
      if (waiter.revision > revision) continue
      this.#waiters.delete(waiter)
      waiter.resolve()
    }
  }

  /** One handler's fault must not keep the others, or the copy, from going on. */
  #notify(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#log.error({ err: error }, 'a change handler threw')
    }
  }
}

const withoutJitter: Random = { uuid: () => '', fraction: () => 0, suffix: () => '' }

function insert<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.valuesOf(object)) {
    let bucket = index.buckets.get(value)
    if (bucket === undefined) index.buckets.set(value, (bucket = new Map()))
    bucket.set(key, object)
  }
}

function erase<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.valuesOf(object)) {
    const bucket = index.buckets.get(value)
    bucket?.delete(key)
    if (bucket?.size === 0) index.buckets.delete(value)
  }
}
