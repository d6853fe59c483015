import type { CoreV1Service, DiscoveryV1Endpoint, DiscoveryV1EndpointSlice } from '../api/generated/kinds.ts'
import { CoreV1Node, CoreV1Service as ServiceKind, DiscoveryV1EndpointSlice as SliceKind } from '../api/generated/kinds.ts'
import { FakeInformerFactory } from './fake-informer.ts'
import { createServiceCatalog, serviceNameLabel } from './service-catalog.ts'
import type { ServiceCatalog } from './service-catalog.ts'

/** A Service in namespace `default` with TCP port 80 and a cluster IP, changed by `spec`; for tests. */
export function serviceOf(name: string, spec: Partial<CoreV1Service['spec']> = {}, namespace = 'default'): CoreV1Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { type: 'ClusterIP', clusterIP: '10.96.0.50', ports: [{ port: 80, protocol: 'TCP' }], ...spec },
  }
}

/** A slice of the Service with these endpoints on TCP port 8080, changed by `more`; for tests. */
export function sliceOf(
  service: string,
  endpoints: readonly (string | DiscoveryV1Endpoint)[],
  more: Partial<DiscoveryV1EndpointSlice> = {},
): DiscoveryV1EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${service}-1`, namespace: 'default', labels: { [serviceNameLabel]: service } },
    addressType: 'IPv4',
    ports: [{ port: 8080, protocol: 'TCP' }],
    endpoints: endpoints.map((endpoint) => (typeof endpoint === 'string' ? { addresses: [endpoint] } : endpoint)),
    ...more,
  }
}

/** A catalog over informers that a test fills by hand. */
export function fakeCatalog(): { readonly informers: FakeInformerFactory; readonly catalog: ServiceCatalog } {
  const informers = new FakeInformerFactory()
  const catalog = createServiceCatalog({
    services: informers.informer(ServiceKind),
    endpointSlices: informers.informer(SliceKind),
    nodes: informers.informer(CoreV1Node),
    nodeName: 'node-1',
  })
  return { informers, catalog }
}
