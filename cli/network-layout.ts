import type { ClusterSettings } from '../orchestrator/api/cluster-settings.ts'
import type { ClusterOptions } from './options.ts'

/** The cluster's DNS has the tenth service address, as everywhere. */
const dnsIndex = 10
const clusterDomain = 'cluster.local'

/** The first address of an IPv4 network: the gateway of pods. */
export function gatewayOf(cidr: string): string {
  return addressAt(cidr, 1)
}

/** The `index`-th address of the service network (1 is `kubernetes`, 10 is the cluster's DNS). */
export function serviceAddress(cidr: string, index: number): string {
  return addressAt(cidr, index)
}

/** The /24 of the `index`-th node: inside the pods' /16 for the first 256, behind it for more (simulated nodes, whose addresses reach nobody). */
export function podCidrOfNode(cidr: string, index: number): string {
  return `${addressAt(cidr, index * 256)}/24`
}

/** What every host of the cluster has to know of it. */
export function clusterSettingsOf({ podCidr, serviceCidr, advertiseAddress, ports }: ClusterOptions): ClusterSettings {
  return {
    podCidr,
    serviceCidr,
    clusterDns: serviceAddress(serviceCidr, dnsIndex),
    clusterDomain,
    ...(advertiseAddress === undefined ? {} : { server: `https://${advertiseAddress}:${ports.api}` }),
  }
}

function addressAt(cidr: string, index: number): string {
  const octets = cidr.split('/')[0]!.split('.').map(Number)
  const number = ((octets[0]! << 24) | (octets[1]! << 16) | (octets[2]! << 8) | octets[3]!) + index
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.')
}
