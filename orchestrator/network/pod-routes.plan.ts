import type { CoreV1Node } from '../api/generated/kinds.ts'
import { contains, isRoutableIpv4, parseNetwork } from './ipv4.ts'

/** The pods of another host: their network, and the host's address to send to. Both checked. */
export interface PodRoute {
  readonly podCidr: string
  readonly via: string
}

/** Routes to the pod networks of nodes that live at another address than this one. Malformed and missing addresses give none. */
export function planPodRoutes(
  nodes: Iterable<CoreV1Node>,
  own: { readonly nodeName: string; readonly nodeIp: string; readonly podSubnet: ReturnType<typeof parseNetwork> },
): readonly PodRoute[] {
  const routes = new Map<string, PodRoute>()
  for (const node of nodes) {
    const via = node.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address
    if (node.metadata.name === own.nodeName || via === undefined || via === own.nodeIp || !isRoutableIpv4(via)) continue
    // Nodes that are reached through their own pods' bridge are on a host that nobody else reaches.
    if (contains(own.podSubnet, via)) continue
    for (const text of node.spec?.podCIDRs ?? [node.spec?.podCIDR]) {
      const podCidr = checkedNetwork(text, own.podSubnet)
      if (podCidr !== undefined) routes.set(podCidr, { podCidr, via })
    }
  }
  return [...routes.values()].sort((left, right) => left.podCidr.localeCompare(right.podCidr))
}

function checkedNetwork(text: string | undefined, podSubnet: ReturnType<typeof parseNetwork>): string | undefined {
  if (text === undefined) return undefined
  try {
    const network = parseNetwork(text, 'podCIDR')
    // A network that is not a part of the pods' would take over traffic that is no pod's.
    return network.prefix > podSubnet.prefix && contains(podSubnet, network.text.split('/')[0]!) ? network.text : undefined
  } catch {
    return undefined
  }
}
