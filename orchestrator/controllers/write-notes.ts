import type { Kind, KubeObject, ObjectKey } from '../api/object.ts'
import type { Client } from '../client/client.ts'
import type { Informer } from '../client/informer.ts'
import type { AnyKind } from './controller.ts'

/** The writes of one reconcile, and when the caches have them. */
export interface WriteNotes {
  /** A client that notes the revision of each write it makes. */
  readonly client: Client
  readonly isEmpty: boolean
  /** Resolves when every cache that was written past has caught up; rejects when `signal` aborts first. */
  reached(signal: AbortSignal): Promise<void>
}

/** Notes writes made through `client` on the kinds that have one of `caches`; writes on other kinds can't be read back and aren't waited for. */
export function createWriteNotes(client: Client, caches: ReadonlyMap<AnyKind, Informer<KubeObject>>): WriteNotes {
  const revisions = new Map<Informer<KubeObject>, number>()
  const removals: { readonly cache: Informer<KubeObject>; readonly key: string; readonly uid: string | undefined }[] = []

  function note<T>(kind: Kind, answer: T): T {
    const cache = caches.get(kind)
    const revision = Number((answer as { metadata?: { resourceVersion?: string } } | undefined)?.metadata?.resourceVersion)
    if (cache !== undefined && revision > 0) revisions.set(cache, Math.max(revision, revisions.get(cache) ?? 0))
    return answer
  }

  /** The answer to a removal names no revision: it has arrived when the cache no longer holds that very object. */
  function noteRemoval(kind: Kind, target: ObjectKey): void {
    const cache = caches.get(kind)
    if (cache === undefined) return
    const key = target.namespace === undefined ? target.name : `${target.namespace}/${target.name}`
    const uid = cache.get(key)?.metadata.uid
    if (uid !== undefined) removals.push({ cache, key, uid })
  }

  const noting: Client = {
    get: (kind, key) => client.get(kind, key),
    list: (kind, options) => client.list(kind, options),
    watch: (kind, options) => client.watch(kind, options),
    getSubresource: (kind, key, subresource) => client.getSubresource(kind, key, subresource),
    raw: (path, options) => client.raw(path, options),
    rawWatch: (path, signal) => client.rawWatch(path, signal),
    create: async (kind, object, options) => note(kind, await client.create(kind, object, options)),
    update: async (kind, object, options) => note(kind, await client.update(kind, object, options)),
    updateStatus: async (kind, object, options) => note(kind, await client.updateStatus(kind, object, options)),
    patch: async (kind, key, patch, options) => note(kind, await client.patch(kind, key, patch, options)),
    putSubresource: async (kind, key, subresource, body) => note(kind, await client.putSubresource(kind, key, subresource, body)),
    createSubresource: async (kind, key, subresource, body) => note(kind, await client.createSubresource(kind, key, subresource, body)),
    delete: async (kind, key, options) => {
      const held = await client.delete(kind, key, options)
      if (held === undefined) noteRemoval(kind, key)
      return note(kind, held)
    },
  }

  return {
    client: noting,
    get isEmpty() {
      return revisions.size === 0 && removals.length === 0
    },
    async reached(signal) {
      await Promise.all([
        ...[...revisions].map(([cache, revision]) => cache.waitForRevision(revision, signal)),
        ...removals.map(({ cache, key, uid }) => isGone(cache, key, uid, signal)),
      ])
    },
  }
}

function isGone(cache: Informer<KubeObject>, key: string, uid: string | undefined, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const check = () => {
      if (cache.get(key)?.metadata.uid === uid) return
      finish()
      resolve()
    }
    const abandon = () => {
      finish()
      reject(new Error(`stopped while waiting for the removal of ${key}`))
    }
    let unsubscribe: (() => void) | undefined
    const finish = () => {
      unsubscribe?.()
      signal.removeEventListener('abort', abandon)
    }
    if (cache.get(key)?.metadata.uid !== uid) return resolve()
    signal.addEventListener('abort', abandon, { once: true })
    unsubscribe = cache.onChange({ updated: check, deleted: check })
  })
}
