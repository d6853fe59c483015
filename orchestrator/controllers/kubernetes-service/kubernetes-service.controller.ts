import { isDeepStrictEqual } from 'node:util'
import { CoreV1Endpoints, CoreV1Service, DiscoveryV1EndpointSlice } from '../../api/generated/kinds.ts'
import { keyOf } from '../../api/object.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration, ReconcileContext } from '../controller.ts'

/** Where the API servers answer; what the Service `default/kubernetes` leads to. */
export interface ApiServerAddresses {
  readonly addresses: readonly string[]
  readonly port: number
}

export interface KubernetesServiceOptions {
  readonly informers: InformerFactory
  readonly apiServer: ApiServerAddresses
}

const serviceKey = 'default/kubernetes'
const metadata = { name: 'kubernetes', namespace: 'default', labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }
const sliceLabels = { 'kubernetes.io/service-name': 'kubernetes' }

/** Keeps the endpoints of `default/kubernetes`, which has no selector, at the API servers' addresses. */
export function createKubernetesServiceController({
  informers,
  apiServer,
}: KubernetesServiceOptions): ControllerDeclaration<CoreV1Service> {
  const endpoints = informers.informer(CoreV1Endpoints)
  const slices = informers.informer(DiscoveryV1EndpointSlice)
  const port = { name: 'https', port: apiServer.port, protocol: 'TCP' }
  const subsets = [{ addresses: apiServer.addresses.map((ip) => ({ ip })), ports: [port] }]
  const slice = {
    addressType: apiServer.addresses[0]?.includes(':') === true ? 'IPv6' : 'IPv4',
    endpoints: apiServer.addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports: [port],
  }
  const toKey = (object: { readonly metadata: { readonly namespace?: string; readonly name?: string } }) =>
    object.metadata.namespace === 'default' && object.metadata.name === 'kubernetes' ? [serviceKey] : []
  return {
    name: 'kubernetes-service',
    for: CoreV1Service,
    watches: [watch(CoreV1Endpoints, toKey), watch(DiscoveryV1EndpointSlice, toKey)],
    async reconcile(service, context) {
      if (keyOf(service) !== serviceKey) return undefined
      await keepEndpoints(endpoints.get(serviceKey), subsets, context)
      await keepSlice(slices.get(serviceKey), slice, context)
      return undefined
    },
  }
}

async function keepEndpoints(
  current: CoreV1Endpoints | undefined,
  subsets: NonNullable<CoreV1Endpoints['subsets']>,
  { client }: ReconcileContext,
): Promise<void> {
  if (current === undefined) await client.create(CoreV1Endpoints, { apiVersion: 'v1', kind: 'Endpoints', metadata, subsets })
  else if (!isDeepStrictEqual(current.subsets, subsets)) await client.update(CoreV1Endpoints, { ...current, subsets })
}

async function keepSlice(
  current: DiscoveryV1EndpointSlice | undefined,
  content: Pick<DiscoveryV1EndpointSlice, 'addressType' | 'endpoints' | 'ports'>,
  { client }: ReconcileContext,
): Promise<void> {
  const base = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' }
  if (current === undefined)
    await client.create(DiscoveryV1EndpointSlice, {
      ...base,
      metadata: { name: 'kubernetes', namespace: 'default', labels: sliceLabels },
      ...content,
    })
  else if (!isDeepStrictEqual([current.endpoints, current.ports], [content.endpoints, content.ports]))
    await client.update(DiscoveryV1EndpointSlice, { ...current, ...content })
}
