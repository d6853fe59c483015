import { CoreV1Node, CoreV1Pod, CoreV1Service, DiscoveryV1EndpointSlice } from '../../api/generated/kinds.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration } from '../controller.ts'
import { createServicePods, hasSelector, isHeadless } from '../service-pods.ts'
import { planContents, serviceNameLabel } from './endpointslice.plan.ts'
import { createSliceWriter } from './slice-writer.ts'

const headlessLabel = 'service.kubernetes.io/headless'

const labelsOf = (service: CoreV1Service): Record<string, string> => ({
  ...service.metadata.labels,
  [serviceNameLabel]: service.metadata.name!,
  ...(isHeadless(service) ? { [headlessLabel]: '' } : {}),
})

/** Keeps the EndpointSlices of each Service with a selector equal to its pods. */
export function createEndpointSliceController({
  informers,
}: {
  readonly informers: InformerFactory
}): ControllerDeclaration<CoreV1Service> {
  const { podsOf, servicesOf } = createServicePods(informers)
  const nodes = informers.informer(CoreV1Node)
  const slices = createSliceWriter({ informers, ownerKind: CoreV1Service, managedBy: 'endpointslice-controller.k8s.io' })
  return {
    name: 'endpointslice',
    for: CoreV1Service,
    owns: [DiscoveryV1EndpointSlice],
    watches: [watch(CoreV1Pod, servicesOf)],
    async reconcile(service, { client }) {
      if (!hasSelector(service) || service.metadata.deletionTimestamp !== undefined) return undefined
      const contents = planContents(service, podsOf(service), (name) => nodes.get(name))
      await slices.write({ owner: service, labels: labelsOf(service), contents }, client)
      return undefined
    },
  }
}
