import type { CoreV1Service, CoreV1ServicePort, DiscoveryV1Endpoint, DiscoveryV1EndpointSlice } from '../../api/generated/kinds.ts'
import { hashOf } from '../table/table-state.ts'
import { isRoutableIpv4, parseIpv4 } from '../ipv4.ts'
import { clusterIpsOf } from '../service-catalog.ts'

export type Protocol = 'tcp' | 'udp'

/** Where a connection can be sent. `address` is a checked IPv4 address, `port` a checked port number. */
export interface Backend {
  readonly address: string
  readonly port: number
}

/**
 * One port of one Service as the rules need it. Everything in it is checked or generated: addresses are IPv4, ports are 1–65535,
 * `id` is a hash, so no text that a user chose reaches a rule.
 */
export interface ServicePort {
  /** 16 hex digits, the same for the same namespace, name, port and protocol. */
  readonly id: string
  readonly protocol: Protocol
  readonly port: number
  readonly clusterIps: readonly string[]
  readonly externalIps: readonly string[]
  readonly nodePort: number | undefined
  /** Where traffic to a cluster IP goes. */
  readonly backends: readonly Backend[]
  /** Where traffic to a node port or external address goes: under `externalTrafficPolicy: Local` only this host's endpoints. */
  readonly externalBackends: readonly Backend[]
  /** How long a client stays with its endpoint; `undefined` without session affinity. */
  readonly affinitySeconds: number | undefined
}

export interface ServicePortsOptions {
  readonly isLocalNode: (nodeName: string) => boolean
  /** Whether a user may have traffic to this external address taken over: never the host's or the cluster's own. */
  readonly canTakeAddress: (address: string) => boolean
  /** Whether a load balancer may have this port of an address: of the host's own too, but for ports on which the host itself answers pods. */
  readonly canTakePort: (address: string, port: number) => boolean
}

const defaultAffinitySeconds = 10_800
const maxAffinitySeconds = 86_400

/**
 * The ports of a Service that rules can be made for. Headless and ExternalName Services, other protocols than TCP and UDP, and
 * malformed parts give nothing. Endpoints are the ready ones, or where none is ready those that still serve while terminating
 * (KEP-1669).
 */
export function planServicePorts(
  service: CoreV1Service,
  slices: readonly DiscoveryV1EndpointSlice[],
  options: ServicePortsOptions,
): readonly ServicePort[] {
  const clusterIps = clusterIpsOf(service)
  if (service.spec.type === 'ExternalName' || clusterIps.length === 0) return []
  const planned: ServicePort[] = []
  for (const port of service.spec.ports ?? []) {
    const protocol = protocolOf(port.protocol)
    if (protocol === undefined || !isPort(port.port)) continue
    const endpoints = endpointsOf(port, slices)
    const local = endpoints.filter(({ endpoint }) => endpoint.nodeName !== undefined && options.isLocalNode(endpoint.nodeName))
    planned.push({
      id: hashOf([service.metadata.namespace ?? '', service.metadata.name ?? '', protocol, String(port.port)]),
      protocol,
      port: port.port,
      clusterIps,
      externalIps: externalIpsOf(service, port.port, options),
      nodePort: hasNodePorts(service) && isPort(port.nodePort) ? port.nodePort : undefined,
      backends: choose(service.spec.internalTrafficPolicy === 'Local' ? local : endpoints),
      externalBackends: choose(service.spec.externalTrafficPolicy === 'Local' ? local : endpoints),
      affinitySeconds: affinityOf(service),
    })
  }
  return planned
}

interface Candidate {
  readonly endpoint: DiscoveryV1Endpoint
  readonly port: number
}

function endpointsOf(port: CoreV1ServicePort, slices: readonly DiscoveryV1EndpointSlice[]): readonly Candidate[] {
  const found: Candidate[] = []
  for (const slice of slices) {
    const match = slice.ports?.find(
      (candidate) => (candidate.name ?? '') === (port.name ?? '') && (candidate.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
    )
    if (match === undefined || !isPort(match.port)) continue
    for (const endpoint of slice.endpoints ?? []) found.push({ endpoint, port: match.port })
  }
  return found
}

function choose(candidates: readonly Candidate[]): readonly Backend[] {
  const ready = candidates.filter(({ endpoint }) => endpoint.conditions?.ready !== false)
  if (ready.length > 0) return backendsOf(ready)
  return backendsOf(candidates.filter(({ endpoint }) => endpoint.conditions?.serving === true && endpoint.conditions.terminating === true))
}

/** Sorted and without repetition, so that the same endpoints always give the same rule. */
function backendsOf(candidates: readonly Candidate[]): readonly Backend[] {
  const found = new Map<string, Backend>()
  for (const { endpoint, port } of candidates) {
    const address = endpoint.addresses?.[0]
    if (address !== undefined && isRoutableIpv4(address)) found.set(`${address}:${port}`, { address, port })
  }
  return [...found.values()].sort((left, right) => parseIpv4(left.address)! - parseIpv4(right.address)! || left.port - right.port)
}

function externalIpsOf(service: CoreV1Service, port: number, options: ServicePortsOptions): readonly string[] {
  const named = (service.spec.externalIPs ?? []).filter((address) => options.canTakeAddress(address))
  const ingress = (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [ip]))
  const balanced = ingress.filter((address) => options.canTakePort(address, port))
  return [...new Set([...named, ...balanced])].filter(isRoutableIpv4)
}

function hasNodePorts(service: CoreV1Service): boolean {
  return service.spec.type === 'NodePort' || service.spec.type === 'LoadBalancer'
}

function affinityOf(service: CoreV1Service): number | undefined {
  if (service.spec.sessionAffinity !== 'ClientIP') return undefined
  const seconds = service.spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultAffinitySeconds
  return Number.isInteger(seconds) && seconds > 0 && seconds <= maxAffinitySeconds ? seconds : defaultAffinitySeconds
}

function protocolOf(text = 'TCP'): Protocol | undefined {
  return text === 'TCP' ? 'tcp' : text === 'UDP' ? 'udp' : undefined
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535
}
