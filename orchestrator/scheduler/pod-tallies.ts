import type { CoreV1Node, CoreV1Pod } from '../api/generated/kinds.ts'
import { DomainTally } from './domain-tally.ts'
import type { TalliedNodes } from './domain-tally.ts'

/** Tallies kept at the same time; the one unused for longest is dropped and, if needed again, counted anew. */
const maxTallies = 512

/** Which pods are counted, over which domains. */
export interface TallyRequest {
  /** The same for all that ask for the same. */
  readonly id: string
  readonly topologyKey: string
  /** The namespaces in which the pods are; `undefined`: any, and `matches` looks for itself. */
  readonly namespaces: ReadonlySet<string> | undefined
  matches(pod: CoreV1Pod): boolean
  /** See `DomainTally`. */
  readonly isEligible?: (node: CoreV1Node) => boolean
}

interface Counted {
  readonly request: TallyRequest
  readonly tally: DomainTally
}

/** Pods in given namespaces, or in all of them. */
export type ScanPods = (namespaces: ReadonlySet<string> | undefined) => Iterable<{ readonly pod: CoreV1Pod; readonly nodeName: string }>

/**
 * How many pods of a kind each domain has, kept up to date pod by pod, so that a decision about them costs no scan of pods or nodes. A pod that comes
 * or goes is shown only to tallies of its namespace.
 */
export class PodTallies {
  readonly #nodes: TalliedNodes
  readonly #scan: ScanPods
  readonly #counted = new Map<string, Counted>()
  readonly #byNamespace = new Map<string, Set<Counted>>()
  readonly #anywhere = new Set<Counted>()

  constructor(nodes: TalliedNodes, scan: ScanPods) {
    this.#nodes = nodes
    this.#scan = scan
  }

  get(request: TallyRequest): DomainTally {
    let counted = this.#counted.get(request.id)
    if (counted === undefined) counted = this.#countAnew(request)
    else this.#counted.delete(request.id)
    this.#counted.set(request.id, counted)
    return counted.tally
  }

  add(pod: CoreV1Pod, nodeName: string, amount: 1 | -1): void {
    for (const counted of this.#anywhere) addTo(counted, pod, nodeName, amount)
    const here = this.#byNamespace.get(pod.metadata.namespace!)
    if (here !== undefined) for (const counted of here) addTo(counted, pod, nodeName, amount)
  }

  /** Forgets what was counted by the labels of namespaces: those have changed. */
  dropAnywhere(): void {
    for (const counted of this.#anywhere) this.#counted.delete(counted.request.id)
    this.#anywhere.clear()
  }

  #countAnew(request: TallyRequest): Counted {
    if (this.#counted.size >= maxTallies) this.#drop(this.#counted.values().next().value!)
    const { namespaces, topologyKey } = request
    const tally = new DomainTally(this.#nodes, topologyKey, request.isEligible)
    const counted = { request, tally }
    for (const { pod, nodeName } of this.#scan(namespaces)) addTo(counted, pod, nodeName, 1)
    if (namespaces === undefined) this.#anywhere.add(counted)
    else for (const namespace of namespaces) this.#inNamespace(namespace).add(counted)
    return counted
  }

  #drop(counted: Counted): void {
    this.#counted.delete(counted.request.id)
    this.#anywhere.delete(counted)
    for (const namespace of counted.request.namespaces ?? []) {
      const here = this.#byNamespace.get(namespace)
      here?.delete(counted)
      if (here?.size === 0) this.#byNamespace.delete(namespace)
    }
  }

  #inNamespace(namespace: string): Set<Counted> {
    let here = this.#byNamespace.get(namespace)
    if (here === undefined) this.#byNamespace.set(namespace, (here = new Set()))
    return here
  }
}

function addTo({ request, tally }: Counted, pod: CoreV1Pod, nodeName: string, amount: 1 | -1): void {
  if (request.matches(pod)) tally.add(nodeName, amount)
}
