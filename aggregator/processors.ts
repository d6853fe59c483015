import type { BatchV1Job, AppsV1ReplicaSet, CoreV1Node, CoreV1Pod } from '../orchestrator/api/generated/kinds.ts'
import type { Informer } from '../orchestrator/client/informer.ts'
import type { Batch } from './metric-set.ts'
import { createClusterTotals } from './processors/cluster-totals.ts'
import { createNamespaceTotals } from './processors/namespace-totals.ts'
import { createNodeCapacity } from './processors/node-capacity.ts'
import { createNodeReservations } from './processors/node-reservations.ts'
import { createPodEnricher } from './processors/pod-enricher.ts'
import { createPodTotals } from './processors/pod-totals.ts'
import { createRates } from './processors/rates.ts'
import { createWorkloadTotals } from './processors/workload-totals.ts'

/** Completes the batch of one node in place. Called once per scrape of that node; several nodes' batches interleave. */
export interface NodeProcessor {
  readonly name: string
  process(batch: Batch): void
  /** The node is gone: drop what is kept of it. */
  forget?(nodeName: string): void
}

/** Adds sets to a batch of totals from the newest batch of each node. */
export interface TotalsProcessor {
  readonly name: string
  process(totals: Batch, latest: readonly Batch[]): void
}

/** What the processors look up in the API. `pods` has the indexes `node`, the name of the node a pod is bound to, and `pending`. */
export interface ClusterView {
  readonly nodes: Informer<CoreV1Node>
  readonly pods: Informer<CoreV1Pod>
  readonly replicaSets: Informer<AppsV1ReplicaSet>
  readonly jobs: Informer<BatchV1Job>
}

/** The steps from a node's reading to its batch, in their order: each relies on those before it. */
export function createNodeProcessors(view: ClusterView, options: { readonly holdMs: number }): readonly NodeProcessor[] {
  return [createRates(options), createPodEnricher(view), createPodTotals(), createNodeReservations(), createNodeCapacity(view)]
}

/** The totals over nodes; independent of each other. */
export function createTotalsProcessors(): readonly TotalsProcessor[] {
  return [createNamespaceTotals(), createWorkloadTotals(), createClusterTotals()]
}
