import { resourceRows } from './generated/resources.ts'
import type { KindDeclaration } from './kind-declaration.ts'
import { kinds, legacyDeclarations } from './kinds.ts'
import { apiVersionOf, type Kind } from './object.ts'
import type { SubresourceRow } from './resource-row.ts'

/** A resource of a group that is not built in (served by an APIService or a custom resource definition). */
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

/** Groups in upstream's order of preference; clients resolve ambiguous names by it. Others follow, retired ones last. */
const groupOrder = [
  '',
  'apiregistration.k8s.io',
  'apps',
  'events.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'networking.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'storage.k8s.io',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'scheduling.k8s.io',
  'coordination.k8s.io',
  'node.k8s.io',
  'discovery.k8s.io',
  'flowcontrol.apiserver.k8s.io',
  'resource.k8s.io',
  'internal.apiserver.k8s.io',
  'storagemigration.k8s.io',
]

interface Resource extends ExtraResource {
  readonly subresources: readonly SubresourceRow[]
}

interface GroupVersion {
  readonly group: string
  readonly version: string
  readonly resources: readonly Resource[]
  readonly isStale: boolean
}

interface Group {
  readonly name: string
  /** The preferred one first. */
  readonly versions: readonly GroupVersion[]
}

/** Orders versions as Kubernetes prefers them: stable before beta before alpha, then higher numbers first. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [versionRank(a), versionRank(b)]
  for (let at = 0; at < left.length; at++) if (left[at] !== right[at]) return right[at]! - left[at]!
  return a < b ? -1 : a > b ? 1 : 0
}

function versionRank(version: string): readonly number[] {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version)
  if (match === null) return [-1, 0, 0]
  return [match[2] === undefined ? 2 : match[2] === 'beta' ? 1 : 0, Number(match[1]), Number(match[3] ?? 0)]
}

function builtInResource(declaration: KindDeclaration): Resource {
  const { group, version, plural } = declaration.alias?.kind ?? declaration.kind
  const row = resourceRows.find((candidate) => candidate.plural === plural && candidate.group === group && candidate.version === version)
  const { kind, singular, shortNames, categories, verbs } = declaration
  return { kind, singular, shortNames, categories, verbs, subresources: declaration.alias === undefined ? (row?.subresources ?? []) : [] }
}

function groupsOf(extras: readonly ExtraGroupVersion[]): Group[] {
  const versions = new Map<string, GroupVersion & { resources: Resource[] }>()
  const place = (group: string, version: string, isStale: boolean) => {
    const key = `${group}/${version}`
    const entry = versions.get(key) ?? { group, version, resources: [], isStale }
    versions.set(key, entry)
    return entry.resources
  }
  for (const declaration of [...kinds, ...legacyDeclarations])
    place(declaration.kind.group, declaration.kind.version, false).push(builtInResource(declaration))
  for (const extra of extras)
    place(extra.group, extra.version, extra.isStale ?? false).push(
      ...extra.resources.map((resource) => ({ ...resource, subresources: [] })),
    )
  const names = [...new Set([...versions.values()].map(({ group }) => group))].sort((a, b) => groupRank(a) - groupRank(b))
  return names.map((name) => ({
    name,
    versions: [...versions.values()].filter(({ group }) => group === name).sort((a, b) => compareVersions(a.version, b.version)),
  }))
}

function groupRank(group: string): number {
  const at = groupOrder.indexOf(group)
  if (at >= 0) return at
  return group === 'extensions' ? groupOrder.length + 1 : groupOrder.length
}

const gvkOf = ({ group, version, kind }: Pick<Kind, 'group' | 'version' | 'kind'>) => ({ group, version, kind })
const unlessEmpty = (name: string, list: readonly string[] | undefined) => (list === undefined || list.length === 0 ? {} : { [name]: list })
const singularOf = ({ singular, kind }: ExtraResource) => singular ?? kind.kind.toLowerCase()

/** `apidiscovery.k8s.io/v2` APIGroupDiscoveryList for `/api` (`core`) or `/apis` (`groups`). */
export function aggregatedDiscovery(root: 'core' | 'groups', extras: readonly ExtraGroupVersion[] = []): object {
  const groups = groupsOf(extras).filter(({ name }) => (name === '') === (root === 'core'))
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map(({ name, versions }) => ({
      metadata: { ...(name === '' ? {} : { name }), creationTimestamp: null },
      versions: versions.map((entry) => ({
        version: entry.version,
        resources: entry.resources.map(discoveredResource),
        freshness: entry.isStale ? 'Stale' : 'Current',
      })),
    })),
  }
}

