import type {
  NetworkingV1IPBlock,
  NetworkingV1NetworkPolicy,
  NetworkingV1NetworkPolicyPeer,
  NetworkingV1NetworkPolicyPort,
} from '../../api/generated/kinds.ts'
import { selectorFromObject } from '../../api/labels.ts'
import type { LabelSelector } from '../../api/labels.ts'
import { contains, parseNetwork } from '../ipv4.ts'
import type { Ipv4Network } from '../ipv4.ts'
import { hashOf, ruleOf } from '../table/table-state.ts'
import type { Rule } from '../table/table-state.ts'

/** Which way connections go, as seen from the pods that a policy is about. */
export type Direction = 'ingress' | 'egress'

export type PolicyProtocol = 'tcp' | 'udp' | 'sctp'

/**
 * A NetworkPolicy as rules. No text that a user chose is in them: names and selectors are hashes, addresses and ports checked. What is
 * malformed, or not IPv4, lets nothing through.
 */
export interface PolicyRules {
  readonly namespace: string
  /** Whom it is about. */
  readonly pods: LabelSelector
  /** `undefined`: it says nothing about this direction. */
  readonly ingress: DirectionRules | undefined
  readonly egress: DirectionRules | undefined
}

/** What a policy lets through in one direction. */
export interface DirectionRules {
  /** The name of its chain. */
  readonly chain: string
  /** They accept what is let through; none: nothing is. */
  readonly rules: readonly Rule[]
  /** The sets of pods that the rules name. */
  readonly peers: readonly PeerSet[]
  /** The sets of pods' ports that the rules name. */
  readonly ports: readonly PortSet[]
}

/** The addresses of all pods that a peer selects. Peers that select alike share a set. */
export interface PeerSet {
  readonly name: string
  /** The policy's own namespace, or which ones. */
  readonly namespaces: string | LabelSelector
  readonly pods: LabelSelector
}

/** The addresses of all pods with a port of that name, each with the port's number. */
export interface PortSet {
  readonly name: string
  readonly portName: string
  readonly protocol: PolicyProtocol
}

/** The rules of one policy. */
export function planPolicy({ metadata, spec }: NetworkingV1NetworkPolicy): PolicyRules {
  const { name = '', namespace = '' } = metadata
  const { ingress = [], egress = [] } = spec
  const types = spec.policyTypes ?? (egress.length > 0 ? ['Ingress', 'Egress'] : ['Ingress'])
  const direction = (type: string, direction: Direction, entries: readonly RuleEntry[]) =>
    types.includes(type) ? planDirection({ namespace, name, direction }, entries) : undefined
  return {
    namespace,
    pods: selectorFromObject(spec.podSelector) ?? [],
    ingress: direction(
      'Ingress',
      'ingress',
      ingress.map(({ from, ports }) => ({ peers: from, ports })),
    ),
    egress: direction(
      'Egress',
      'egress',
      egress.map(({ to, ports }) => ({ peers: to, ports })),
    ),
  }
}

interface RuleEntry {
  readonly peers: readonly NetworkingV1NetworkPolicyPeer[] | undefined
  readonly ports: readonly NetworkingV1NetworkPolicyPort[] | undefined
}

interface Place {
  readonly namespace: string
  readonly name: string
  readonly direction: Direction
}

function planDirection(place: Place, entries: readonly RuleEntry[]): DirectionRules {
  const sets: Sets = { peers: new Map(), ports: new Map() }
  const texts = new Set<string>()
  for (const { peers, ports } of entries) {
    const portMatches = matchPorts(ports, sets)
    for (const peer of matchPeers(peers, place, sets)) {
      for (const port of portMatches) texts.add([peer, port, 'accept'].filter((part) => part !== '').join(' '))
    }
  }
  return {
    chain: `${place.direction}-${hashOf([place.namespace, place.name])}`,
    rules: [...texts].map(ruleOf),
    peers: [...sets.peers.values()],
    ports: [...sets.ports.values()],
  }
}

/** The sets that rules name, by name. */
interface Sets {
  readonly peers: Map<string, PeerSet>
  readonly ports: Map<string, PortSet>
}

