import type { Backend, Protocol, ServicePort } from './service-ports.plan.ts'
import { hashOf, ruleOf } from '../table/table-state.ts'
import type { Chain, ChainHook, Collection, TableState } from '../table/table-state.ts'

/** What the fixed part of the table depends on. Texts are checked by the caller: networks in normal form, a plain interface name. */
export interface RulesOptions {
  readonly serviceCidr: string
  readonly podSubnet: string
  /** The pods' bridge interface. */
  readonly bridge: string
  /** The host's address on that bridge. */
  readonly gateway: string
  /**
   * Whether frames that the bridge switches between two pods pass the packet filter. If they do not, the reply to a translated
   * packet would reach the client untranslated, so traffic from pod to Service to pod is masqueraded.
   */
  readonly isBridgeFiltered: boolean
}

// Before the distribution's usual places (-100 and 100) and Docker's chains there, which would masquerade or publish first.
const destinationPriority = -110
const sourcePriority = 90
// Before the filters at 0: Docker drops what it does not know, and a client is to get a refusal, not silence.
export const filterPriority = -10

const concatTypes = {
  services: ['ipv4_addr', 'inet_proto', 'inet_service'],
  nodeports: ['inet_proto', 'inet_service'],
  hairpin: ['ipv4_addr', 'ipv4_addr'],
} as const

const fixedCollections: ReadonlyMap<string, Collection> = new Map([
  ['services', { keyType: concatTypes.services, valueType: 'verdict', timeoutSeconds: undefined }],
  ['nodeports', { keyType: concatTypes.nodeports, valueType: 'verdict', timeoutSeconds: undefined }],
  ['refused', { keyType: concatTypes.services, valueType: undefined, timeoutSeconds: undefined }],
  ['refused-nodeports', { keyType: concatTypes.nodeports, valueType: undefined, timeoutSeconds: undefined }],
  ['hairpin', { keyType: concatTypes.hairpin, valueType: undefined, timeoutSeconds: undefined }],
])

/** What one Service port adds to the table. Made once per port: hashing every rule at each change would be most of the work. */
export interface PortRules {
  readonly chains: ReadonlyMap<string, Chain>
  readonly collections: ReadonlyMap<string, Collection>
  /** Elements as collection, key and value. */
  readonly claims: readonly (readonly [collection: string, key: string, value: string])[]
}

/**
 * The whole table for the rules of all Service ports. A packet is matched against one map whatever the number of Services; the chain
 * it leads to picks an endpoint at random. Two that claim the same address and port: the first in the given order has it.
 */
export function planTable(ports: Iterable<PortRules>, options: RulesOptions): TableState {
  const chains = fixedChains(options)
  const collections = new Map(fixedCollections)
  const elements = new Map([...fixedCollections.keys()].map((name) => [name, new Map<string, string>()]))
  for (const port of ports) {
    for (const [name, chain] of port.chains) chains.set(name, chain)
    for (const [name, collection] of port.collections) collections.set(name, collection)
    for (const [collection, key, value] of port.claims) {
      const entries = elements.get(collection)!
      if (!entries.has(key)) entries.set(key, value)
    }
  }
  return { chains, collections, elements }
}

/** The chains, sets and elements of one Service port. */
export function planPort(port: ServicePort): PortRules {
  const chains = new Map<string, Chain>()
  const collections = new Map<string, Collection>()
  const isSplit = !isSameBackends(port.backends, port.externalBackends)
  const inside = addServiceChain(port, port.backends, `svc-${port.id}`, { chains, collections })
  const outside = isSplit ? addServiceChain(port, port.externalBackends, `ext-${port.id}`, { chains, collections }) : inside
  const claims: [string, string, string][] = [
    ...port.clusterIps.map((address) => addressClaim(address, port, inside)),
    ...port.externalIps.map((address) => addressClaim(address, port, outside)),
  ]
  if (port.nodePort !== undefined) {
    const key = `${port.protocol} . ${port.nodePort}`
    claims.push(outside === undefined ? ['refused-nodeports', key, ''] : ['nodeports', key, `goto ${outside}`])
  }
  for (const { address } of [...port.backends, ...port.externalBackends]) claims.push(['hairpin', `${address} . ${address}`, ''])
  return { chains, collections, claims }
}

function addressClaim(address: string, port: ServicePort, chain: string | undefined): [string, string, string] {
  const key = `${address} . ${port.protocol} . ${port.port}`
  return chain === undefined ? ['refused', key, ''] : ['services', key, `goto ${chain}`]
}

interface Target {
  readonly chains: Map<string, Chain>
  readonly collections: Map<string, Collection>
}

