import type { MetaV1ObjectMeta } from './generated/kinds.ts'

/** What every stored API object has. The generated interfaces (`CoreV1Pod`, …) are narrower shapes of this. */
export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: MetaV1ObjectMeta
}

/**
 * A kind as clients know it: where it is served and how it is named. `T` is the object's type and exists for the compiler only.
 * One constant per served kind is generated beside its interface: `client.list(CoreV1Pod, …)` gives `CoreV1Pod`s.
 */
export interface Kind<T extends KubeObject = KubeObject> {
  /** '' for the core group. */
  readonly group: string
  readonly version: string
  readonly kind: string
  /** The resource name in URLs: lower case, plural. */
  readonly plural: string
  readonly isNamespaced: boolean
  /** Never set; carries the type. */
  readonly objectType?: T
}

/** `v1` or `apps/v1`. */
export function apiVersionOf(kind: Pick<Kind, 'group' | 'version'>): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`
}

/** Names one object of a known kind. `namespace` is absent for cluster-scoped kinds. */
export interface ObjectKey {
  readonly namespace?: string
  readonly name: string
}

/** `namespace/name`, or `name` for cluster-scoped objects: the key of queues and caches. */
export function keyOf(object: KubeObject): string {
  const { namespace, name } = object.metadata
  return namespace === undefined ? name! : `${namespace}/${name}`
}

/** A LIST answer. */
export interface ListOf<T> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string; readonly remainingItemCount?: number }
  readonly items: readonly T[]
}

/** One frame of a watch stream, as on the wire. A BOOKMARK's object carries only its metadata.resourceVersion (and annotations). */
export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly object: KubeObject }
