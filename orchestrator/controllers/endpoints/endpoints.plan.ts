import type {
  CoreV1EndpointAddress,
  CoreV1EndpointPort,
  CoreV1EndpointSubset,
  CoreV1Pod,
  CoreV1Service,
} from '../../api/generated/kinds.ts'
import { endpointHostname, endpointPorts, endpointState, isHeadless, podReference } from '../service-pods.ts'

/** Addresses that one Endpoints object lists at most; the rest is only in the EndpointSlices. As upstream. */
const maxAddresses = 1_000

/** The subsets of a Service: addresses grouped by the ports that they serve, ready and not ready apart, in a stable order. */
export function planSubsets(
  service: CoreV1Service,
  pods: readonly CoreV1Pod[],
): { readonly subsets: CoreV1EndpointSubset[]; readonly isTruncated: boolean } {
  const groups = new Map<string, { ports: CoreV1EndpointPort[]; ready: CoreV1EndpointAddress[]; notReady: CoreV1EndpointAddress[] }>()
  let count = 0
  let isTruncated = false
  for (const pod of inOrder(pods)) {
    const state = endpointState(pod, service)
    if (state === undefined || (state.isTerminating && service.spec.publishNotReadyAddresses !== true)) continue
    const ports = endpointPorts(pod, service)
      .map(toPort)
      .sort((a, b) => a.port - b.port || ((a.name ?? '') < (b.name ?? '') ? -1 : 1))
    if (ports.length === 0 && !(isHeadless(service) && (service.spec.ports ?? []).length === 0)) continue
    if (count++ >= maxAddresses) {
      isTruncated = true
      break
    }
    const id = JSON.stringify(ports)
    let group = groups.get(id)
    if (group === undefined) groups.set(id, (group = { ports, ready: [], notReady: [] }))
    ;(state.isReady ? group.ready : group.notReady).push(toAddress(pod, service))
  }
  const subsets = [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { ports, ready, notReady }]) => ({
      ...(ready.length === 0 ? {} : { addresses: ready }),
      ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady }),
      ...(ports.length === 0 ? {} : { ports }),
    }))
  return { subsets, isTruncated }
}

const inOrder = (pods: readonly CoreV1Pod[]) => [...pods].sort((a, b) => ((a.status?.podIP ?? '') < (b.status?.podIP ?? '') ? -1 : 1))

/** A single nameless port has no name at all here. */
const toPort = ({
  name,
  ...port
}: {
  readonly name: string
  readonly port: number
  readonly protocol: string
  readonly appProtocol?: string
}): CoreV1EndpointPort => ({
  ...(name === '' ? {} : { name }),
  ...port,
})

function toAddress(pod: CoreV1Pod, service: CoreV1Service): CoreV1EndpointAddress {
  const hostname = endpointHostname(pod, service)
  return {
    ip: pod.status!.podIP!,
    ...(hostname === undefined ? {} : { hostname }),
    ...(pod.spec.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
    targetRef: podReference(pod),
  }
}
