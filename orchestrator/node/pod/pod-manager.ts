import type { Clock, Timer } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import { createBackoff } from '../../../lib/retry.ts'
import type { Random } from '../../../lib/random.ts'
import type { CoreV1Pod } from '../../api/generated/kinds.ts'
import type { Informer } from '../../client/informer.ts'
import { mergeObserved } from '../runtime/merge-observed.ts'
import type { NetworkConfig, ObservedContainer, Owner, RuntimeChange, RuntimeInfo } from '../runtime/runtime.ts'
import type { AddressPool } from './address-pool.ts'
import { mirroredUid } from '../static-pods/annotations.ts'
import type { MirrorPods } from '../static-pods/mirror-pods.ts'
import type { PodServices } from './pod-services.ts'
import { PodWorker } from './pod-worker.ts'
import type { StatusSink } from './status-writer.ts'

const firstReconnectMs = 200
const lastReconnectMs = 5_000
/** Events may be lost; a full look this often finds what they did not say. */
const resyncMs = 60_000

/** What the node object says of its runtime. */
export type RuntimeState = { readonly isUp: true; readonly machine: RuntimeInfo } | { readonly isUp: false; readonly why: string }

export interface PodManagerOptions {
  readonly pods: Informer<CoreV1Pod>
  readonly services: PodServices
  /** Where the statuses of pods go that come from files. */
  readonly mirrors: Pick<MirrorPods, 'want' | 'wake'> & StatusSink
  readonly owner: Owner
  readonly network: NetworkConfig | undefined
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly addresses: () => AddressPool | undefined
  readonly onRuntimeState: (state: RuntimeState) => void
}

/**
 * One worker per pod of this node: those that the API has, those that files describe, and those that the runtime still has containers of.
 * Follows the runtime's events over its outages: while it is gone nothing is done, and when it is back every pod is looked at anew.
 */
export class PodManager {
  readonly #options: PodManagerOptions
  readonly #workers = new Map<string, PodWorker>()
  readonly #abort = new AbortController()
  #unsubscribe: (() => void) | undefined
  #resync: Timer | undefined
  #watching: Promise<void> | undefined
  #hasSnapshot = false
  /** The first list of the API's pods is in: before that none of them may be taken for gone. */
  #isListed = false
  /** Containers of pods that the API may yet name. */
  readonly #unclaimed = new Map<string, ObservedContainer>()
  #staticPods: ReadonlyMap<string, CoreV1Pod> = new Map()
  readonly #staticUids = new Set<string>()
  readonly #resumed = new Set<string>()
  /** Pods whose name another one still has here. */
  readonly #waiting = new Map<string, CoreV1Pod>()
  #hasRemovedStale = false

  constructor(options: PodManagerOptions) {
    this.#options = options
  }

  /** Starts following the runtime, and with it static pods, at once; resolves when the API's pods are followed too. */
  async start(): Promise<void> {
    const { pods } = this.#options
    this.#watching = this.#watchRuntime()
    this.#scheduleResync()
    await pods.waitForSync(this.#abort.signal)
    this.#unsubscribe = pods.onChange({
      added: (pod) => this.#update(pod),
      updated: (pod, previous) => {
        // Seen only after the connection was lost: another pod has taken the name.
        if (pod.metadata.uid !== previous.metadata.uid) this.#remove(previous)
        this.#update(pod)
      },
      deleted: (pod) => this.#remove(pod),
    })
    this.#isListed = true
    if (this.#hasSnapshot) this.#applySnapshot(this.#everything())
    this.#options.mirrors.wake()
  }

