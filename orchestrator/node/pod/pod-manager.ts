import type { Clock, Timer } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import { createBackoff } from '../../../lib/retry.ts'
import type { Random } from '../../../lib/random.ts'
import type { CoreV1Pod } from '../../api/generated/kinds.ts'
import type { Informer } from '../../client/informer.ts'
import type { NetworkConfig, ObservedContainer, Owner, RuntimeChange, RuntimeInfo } from '../runtime/runtime.ts'
import type { AddressPool } from './address-pool.ts'
import type { PodServices } from './pod-services.ts'
import { PodWorker } from './pod-worker.ts'

const firstReconnectMs = 200
const lastReconnectMs = 5_000
/** Events may be lost; a full look this often finds what they did not say. */
const resyncMs = 60_000

/** What the node object says of its runtime. */
export type RuntimeState = { readonly isUp: true; readonly machine: RuntimeInfo } | { readonly isUp: false; readonly why: string }

export interface PodManagerOptions {
  readonly pods: Informer<CoreV1Pod>
  readonly services: PodServices
  readonly owner: Owner
  readonly network: NetworkConfig | undefined
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly addresses: () => AddressPool | undefined
  readonly onRuntimeState: (state: RuntimeState) => void
}

/**
 * One worker per pod of this node: those that the API has and those that the runtime still has containers of. Follows the runtime's events
 * over its outages: while it is gone nothing is done, and when it is back every pod is looked at anew.
 */
export class PodManager {
  readonly #options: PodManagerOptions
  readonly #workers = new Map<string, PodWorker>()
  readonly #abort = new AbortController()
  #unsubscribe: (() => void) | undefined
  #resync: Timer | undefined
  #watching: Promise<void> | undefined
  #hasSnapshot = false

  constructor(options: PodManagerOptions) {
    this.#options = options
  }

