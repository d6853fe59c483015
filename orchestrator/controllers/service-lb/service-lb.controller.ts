import { CoreV1Node, CoreV1Service, DiscoveryV1EndpointSlice } from '../../api/generated/kinds.ts'
import { keyOf } from '../../api/object.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration } from '../controller.ts'
import { reportStatus } from '../status.ts'
import { planLoadBalancer, wantsLoadBalancer, type LoadBalancerSource } from './service-lb.plan.ts'

const serviceNameLabel = 'kubernetes.io/service-name'

/** Gives Services of type LoadBalancer the addresses of their load balancer, and takes them away again. */
export function createServiceLoadBalancerController({
  informers,
  source,
}: {
  readonly informers: InformerFactory
  readonly source: LoadBalancerSource
}): ControllerDeclaration<CoreV1Service> {
  const services = informers.informer(CoreV1Service)
  const nodes = informers.informer(CoreV1Node)
  const slices = informers.informer(DiscoveryV1EndpointSlice, {
    indexes: { service: ({ metadata }) => [`${metadata.namespace}/${metadata.labels?.[serviceNameLabel] ?? ''}`] },
  })
  const wanting = () =>
    [...services.list()].filter((service) => wantsLoadBalancer(service) && service.metadata.deletionTimestamp === undefined)
  const allKeys = () => wanting().map(keyOf)
  const endpointNodesOf = (service: CoreV1Service) =>
    new Set(
      [...slices.byIndex('service', keyOf(service))].flatMap(({ endpoints }) =>
        endpoints.flatMap(({ nodeName, conditions }) => (nodeName === undefined || conditions?.ready === false ? [] : [nodeName])),
      ),
    )
  return {
    name: 'service-lb',
    for: CoreV1Service,
    watches: [
      watch(CoreV1Node, allKeys),
      watch(CoreV1Service, allKeys),
      watch(DiscoveryV1EndpointSlice, ({ metadata }) => [`${metadata.namespace}/${metadata.labels?.[serviceNameLabel] ?? ''}`]),
    ],
    async reconcile(service, { client, events }) {
      const { loadBalancer, ...status } = service.status ?? {}
      const before = loadBalancer?.ingress ?? []
      if (service.metadata.deletionTimestamp !== undefined) return undefined
      if (!wantsLoadBalancer(service)) {
        // Addresses of another type's time go; those of another class are somebody else's.
        if (service.spec.type !== 'LoadBalancer' && before.length > 0)
          await reportStatus(client, CoreV1Service, service, { ...status, loadBalancer: {} })
        return undefined
      }
      const plan = planLoadBalancer({
        service,
        nodes: [...nodes.list()],
        rivals: wanting(),
        endpointNodes: endpointNodesOf(service),
        source,
      })
      const ingress = 'ingress' in plan ? plan.ingress : []
      const isFirst = before.length === 0 && ingress.length > 0
      await reportStatus(client, CoreV1Service, service, { ...status, loadBalancer: ingress.length === 0 ? {} : { ingress: [...ingress] } })
      if ('problem' in plan) events.event(service, 'Warning', 'SyncLoadBalancerFailed', `Error syncing load balancer: ${plan.problem}`)
      else if (isFirst) events.event(service, 'Normal', 'EnsuredLoadBalancer', 'Ensured load balancer')
      return undefined
    },
  }
}
