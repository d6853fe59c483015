import type { Answer } from 'dns-packet'
import type { CoreV1Service, DiscoveryV1Endpoint } from '../../api/generated/kinds.ts'
import { addressOfReverseName, contains, isRoutableIpv4 } from '../ipv4.ts'
import type { Ipv4Network } from '../ipv4.ts'
import { clusterIpsOf, serviceKeyOf } from '../service-catalog.ts'
import type { ServiceCatalog } from '../service-catalog.ts'
import { emptyReply } from './message.ts'
import type { KnownType, Query, Reply } from './message.ts'

export interface ZoneOptions {
  readonly catalog: ServiceCatalog
  /** e.g. `cluster.local` */
  readonly domain: string
  readonly serviceCidr: Ipv4Network
  readonly podSubnet: Ipv4Network
  /** The address clients know this DNS by. */
  readonly clusterDns: string
  /** Milliseconds since the epoch, for the SOA serial. */
  readonly now: () => number
}

/** A reply, and the name that its last CNAME leads to where the answer is still to be completed. */
export interface ZoneReply extends Reply {
  readonly pending?: string
}

/**
 * The cluster's names after the Kubernetes DNS specification 1.1: Services, headless Services and their endpoints, SRV records of
 * named ports, pods by address, reverse names. Gives `undefined` for a name that is not the cluster's.
 */
export interface Zone {
  resolve(query: Pick<Query, 'labels' | 'name' | 'type'>): ZoneReply | undefined
}

/** Seconds that clients may keep an answer: Services change. */
const recordTtl = 5
const schemaVersion = '1.1.0'

/** What a name holds. All fields empty: it exists without data of its own. */
interface NameData {
  readonly addresses?: readonly string[]
  readonly cname?: string
  readonly text?: string
  readonly services?: readonly SrvTarget[]
  readonly pointers?: readonly string[]
  readonly isApex?: boolean
}

interface SrvTarget {
  readonly port: number
  readonly target: string
  readonly address: string
}

interface NamedEndpoint {
  readonly label: string
  readonly address: string
  readonly ports: readonly { readonly name: string; readonly protocol: string; readonly port: number }[]
}

/** Builds the zone over the catalog. Every answer reflects the caches of that moment. */
export function createZone(options: ZoneOptions): Zone {
  const domainLabels = options.domain.toLowerCase().split('.')
  return {
    resolve({ labels, name, type }) {
      const lower = labels.map((label) => label.toLowerCase())
      const reverse = addressOfReverseName(lower.join('.'))
      if (reverse !== undefined) return resolveReverse(reverse, { name, type }, options)
      const prefix = relativeTo(lower, domainLabels)
      if (prefix === undefined) return undefined
      const data = lookUp(prefix, options)
      return replyOf(data, { name, type }, { origin: options.domain, options })
    },
  }
}

function relativeTo(labels: readonly string[], domain: readonly string[]): readonly string[] | undefined {
  const start = labels.length - domain.length
  return start >= 0 && domain.every((label, i) => labels[start + i] === label) ? labels.slice(0, start) : undefined
}

function lookUp(labels: readonly string[], options: ZoneOptions): NameData | undefined {
  const { catalog, clusterDns, podSubnet } = options
  const kind = labels.at(-1)
  const namespace = labels.at(-2)
  const rest = labels.slice(0, -2)
  if (kind === undefined) return { isApex: true }
  if (labels.length === 1 && kind === 'dns-version') return { text: schemaVersion }
  if (kind === 'dns') return labels.length === 1 ? {} : labels.length === 2 && namespace === 'ns' ? { addresses: [clusterDns] } : undefined
  if (kind === 'pod') {
    if (rest.length === 0) return {}
    const address = rest.length === 1 ? rest[0]!.replaceAll('-', '.') : ''
    return contains(podSubnet, address) ? { addresses: [address] } : undefined
  }
  if (kind !== 'svc') return undefined
  if (namespace === undefined) return {}
  if (rest.length === 0) return catalog.hasNamespace(namespace) ? {} : undefined
  const name = rest.at(-1)!
  const service = catalog.service(`${namespace}/${name}`)
  return service === undefined ? undefined : lookUpInService(service, rest.slice(0, -1), options)
}

