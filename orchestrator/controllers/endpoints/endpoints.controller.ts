import { isDeepStrictEqual } from 'node:util'
import { CoreV1Endpoints, CoreV1Pod, CoreV1Service } from '../../api/generated/kinds.ts'
import { keyOf } from '../../api/object.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { isAlreadyExists } from '../../api/status-error.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration } from '../controller.ts'
import { ignoreGone, isNamespaceTerminating } from '../refusal.ts'
import { createServicePods, hasSelector, isHeadless } from '../service-pods.ts'
import { planSubsets } from './endpoints.plan.ts'

const managedByLabel = 'endpoints.kubernetes.io/managed-by'
const managedBy = 'endpoint-controller'
const headlessLabel = 'service.kubernetes.io/headless'
const overCapacityAnnotation = 'endpoints.kubernetes.io/over-capacity'

/** Keeps the Endpoints of each Service with a selector equal to its pods. */
export function createEndpointsController({ informers }: { readonly informers: InformerFactory }): ControllerDeclaration<CoreV1Service> {
  const { podsOf, servicesOf } = createServicePods(informers)
  const endpoints = informers.informer(CoreV1Endpoints)
  return {
    name: 'endpoints',
    for: CoreV1Service,
    watches: [watch(CoreV1Pod, servicesOf), watch(CoreV1Endpoints, (object) => [keyOf(object)])],
    async reconcile(service, { client }) {
      if (!hasSelector(service) || service.metadata.deletionTimestamp !== undefined) return undefined
      const current = endpoints.get(keyOf(service))

      const { subsets, isTruncated } = planSubsets(service, podsOf(service))
      const labels = { ...service.metadata.labels, [managedByLabel]: managedBy, ...(isHeadless(service) ? { [headlessLabel]: '' } : {}) }
      const annotations = isTruncated ? { [overCapacityAnnotation]: 'truncated' } : undefined

      if (
        current !== undefined &&
        isDeepStrictEqual([current.subsets ?? [], current.metadata.labels, current.metadata.annotations], [subsets, labels, annotations])
      )
        return undefined
      const { name, namespace } = service.metadata
      const metadata = { name, namespace, labels, ...(annotations === undefined ? {} : { annotations }) }
      const wanted: CoreV1Endpoints = { apiVersion: 'v1', kind: 'Endpoints', metadata, subsets }
      try {
        if (current === undefined) await client.create(CoreV1Endpoints, wanted)
        else
          await client.update(CoreV1Endpoints, { ...wanted, metadata: { ...metadata, resourceVersion: current.metadata.resourceVersion } })
      } catch (error) {
        // The namespace is on its way out, or the caches are a moment behind and will bring this key up again.
        if (!isNamespaceTerminating(error) && !isAlreadyExists(error)) throw error
      }
      return undefined
    },
  }
}

/** Removes the Endpoints that the controller above made for a Service that is gone. */
export function createEndpointsCleanupController({
  informers,
}: {
  readonly informers: InformerFactory
}): ControllerDeclaration<CoreV1Endpoints> {
  const services = informers.informer(CoreV1Service)
  return {
    name: 'endpoints-cleanup',
    for: CoreV1Endpoints,
    watches: [watch(CoreV1Service, (service) => [keyOf(service)])],
    async reconcile(object, { client }) {
      if (object.metadata.labels?.[managedByLabel] !== managedBy || services.get(keyOf(object)) !== undefined) return undefined
      const { name, namespace, uid } = object.metadata
      await ignoreGone(client.delete(CoreV1Endpoints, { namespace, name: name! }, { preconditions: { uid } }))
      return undefined
    },
  }
}
