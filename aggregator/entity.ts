import type { Entity, EntityType } from './window.ts'

/** The keys of entities, as Heapster spells them (and ours for workloads). */
export const entityKeys = {
  cluster: 'cluster',
  monitor: (name: string) => `monitor:${name}`,
  node: (node: string) => `node:${node}`,
  systemContainer: (node: string, container: string) => `node:${node}/container:${container}`,
  namespace: (namespace: string) => `namespace:${namespace}`,
  workload: (namespace: string, kind: string, name: string) => `namespace:${namespace}/workload:${kind}/${name}`,
  pod: (namespace: string, pod: string) => `namespace:${namespace}/pod:${pod}`,
  container: (namespace: string, pod: string, container: string) => `namespace:${namespace}/pod:${pod}/container:${container}`,
}

/** An entity with its label `type` set. */
export function createEntity(type: EntityType, key: string, labels: Readonly<Record<string, string>> = {}): Entity {
  return { key, type, labels: { type, ...labels } }
}

/**
 * Keeps one object per entity for as long as its labels stay the same, so that what is derived from an entity (encoded tags) can be
 * cached by identity. Bounded by `forget`.
 */
export class EntityInterner {
  readonly #entities = new Map<string, Entity>()

  /** The entity that was first seen with this key and these labels. */
  intern(entity: Entity): Entity {
    const known = this.#entities.get(entity.key)
    if (known !== undefined && (known === entity || hasSameLabels(known.labels, entity.labels))) return known
    this.#entities.set(entity.key, entity)
    return entity
  }

  /** Drops every entity that `isWanted` refuses. */
  forget(isWanted: (key: string) => boolean): void {
    for (const key of this.#entities.keys()) if (!isWanted(key)) this.#entities.delete(key)
  }

  get size(): number {
    return this.#entities.size
  }
}

function hasSameLabels(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  let count = 0
  for (const name in a) {
    if (a[name] !== b[name]) return false
    count++
  }
  for (const _ in b) count--
  return count === 0
}