function discoveredResource(resource: Resource): object {
  const subresources = resource.subresources.map((subresource) => ({
    subresource: subresource.name,
    responseKind: gvkOf(subresource),
    verbs: subresource.verbs,
  }))
  return {
    resource: resource.kind.plural,
    responseKind: gvkOf(resource.kind),
    scope: resource.kind.isNamespaced ? 'Namespaced' : 'Cluster',
    singularResource: singularOf(resource),
    verbs: resource.verbs,
    ...unlessEmpty('shortNames', resource.shortNames),
    ...unlessEmpty('categories', resource.categories),
    ...(subresources.length === 0 ? {} : { subresources }),
  }
}

/** Legacy `APIVersions` of `/api`. */
export function apiVersions(serverAddress: string): object {
  const versions = groupsOf([])
    .find(({ name }) => name === '')!
    .versions.map(({ version }) => version)
  return { kind: 'APIVersions', versions, serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }] }
}

function groupObject({ name, versions }: Group): object {
  const entries = versions.map(({ version }) => ({ groupVersion: `${name}/${version}`, version }))
  return { name, versions: entries, preferredVersion: entries[0] }
}

/** Legacy `APIGroupList` of `/apis`. */
export function apiGroupList(extras: readonly ExtraGroupVersion[] = []): object {
  const groups = groupsOf(extras).filter(({ name }) => name !== '')
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(groupObject) }
}

/** Legacy `APIGroup` of `/apis/<group>`; `undefined` for an unknown one. */
export function apiGroup(name: string, extras: readonly ExtraGroupVersion[] = []): object | undefined {
  const group = groupsOf(extras).find((candidate) => candidate.name === name)
  return group === undefined || name === '' ? undefined : { kind: 'APIGroup', apiVersion: 'v1', ...groupObject(group) }
}

/** Legacy `APIResourceList` of `/api/v1` (group '') or `/apis/<group>/<version>`; `undefined` for an unknown one. */
export function apiResourceList(group: string, version: string, extras: readonly ExtraGroupVersion[] = []): object | undefined {
  const entry = groupsOf(extras)
    .find(({ name }) => name === group)
    ?.versions.find((candidate) => candidate.version === version)
  if (entry === undefined) return undefined
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: apiVersionOf({ group, version }),
    resources: entry.resources.flatMap(resourceListItems),
  }
}

function resourceListItems(resource: Resource): object[] {
  const { kind } = resource
  const main = {
    name: kind.plural,
    singularName: singularOf(resource),
    namespaced: kind.isNamespaced,
    kind: kind.kind,
    verbs: resource.verbs,
    ...unlessEmpty('shortNames', resource.shortNames),
    ...unlessEmpty('categories', resource.categories),
  }
  const subresources = resource.subresources.map((subresource) => ({
    name: `${kind.plural}/${subresource.name}`,
    singularName: '',
    namespaced: kind.isNamespaced,
    // Group and version are named only where they differ from the list's, as upstream does.
    ...(subresource.group === kind.group && subresource.version === kind.version
      ? {}
      : { group: subresource.group, version: subresource.version }),
    kind: subresource.kind,
    verbs: subresource.verbs,
  }))
  return [main, ...subresources]
}
