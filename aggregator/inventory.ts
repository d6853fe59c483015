import type { ClusterView } from './processors.ts'

/** A pod that runs, by name. */
export interface InventoryPod {
  readonly namespace: string
  readonly pod: string
  readonly node: string
}

/** What the API says that there is, whether or not it has figures. Throws while the copy of it is not complete. */
export interface Inventory {
  /** Names of nodes. */
  nodes(): Iterable<string>
  /** Pods that run, and so ought to have figures. */
  pods(): Iterable<InventoryPod>
}

/** The copies that are read. */
interface InventoryView {
  readonly nodes: Pick<ClusterView['nodes'], 'list' | 'hasSynced'>
  readonly pods: Pick<ClusterView['pods'], 'list' | 'hasSynced'>
}

const incomplete = 'the copy of the API objects is not complete yet'

/** Reads the copies of nodes and pods that the aggregator keeps. */
export function createInventory(view: InventoryView): Inventory {
  return {
    *nodes() {
      if (!view.nodes.hasSynced) throw new Error(incomplete)
      for (const node of view.nodes.list()) yield node.metadata.name!
    },
    *pods() {
      if (!view.pods.hasSynced) throw new Error(incomplete)
      for (const { metadata, spec, status } of view.pods.list()) {
        if (status?.phase !== 'Running' || metadata.deletionTimestamp !== undefined || spec.nodeName === undefined) continue
        yield { namespace: metadata.namespace!, pod: metadata.name!, node: spec.nodeName }
      }
    },
  }
}
