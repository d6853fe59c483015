import type { Kind } from './object.ts'

/** A resource of a group that is not built in (served by an APIService). */
export interface ExtraResource {
  readonly kind: Kind
  readonly singular?: string
  readonly shortNames?: readonly string[]
  readonly categories?: readonly string[]
  readonly verbs: readonly string[]
}

/** One more group version to announce. `resources` may be empty while its server is unreachable (`isStale`). */
export interface ExtraGroupVersion {
  readonly group: string
  readonly version: string
  readonly resources: readonly ExtraResource[]
  readonly isStale?: boolean
}

/** `apidiscovery.k8s.io/v2` APIGroupDiscoveryList for `/api` (`core`) or `/apis` (`groups`). */
export function aggregatedDiscovery(_root: 'core' | 'groups', _extras: readonly ExtraGroupVersion[] = []): object {
  return { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items: [] }
}

/** Legacy `APIVersions` of `/api`. */
export function apiVersions(serverAddress: string): object {
  return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }] }
}

/** Legacy `APIGroupList` of `/apis`. */
export function apiGroupList(_extras: readonly ExtraGroupVersion[] = []): object {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: [] }
}

/** Legacy `APIGroup` of `/apis/<group>`; `undefined` for an unknown one. */
export function apiGroup(_group: string, _extras: readonly ExtraGroupVersion[] = []): object | undefined {
  return undefined
}

/** Legacy `APIResourceList` of `/api/v1` (group '') or `/apis/<group>/<version>`; `undefined` for an unknown one. */
export function apiResourceList(_group: string, _version: string): object | undefined {
  return undefined
}