  /** Starts following the runtime at once, and pods once the first list of them is in: before that none of them may be taken for gone. */
  async start(): Promise<void> {
    const { pods } = this.#options
    await pods.waitForSync(this.#abort.signal)
    this.#unsubscribe = pods.onChange({
      added: (pod) => this.#update(pod),
      updated: (pod) => this.#update(pod),
      deleted: (pod) => this.#remove(pod),
    })
    this.#watching = this.#watchRuntime()
    this.#scheduleResync()
  }

  /** Stops looking after pods; their containers go on. */
  async stop(): Promise<void> {
    this.#abort.abort()
    this.#resync?.cancel()
    this.#unsubscribe?.()
    for (const worker of this.#workers.values()) worker.stop()
    await this.#watching
  }

  /** The worker of a pod by namespace and name; the one that is not gone where two share the name. */
  find(namespace: string, name: string): PodWorker | undefined {
    const matching = this.workers.filter(({ pod }) => pod.metadata.namespace === namespace && pod.metadata.name === name)
    return matching.find(({ pod }) => pod.metadata.deletionTimestamp === undefined) ?? matching[0]
  }

  get workers(): readonly PodWorker[] {
    return [...this.#workers.values()]
  }

  /** What a pod's volumes are made from has changed. */
  refreshVolumes(podUid: string): void {
    this.#workers.get(podUid)?.refreshVolumes()
  }

  /** Something that every pod depends on has changed. */
  wakeAll(): void {
    for (const worker of this.#workers.values()) worker.wake()
  }

  #update(pod: CoreV1Pod): void {
    const uid = pod.metadata.uid!
    const worker = this.#workers.get(uid)
    if (worker === undefined) this.#add(pod)
    else worker.update(pod)
  }

  #add(pod: CoreV1Pod): PodWorker {
    const worker = new PodWorker(this.#options.services, pod)
    this.#workers.set(pod.metadata.uid!, worker)
    if (this.#hasSnapshot) worker.wake()
    return worker
  }

  #remove(pod: CoreV1Pod): void {
    const uid = pod.metadata.uid!
    this.#workers.get(uid)?.markGone()
    this.#options.services.statusWriter.forget(uid)
    this.#reap(uid)
  }

  /** Forgets a worker as soon as nothing of its pod is left. */
  #reap(uid: string): void {
    const worker = this.#workers.get(uid)
    if (worker === undefined) return
    if (worker.isDone) {
      worker.stop()
      this.#workers.delete(uid)
      return
    }
    worker.onSettled = () => this.#reap(uid)
  }

  async #watchRuntime(): Promise<void> {
    const { clock, random, services, network, owner, log } = this.#options
    const { signal } = this.#abort
    const backoff = createBackoff({ initialMs: firstReconnectMs, maxMs: lastReconnectMs, random })
    while (!signal.aborted) {
      try {
        const machine = await services.runtime.info()
        await services.runtime.prepare(network)
        for await (const change of services.runtime.watch(owner, signal)) {
          if (change.type === 'snapshot') {
            backoff.reset()
            this.#options.onRuntimeState({ isUp: true, machine })
          }
          this.#apply(change)
        }
      } catch (error) {
        if (signal.aborted) return
        log.warn({ err: error }, 'the container runtime is gone, will be looked for again')
        this.#options.onRuntimeState({ isUp: false, why: (error as Error).message })
        await clock.sleep(backoff.next(), signal)
      }
    }
  }

  #apply(change: RuntimeChange): void {
    if (change.type === 'snapshot') return this.#applySnapshot(change.containers)
    if (change.type === 'removed') return this.#workers.get(change.podUid)?.forget(change.id)
    const worker = this.#workers.get(change.container.pod.uid)
    // Containers of a pod that nobody knows are seen to by the next snapshot: the pod may just not have arrived.
    worker?.observe(change.container)
  }

  #applySnapshot(containers: readonly ObservedContainer[]): void {
    const byPod = Map.groupBy(containers, ({ pod }) => pod.uid)
    const addresses = this.#options.addresses()
    for (const { kind, ip, pod } of containers) if (kind === 'sandbox' && ip !== undefined) addresses?.restore(pod.uid, ip)
    const isFirst = !this.#hasSnapshot
    this.#hasSnapshot = true
    for (const [uid, own] of byPod) if (!this.#workers.has(uid)) this.#adoptOrphan(uid, own)
    for (const [uid, worker] of this.#workers) worker.replaceContainers(byPod.get(uid) ?? [])
    if (isFirst) void this.#removeStaleDirectories(new Set([...byPod.keys(), ...this.#workers.keys()]))
  }

  /** Containers of ours whose pod the API does not know: they are stopped and removed. */
  #adoptOrphan(uid: string, containers: readonly ObservedContainer[]): void {
    const first = containers[0]!
    this.#options.log.info({ ...first.pod }, 'removing containers of a pod that is gone')
    const worker = this.#add(orphanPod(first, containers))
    worker.markGone()
    this.#reap(uid)
  }

  async #removeStaleDirectories(alive: ReadonlySet<string>): Promise<void> {
    const { volumes, runtime } = this.#options.services
    if (!runtime.traits.isReal) return
    for (const uid of await volumes.list()) {
      if (alive.has(uid)) continue
      await volumes
        .remove(uid)
        .catch((error: unknown) => this.#options.log.warn({ uid, err: error }, 'the directory of a pod that is gone stays'))
    }
  }

  #scheduleResync(): void {
    const { clock, services, owner } = this.#options
    if (this.#abort.signal.aborted) return
    this.#resync = clock.setTimer(resyncMs, () => {
      if (!this.#hasSnapshot || services.machine() === undefined) return this.#scheduleResync()
      services.runtime
        .list(owner)
        .then((containers) => this.#applySnapshot(containers))
        .catch(() => {})
        .finally(() => this.#scheduleResync())
    })
  }
}

/** As much of a pod as its containers tell: enough to end them. */
function orphanPod(container: ObservedContainer, containers: readonly ObservedContainer[]): CoreV1Pod {
  const grace = containers.find(({ graceSeconds }) => graceSeconds !== undefined)?.graceSeconds
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...container.pod },
    spec: { containers: [], ...(grace === undefined ? {} : { terminationGracePeriodSeconds: grace }) },
  }
}
