import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import {
  CoreV1ConfigMap,
  CoreV1PersistentVolume,
  CoreV1PersistentVolumeClaim,
  CoreV1Secret,
  NodeV1RuntimeClass,
  StorageV1CSIDriver,
  StorageV1VolumeAttachment,
} from '../../api/generated/kinds.ts'
import type { Kind, KubeObject } from '../../api/object.ts'
import type { Client } from '../../client/client.ts'
import { createInformerFactory } from '../../client/informer-factory.ts'
import type { Informer } from '../../client/informer.ts'
import { ConfigurationError } from '../container/configuration-error.ts'
import type { ConfigSource, RuntimeClassSource, StorageSource } from '../container/environment.ts'

/** How long the first look at an object may take. */
const syncTimeoutMs = 10_000

interface Watched {
  readonly informer: Informer<KubeObject>
  readonly abort: AbortController
  /** Uids of the pods that refer to it. */
  readonly pods: Set<string>
}

/**
 * The ConfigMaps, Secrets, claims and volumes that this node's pods refer to, each watched by name while a pod needs it, so that the node sees no others and
 * mounted files follow a change within moments.
 */
export class ObjectSource {
  readonly #options: { readonly client: Client; readonly clock: Clock; readonly log: Log; readonly onChange: (podUid: string) => void }
  readonly #watched = new Map<string, Watched>()

  constructor(options: { readonly client: Client; readonly clock: Clock; readonly log: Log; readonly onChange: (podUid: string) => void }) {
    this.#options = options
  }

  /** Looks things up on behalf of one pod, which is told of later changes. */
  forPod(podUid: string): ConfigSource & StorageSource & RuntimeClassSource {
    return {
      configMap: (namespace, name) => this.#get(CoreV1ConfigMap, namespace, name, podUid),
      secret: (namespace, name) => this.#get(CoreV1Secret, namespace, name, podUid),
      claim: (namespace, name) => this.#get(CoreV1PersistentVolumeClaim, namespace, name, podUid),
      volume: (name) => this.#get(CoreV1PersistentVolume, '', name, podUid),
      driver: (name) => this.#get(StorageV1CSIDriver, '', name, podUid),
      runtimeClass: (name) => this.#get(NodeV1RuntimeClass, '', name, podUid),
      attachment: (name) => this.#get(StorageV1VolumeAttachment, '', name, podUid),
    }
  }

  /** Ends the watches that only this pod needed. */
  release(podUid: string): void {
    for (const [key, watched] of this.#watched) {
      watched.pods.delete(podUid)
      if (watched.pods.size > 0) continue
      watched.abort.abort()
      this.#watched.delete(key)
    }
  }

  /** Ends all watches. */
  stop(): void {
    for (const { abort } of this.#watched.values()) abort.abort()
    this.#watched.clear()
  }

  async #get<T extends KubeObject>(kind: Kind<T>, namespace: string, name: string, podUid: string): Promise<T | undefined> {
    const path = namespace === '' ? name : `${namespace}/${name}`
    const key = `${kind.plural}/${path}`
    const watched = this.#watched.get(key) ?? this.#watch(kind, namespace, name, key)
    watched.pods.add(podUid)
    await this.#waitForSync(watched.informer, `${kind.kind.toLowerCase()} "${path}"`)
    return watched.informer.get(path) as T | undefined
  }

  #watch(kind: Kind, namespace: string, name: string, key: string): Watched {
    const { client, clock, log, onChange } = this.#options
    const factory = createInformerFactory({ client, clock, log })
    const informer = factory.informer(kind, { ...(namespace === '' ? {} : { namespace }), fieldSelector: `metadata.name=${name}` })
    const watched: Watched = { informer, abort: new AbortController(), pods: new Set() }
    const tell = () => {
      if (informer.hasSynced) for (const uid of watched.pods) onChange(uid)
    }
    informer.onChange({ added: tell, updated: tell, deleted: tell })
    factory.run(watched.abort.signal).catch((error: unknown) => log.warn({ err: error, key }, 'watching a referenced object ended'))
    this.#watched.set(key, watched)
    return watched
  }

  async #waitForSync(informer: Informer<KubeObject>, what: string): Promise<void> {
    if (informer.hasSynced) return
    const abort = new AbortController()
    const timer = this.#options.clock.setTimer(syncTimeoutMs, () => abort.abort())
    try {
      await informer.waitForSync(abort.signal)
    } catch (error) {
      throw new ConfigurationError(`failed to sync ${what}: timed out waiting for the condition`, { cause: error })
    } finally {
      timer.cancel()
    }
  }
}