function lookUpInService(service: CoreV1Service, labels: readonly string[], options: ZoneOptions): NameData | undefined {
  const base = serviceName(service, options.domain)
  if (service.spec.type === 'ExternalName') {
    return labels.length === 0 && service.spec.externalName !== undefined ? { cname: service.spec.externalName } : undefined
  }
  const clusterIps = clusterIpsOf(service)
  const isHeadless = clusterIps.length === 0
  const endpoints = () => endpointsOf(service, options.catalog)
  const ports = (isWanted: (name: string, protocol: string) => boolean): readonly SrvTarget[] =>
    isHeadless
      ? endpoints().flatMap(({ label, address, ports: own }) =>
          own.filter(({ name, protocol }) => isWanted(name, protocol)).map(({ port }) => ({ port, address, target: `${label}.${base}` })),
        )
      : (service.spec.ports ?? [])
          .filter(({ name = '', protocol = 'TCP' }) => isWanted(name, protocol.toLowerCase()))
          .map(({ port }) => ({ port, address: clusterIps[0]!, target: base }))
  if (labels.length === 0) {
    const addresses = isHeadless ? [...new Set(endpoints().map(({ address }) => address))] : clusterIps
    // A headless Service without endpoints is a name without addresses, not an unknown name: it may have some in a moment.
    return { addresses, services: ports(() => true) }
  }
  const [first, second] = labels
  if (labels.length === 2 && first!.startsWith('_') && second!.startsWith('_')) {
    const found = ports((name, protocol) => `_${name}` === first && `_${protocol}` === second)
    return found.length === 0 ? undefined : { services: found }
  }
  if (labels.length > 1) return undefined
  if (first === '_tcp' || first === '_udp') return {}
  const named = endpoints().filter(({ label }) => label === first)
  return named.length === 0 ? undefined : { addresses: [...new Set(named.map(({ address }) => address))] }
}

/** The endpoints that have a name: the ready ones, or all where the Service publishes those that are not. */
function endpointsOf(service: CoreV1Service, catalog: ServiceCatalog): readonly NamedEndpoint[] {
  const isAnyWanted = service.spec.publishNotReadyAddresses === true
  return catalog.slices(`${service.metadata.namespace}/${service.metadata.name}`).flatMap((slice) => {
    const ports = (slice.ports ?? []).flatMap(({ name = '', protocol = 'TCP', port }) =>
      port === undefined ? [] : [{ name: name.toLowerCase(), protocol: protocol.toLowerCase(), port }],
    )
    return (slice.endpoints ?? [])
      .filter((endpoint) => isAnyWanted || endpoint.conditions?.ready !== false)
      .flatMap((endpoint) =>
        (endpoint.addresses ?? []).filter(isRoutableIpv4).map((address) => ({ label: labelOf(endpoint, address), address, ports })),
      )
  })
}

function labelOf(endpoint: DiscoveryV1Endpoint, address: string): string {
  return endpoint.hostname?.toLowerCase() ?? address.replaceAll('.', '-')
}

function serviceName(service: CoreV1Service, domain: string): string {
  return `${service.metadata.name}.${service.metadata.namespace}.svc.${domain}`
}

function resolveReverse(
  address: string,
  question: { readonly name: string; readonly type: KnownType | undefined },
  options: ZoneOptions,
): ZoneReply | undefined {
  const { catalog, domain, serviceCidr, podSubnet } = options
  const services = catalog.servicesByClusterIp(address).map((service) => serviceName(service, domain))
  const pointers = services.length > 0 ? services : endpointNames(address, options)
  if (pointers.length === 0 && !contains(serviceCidr, address) && !contains(podSubnet, address)) return undefined
  return replyOf(pointers.length === 0 ? undefined : { pointers }, question, { origin: 'in-addr.arpa', options })
}

