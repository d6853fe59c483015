import type { ApiGroup, ApiPath, ApiResource } from './api-group.ts'

const groupVersionOf = (group: ApiGroup, version: string) => `${group.name}/${version}`

function groupDocument(group: ApiGroup): object {
  const versions = group.versions.map((version) => ({ groupVersion: groupVersionOf(group, version), version }))
  return { kind: 'APIGroup', apiVersion: 'v1', name: group.name, versions, preferredVersion: versions[0] }
}

/** `apidiscovery.k8s.io/v2` of all groups: what has a slash in its name is announced as a subresource. */
export function aggregatedDiscovery(groups: readonly ApiGroup[]): object {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map((group) => ({
      metadata: { name: group.name, creationTimestamp: null },
      versions: group.versions.map((version) => ({
        version,
        freshness: 'Current',
        resources: discoveredResources(group, version),
      })),
    })),
  }
}

function discoveredResources(group: ApiGroup, version: string): readonly object[] {
  const byName = new Map<string, ApiResource[]>()
  for (const resource of group.resources(version)) {
    const [name = ''] = resource.name.split('/', 1)
    byName.set(name, [...(byName.get(name) ?? []), resource])
  }
  const kindOf = ({ kind }: ApiResource) => ({ group: group.name, version, kind })
  return [...byName].map(([name, members]) => {
    const own = members.find((member) => member.name === name)
    const subresources = members
      .filter((member) => member !== own)
      .map((member) => ({ subresource: member.name.slice(name.length + 1), responseKind: kindOf(member), verbs: member.verbs }))
    return {
      resource: name,
      // A resource that exists by its subresources alone has an empty kind, as upstream announces it.
      responseKind: own === undefined ? { group: '', version: '', kind: '' } : kindOf(own),
      scope: members[0]!.namespaced ? 'Namespaced' : 'Cluster',
      singularResource: own?.singularName ?? '',
      verbs: own?.verbs ?? [],
      ...(subresources.length === 0 ? {} : { subresources }),
    }
  })
}

const info = { title: 'Binnacle metrics', version: 'unversioned' }
const v3Root = '/openapi/v3'

/** The document at a path that tells clients what is served; `undefined` where there is none. */
export function discoveryDocument(path: string, groups: readonly ApiGroup[]): object | undefined {
  if (path === '/apis') return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(groupDocument) }
  if (path === '/openapi/v2') return openApiV2(groups)
  if (path === v3Root) return openApiIndex(groups)
  const isV3 = path.startsWith(`${v3Root}/`)
  const [root, name, version, ...rest] = (isV3 ? path.slice(v3Root.length) : path).split('/').slice(1)
  const group = groups.find((candidate) => candidate.name === name)
  if (root !== 'apis' || group === undefined || rest.length > 0) return undefined
  if (version === undefined) return isV3 ? undefined : groupDocument(group)
  if (!group.versions.includes(version)) return undefined
  if (isV3) return openApiV3(group, version)
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: groupVersionOf(group, version), resources: group.resources(version) }
}

function openApiIndex(groups: readonly ApiGroup[]): object {
  const paths = groups.flatMap((group) =>
    group.versions.map((version) => {
      const path = `apis/${groupVersionOf(group, version)}`
      return [path, { serverRelativeURL: `${v3Root}/${path}` }]
    }),
  )
  return { paths: Object.fromEntries(paths) as object }
}

function openApiV3(group: ApiGroup, version: string): object {
  const prefix = '#/components/schemas/'
  const { schemas, paths } = group.schemas(version)
  const answer = ({ schema }: ApiPath) => ({
    description: 'OK',
    content: { 'application/json': { schema: { $ref: `${prefix}${schema}` } } },
  })
  const parameter = (name: string) => ({ name, in: 'path', required: true, schema: { type: 'string' } })
  return {
    openapi: '3.0.0',
    info,
    paths: openApiPaths(group, version, { paths, answer, parameter }),
    components: { schemas: schemas(prefix) },
  }
}

function openApiV2(groups: readonly ApiGroup[]): object {
  const prefix = '#/definitions/'
  const answer = ({ schema }: ApiPath) => ({ description: 'OK', schema: { $ref: `${prefix}${schema}` } })
  const parameter = (name: string) => ({ name, in: 'path', required: true, type: 'string' })
  const members = groups.flatMap((group) => group.versions.map((version) => ({ group, version, ...group.schemas(version) })))
  return {
    swagger: '2.0',
    info,
    paths: Object.assign(
      {},
      ...members.map(({ group, version, paths }) => openApiPaths(group, version, { paths, answer, parameter })),
    ) as object,
    definitions: Object.assign({}, ...members.map(({ schemas }) => schemas(prefix))) as object,
  }
}

function openApiPaths(
  group: ApiGroup,
  version: string,
  document: {
    readonly paths: readonly ApiPath[]
    readonly answer: (path: ApiPath) => object
    readonly parameter: (name: string) => object
  },
): object {
  return Object.fromEntries(
    document.paths.map((path) => [
      `/apis/${groupVersionOf(group, version)}/${path.path}`,
      {
        get: {
          operationId: `${path.action}${path.path.replaceAll(/[^a-zA-Z]+(.)?/g, (_, next?: string) => next?.toUpperCase() ?? '')}`,
          responses: { 200: document.answer(path) },
          'x-kubernetes-action': path.action,
          'x-kubernetes-group-version-kind': { group: group.name, version, kind: path.kind },
        },
        parameters: path.parameters.map(document.parameter),
      },
    ]),
  )
}
