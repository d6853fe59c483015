import { isDeepStrictEqual } from 'node:util'
import type {
  CoreV1Node,
  CoreV1Pod,
  CoreV1Service,
  DiscoveryV1Endpoint,
  DiscoveryV1EndpointPort,
  DiscoveryV1EndpointSlice,
} from '../../api/generated/kinds.ts'
import { endpointHostname, endpointPorts, endpointState, isHeadless, podReference } from '../service-pods.ts'

/** Endpoints in one slice at most, as upstream. */
export const maxEndpointsPerSlice = 100

/** Names the Service that a slice is for. */
export const serviceNameLabel = 'kubernetes.io/service-name'

/** What a slice is to hold. */
export interface SliceContent {
  readonly addressType: string
  readonly endpoints: readonly DiscoveryV1Endpoint[]
  readonly ports: readonly DiscoveryV1EndpointPort[]
}

/** Which slices are written anew, changed and removed; all others stay untouched. */
export interface SlicePlan {
  readonly create: readonly SliceContent[]
  readonly update: readonly { readonly slice: DiscoveryV1EndpointSlice; readonly content: SliceContent }[]
  readonly remove: readonly DiscoveryV1EndpointSlice[]
}

/** The endpoints of a Service, grouped by address family and ports. */
export function planContents(
  service: CoreV1Service,
  pods: readonly CoreV1Pod[],
  nodeOf: (name: string) => CoreV1Node | undefined,
): SliceContent[] {
  const groups = new Map<string, { addressType: string; ports: DiscoveryV1EndpointPort[]; endpoints: DiscoveryV1Endpoint[] }>()
  for (const pod of pods) {
    const state = endpointState(pod, service)
    if (state === undefined) continue
    const ports = endpointPorts(pod, service).map(({ name, port, protocol, appProtocol }) => ({
      name,
      port,
      protocol,
      ...(appProtocol === undefined ? {} : { appProtocol }),
    }))
    if (ports.length === 0 && !(isHeadless(service) && (service.spec.ports ?? []).length === 0)) continue
    const addressType = pod.status!.podIP!.includes(':') ? 'IPv6' : 'IPv4'
    const id = JSON.stringify([addressType, ports])
    let group = groups.get(id)
    if (group === undefined) groups.set(id, (group = { addressType, ports, endpoints: [] }))
    group.endpoints.push(toEndpoint(pod, service, nodeOf))
  }
  if (groups.size === 0) return [{ addressType: 'IPv4', endpoints: [], ports: [] }]
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group)
}

function toEndpoint(pod: CoreV1Pod, service: CoreV1Service, nodeOf: (name: string) => CoreV1Node | undefined): DiscoveryV1Endpoint {
  const { isReady, isServing, isTerminating } = endpointState(pod, service)!
  const { nodeName } = pod.spec
  const zone = nodeName === undefined ? undefined : nodeOf(nodeName)?.metadata.labels?.['topology.kubernetes.io/zone']
  const hostname = endpointHostname(pod, service)
  return {
    addresses: [pod.status!.podIP!],
    conditions: { ready: isReady, serving: isServing, terminating: isTerminating },
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: podReference(pod),
    ...(zone === undefined ? {} : { zone }),
  }
}

/**
 * Fits contents into the slices that exist: endpoints stay in the slice that they are in, slices that keep their content aren't written, free
 * places are filled before slices are added, and slices left empty go (but for one, which says that there is nothing).
 */
export function planSlices(contents: readonly SliceContent[], existing: readonly DiscoveryV1EndpointSlice[]): SlicePlan {
  const plan = {
    create: [] as SliceContent[],
    update: [] as { slice: DiscoveryV1EndpointSlice; content: SliceContent }[],
    remove: [] as DiscoveryV1EndpointSlice[],
  }
  const unused = new Set(existing)
  for (const content of contents) {
    const fitting = existing.filter(
      (slice) => unused.has(slice) && slice.addressType === content.addressType && isDeepStrictEqual(slice.ports ?? [], content.ports),
    )
    const filled = distribute(content.endpoints, fitting)
    const isEmpty = content.endpoints.length === 0
    for (const [index, endpoints] of filled.entries()) {
      const slice = fitting[index]
      if (endpoints.length === 0 && (!isEmpty || index > 0)) continue
      const next = { ...content, endpoints }
      if (slice === undefined) plan.create.push(next)
      else {
        unused.delete(slice)
        if (!isDeepStrictEqual(slice.endpoints, endpoints)) plan.update.push({ slice, content: next })
      }
    }
  }
  plan.remove.push(...unused)
  return plan
}

/** A pod, or where there is none its address. */
const identityOf = ({ targetRef, addresses }: DiscoveryV1Endpoint) => targetRef?.uid ?? addresses[0]!

/** One list of endpoints per fitting slice, in their order, and further ones for what finds no place. */
function distribute(endpoints: readonly DiscoveryV1Endpoint[], slices: readonly DiscoveryV1EndpointSlice[]): DiscoveryV1Endpoint[][] {
  const wanted = new Map(endpoints.map((endpoint) => [identityOf(endpoint), endpoint]))
  const lists = slices.map((slice) => {
    const kept: DiscoveryV1Endpoint[] = []
    for (const present of slice.endpoints ?? []) {
      const endpoint = wanted.get(identityOf(present))
      if (endpoint === undefined) continue
      wanted.delete(identityOf(present))
      kept.push(endpoint)
    }
    return kept
  })
  for (const endpoint of wanted.values()) {
    let list = lists.find((candidate) => candidate.length < maxEndpointsPerSlice)
    if (list === undefined) lists.push((list = []))
    list.push(endpoint)
  }
  return lists.length === 0 ? [[]] : lists
}
