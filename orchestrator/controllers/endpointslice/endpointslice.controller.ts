import { isDeepStrictEqual } from 'node:util'
import { CoreV1Node, CoreV1Pod, CoreV1Service, DiscoveryV1EndpointSlice } from '../../api/generated/kinds.ts'
import { keyOf } from '../../api/object.ts'
import { isNotFound } from '../../api/status-error.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { controllerReference } from '../adoption.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration, ReconcileContext } from '../controller.ts'
import { controllerOf } from '../pod-state.ts'
import { isNamespaceTerminating } from '../refusal.ts'
import { createServicePods, hasSelector, isHeadless } from '../service-pods.ts'
import { planContents, planSlices } from './endpointslice.plan.ts'
import type { SliceContent } from './endpointslice.plan.ts'

const serviceNameLabel = 'kubernetes.io/service-name'
const managedByLabel = 'endpointslice.kubernetes.io/managed-by'
const managedBy = 'endpointslice-controller.k8s.io'
const headlessLabel = 'service.kubernetes.io/headless'

const labelsOf = (service: CoreV1Service): Record<string, string> => ({
  ...service.metadata.labels,
  [serviceNameLabel]: service.metadata.name!,
  [managedByLabel]: managedBy,
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
  const slices = informers.informer(DiscoveryV1EndpointSlice, { indexes: { controller: (slice) => [controllerOf(slice)?.uid ?? ''] } })
  return {
    name: 'endpointslice',
    for: CoreV1Service,
    owns: [DiscoveryV1EndpointSlice],
    watches: [watch(CoreV1Pod, servicesOf)],
    async reconcile(service, context) {
      if (!hasSelector(service) || service.metadata.deletionTimestamp !== undefined) return undefined
      const existing = [...slices.byIndex('controller', service.metadata.uid!)].filter(
        ({ metadata }) => metadata.labels?.[managedByLabel] === managedBy,
      )
      existing.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))

      const plan = planSlices(
        planContents(service, podsOf(service), (name) => nodes.get(name)),
        existing,
      )
      const labels = labelsOf(service)
      const isUpdated = new Set(plan.update.map(({ slice }) => slice))
      const isRemoved = new Set(plan.remove)
      const relabel = existing.filter(
        (slice) => !isUpdated.has(slice) && !isRemoved.has(slice) && !isDeepStrictEqual(slice.metadata.labels, labels),
      )

      for (const content of plan.create) await createSlice(service, content, context)
      for (const { slice, content } of plan.update) await updateSlice(slice, labels, content, context)
      for (const slice of relabel) await updateSlice(slice, labels, { ...slice, ports: slice.ports ?? [] }, context)
      for (const { metadata } of plan.remove) await removeSlice(metadata, context)
      return undefined
    },
  }
}

async function createSlice(service: CoreV1Service, content: SliceContent, { client }: ReconcileContext): Promise<void> {
  const { name, namespace } = service.metadata
  const metadata = {
    generateName: `${name}-`,
    namespace,
    labels: labelsOf(service),
    ownerReferences: [controllerReference(CoreV1Service, service)],
  }
  await client.create(DiscoveryV1EndpointSlice, build(metadata, content)).catch((error: unknown) => {
    if (!isNamespaceTerminating(error)) throw error
  })
}

async function updateSlice(
  slice: DiscoveryV1EndpointSlice,
  labels: Record<string, string>,
  content: SliceContent,
  { client }: ReconcileContext,
): Promise<void> {
  await client.update(DiscoveryV1EndpointSlice, build({ ...slice.metadata, labels }, content))
}

async function removeSlice({ namespace, name }: DiscoveryV1EndpointSlice['metadata'], { client }: ReconcileContext): Promise<void> {
  await client.delete(DiscoveryV1EndpointSlice, { namespace, name: name! }).catch((error: unknown) => {
    if (!isNotFound(error)) throw error
  })
}

const build = (
  metadata: DiscoveryV1EndpointSlice['metadata'],
  { addressType, endpoints, ports }: SliceContent,
): DiscoveryV1EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata,
  addressType,
  endpoints: [...endpoints],
  ports: [...ports],
})