/** One match for each peer, '' for any; none: nobody. */
function matchPeers(peers: readonly NetworkingV1NetworkPolicyPeer[] | undefined, place: Place, sets: Sets): readonly string[] {
  if (peers === undefined || peers.length === 0) return ['']
  const field = place.direction === 'ingress' ? 'ip saddr' : 'ip daddr'
  return peers.flatMap(({ ipBlock, namespaceSelector, podSelector }) => {
    if (ipBlock !== undefined) return matchBlock(ipBlock, field) ?? []
    const namespaces = selectorFromObject(namespaceSelector) ?? place.namespace
    const pods = selectorFromObject(podSelector)
    if (pods === undefined && typeof namespaces === 'string') return []
    const name = `pods-${hashOf([JSON.stringify(namespaces), JSON.stringify(pods ?? [])])}`
    sets.peers.set(name, { name, namespaces, pods: pods ?? [] })
    return `${field} @${name}`
  })
}

/** The match of a block without its exceptions; `undefined`: nothing is left of it. */
function matchBlock({ cidr, except = [] }: NetworkingV1IPBlock, field: string): string | undefined {
  const block = networkOf(cidr)
  if (block === undefined) return undefined
  const exceptions = widest(except.flatMap((text) => networkOf(text) ?? []))
  if (exceptions.some((exception) => includes(exception, block))) return undefined
  const inside = exceptions.filter((exception) => includes(block, exception)).map(({ text }) => text)
  return [
    ...(block.prefix === 0 ? [] : [`${field} ${block.text}`]),
    ...(inside.length === 0 ? [] : [`${field} != { ${inside.join(', ')} }`]),
  ].join(' ')
}

function networkOf(text: string): Ipv4Network | undefined {
  try {
    return parseNetwork(text, 'cidr')
  } catch {
    return undefined
  }
}

const includes = (outer: Ipv4Network, inner: Ipv4Network) =>
  outer.prefix <= inner.prefix && contains(outer, inner.text.slice(0, inner.text.indexOf('/')))

/** The networks that lie in no other one: a set of ranges must not overlap. */
function widest(networks: readonly Ipv4Network[]): readonly Ipv4Network[] {
  const byText = [...new Map(networks.map((network) => [network.text, network])).values()]
  return byText.filter((network) => !byText.some((other) => other !== network && includes(other, network)))
}

const protocols: ReadonlyMap<string, PolicyProtocol> = new Map([
  ['TCP', 'tcp'],
  ['UDP', 'udp'],
  ['SCTP', 'sctp'],
])

interface PortRange {
  readonly first: number
  readonly last: number
}

/** One match for all numbers of a protocol and one for each name, '' for any port; none: no port. */
function matchPorts(ports: readonly NetworkingV1NetworkPolicyPort[] | undefined, sets: Sets): readonly string[] {
  if (ports === undefined || ports.length === 0) return ['']
  const all = new Set<PolicyProtocol>()
  const ranges = new Map<PolicyProtocol, PortRange[]>()
  const matches = new Set<string>()
  for (const { port, endPort, protocol: protocolName = 'TCP' } of ports) {
    const protocol = protocols.get(protocolName)
    if (protocol === undefined) continue
    if (port === undefined) all.add(protocol)
    else if (typeof port === 'string') {
      const name = `ports-${hashOf([port, protocol])}`
      sets.ports.set(name, { name, portName: port, protocol })
      matches.add(`meta l4proto ${protocol} ip daddr . th dport @${name}`)
    } else {
      const range = { first: port, last: endPort ?? port }
      if (isPort(range.first) && isPort(range.last) && range.first <= range.last)
        ranges.set(protocol, [...(ranges.get(protocol) ?? []), range])
    }
  }
  for (const protocol of all) matches.add(`meta l4proto ${protocol}`)
  for (const [protocol, list] of ranges) {
    if (all.has(protocol)) continue
    const texts = joined(list).map(({ first, last }) => (first === last ? String(first) : `${first}-${last}`))
    matches.add(`meta l4proto ${protocol} th dport { ${texts.join(', ')} }`)
  }
  return [...matches]
}

const isPort = (value: number) => Number.isInteger(value) && value >= 1 && value <= 65_535

/** The same ports as ranges that neither overlap nor touch. */
function joined(ranges: readonly PortRange[]): readonly PortRange[] {
  const result: PortRange[] = []
  for (const range of [...ranges].sort((a, b) => a.first - b.first)) {
    const last = result.at(-1)
    if (last !== undefined && range.first <= last.last + 1)
      result[result.length - 1] = { first: last.first, last: Math.max(last.last, range.last) }
    else result.push(range)
  }
  return result
}
