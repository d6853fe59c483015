import type { FastifyRequest } from 'fastify'
import { entityKeys } from '../entity.ts'

/** The parts of a path that name things. */
export type Names = Readonly<Record<string, string>>

/** A place in the API where the metrics of an entity are found. */
export interface EntityRoute {
  readonly path: string
  /** The key of the entity that a path names. */
  readonly key: (names: Names) => string
  /** The tags by which the entity's points are told from all others. */
  readonly tags: (names: Names) => Readonly<Record<string, string>>
}

/** Heapster's places, and ours for workloads. */
export const entityRoutes: readonly EntityRoute[] = [
  { path: '', key: () => entityKeys.cluster, tags: () => ({ type: 'cluster' }) },
  { path: '/nodes/:node', key: ({ node }) => entityKeys.node(node!), tags: ({ node }) => ({ type: 'node', nodename: node! }) },
  {
    path: '/nodes/:node/freecontainers/:container',
    key: ({ node, container }) => entityKeys.systemContainer(node!, container!),
    tags: ({ node, container }) => ({ type: 'sys_container', nodename: node!, container_name: container! }),
  },
  {
    path: '/namespaces/:namespace',
    key: ({ namespace }) => entityKeys.namespace(namespace!),
    tags: ({ namespace }) => ({ type: 'ns', namespace_name: namespace! }),
  },
  {
    path: '/namespaces/:namespace/pods/:pod',
    key: ({ namespace, pod }) => entityKeys.pod(namespace!, pod!),
    tags: ({ namespace, pod }) => ({ type: 'pod', namespace_name: namespace!, pod_name: pod! }),
  },
  {
    path: '/namespaces/:namespace/pods/:pod/containers/:container',
    key: ({ namespace, pod, container }) => entityKeys.container(namespace!, pod!, container!),
    tags: ({ namespace, pod, container }) => ({
      type: 'pod_container',
      namespace_name: namespace!,
      pod_name: pod!,
      container_name: container!,
    }),
  },
  {
    path: '/namespaces/:namespace/workloads/:kind/:workload',
    key: ({ namespace, kind, workload }) => entityKeys.workload(namespace!, kind!, workload!),
    tags: ({ namespace, kind, workload }) => ({
      type: 'workload',
      namespace_name: namespace!,
      workload_kind: kind!,
      workload_name: workload!,
    }),
  },
]

/** The names in a request's path. */
export function namesOf(request: FastifyRequest): Names {
  return request.params as Names
}
