import type { CoreV1Node, CoreV1Pod } from '../orchestrator/api/generated/kinds.ts'
import { CoreV1Node as NodeKind, CoreV1Pod as PodKind } from '../orchestrator/api/generated/kinds.ts'
import { keyOf } from '../orchestrator/api/object.ts'
import type { Kind, KubeObject } from '../orchestrator/api/object.ts'
import { forbidden } from '../orchestrator/api/status-error.ts'
import type { Client } from '../orchestrator/client/client.ts'
import type { ChangeHandler, Informer, InformerFactory, InformerOptions } from '../orchestrator/client/informer.ts'
import type { Summary } from '../collector/summary.ts'

/** An informer whose objects a test puts in and takes out. */
export class FakeInformer<T extends KubeObject> implements Informer<T> {
  readonly kind: Kind<T>
  readonly revision = 1
  readonly hasSynced = true
  readonly #indexes: InformerOptions<T>['indexes']
  readonly #objects = new Map<string, T>()
  readonly #handlers = new Set<ChangeHandler<T>>()

  constructor(kind: Kind<T>, options: InformerOptions<T> = {}) {
    this.kind = kind
    this.#indexes = options.indexes
  }

  get(key: string): T | undefined {
    return this.#objects.get(key)
  }

  list(): Iterable<T> {
    return this.#objects.values()
  }

