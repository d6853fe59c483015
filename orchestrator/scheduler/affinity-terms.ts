import type { CoreV1Pod, CoreV1PodAffinityTerm } from '../api/generated/kinds.ts'
import { formatLabelSelector, matchesLabels, selectorFromObject } from '../api/labels.ts'
import type { Labels, LabelSelector } from '../api/labels.ts'
import { DomainTally } from './domain-tally.ts'
import type { TalliedNodes } from './domain-tally.ts'

/** A wish of a pod for, or against, the company of others in a domain of nodes. */
export interface AffinityTerm {
  /** The same for all pods that wish the same. */
  readonly id: string
  /** The same for all terms that speak of the same pods. */
  readonly subjectId: string
  readonly topologyKey: string
  /** The pods that are meant; `undefined` means none. */
  readonly selector: LabelSelector | undefined
  readonly namespaces: ReadonlySet<string>
  /** Namespaces by their labels, beside those named; empty means every one. */
  readonly namespaceSelector: LabelSelector | undefined
  readonly isAnti: boolean
  /** How much it counts; required terms have none. */
  readonly weight: number | undefined
}

/** Pods are never changed in place, so what was read of one stays true. */
const read = new WeakMap<CoreV1Pod, readonly AffinityTerm[]>()
const none: readonly AffinityTerm[] = []

/** All terms of a pod: required and preferred, for and against. */
export function affinityTermsOf(pod: CoreV1Pod): readonly AffinityTerm[] {
  const { affinity } = pod.spec
  if (affinity?.podAffinity === undefined && affinity?.podAntiAffinity === undefined) return none
  let terms = read.get(pod)
  if (terms === undefined) read.set(pod, (terms = readTerms(pod)))
  return terms
}

function readTerms(pod: CoreV1Pod): AffinityTerm[] {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity!
  return [podAffinity, podAntiAffinity].flatMap((part, index) => {
    const isAnti = index === 1
    const required = part?.requiredDuringSchedulingIgnoredDuringExecution ?? []
    const preferred = part?.preferredDuringSchedulingIgnoredDuringExecution ?? []
    return [
      ...required.map((term) => readTerm(pod, term, isAnti, undefined)),
      ...preferred.map(({ podAffinityTerm, weight }) => readTerm(pod, podAffinityTerm, isAnti, weight)),
    ]
  })
}

function readTerm({ metadata }: CoreV1Pod, term: CoreV1PodAffinityTerm, isAnti: boolean, weight: number | undefined): AffinityTerm {
  const base = selectorFromObject(term.labelSelector)
  const labels = metadata.labels ?? {}
  const keyed = (keys: readonly string[] | undefined, operator: 'In' | 'NotIn'): LabelSelector =>
    (keys ?? []).filter((key) => Object.hasOwn(labels, key)).map((key) => ({ key, operator, values: [labels[key]!] }))
  const selector =
    base === undefined ? undefined : [...base, ...keyed(term.matchLabelKeys, 'In'), ...keyed(term.mismatchLabelKeys, 'NotIn')]
  const namespaceSelector = term.namespaceSelector === undefined ? undefined : selectorFromObject(term.namespaceSelector)
  const isOwn = (term.namespaces ?? []).length === 0 && namespaceSelector === undefined
  const namespaces = new Set(isOwn ? [metadata.namespace!] : term.namespaces)
  const format = (each: LabelSelector | undefined) => (each === undefined ? '-' : formatLabelSelector(each))
  const subjectId = JSON.stringify([format(selector), [...namespaces].sort(), format(namespaceSelector)])
  const id = `${isAnti ? '-' : '+'}${weight ?? ''} ${term.topologyKey} ${subjectId}`
  return { id, subjectId, topologyKey: term.topologyKey, selector, namespaces, namespaceSelector, isAnti, weight }
}

/** What is known of namespaces. */
export interface Namespaces {
  labelsOf(name: string): Labels | undefined
}

/** Whether a term speaks of this pod. */
export function isMeant(
  { selector, namespaces: named, namespaceSelector }: AffinityTerm,
  { metadata }: CoreV1Pod,
  namespaces: Namespaces,
): boolean {
  if (selector === undefined || !matchesLabels(selector, metadata.labels)) return false
  if (named.has(metadata.namespace!)) return true
  return namespaceSelector !== undefined && matchesLabels(namespaceSelector, namespaces.labelsOf(metadata.namespace!))
}

/** A term that assigned pods have, and how many of them each domain has. */
export interface HeldTerm {
  readonly term: AffinityTerm
  readonly tally: DomainTally
}

/** The terms of all assigned pods, each once however many pods have it. */
export class HeldTerms {
  readonly #nodes: TalliedNodes
  readonly #held = new Map<string, HeldTerm>()
  /** Those that name the namespaces of which they speak, by name; the others may speak of any. */
  readonly #byNamespace = new Map<string, Set<HeldTerm>>()
  readonly #anywhere = new Set<HeldTerm>()
  /** Those that nobody has any more. They stay until somebody asks, because pods that left for a moment come back to them. */
  readonly #empty = new Set<HeldTerm>()

  constructor(nodes: TalliedNodes) {
    this.#nodes = nodes
  }

  add(pod: CoreV1Pod, nodeName: string): void {
    for (const term of affinityTermsOf(pod)) {
      const held = this.#held.get(term.id) ?? this.#hold(term)
      this.#empty.delete(held)
      held.tally.add(nodeName, 1)
    }
  }

  remove(pod: CoreV1Pod, nodeName: string): void {
    for (const { id } of affinityTermsOf(pod)) {
      const held = this.#held.get(id)
      held?.tally.add(nodeName, -1)
      if (held?.tally.isEmpty === true) this.#empty.add(held)
    }
  }

  /** The terms that speak of a pod. */
  about(pod: CoreV1Pod, namespaces: Namespaces): readonly HeldTerm[] {
    if (this.#held.size === 0) return []
    for (const held of this.#empty) this.#release(held)
    const found: HeldTerm[] = []
    const here = this.#byNamespace.get(pod.metadata.namespace!)
    if (here !== undefined) for (const held of here) if (isMeant(held.term, pod, namespaces)) found.push(held)
    for (const held of this.#anywhere) if (isMeant(held.term, pod, namespaces)) found.push(held)
    return found
  }

  #hold(term: AffinityTerm): HeldTerm {
    const held = { term, tally: new DomainTally(this.#nodes, term.topologyKey) }
    this.#held.set(term.id, held)
    if (term.namespaceSelector !== undefined) this.#anywhere.add(held)
    else {
      for (const namespace of term.namespaces) {
        const here = this.#byNamespace.get(namespace)
        if (here === undefined) this.#byNamespace.set(namespace, new Set([held]))
        else here.add(held)
      }
    }
    return held
  }

  #release(held: HeldTerm): void {
    this.#empty.delete(held)
    this.#held.delete(held.term.id)
    this.#anywhere.delete(held)
    for (const namespace of held.term.namespaces) {
      const here = this.#byNamespace.get(namespace)
      here?.delete(held)
      if (here?.size === 0) this.#byNamespace.delete(namespace)
    }
  }
}
