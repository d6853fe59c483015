/**
 * The memory window as its readers see it (model API, metrics APIs, alerts, page): recent samples of every entity, in columns.
 * Metric names are those of `catalog.ts`. Written by the aggregator's `memory-window.ts` alone.
 */
export interface MetricWindow {
  /** Every entity that has a sample inside the window and matches `filter`. */
  entities(filter: EntityFilter): Iterable<Entity>
  /** The samples of one metric for each matching entity, oldest first; `since`/`until` are inclusive, milliseconds. */
  series(metric: string, filter: EntityFilter, range?: { readonly since?: number; readonly until?: number }): Iterable<Series>
  /** The newest sample of a metric of one entity, or `undefined` if there is none in the window. */
  latest(metric: string, entityKey: string): { readonly timestamp: number; readonly value: number } | undefined
  /** Called after each batch is in: what changed, in one call per node scrape. Returns the unsubscriber. */
  onBatch(handler: (batch: { readonly timestamp: number; readonly entityKeys: readonly string[] }) => void): () => void
}

export type EntityType = 'cluster' | 'node' | 'ns' | 'workload' | 'pod' | 'pod_container' | 'sys_container' | 'monitor'

/**
 * A thing that has metrics. Keys are Heapster's: `cluster`, `node:<n>`, `node:<n>/container:<c>`, `namespace:<ns>`,
 * `namespace:<ns>/pod:<p>`, `namespace:<ns>/pod:<p>/container:<c>`, and ours: `namespace:<ns>/workload:<Kind>/<name>` and, for an aggregator
 * itself, `monitor:<name>`.
 */
export interface Entity {
  readonly key: string
  readonly type: EntityType
  /** Heapster's labels: type, nodename, namespace_name, pod_name, pod_id, container_name, labels, …, and ours: workload_kind, workload_name. */
  readonly labels: Readonly<Record<string, string>>
}

/** All given parts must hold; an absent part matches everything. Label values are compared whole. */
export interface EntityFilter {
  readonly type?: EntityType
  readonly key?: string
  readonly labels?: Readonly<Record<string, string>>
}

/** `timestamps[i]` (ms) belongs to `values[i]`; `resource` tells labelled metrics (one series per file system, …) apart. */
export interface Series {
  readonly entity: Entity
  readonly metric: string
  readonly resource?: string
  readonly timestamps: Float64Array
  readonly values: Float64Array
}