  byIndex(index: string, value: string): Iterable<T> {
    return [...this.#objects.values()].filter((object) => this.#indexes![index]!(object).includes(value))
  }

  onChange(handler: ChangeHandler<T>): () => void {
    this.#handlers.add(handler)
    for (const object of this.#objects.values()) handler.added?.(object)
    return () => void this.#handlers.delete(handler)
  }

  waitForSync(): Promise<void> {
    return Promise.resolve()
  }

  waitForRevision(): Promise<void> {
    return Promise.resolve()
  }

  /** Adds or replaces an object. */
  put(object: T): void {
    const previous = this.#objects.get(keyOf(object))
    this.#objects.set(keyOf(object), object)
    for (const handler of this.#handlers) {
      if (previous === undefined) handler.added?.(object)
      else handler.updated?.(object, previous)
    }
  }

  /** Removes an object. */
  remove(key: string): void {
    const object = this.#objects.get(key)
    if (!this.#objects.delete(key)) return
    for (const handler of this.#handlers) handler.deleted?.(object!)
  }
}

/** Informers by kind; `of` gives the fake that the code under test has, or will get. */
export class FakeInformers implements InformerFactory {
  readonly #informers = new Map<string, FakeInformer<KubeObject>>()

  informer<T extends KubeObject>(kind: Kind<T>, options?: InformerOptions<T>): FakeInformer<T> {
    const known = this.#informers.get(kind.kind)
    if (known !== undefined) return known as unknown as FakeInformer<T>
    const informer = new FakeInformer(kind, options)
    this.#informers.set(kind.kind, informer as unknown as FakeInformer<KubeObject>)
    return informer
  }

  run(): Promise<void> {
    return Promise.resolve()
  }
}

/** A client that answers access reviews with `isAllowed` and refuses everything else. */
export function createFakeClient(isAllowed: (user: string) => boolean = () => true): Client & { readonly reviews: string[] } {
  const reviews: string[] = []
  const refuse = () => Promise.reject(forbidden({ group: '', plural: 'everything' }, '', 'this client only reviews access'))
  return {
    reviews,
    create: (_kind, object) => {
      const { spec } = object as unknown as { readonly spec: { readonly user: string } }
      reviews.push(JSON.stringify(spec))
      return Promise.resolve({ ...object, status: { allowed: isAllowed(spec.user) } })
    },
    get: refuse,
    list: refuse,
    update: refuse,
    updateStatus: refuse,
    patch: refuse,
    delete: refuse,
    watch: () => ({ [Symbol.asyncIterator]: () => ({ next: refuse }) }),
    getSubresource: refuse,
    putSubresource: refuse,
    createSubresource: refuse,
    raw: refuse,
    rawWatch: () => ({ [Symbol.asyncIterator]: () => ({ next: refuse }) }),
  }
}

/** A Node of 2 cores and 4 GiB whose agent listens at the address. */
export function createFakeNode(name: string, address = '127.0.0.1', port = 10250): CoreV1Node {
  return {
    apiVersion: 'v1',
    kind: NodeKind.kind,
    metadata: { name, uid: `uid-${name}`, labels: { 'kubernetes.io/hostname': name } },
    spec: {},
    status: {
      addresses: [
        { type: 'InternalIP', address },
        { type: 'Hostname', address: name },
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: port } },
      capacity: { cpu: '2', memory: '4Gi', 'ephemeral-storage': '10Gi' },
      allocatable: { cpu: '2', memory: '4Gi', 'ephemeral-storage': '8Gi' },
    },
  }
}

/** A running Pod on a node; each container asks for 100m and 64Mi. */
export function createFakePod(
  name: string,
  known: {
    readonly node?: string
    readonly namespace?: string
    readonly containers?: readonly string[]
    readonly owner?: { readonly kind: string; readonly name: string }
  } = {},
): CoreV1Pod {
  const { node = 'n1', namespace = 'default', containers = ['main'], owner } = known
  return {
    apiVersion: 'v1',
    kind: PodKind.kind,
    metadata: {
      name,
      namespace,
      uid: `uid-${name}`,
      labels: { app: name },
      ...(owner === undefined ? {} : { ownerReferences: [{ apiVersion: 'v1', uid: 'uid-owner', controller: true, ...owner }] }),
    },
    spec: {
      nodeName: node,
      containers: containers.map((container) => ({
        name: container,
        image: `registry/${container}:1`,
        resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: '500m' } },
      })),
    },
    status: {
      phase: 'Running',
      containerStatuses: containers.map((container) => ({
        name: container,
        image: `registry/${container}:1`,
        imageID: '',
        ready: true,
        restartCount: 1,
        state: { running: { startedAt: '2029-12-31T23:00:00Z' } },
      })),
    },
  }
}

/** What a fake pod used up to now. */
export interface FakeUse {
  readonly pod: CoreV1Pod
  /** Cumulative CPU of each container; all of the pod's containers by default. */
  readonly cpuNanoseconds: number
  readonly memoryBytes?: number
  /** The containers that the node reports. */
  readonly containers?: readonly string[]
  readonly startTime?: string
}

/** The summary of a node whose containers all used the same. */
export function createFakeSummary(nodeName: string, timeMs: number, uses: readonly FakeUse[]): Summary {
  const time = new Date(timeMs).toISOString()
  const startTime = '2029-12-31T23:00:00Z'
  const cpuOf = (nanoseconds: number) => ({ time, usageNanoCores: 50_000_000, usageCoreNanoSeconds: nanoseconds })
  const memoryOf = (bytes: number) => ({
    time,
    usageBytes: bytes * 2,
    workingSetBytes: bytes,
    rssBytes: bytes / 2,
    pageFaults: 10,
    majorPageFaults: 1,
  })
  const all = uses.reduce((sum, { cpuNanoseconds }) => sum + cpuNanoseconds, 0)
  return {
    node: {
      nodeName,
      startTime,
      cpu: cpuOf(all * 2),
      memory: memoryOf(1 << 30),
      network: { time, name: 'eth0', rxBytes: all / 1000, txBytes: all / 2000, rxErrors: 0, txErrors: 0 },
      fs: { time, usedBytes: 1e9, capacityBytes: 1e10, availableBytes: 9e9, inodes: 1000, inodesFree: 900 },
      systemContainers: [{ name: 'kubelet', startTime, cpu: cpuOf(all / 10), memory: memoryOf(1 << 25) }],
    },
    pods: uses.map(({ pod, cpuNanoseconds, memoryBytes = 1 << 26, containers, startTime: podStart = startTime }) => ({
      podRef: { name: pod.metadata.name!, namespace: pod.metadata.namespace!, uid: pod.metadata.uid! },
      startTime: podStart,
      network: { time, name: 'eth0', rxBytes: cpuNanoseconds / 1000, txBytes: cpuNanoseconds / 2000, rxErrors: 0, txErrors: 0 },
      'ephemeral-storage': { time, usedBytes: 4096 },
      containers: (containers ?? pod.spec.containers.map(({ name }) => name)).map((name) => ({
        name,
        startTime: podStart,
        cpu: cpuOf(cpuNanoseconds),
        memory: memoryOf(memoryBytes),
        rootfs: { time, usedBytes: 1000, capacityBytes: 1e10, availableBytes: 9e9 },
        logs: { time, usedBytes: 24 },
      })),
    })),
  }
}
