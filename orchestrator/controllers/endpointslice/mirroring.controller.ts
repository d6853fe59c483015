import { CoreV1Endpoints, CoreV1Service, DiscoveryV1EndpointSlice } from '../../api/generated/kinds.ts'
import { keyOf } from '../../api/object.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration } from '../controller.ts'
import { serviceNameLabel } from './endpointslice.plan.ts'
import { mayMirror, mirroredAnnotations, planMirror } from './mirroring.plan.ts'
import { createSliceWriter } from './slice-writer.ts'

/** Keeps EndpointSlices that say what the Endpoints of Services without a selector say. They go with their Endpoints, which own them. */
export function createEndpointSliceMirroringController({
  informers,
}: {
  readonly informers: InformerFactory
}): ControllerDeclaration<CoreV1Endpoints> {
  const services = informers.informer(CoreV1Service)
  const slices = createSliceWriter({ informers, ownerKind: CoreV1Endpoints, managedBy: 'endpointslicemirroring-controller.k8s.io' })
  return {
    name: 'endpointslice-mirroring',
    for: CoreV1Endpoints,
    owns: [DiscoveryV1EndpointSlice],
    watches: [watch(CoreV1Service, (service) => [keyOf(service)])],
    async reconcile(endpoints, { client }) {
      const service = services.get(keyOf(endpoints))
      const isMirrored = service !== undefined && Object.keys(service.spec.selector ?? {}).length === 0 && mayMirror(endpoints)
      await slices.write(
        {
          owner: endpoints,
          labels: { ...endpoints.metadata.labels, [serviceNameLabel]: endpoints.metadata.name! },
          annotations: mirroredAnnotations(endpoints),
          contents: isMirrored ? planMirror(endpoints) : [],
        },
        client,
      )
      return undefined
    },
  }
}