function endpointNames(address: string, { catalog, domain }: ZoneOptions): readonly string[] {
  return catalog.slicesByAddress(address).flatMap((slice) => {
    const key = serviceKeyOf(slice)
    const service = key === undefined ? undefined : catalog.service(key)
    if (service === undefined) return []
    const isHeadless = clusterIpsOf(service).length === 0
    return slice.endpoints
      .filter((endpoint) => endpoint.addresses.includes(address) && (isHeadless || endpoint.hostname !== undefined))
      .map((endpoint) => `${labelOf(endpoint, address)}.${serviceName(service, domain)}`)
  })
}

interface Authority {
  readonly origin: string
  readonly options: ZoneOptions
}

function replyOf(
  data: NameData | undefined,
  question: { readonly name: string; readonly type: KnownType | undefined },
  authority: Authority,
): ZoneReply {
  const soa = soaRecord(authority)
  if (data === undefined) return { ...emptyReply('NXDOMAIN'), isAuthoritative: true, authorities: [soa] }
  const { name, type } = question
  if (data.cname !== undefined) {
    const answers: readonly Answer[] = [{ type: 'CNAME', name, ttl: recordTtl, data: data.cname }]
    const isComplete = type === 'CNAME' || type === 'ANY'
    return { ...emptyReply('NOERROR'), isAuthoritative: true, answers, ...(isComplete ? {} : { pending: data.cname }) }
  }
  const answers = recordsOf(data, question, authority)
  if (answers.length === 0) return { ...emptyReply('NOERROR'), isAuthoritative: true, authorities: [soa] }
  const additionals = type === 'SRV' ? targetRecords(data.services ?? []) : []
  return { ...emptyReply('NOERROR'), isAuthoritative: true, answers, additionals }
}

function recordsOf(
  data: NameData,
  { name, type }: { readonly name: string; readonly type: KnownType | undefined },
  authority: Authority,
): readonly Answer[] {
  const wants = (candidate: KnownType) => type === candidate || type === 'ANY'
  const owner = name === '' ? '.' : name
  const records: Answer[] = []
  if (wants('A')) for (const address of data.addresses ?? []) records.push({ type: 'A', name: owner, ttl: recordTtl, data: address })
  if (wants('PTR')) for (const target of data.pointers ?? []) records.push({ type: 'PTR', name: owner, ttl: recordTtl, data: target })
  if (wants('TXT') && data.text !== undefined) records.push({ type: 'TXT', name: owner, ttl: recordTtl, data: data.text })
  if (type === 'SRV') {
    for (const { port, target } of data.services ?? []) {
      records.push({ type: 'SRV', name: owner, ttl: recordTtl, data: { priority: 0, weight: 100, port, target } })
    }
  }
  if (data.isApex === true && wants('SOA')) records.push(soaRecord(authority))
  if (data.isApex === true && wants('NS')) records.push({ type: 'NS', name: owner, ttl: recordTtl, data: `ns.dns.${authority.origin}` })
  return records
}

function targetRecords(services: readonly SrvTarget[]): readonly Answer[] {
  const byTarget = new Map(services.map(({ target, address }) => [`${target} ${address}`, { target, address }]))
  return [...byTarget.values()].map(({ target, address }) => ({ type: 'A', name: target, ttl: recordTtl, data: address }))
}

function soaRecord({ origin, options }: Authority): Answer {
  return {
    type: 'SOA',
    name: origin,
    ttl: recordTtl,
    data: {
      mname: `ns.dns.${options.domain}`,
      rname: `hostmaster.${options.domain}`,
      serial: Math.floor(options.now() / 1000) >>> 0,
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      minimum: recordTtl,
    },
  }
}
