import type { CoreV1LoadBalancerIngress, CoreV1Node, CoreV1Service, CoreV1ServicePort } from '../../api/generated/kinds.ts'

/** The class of the load balancers that the cluster itself has; Services without a class get them, too. */
export const builtInClass = 'binnacle.dev/built-in'

/** Nodes with this label take part in no load balancer. */
const exclusionLabel = 'node.kubernetes.io/exclude-from-external-load-balancers'

/**
 * What load balancers are made of. `cluster-addresses`: the Service's own cluster addresses, which programs on the cluster's host reach, too: all that
 * is needed where nobody else reaches the cluster. `nodes`: the nodes' addresses, on which the service network takes the Service's ports.
 */
export type LoadBalancerSource =
  | { readonly kind: 'cluster-addresses' }
  /** `reservedPorts`: on which programs of the cluster listen. */
  | { readonly kind: 'nodes'; readonly reservedPorts: readonly number[] }

/** What a Service's load balancer is to be: addresses, or why there are none yet. */
export type LoadBalancerPlan = { readonly ingress: readonly CoreV1LoadBalancerIngress[] } | { readonly problem: string }

export interface LoadBalancerInput {
  readonly service: CoreV1Service
  readonly nodes: readonly CoreV1Node[]
  /** All Services of the cluster that want such a load balancer. */
  readonly rivals: readonly CoreV1Service[]
  /** Names of nodes with a ready endpoint. */
  readonly endpointNodes: ReadonlySet<string>
  readonly source: LoadBalancerSource
}

/** Whether a Service wants one of the cluster's own load balancers. */
export function wantsLoadBalancer({ spec }: CoreV1Service): boolean {
  return spec.type === 'LoadBalancer' && (spec.loadBalancerClass ?? builtInClass) === builtInClass
}

/**
 * The addresses of a Service's load balancer. Of nodes it gets those that are Ready; with `externalTrafficPolicy: Local` those with an endpoint.
 * A port of the nodes is the first Service's that asks for it, and never one that the cluster itself listens on.
 */
export function planLoadBalancer(input: LoadBalancerInput): LoadBalancerPlan {
  const { service, nodes, rivals, endpointNodes, source } = input
  if (source.kind === 'cluster-addresses') return { ingress: ingressOf(clusterAddressesOf(service)) }
  for (const port of service.spec.ports ?? []) {
    if (source.reservedPorts.includes(port.port)) return { problem: `port ${nameOf(port)} is in use by the cluster itself` }
    const holder = rivals.find((rival) => isBefore(rival, service) && rival.spec.ports?.some((other) => nameOf(other) === nameOf(port)))
    if (holder !== undefined)
      return { problem: `port ${nameOf(port)} is taken by Service ${holder.metadata.namespace}/${holder.metadata.name}` }
  }
  const isLocal = service.spec.externalTrafficPolicy === 'Local'
  const addresses = nodes
    .filter((node) => isReady(node) && node.metadata.labels?.[exclusionLabel] === undefined)
    .filter(({ metadata }) => !isLocal || endpointNodes.has(metadata.name!))
    .flatMap(({ status }) => status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? [])
  return { ingress: ingressOf([...new Set(addresses)].sort()) }
}

const ingressOf = (addresses: readonly string[]): CoreV1LoadBalancerIngress[] => addresses.map((ip) => ({ ip, ipMode: 'VIP' }))

function clusterAddressesOf({ spec }: CoreV1Service): readonly string[] {
  return (spec.clusterIPs ?? []).filter((address) => address !== 'None')
}

const nameOf = ({ port, protocol = 'TCP' }: CoreV1ServicePort) => `${port}/${protocol}`

const isReady = ({ status }: CoreV1Node) => status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true

function isBefore({ metadata: a }: CoreV1Service, { metadata: b }: CoreV1Service): boolean {
  if (a.uid === b.uid) return false
  return a.creationTimestamp === b.creationTimestamp ? a.uid! < b.uid! : a.creationTimestamp! < b.creationTimestamp!
}
