import { createEntity, entityKeys } from '../entity.ts'
import type { Entity, EntityType } from '../window.ts'

type Tags = Readonly<Record<string, string>>

interface EntityRow {
  /** The tags that tell its entities apart. */
  readonly tags: readonly string[]
  key(tags: readonly string[]): string
}

const workloadTags = ['workload_kind', 'workload_name'] as const

const rows: Readonly<Record<EntityType, EntityRow>> = {
  cluster: { tags: [], key: () => entityKeys.cluster },
  node: { tags: ['nodename'], key: ([node]) => entityKeys.node(node!) },
  ns: { tags: ['namespace_name'], key: ([namespace]) => entityKeys.namespace(namespace!) },
  workload: { tags: ['namespace_name', ...workloadTags], key: ([namespace, kind, name]) => entityKeys.workload(namespace!, kind!, name!) },
  pod: { tags: ['namespace_name', 'pod_name'], key: ([namespace, pod]) => entityKeys.pod(namespace!, pod!) },
  pod_container: {
    tags: ['namespace_name', 'pod_name', 'container_name'],
    key: ([namespace, pod, container]) => entityKeys.container(namespace!, pod!, container!),
  },
  sys_container: { tags: ['nodename', 'container_name'], key: ([node, container]) => entityKeys.systemContainer(node!, container!) },
  monitor: { tags: ['monitor_name'], key: ([name]) => entityKeys.monitor(name!) },
}

/** The tags that a query about entities of a type groups by: what tells them apart, and for pods what they belong to. */
export function groupingTags(type: EntityType): readonly string[] {
  const { tags } = rows[type]
  return type === 'pod' || type === 'pod_container' ? [...tags, 'nodename', ...workloadTags] : tags
}

/** The entity that a point with these tags is about, as the memory window would have it. */
export function entityOfTags(type: EntityType, tags: Tags): Entity {
  const row = rows[type]
  const labels = Object.fromEntries(Object.entries(tags).filter(([, value]) => value !== ''))
  return createEntity(type, row.key(row.tags.map((tag) => tags[tag] ?? '')), labels)
}
