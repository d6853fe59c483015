import type { CoreV1Node, CoreV1Pod } from '../api/generated/kinds.ts'
import { claimsOfPod } from '../api/persistent-volumes.ts'
import { HeldTerms } from './affinity-terms.ts'
import type { HeldTerm, Namespaces } from './affinity-terms.ts'
import type { DomainTally } from './domain-tally.ts'
import { NodeInfo } from './node-info.ts'
import { isTerminated, priorityOf } from './pod-phase.ts'
import { PodTallies } from './pod-tallies.ts'
import type { TallyRequest } from './pod-tallies.ts'

/** What a decision looks at. It stays the same for the whole of a decision, because decisions don't wait for anything. */
export interface Snapshot {
  /** Nodes with an object, in no particular order. */
  readonly nodes: readonly NodeInfo[]
  node(name: string): NodeInfo | undefined
  /** How many assigned pods of a kind each domain has. The tally lives on and follows the cluster. */
  tally(request: TallyRequest): DomainTally
  /** The affinity terms of assigned pods that speak of this one. */
  termsAbout(pod: CoreV1Pod, namespaces: Namespaces): readonly HeldTerm[]
  /** How many nodes have an image. */
  nodesWithImage(image: string): number
  /** How many assigned pods use a claim, by `namespace/name`. */
  claimUsers(key: string): number
  /** The pods for which room is being made on a node and that go before `pod`: at least as important, and not there yet. */
  guestsBefore(pod: CoreV1Pod, nodeName: string): readonly CoreV1Pod[]
}

interface Place {
  readonly pod: CoreV1Pod
  readonly nodeName: string
}

const nobody: readonly CoreV1Pod[] = []

/**
 * The cluster as the scheduler sees it: what the caches say plus pods that were given a node and aren't confirmed yet (assumed).
 * Every change costs as much as the change is big, never as the cluster is.
 */
export class ClusterCache implements Snapshot {
  readonly #infos = new Map<string, NodeInfo>()
  readonly #nodes: NodeInfo[] = []
  readonly #positions = new Map<string, number>()
  readonly #places = new Map<string, Place>()
  readonly #byNamespace = new Map<string, Map<string, Place>>()
  readonly #assumed = new Set<string>()
  readonly #nominated = new Map<string, Place>()
  /** Nominated pods by the node on which room is made for them. */
  readonly #guests = new Map<string, Map<string, CoreV1Pod>>()
  readonly #tallies = new PodTallies(this, (namespaces) => this.#placesIn(namespaces))
  readonly #terms = new HeldTerms(this)
  readonly #images = new Map<string, number>()
  readonly #claims = new Map<string, number>()
  #nodesVersion = 0

  get nodes(): readonly NodeInfo[] {
    return this.#nodes
  }

  get nodesVersion(): number {
    return this.#nodesVersion
  }

  node(name: string): NodeInfo | undefined {
    return this.#infos.get(name)
  }

  nodesWithImage(image: string): number {
    return this.#images.get(image) ?? 0
  }

  claimUsers(key: string): number {
    return this.#claims.get(key) ?? 0
  }

  tally(request: TallyRequest): DomainTally {
    return this.#tallies.get(request)
  }

  termsAbout(pod: CoreV1Pod, namespaces: Namespaces): readonly HeldTerm[] {
    return this.#terms.about(pod, namespaces)
  }

  isAssumed(uid: string): boolean {
    return this.#assumed.has(uid)
  }