  /** The pods that files describe, all of them. */
  setStaticPods(pods: readonly CoreV1Pod[]): void {
    this.#staticPods = new Map(pods.map((pod) => [pod.metadata.uid!, pod]))
    this.#syncStaticPods()
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

  /** A driver of volumes has come: what could not be mounted or unmounted may be now. */
  retryVolumes(): void {
    for (const worker of this.#workers.values()) worker.retryVolumes()
    this.#retryStaleDirectories()
  }

  /** Something that every pod depends on has changed. */
  wakeAll(): void {
    for (const worker of this.#workers.values()) worker.wake()
  }

  /** Pods whose files are gone end; one that replaces another of its name waits for its end. */
  #syncStaticPods(): void {
    for (const uid of this.#staticUids) {
      if (this.#staticPods.has(uid)) continue
      this.#workers.get(uid)?.markGone()
      this.#reap(uid)
    }
    for (const [uid, pod] of this.#staticPods) {
      if (this.#workers.has(uid) || this.find(pod.metadata.namespace!, pod.metadata.name!) !== undefined) continue
      this.#staticUids.add(uid)
      this.#add(pod)
    }
    this.#options.mirrors.want([...this.#staticPods.values()], (uid) => this.#workers.has(uid))
  }

  /** The status of a mirror that an agent before this one has written is gone on from; nothing else of a mirror counts. */
  #noteMirror(uid: string, status: CoreV1Pod['status']): void {
    if (status?.startTime !== undefined && !this.#resumed.has(uid) && this.#staticUids.has(uid)) {
      this.#resumed.add(uid)
      this.#workers.get(uid)?.resumeStatus(status)
    }
    this.#options.mirrors.wake()
  }

  #update(pod: CoreV1Pod): void {
    const mirrored = mirroredUid(pod)
    if (mirrored !== undefined) return this.#noteMirror(mirrored, pod.status)
    const uid = pod.metadata.uid!
    const worker = this.#workers.get(uid)
    if (worker !== undefined) worker.update(pod)
    else if (this.#isNameInUse(pod)) this.#waiting.set(uid, pod)
    else this.#add(pod)
  }

  /** Whether containers of an earlier pod of the same name may still run: two of a StatefulSet's pod must never run at once. */
  #isNameInUse({ metadata: { namespace, name, uid } }: CoreV1Pod): boolean {
    const isOther = (pod: { readonly namespace?: string; readonly name?: string; readonly uid?: string }) =>
      pod.namespace === namespace && pod.name === name && pod.uid !== uid
    return this.workers.some(({ pod }) => isOther(pod.metadata)) || [...this.#unclaimed.values()].some(({ pod }) => isOther(pod))
  }

  /** Pods that came before the first look at the runtime, which shows that an earlier one of their name is still there. */
  #holdReplacements(containers: readonly ObservedContainer[]): void {
    const uids = new Set(containers.map(({ pod }) => pod.uid))
    const names = new Set(containers.map(({ pod }) => `${pod.namespace}/${pod.name}`))
    for (const [uid, worker] of this.#workers) {
      const { namespace, name } = worker.pod.metadata
      if (uids.has(uid) || this.#staticUids.has(uid) || !names.has(`${namespace}/${name}`)) continue
      worker.stop()
      this.#workers.delete(uid)
      this.#waiting.set(uid, worker.pod)
    }
  }

  #addWaiting(): void {
    for (const [uid, pod] of this.#waiting) {
      if (this.#isNameInUse(pod)) continue
      this.#waiting.delete(uid)
      this.#add(pod)
    }
  }

  #add(pod: CoreV1Pod): PodWorker {
    const { services, mirrors } = this.#options
    const uid = pod.metadata.uid!
    const isStatic = this.#staticUids.has(uid)
    const worker = new PodWorker(isStatic ? { ...services, statusWriter: mirrors } : services, pod, isStatic)
    this.#workers.set(uid, worker)
    for (const [id, container] of this.#unclaimed) {
      if (container.pod.uid !== uid) continue
      this.#unclaimed.delete(id)
      worker.observe(container)
    }
    if (this.#hasSnapshot) worker.wake()
    return worker
  }

  #remove(pod: CoreV1Pod): void {
    if (mirroredUid(pod) !== undefined) return this.#options.mirrors.wake()
    const uid = pod.metadata.uid!
    this.#waiting.delete(uid)
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
      if (this.#staticUids.delete(uid)) this.#forgetStaticPod(uid)
      this.#addWaiting()
      return
    }
    worker.onSettled = () => this.#reap(uid)
  }

  #forgetStaticPod(uid: string): void {
    this.#resumed.delete(uid)
    this.#options.mirrors.forget(uid)
    this.#syncStaticPods()
  }

  async #watchRuntime(): Promise<void> {
    const { clock, random, services, network, owner, log } = this.#options
    const { signal } = this.#abort
    const backoff = createBackoff({ initialMs: firstReconnectMs, maxMs: lastReconnectMs, random })
    while (!signal.aborted) {
      try {
        const machine = await services.runtime.info()
        await services.runtime.prepare(owner, network)
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
    if (change.type === 'removed') {
      this.#unclaimed.delete(change.id)
      return this.#workers.get(change.podUid)?.forget(change.id)
    }
    const { container } = change
    const worker = this.#workers.get(container.pod.uid)
    if (worker !== undefined) return worker.observe(container)
    // Containers of a pod that nobody knows are seen to by the next snapshot: the pod may just not have arrived.
    if (!this.#isListed) this.#unclaimed.set(container.id, mergeObserved(this.#unclaimed.get(container.id), container))
  }

  #applySnapshot(containers: readonly ObservedContainer[]): void {
    const byPod = Map.groupBy(containers, ({ pod }) => pod.uid)
    const addresses = this.#options.addresses()
    for (const { kind, ip, pod } of containers) if (kind === 'sandbox' && ip !== undefined) addresses?.restore(pod.uid, ip)
    if (!this.#hasSnapshot) this.#holdReplacements(containers)
    this.#hasSnapshot = true
    this.#unclaimed.clear()
    for (const [uid, own] of byPod) {
      if (this.#workers.has(uid)) continue
      if (this.#isListed) this.#adoptOrphan(uid, own)
      else for (const container of own) this.#unclaimed.set(container.id, container)
    }
    for (const [uid, worker] of this.#workers) worker.replaceContainers(byPod.get(uid) ?? [])
    this.#addWaiting()
    if (!this.#isListed || this.#hasRemovedStale) return
    this.#hasRemovedStale = true
    void this.#removeStaleDirectories(new Set([...byPod.keys(), ...this.#workers.keys()]))
  }

  /** What could not be removed then may be now. */
  #retryStaleDirectories(): void {
    if (this.#hasRemovedStale) void this.#removeStaleDirectories(new Set(this.#workers.keys()))
  }

  /** All that has been observed, of whatever pod. */
  #everything(): readonly ObservedContainer[] {
    return [...this.#unclaimed.values(), ...this.workers.flatMap(({ containers }) => containers)]
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
      // A pod may have come meanwhile.
      if (alive.has(uid) || this.#workers.has(uid)) continue
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
