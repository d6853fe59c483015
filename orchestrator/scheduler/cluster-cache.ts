import type { CoreV1Node, CoreV1Pod } from '../api/generated/kinds.ts'
import type { LabelSelector } from '../api/labels.ts'
import { HeldTerms } from './affinity-terms.ts'
import type { HeldTerm } from './affinity-terms.ts'
import { isTerminated } from './pod-phase.ts'
import { NodeInfo } from './node-info.ts'
import { SelectorCounts } from './selector-counts.ts'

/** A pod's importance; 0 where it has none. */
export const priorityOf = ({ spec }: CoreV1Pod) => spec.priority ?? 0

/** What a decision looks at. It stays the same for the whole of a decision, because decisions don't wait for anything. */
export interface Snapshot {
  /** Nodes with an object, in no particular order. */
  readonly nodes: readonly NodeInfo[]
  /** How many matching pods each node has; nodes without any are absent. */
  countPods(namespace: string, selector: LabelSelector): ReadonlyMap<string, number>
  /** How many nodes have an image. */
  nodesWithImage(image: string): number
  node(name: string): NodeInfo | undefined
  /** The affinity terms of assigned pods. */
  affinityTerms(): Iterable<HeldTerm>
}

interface Place {
  readonly pod: CoreV1Pod
  readonly nodeName: string
}

/**
 * The cluster as the scheduler sees it: what the caches say plus pods that were given a node and aren't confirmed yet (assumed).
 * Every change costs as much as the change is big, never as the cluster is.
 */
export class ClusterCache implements Snapshot {
  readonly #infos = new Map<string, NodeInfo>()
  readonly #nodes: NodeInfo[] = []
  readonly #positions = new Map<string, number>()
  readonly #places = new Map<string, Place>()
  readonly #assumed = new Set<string>()
  readonly #nominated = new Map<string, Place>()
  readonly #counts = new SelectorCounts()
  readonly #terms = new HeldTerms()
  readonly #images = new Map<string, number>()

  get nodes(): readonly NodeInfo[] {
    return this.#nodes
  }

  node(name: string): NodeInfo | undefined {
    return this.#infos.get(name)
  }

  nodesWithImage(image: string): number {
    return this.#images.get(image) ?? 0
  }

  countPods(namespace: string, selector: LabelSelector): ReadonlyMap<string, number> {
    return this.#counts.count(namespace, selector, () => this.#assignedPods())
  }

  affinityTerms(): Iterable<HeldTerm> {
    return this.#terms.list()
  }

  isAssumed(uid: string): boolean {
    return this.#assumed.has(uid)
  }

  setNode(node: CoreV1Node): void {
    const info = this.#info(node.metadata.name!)
    this.#countImages(info, -1)
    info.node = node
    this.#countImages(info, 1)
    if (this.#positions.has(info.name)) return
    this.#positions.set(info.name, this.#nodes.length)
    this.#nodes.push(info)
  }

  removeNode(name: string): void {
    const info = this.#infos.get(name)
    const position = this.#positions.get(name)
    if (info === undefined || position === undefined) return
    this.#countImages(info, -1)
    info.node = undefined
    this.#positions.delete(name)
    const last = this.#nodes.pop()!
    if (last !== info) {
      this.#nodes[position] = last
      this.#positions.set(last.name, position)
    }
    this.#forgetEmpty(info)
  }

  /** Takes in what the cache says of an assigned pod; it confirms an assumption. */
  setPod(pod: CoreV1Pod): void {
    const uid = pod.metadata.uid!
    this.#assumed.delete(uid)
    this.#take(uid)
    if (pod.spec.nodeName !== undefined && !isTerminated(pod)) this.#put(pod, pod.spec.nodeName)
  }

  removePod(uid: string): void {
    this.#assumed.delete(uid)
    this.#take(uid)
  }

  /** Counts the pod on the node until it is confirmed or forgotten. */
  assume(pod: CoreV1Pod, nodeName: string): void {
    this.#assumed.add(pod.metadata.uid!)
    this.#put(pod, nodeName)
  }

  /** Takes an assumption back; one that was confirmed stays. */
  forget(uid: string): void {
    if (this.#assumed.delete(uid)) this.#take(uid)
  }

  /** Remembers that room is being made for a waiting pod on a node, or that it isn't any more. */
  nominate(pod: CoreV1Pod, nodeName: string | undefined): void {
    if (nodeName === undefined) this.#nominated.delete(pod.metadata.uid!)
    else this.#nominated.set(pod.metadata.uid!, { pod, nodeName })
  }

  /** What `look` finds while the pods for which room is being made count as if they had it, but for `pod` and those less important than it. */
  withNominated<T>(pod: CoreV1Pod, look: () => T): T {
    const guests = [...this.#nominated.values()].filter(
      ({ pod: other }) =>
        other.metadata.uid !== pod.metadata.uid && priorityOf(other) >= priorityOf(pod) && !this.#places.has(other.metadata.uid!),
    )
    for (const { pod: guest, nodeName } of guests) this.#put(guest, nodeName)
    try {
      return look()
    } finally {
      for (const { pod: guest } of guests) this.#take(guest.metadata.uid!)
    }
  }

  /** What `look` finds while `pods` are away. It may put some back with a function that takes them away again. */
  lift<T>(pods: readonly CoreV1Pod[], look: (putBack: (pod: CoreV1Pod) => () => void) => T): T {
    const places = new Map(pods.map(({ metadata }) => [metadata.uid!, this.#places.get(metadata.uid!)!]))
    for (const uid of places.keys()) this.#take(uid)
    const putBack = ({ metadata: { uid } }: CoreV1Pod) => {
      const { pod, nodeName } = places.get(uid!)!
      this.#put(pod, nodeName)
      return () => this.#take(uid!)
    }
    try {
      return look(putBack)
    } finally {
      for (const { pod } of places.values()) if (!this.#places.has(pod.metadata.uid!)) putBack(pod)
    }
  }

  #put(pod: CoreV1Pod, nodeName: string): void {
    this.#places.set(pod.metadata.uid!, { pod, nodeName })
    this.#info(nodeName).addPod(pod)
    this.#counts.add(pod, nodeName)
    this.#terms.add(pod, nodeName)
  }

  #take(uid: string): void {
    const place = this.#places.get(uid)
    if (place === undefined) return
    this.#places.delete(uid)
    const info = this.#infos.get(place.nodeName)!
    info.removePod(uid)
    this.#counts.remove(place.pod, place.nodeName)
    this.#terms.remove(place.pod, place.nodeName)
    this.#forgetEmpty(info)
  }

  #info(name: string): NodeInfo {
    let info = this.#infos.get(name)
    if (info === undefined) this.#infos.set(name, (info = new NodeInfo(name)))
    return info
  }

  #forgetEmpty(info: NodeInfo): void {
    if (info.node === undefined && info.pods.size === 0) this.#infos.delete(info.name)
  }

  #countImages(info: NodeInfo, sign: 1 | -1): void {
    for (const image of info.images.keys()) {
      const count = (this.#images.get(image) ?? 0) + sign
      if (count > 0) this.#images.set(image, count)
      else this.#images.delete(image)
    }
  }

  *#assignedPods(): Iterable<CoreV1Pod> {
    for (const { pod, nodeName } of this.#places.values()) {
      yield pod.spec.nodeName === undefined ? { ...pod, spec: { ...pod.spec, nodeName } } : pod
    }
  }
}