/** Adds the chain that picks an endpoint; gives its name, or `undefined` where there is no endpoint to pick. */
function addServiceChain(port: ServicePort, backends: readonly Backend[], name: string, target: Target): string | undefined {
  if (backends.length === 0) return undefined
  if (port.affinitySeconds === undefined) {
    target.chains.set(name, chainOf([translation(port.protocol, backends)]))
    return name
  }
  const sticky = backends.map((backend) => addStickyBackend(port, backend, { name, seconds: port.affinitySeconds! }, target))
  const choice = sticky.map((id, index) => `${index} : goto ep-${id}`).join(', ')
  target.chains.set(
    name,
    chainOf([...sticky.map((id) => `ip saddr @aff-${id} goto ep-${id}`), `numgen random mod ${sticky.length} vmap { ${choice} }`]),
  )
  return name
}

/** An endpoint with affinity has a chain and a set of its own, so that both go with the endpoint and clients of others are not disturbed. */
function addStickyBackend(
  port: ServicePort,
  backend: Backend,
  owner: { readonly name: string; readonly seconds: number },
  { chains, collections }: Target,
): string {
  const id = hashOf([owner.name, backend.address, String(backend.port), String(owner.seconds)])
  collections.set(`aff-${id}`, { keyType: ['ipv4_addr'], valueType: undefined, timeoutSeconds: owner.seconds })
  chains.set(`ep-${id}`, chainOf([`update @aff-${id} { ip saddr }`, translation(port.protocol, [backend])]))
  return id
}

function translation(protocol: Protocol, backends: readonly Backend[]): string {
  const [only] = backends
  if (backends.length === 1) return `meta l4proto ${protocol} dnat ip to ${only!.address}:${only!.port}`
  const choice = backends.map(({ address, port }, index) => `${index} : ${address} . ${port}`).join(', ')
  return `meta l4proto ${protocol} dnat ip to numgen random mod ${backends.length} map { ${choice} }`
}

function fixedChains({ serviceCidr, podSubnet, bridge, gateway, isBridgeFiltered }: RulesOptions): Map<string, Chain> {
  const toService = 'ip daddr . meta l4proto . th dport'
  const toNodePort = 'ip daddr != 127.0.0.0/8 fib daddr type local meta l4proto . th dport'
  const redirect = [`${toService} vmap @services`, `${toNodePort} vmap @nodeports`]
  // What still carries a Service's address after the translation chains has no endpoint, or asks for a port that nobody offers.
  const refuse = [`ct state new ${toService} @refused goto refuse`, `ip daddr ${serviceCidr} goto refuse`]
  const fromAnyPod = isBridgeFiltered ? [] : [`ct status dnat ip saddr ${podSubnet} oifname "${bridge}" masquerade`]
  return new Map([
    ['prerouting', chainOf(redirect, { type: 'nat', hook: 'prerouting', priority: destinationPriority })],
    ['output', chainOf(redirect, { type: 'nat', hook: 'output', priority: destinationPriority })],
    [
      'postrouting',
      chainOf(
        [
          // A pod that reached itself through a Service must answer to the host, else it would answer itself directly.
          'ct status dnat ip saddr . ip daddr @hairpin masquerade',
          ...fromAnyPod,
          // An endpoint on another host answers a client that is no pod through this host, where the translation is known, and lets in only pods' addresses.
          `ct status dnat ip saddr != ${podSubnet} ip daddr ${podSubnet} oifname != "${bridge}" snat to ${gateway}`,
        ],
        { type: 'nat', hook: 'postrouting', priority: sourcePriority },
      ),
    ],
    ['refuse', chainOf(['meta l4proto tcp reject with tcp reset', 'reject with icmp type port-unreachable'])],
    [
      'filter-input',
      chainOf([`ct state new fib daddr type local meta l4proto . th dport @refused-nodeports goto refuse`, refuse[0]!], {
        type: 'filter',
        hook: 'input',
        priority: filterPriority,
      }),
    ],
    ['filter-forward', chainOf(refuse, { type: 'filter', hook: 'forward', priority: filterPriority })],
    ['filter-output', chainOf(refuse, { type: 'filter', hook: 'output', priority: filterPriority })],
  ])
}

function chainOf(rules: readonly string[], hook?: ChainHook): Chain {
  return { hook, rules: rules.map(ruleOf) }
}

function isSameBackends(left: readonly Backend[], right: readonly Backend[]): boolean {
  return left.length === right.length && left.every((one, i) => one.address === right[i]?.address && one.port === right[i].port)
}
