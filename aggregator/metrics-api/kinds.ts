import type { KindDeclaration } from '../../orchestrator/api/kind-declaration.ts'
import type { KubeObject } from '../../orchestrator/api/object.ts'

/**
 * What a node or container uses: `cpu` in nanocores (`123456789n`), `memory` as its working set (`1234Ki`), and where it is known `swap` and
 * `ephemeral-storage` in bytes (`1234Ki`).
 */
export interface Usage {
  readonly cpu: string
  readonly memory: string
  readonly swap?: string
  readonly 'ephemeral-storage'?: string
}

/** `metrics.k8s.io/v1beta1` NodeMetrics: average CPU use over the `window` before `timestamp`. */
export interface NodeMetrics extends KubeObject {
  readonly timestamp: string
  readonly window: string
  readonly usage: Usage
}

/** `metrics.k8s.io/v1beta1` PodMetrics. `timestamp` is the earliest of its containers, `window` the one that ends there. */
export interface PodMetrics extends KubeObject {
  readonly timestamp: string
  readonly window: string
  readonly containers: readonly { readonly name: string; readonly usage: Usage }[]
}

/** The group and version that this API serves. */
export const metricsApiVersion = 'metrics.k8s.io/v1beta1'

const shared = {
  singular: '',
  shortNames: [],
  categories: [],
  verbs: ['get', 'list', 'watch'],
  subresources: [],
  nameRule: 'path',
  alwaysWritten: [],
  countsGenerations: false,
  columns: [
    { name: 'Name', type: 'string', format: 'name', description: 'Name of the resource' },
    { name: 'cpu', type: 'string', format: 'quantity' },
    { name: 'memory', type: 'string', format: 'quantity' },
    { name: 'Window', type: 'string', format: 'duration' },
  ],
} as const satisfies Partial<KindDeclaration>

/** NodeMetrics as the API machinery knows kinds; served at `nodes`. */
export const nodeMetricsDeclaration: KindDeclaration<NodeMetrics> = {
  ...shared,
  kind: { group: 'metrics.k8s.io', version: 'v1beta1', kind: 'NodeMetrics', plural: 'nodes', isNamespaced: false },
  definition: 'io.k8s.metrics.pkg.apis.metrics.v1beta1.NodeMetrics',
  cells: ({ metadata, usage, window }) => [metadata.name!, usage.cpu, usage.memory, window],
  selectableFields: { 'metadata.name': ({ metadata }) => metadata.name ?? '' },
}

/** PodMetrics as the API machinery knows kinds; served at `pods`. */
export const podMetricsDeclaration: KindDeclaration<PodMetrics> = {
  ...shared,
  kind: { group: 'metrics.k8s.io', version: 'v1beta1', kind: 'PodMetrics', plural: 'pods', isNamespaced: true },
  definition: 'io.k8s.metrics.pkg.apis.metrics.v1beta1.PodMetrics',
  cells: ({ metadata, containers, window }) => [
    metadata.name!,
    `${sum(containers.map(({ usage }) => Number.parseInt(usage.cpu, 10)))}n`,
    `${sum(containers.map(({ usage }) => Number.parseInt(usage.memory, 10)))}Ki`,
    window,
  ],
  selectableFields: {
    'metadata.name': ({ metadata }) => metadata.name ?? '',
    'metadata.namespace': ({ metadata }) => metadata.namespace ?? '',
  },
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
