import { CoreV1Pod, CoreV1Service } from '../api/generated/kinds.ts'
import { resolvePort } from '../api/int-or-string.ts'
import { matchesLabels, selectorFromMap } from '../api/labels.ts'
import { keyOf } from '../api/object.ts'
import type { InformerFactory } from '../client/informer.ts'
import { isReady, isTerminated, podIndexes } from './pod-state.ts'

/** Which pods a Service has and which Services a pod has, by the caches. */
export interface ServicePods {
  readonly podsOf: (service: CoreV1Service) => CoreV1Pod[]
  /** Keys of the Services that select the pod. */
  readonly servicesOf: (pod: CoreV1Pod) => Iterable<string>
}

/** Both directions between Services and pods, through namespace indexes. */
export function createServicePods(informers: InformerFactory): ServicePods {
  const pods = informers.informer(CoreV1Pod, { indexes: podIndexes })
  const services = informers.informer(CoreV1Service, { indexes: { namespace: ({ metadata }) => [metadata.namespace!] } })
  return {
    podsOf: (service) => {
      const selector = selectorFromMap(service.spec.selector)
      return [...pods.byIndex('namespace', service.metadata.namespace!)].filter((pod) => matchesLabels(selector, pod.metadata.labels))
    },
    *servicesOf(pod) {
      for (const service of services.byIndex('namespace', pod.metadata.namespace!)) {
        if (hasSelector(service) && matchesLabels(selectorFromMap(service.spec.selector), pod.metadata.labels)) yield keyOf(service)
      }
    },
  }
}

/** Whether the Service's endpoints are the controllers' business: those without a selector are kept by hand, those that are a name have none. */
export const hasSelector = ({ spec }: CoreV1Service) => spec.type !== 'ExternalName' && Object.keys(spec.selector ?? {}).length > 0

/** How a pod stands as an endpoint. */
export interface EndpointState {
  /** The container side answers (also while the pod is ending). */
  readonly isServing: boolean
  readonly isTerminating: boolean
  /** Whether traffic is to go there: serving and not ending, or published regardless. */
  readonly isReady: boolean
}

/** How the pod stands as an endpoint of a Service; `undefined` while it has no address, or when it is over. */
export function endpointState(pod: CoreV1Pod, service: CoreV1Service): EndpointState | undefined {
  if ((pod.status?.podIP ?? '') === '' || isTerminated(pod)) return undefined
  const isTerminating = pod.metadata.deletionTimestamp !== undefined
  const isServing = isReady(pod)
  return { isServing, isTerminating, isReady: service.spec.publishNotReadyAddresses === true || (isServing && !isTerminating) }
}

/** A Service's port as a pod serves it. */
export interface EndpointPort {
  readonly name: string
  readonly port: number
  readonly protocol: string
  readonly appProtocol?: string
}

/** The Service's ports on this pod; a named target port that the pod doesn't have is left out. */
export function endpointPorts(pod: CoreV1Pod, { spec }: CoreV1Service): EndpointPort[] {
  const ports: EndpointPort[] = []
  for (const { name = '', port, protocol = 'TCP', targetPort, appProtocol } of spec.ports ?? []) {
    const isUnset = targetPort === undefined || targetPort === 0 || targetPort === ''
    const named = [...pod.spec.containers, ...(pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')]
    const candidates = named.flatMap((container) => container.ports ?? []).filter((candidate) => (candidate.protocol ?? 'TCP') === protocol)
    const resolved = isUnset ? port : resolvePort(targetPort, candidates)
    if (resolved !== undefined) ports.push({ name, port: resolved, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) })
  }
  return ports
}

/** Reference from an endpoint to its pod. */
export const podReference = ({ metadata }: CoreV1Pod) => ({
  kind: 'Pod',
  name: metadata.name,
  namespace: metadata.namespace,
  uid: metadata.uid,
})

/** The host name that DNS gives the pod: its own when it is in the Service's subdomain. */
export const endpointHostname = ({ spec }: CoreV1Pod, { metadata }: CoreV1Service) =>
  spec.hostname !== undefined && spec.hostname !== '' && spec.subdomain === metadata.name ? spec.hostname : undefined

/** Whether the Service has no address of its own. */
export const isHeadless = ({ spec }: CoreV1Service) => spec.clusterIP === 'None'
