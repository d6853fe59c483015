import { isIP } from 'node:net'
import type { CoreV1EndpointAddress, CoreV1Endpoints, DiscoveryV1Endpoint, DiscoveryV1EndpointPort } from '../../api/generated/kinds.ts'
import type { SliceContent } from './endpointslice.plan.ts'

/** Addresses of one subset that are mirrored at most, as upstream. */
const maxPerSubset = 1_000
const skipLabel = 'endpointslice.kubernetes.io/skip-mirror'
/** Endpoints that are no endpoints but a lock of old leader elections. */
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader'
const notMirrored = new Set(['kubectl.kubernetes.io/last-applied-configuration', 'endpoints.kubernetes.io/last-change-trigger-time'])

/** Whether Endpoints that somebody keeps by hand are to have slices, as far as they themselves say. */
export const mayMirror = ({ metadata: { labels, annotations, deletionTimestamp } }: CoreV1Endpoints): boolean =>
  deletionTimestamp === undefined && labels?.[skipLabel] !== 'true' && annotations?.[leaderAnnotation] === undefined

/** The annotations that slices have from their Endpoints. */
export function mirroredAnnotations({ metadata }: CoreV1Endpoints): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata.annotations ?? {}).filter(([name]) => !notMirrored.has(name)))
}

/** What the slices of Endpoints are to hold: one content per address family and set of ports. An address that is named twice counts once. */
export function planMirror({ subsets = [] }: CoreV1Endpoints): SliceContent[] {
  const groups = new Map<string, { addressType: string; ports: DiscoveryV1EndpointPort[]; endpoints: Map<string, DiscoveryV1Endpoint> }>()
  for (const { addresses = [], notReadyAddresses = [], ports: named = [] } of subsets) {
    const ports = named.map(({ name = '', port, protocol = 'TCP', appProtocol }) => ({
      name,
      port,
      protocol,
      ...(appProtocol === undefined ? {} : { appProtocol }),
    }))
    const all = [
      ...addresses.map((address) => toEndpoint(address, true)),
      ...notReadyAddresses.map((address) => toEndpoint(address, false)),
    ]
    for (const endpoint of all.slice(0, maxPerSubset)) {
      const [address] = endpoint.addresses
      const addressType = isIP(address!) === 6 ? 'IPv6' : 'IPv4'
      const id = JSON.stringify([addressType, ports])
      let group = groups.get(id)
      if (group === undefined) groups.set(id, (group = { addressType, ports, endpoints: new Map() }))
      if (!group.endpoints.has(address!)) group.endpoints.set(address!, endpoint)
    }
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { endpoints, ...group }]) => ({ ...group, endpoints: [...endpoints.values()] }))
}

function toEndpoint({ ip, hostname, nodeName, targetRef }: CoreV1EndpointAddress, ready: boolean): DiscoveryV1Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname === undefined || hostname === '' ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(targetRef === undefined ? {} : { targetRef }),
  }
}
