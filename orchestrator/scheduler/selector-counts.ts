import type { CoreV1Pod } from '../api/generated/kinds.ts'
import { formatLabelSelector, matchesLabels } from '../api/labels.ts'
import type { LabelSelector } from '../api/labels.ts'

/** Selectors counted at the same time; the one unused for longest is dropped and, if needed again, counted anew. */
const maxSelectors = 256

interface Counted {
  readonly namespace: string
  readonly selector: LabelSelector
  readonly perNode: Map<string, number>
}

/**
 * How many pods that a selector matches each node has, kept up to date pod by pod, so that spreading a pod costs no scan of all pods.
 * Pods that are being deleted don't count.
 */
export class SelectorCounts {
  readonly #counted = new Map<string, Counted>()

  /** The nodes with at least one matching pod. `scan` gives all assigned pods when the selector is new. */
  count(namespace: string, selector: LabelSelector, scan: () => Iterable<CoreV1Pod>): ReadonlyMap<string, number> {
    const id = `${namespace} ${formatLabelSelector(selector)}`
    let counted = this.#counted.get(id)
    if (counted === undefined) {
      counted = { namespace, selector, perNode: new Map() }
      for (const pod of scan()) countPod(counted, pod, pod.spec.nodeName, 1)
    } else this.#counted.delete(id)
    this.#counted.set(id, counted)
    if (this.#counted.size > maxSelectors) this.#counted.delete(this.#counted.keys().next().value!)
    return counted.perNode
  }

  add(pod: CoreV1Pod, nodeName: string): void {
    for (const counted of this.#counted.values()) countPod(counted, pod, nodeName, 1)
  }

  remove(pod: CoreV1Pod, nodeName: string): void {
    for (const counted of this.#counted.values()) countPod(counted, pod, nodeName, -1)
  }
}

function countPod({ namespace, selector, perNode }: Counted, { metadata }: CoreV1Pod, nodeName: string | undefined, sign: 1 | -1): void {
  if (nodeName === undefined || metadata.namespace !== namespace || metadata.deletionTimestamp !== undefined) return
  if (!matchesLabels(selector, metadata.labels)) return
  const count = (perNode.get(nodeName) ?? 0) + sign
  if (count > 0) perNode.set(nodeName, count)
  else perNode.delete(nodeName)
}