  setNode(node: CoreV1Node): void {
    const info = this.#info(node.metadata.name!)
    const previous = info.node
    this.#countImages(info, -1)
    info.node = node
    this.#countImages(info, 1)
    if (previous === undefined || isPlaceChanged(previous, node)) this.#nodesVersion++
    if (this.#positions.has(info.name)) return
    this.#positions.set(info.name, this.#nodes.length)
    this.#nodes.push(info)
  }

  removeNode(name: string): void {
    const info = this.#infos.get(name)
    const position = this.#positions.get(name)
    if (info === undefined || position === undefined) return
    this.#nodesVersion++
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

  /** Namespaces have other labels than before. */
  namespacesChanged(): void {
    this.#tallies.dropAnywhere()
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
    const uid = pod.metadata.uid!
    const previous = this.#nominated.get(uid)
    if (previous !== undefined) {
      this.#nominated.delete(uid)
      const guests = this.#guests.get(previous.nodeName)
      guests?.delete(uid)
      if (guests?.size === 0) this.#guests.delete(previous.nodeName)
    }
    if (nodeName === undefined || nodeName === '') return
    this.#nominated.set(uid, { pod, nodeName })
    const guests = this.#guests.get(nodeName)
    if (guests === undefined) this.#guests.set(nodeName, new Map([[uid, pod]]))
    else guests.set(uid, pod)
  }

  /** The node on which room is being made for a pod. */
  nominatedNode(uid: string): string | undefined {
    return this.#nominated.get(uid)?.nodeName
  }

  guestsBefore(pod: CoreV1Pod, nodeName: string): readonly CoreV1Pod[] {
    if (this.#guests.size === 0) return nobody
    const guests = this.#guests.get(nodeName)
    if (guests === undefined) return nobody
    let found: CoreV1Pod[] | undefined
    for (const [uid, guest] of guests)
      if (uid !== pod.metadata.uid && priorityOf(guest) >= priorityOf(pod) && !this.#places.has(uid)) (found ??= []).push(guest)
    return found ?? nobody
  }

  /** What `look` finds while pods count as if they were on a node. */
  withGuests<T>(guests: readonly CoreV1Pod[], nodeName: string, look: () => T): T {
    for (const guest of guests) this.#put(guest, nodeName)
    try {
      return look()
    } finally {
      for (const guest of guests) this.#take(guest.metadata.uid!)
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
    const { uid, namespace } = pod.metadata
    const place = { pod, nodeName }
    this.#places.set(uid!, place)
    const here = this.#byNamespace.get(namespace!)
    if (here === undefined) this.#byNamespace.set(namespace!, new Map([[uid!, place]]))
    else here.set(uid!, place)
    this.#info(nodeName).addPod(pod)
    this.#countElsewhere(place, 1)
  }

  #take(uid: string): void {
    const place = this.#places.get(uid)
    if (place === undefined) return
    this.#places.delete(uid)
    const namespace = place.pod.metadata.namespace!
    const here = this.#byNamespace.get(namespace)!
    here.delete(uid)
    if (here.size === 0) this.#byNamespace.delete(namespace)
    const info = this.#infos.get(place.nodeName)!
    info.removePod(uid)
    this.#countElsewhere(place, -1)
    this.#forgetEmpty(info)
  }

  #countElsewhere({ pod, nodeName }: Place, sign: 1 | -1): void {
    this.#tallies.add(pod, nodeName, sign)
    if (sign === 1) this.#terms.add(pod, nodeName)
    else this.#terms.remove(pod, nodeName)
    if (pod.spec.volumes === undefined) return
    for (const claim of claimsOfPod(pod.metadata.name!, pod.spec)) {
      const key = `${pod.metadata.namespace}/${claim}`
      const users = this.claimUsers(key) + sign
      if (users === 0) this.#claims.delete(key)
      else this.#claims.set(key, users)
    }
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

  *#placesIn(namespaces: ReadonlySet<string> | undefined): Iterable<Place> {
    if (namespaces === undefined) yield* this.#places.values()
    else for (const namespace of namespaces) yield* this.#byNamespace.get(namespace)?.values() ?? []
  }
}

/** Whether a node counts for other domains than before. */
function isPlaceChanged(a: CoreV1Node, b: CoreV1Node): boolean {
  const parts = ({ metadata, spec }: CoreV1Node) => JSON.stringify([metadata.labels, spec.taints])
  return parts(a) !== parts(b)
}
