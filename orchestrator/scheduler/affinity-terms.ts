import type { CoreV1Pod, CoreV1PodAffinityTerm } from '../api/generated/kinds.ts'
import { formatLabelSelector, matchesLabels, selectorFromObject } from '../api/labels.ts'
import type { Labels, LabelSelector } from '../api/labels.ts'

/** A wish of a pod for, or against, the company of others in a domain of nodes. */
export interface AffinityTerm {
  /** The same for all pods that wish the same. */
  readonly id: string
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
  const id = JSON.stringify([isAnti, weight, term.topologyKey, format(selector), [...namespaces].sort(), format(namespaceSelector)])
  return { id, topologyKey: term.topologyKey, selector, namespaces, namespaceSelector, isAnti, weight }
}

/** What is known of namespaces. */
export interface Namespaces {
  labelsOf(name: string): Labels | undefined
  matching(selector: LabelSelector): readonly string[]
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

/** The namespaces in which a term looks for pods. */
export function namespacesOf({ namespaces: named, namespaceSelector }: AffinityTerm, namespaces: Namespaces): ReadonlySet<string> {
  return namespaceSelector === undefined ? named : new Set([...named, ...namespaces.matching(namespaceSelector)])
}

/** A term that assigned pods have, and how many of them are on each node. */
export interface HeldTerm {
  readonly term: AffinityTerm
  readonly perNode: ReadonlyMap<string, number>
}

/** The terms of all assigned pods, each once however many pods have it. */
export class HeldTerms {
  readonly #held = new Map<string, { readonly term: AffinityTerm; readonly perNode: Map<string, number> }>()

  add(pod: CoreV1Pod, nodeName: string): void {
    for (const term of affinityTermsOf(pod)) {
      let held = this.#held.get(term.id)
      if (held === undefined) this.#held.set(term.id, (held = { term, perNode: new Map() }))
      held.perNode.set(nodeName, (held.perNode.get(nodeName) ?? 0) + 1)
    }
  }

  remove(pod: CoreV1Pod, nodeName: string): void {
    for (const { id } of affinityTermsOf(pod)) {
      const held = this.#held.get(id)
      if (held === undefined) continue
      const count = (held.perNode.get(nodeName) ?? 0) - 1
      if (count > 0) held.perNode.set(nodeName, count)
      else held.perNode.delete(nodeName)
      if (held.perNode.size === 0) this.#held.delete(id)
    }
  }

  list(): Iterable<HeldTerm> {
    return this.#held.values()
  }
}
