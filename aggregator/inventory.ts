import type { ClusterView } from './processors.ts'

/** A pod that runs, by name. */
export interface InventoryPod {
  readonly namespace: string
  readonly pod: string
  readonly node: string
}

/** What the API says that there is, whether or not it has figures. */
export interface Inventory {
  /** Names of nodes. */
  nodes(): Iterable<string>
  /** Pods that run, and so ought to have figures. */
  pods(): Iterable<InventoryPod>
}

/** Reads the copies of nodes and pods that the aggregator keeps. */
export function createInventory(view: Pick<ClusterView, 'nodes' | 'pods'>): Inventory {
  return {
    *nodes() {
      for (const node of view.nodes.list()) yield node.metadata.name!
    },
    *pods() {
      for (const { metadata, spec, status } of view.pods.list()) {
        if (status?.phase !== 'Running' || metadata.deletionTimestamp !== undefined || spec.nodeName === undefined) continue
        yield { namespace: metadata.namespace!, pod: metadata.name!, node: spec.nodeName }
      }
    },
  }
}
