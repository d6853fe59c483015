import type { FastifyRequest } from 'fastify'
import { findMetric, legacyNames } from '../catalog.ts'
import type { Metric } from '../catalog.ts'
import { entityKeys } from '../entity.ts'
import type { EntityType } from '../window.ts'

/** The parts of a path that name things. */
export type Names = Readonly<Record<string, string>>

/** A place in the API where the metrics of an entity are found. */
export interface EntityRoute {
  readonly path: string
  readonly type: EntityType
  /** The key of the entity that a path names. */
  readonly key: (names: Names) => string
  /** The labels by which the entity is told from all others of its type. */
  readonly labels: (names: Names) => Names
}

/** A place in the API that lists names. */
export interface ListRoute {
  readonly path: string
  /** Whose names they are, and in which label they have them. */
  readonly type: EntityType
  readonly label: string
  readonly labels: (names: Names) => Names
  /** The entity whose parts are listed. */
  readonly parent: (names: Names) => string
}

const ofPod = ({ namespace, pod }: Names): Names => ({ namespace_name: namespace!, pod_name: pod! })
const ofContainer = (names: Names): Names => ({ ...ofPod(names), container_name: names['container']! })

/** Heapster's places, and ours for workloads. */
export const entityRoutes: readonly EntityRoute[] = [
  { path: '', type: 'cluster', key: () => entityKeys.cluster, labels: () => ({}) },
  { path: '/nodes/:node', type: 'node', key: ({ node }) => entityKeys.node(node!), labels: ({ node }) => ({ nodename: node! }) },
  {
    path: '/nodes/:node/freecontainers/:container',
    type: 'sys_container',
    key: ({ node, container }) => entityKeys.systemContainer(node!, container!),
    labels: ({ node, container }) => ({ nodename: node!, container_name: container! }),
  },
  {
    path: '/namespaces/:namespace',
    type: 'ns',
    key: ({ namespace }) => entityKeys.namespace(namespace!),
    labels: ({ namespace }) => ({ namespace_name: namespace! }),
  },
  { path: '/namespaces/:namespace/pods/:pod', type: 'pod', key: ({ namespace, pod }) => entityKeys.pod(namespace!, pod!), labels: ofPod },
  {
    path: '/namespaces/:namespace/pods/:pod/containers/:container',
    type: 'pod_container',
    key: ({ namespace, pod, container }) => entityKeys.container(namespace!, pod!, container!),
    labels: ofContainer,
  },
  {
    path: '/namespaces/:namespace/workloads/:kind/:workload',
    type: 'workload',
    key: ({ namespace, kind, workload }) => entityKeys.workload(namespace!, kind!, workload!),
    labels: ({ namespace, kind, workload }) => ({ namespace_name: namespace!, workload_kind: kind!, workload_name: workload! }),
  },
]

/** Lists of names. */
export const listRoutes: readonly ListRoute[] = [
  { path: '/nodes', type: 'node', label: 'nodename', labels: () => ({}), parent: () => entityKeys.cluster },
  {
    path: '/nodes/:node/freecontainers',
    type: 'sys_container',
    label: 'container_name',
    labels: ({ node }) => ({ nodename: node! }),
    parent: ({ node }) => entityKeys.node(node!),
  },
  { path: '/namespaces', type: 'ns', label: 'namespace_name', labels: () => ({}), parent: () => entityKeys.cluster },
  {
    path: '/namespaces/:namespace/pods',
    type: 'pod',
    label: 'pod_name',
    labels: ({ namespace }) => ({ namespace_name: namespace! }),
    parent: ({ namespace }) => entityKeys.namespace(namespace!),
  },
  {
    path: '/namespaces/:namespace/pods/:pod/containers',
    type: 'pod_container',
    label: 'container_name',
    labels: ofPod,
    parent: ({ namespace, pod }) => entityKeys.pod(namespace!, pod!),
  },
  {
    path: '/namespaces/:namespace/workloads',
    type: 'workload',
    label: 'workload_kind',
    labels: ({ namespace }) => ({ namespace_name: namespace! }),
    parent: ({ namespace }) => entityKeys.namespace(namespace!),
  },
  {
    path: '/namespaces/:namespace/workloads/:kind',
    type: 'workload',
    label: 'workload_name',
    labels: ({ namespace, kind }) => ({ namespace_name: namespace!, workload_kind: kind! }),
    parent: ({ namespace }) => entityKeys.namespace(namespace!),
  },
]

/** The names in a request's path. A slash at the end belongs to the route, not to a metric's name. */
export function namesOf(request: FastifyRequest): Names {
  const names = request.params as Names
  return names['*'] === undefined ? names : { ...names, '*': names['*'].replace(/\/$/, '') }
}

/** The metric of a name from outside; names of Heapster's first API count. */
export function metricOf(name: string): Metric | undefined {
  return findMetric(Object.hasOwn(legacyNames, name) ? legacyNames[name]! : name)
}
