import { describe, expect, it } from 'vitest'
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList, apiVersions, compareVersions } from './discovery.ts'

interface Discovered {
  readonly items: readonly {
    readonly metadata: { readonly name?: string }
    readonly versions: readonly {
      readonly version: string
      readonly freshness: string
      readonly resources: readonly Record<string, unknown>[]
    }[]
  }[]
}

const groups = (extras?: Parameters<typeof aggregatedDiscovery>[1]) => (aggregatedDiscovery('groups', extras) as Discovered).items
const metrics = {
  group: 'metrics.k8s.io',
  version: 'v1beta1',
  resources: [
    {
      kind: { group: 'metrics.k8s.io', version: 'v1beta1', kind: 'PodMetrics', plural: 'pods', isNamespaced: true },
      verbs: ['get', 'list'],
    },
  ],
  isStale: true,
}

describe('discovery', () => {
  it('puts groups and versions in the order of preference', () => {
    const names = groups().map(({ metadata }) => metadata.name)
    expect(names.slice(0, 3)).toEqual(['apiregistration.k8s.io', 'apps', 'events.k8s.io'])
    expect(names.at(-1)).toBe('extensions')
    expect(
      groups()
        .find(({ metadata }) => metadata.name === 'autoscaling')!
        .versions.map(({ version }) => version),
    ).toEqual(['v2', 'v1'])
    expect(['v1alpha1', 'v1', 'v2', 'v1beta1', 'v10', 'x'].sort(compareVersions)).toEqual(['v10', 'v2', 'v1', 'v1beta1', 'v1alpha1', 'x'])
  })

  it('describes pods with short names and subresources, eviction with its own kind', () => {
    const [core] = (aggregatedDiscovery('core') as Discovered).items
    const pods = core!.versions[0]!.resources.find(({ resource }) => resource === 'pods')!
    expect(pods).toMatchObject({
      responseKind: { group: '', version: 'v1', kind: 'Pod' },
      scope: 'Namespaced',
      singularResource: 'pod',
      shortNames: ['po'],
      categories: ['all'],
    })
    expect(pods['subresources']).toContainEqual({
      subresource: 'eviction',
      responseKind: { group: 'policy', version: 'v1', kind: 'Eviction' },
      verbs: ['create'],
    })
  })

  it('announces other servers’ groups, stale where they cannot be reached', () => {
    const found = groups([metrics]).find(({ metadata }) => metadata.name === 'metrics.k8s.io')!
    expect(found.versions[0]).toMatchObject({
      version: 'v1beta1',
      freshness: 'Stale',
      resources: [{ resource: 'pods', scope: 'Namespaced', singularResource: 'podmetrics' }],
    })
    expect(apiGroup('metrics.k8s.io', [metrics])).toMatchObject({
      name: 'metrics.k8s.io',
      preferredVersion: { groupVersion: 'metrics.k8s.io/v1beta1', version: 'v1beta1' },
    })
    expect(apiResourceList('metrics.k8s.io', 'v1beta1', [metrics])).toMatchObject({ groupVersion: 'metrics.k8s.io/v1beta1' })
  })

  it('serves the same in the legacy form', () => {
    expect(apiVersions('127.0.0.1:6443')).toEqual({
      kind: 'APIVersions',
      versions: ['v1', 'v1beta1'],
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '127.0.0.1:6443' }],
    })
    expect((apiGroupList() as { groups: unknown[] }).groups).toHaveLength(groups().length)
    const { resources } = apiResourceList('', 'v1') as { resources: Record<string, unknown>[] }
    expect(resources.find(({ name }) => name === 'pods/eviction')).toEqual({
      name: 'pods/eviction',
      singularName: '',
      namespaced: true,
      group: 'policy',
      version: 'v1',
      kind: 'Eviction',
      verbs: ['create'],
    })
    expect(resources.find(({ name }) => name === 'pods/status')).not.toHaveProperty('group')
    expect(apiResourceList('apps', 'v9')).toBeUndefined()
    expect(apiGroup('nothing.example')).toBeUndefined()
  })
})
