import type { CoreV1Namespace, CoreV1Pod, NetworkingV1NetworkPolicy } from '../../api/generated/kinds.ts'
import { matchesLabels } from '../../api/labels.ts'
import type { Labels } from '../../api/labels.ts'
import { contains } from '../ipv4.ts'
import type { Ipv4Network } from '../ipv4.ts'
import { filterPriority } from '../proxy/rules.plan.ts'
import { hashOf, ruleOf } from '../table/table-state.ts'
import type { Chain, Collection, TableState } from '../table/table-state.ts'
import { planPolicy } from './policy-rules.plan.ts'
import type { Direction, DirectionRules, PeerSet, PolicyRules, PortSet } from './policy-rules.plan.ts'

/** What isolates a pod in one direction: one object for all pods that the same policies select. */
interface Isolation {
  /** The chain that its connections are led to. */
  readonly chain: string
  /** The policies that let something through. */
  readonly policies: readonly DirectionRules[]
}

/** What one pod is to the policies. */
interface Membership {
  /** `undefined`: not isolated. */
  readonly egress: Isolation | undefined
  readonly ingress: Isolation | undefined
  /** The sets of peers that it is in. */
  readonly peers: readonly PeerSet[]
}

/** All policies with the labels of all namespaces: says of each pod what it is to them, once per version of the pod. */
export interface PolicyScope {
  membershipOf(pod: CoreV1Pod): Membership
}

const directions = ['egress', 'ingress'] as const

/** Reads policies and namespaces. */
export function planScope(policies: Iterable<NetworkingV1NetworkPolicy>, namespaces: Iterable<CoreV1Namespace>): PolicyScope {
  const planned = [...policies].map(planPolicy)
  const peers = new Map(
    planned.flatMap(({ ingress, egress }) => [ingress, egress].flatMap((rules) => rules?.peers ?? [])).map((set) => [set.name, set]),
  )
  const labels = new Map([...namespaces].map(({ metadata }) => [metadata.name!, metadata.labels]))
  const relevant = new Map<string, { readonly policies: readonly PolicyRules[]; readonly peers: readonly PeerSet[] }>()
  const isolations = new Map<string, Isolation>()
  const memberships = new WeakMap<CoreV1Pod, Membership>()

  /** What can matter to pods of a namespace. */
  function relevantTo(namespace: string) {
    let found = relevant.get(namespace)
    if (found === undefined) {
      found = {
        policies: planned.filter((policy) => policy.namespace === namespace),
        peers: [...peers.values()].filter((set) => isNamespaceIn(set, namespace, labels.get(namespace))),
      }
      relevant.set(namespace, found)
    }
    return found
  }

  function isolationBy(direction: Direction, policies: readonly PolicyRules[]): Isolation | undefined {
    const selecting = policies.flatMap((policy) => policy[direction] ?? [])
    if (selecting.length === 0) return undefined
    const opening = selecting.filter(({ rules }) => rules.length > 0).sort((a, b) => (a.chain < b.chain ? -1 : 1))
    const chains = opening.map(({ chain }) => chain)
    const key = [direction, ...chains].join(' ')
    let isolation = isolations.get(key)
    if (isolation === undefined) {
      isolation = { chain: `pods-${direction}-${hashOf(chains)}`, policies: opening }
      isolations.set(key, isolation)
    }
    return isolation
  }

  return {
    membershipOf(pod) {
      let membership = memberships.get(pod)
      if (membership === undefined) {
        const here = relevantTo(pod.metadata.namespace ?? '')
        const own = here.policies.filter((policy) => matchesLabels(policy.pods, pod.metadata.labels))
        membership = {
          egress: isolationBy('egress', own),
          ingress: isolationBy('ingress', own),
          peers: here.peers.filter((set) => matchesLabels(set.pods, pod.metadata.labels)),
        }
        memberships.set(pod, membership)
      }
      return membership
    },
  }
}

function isNamespaceIn({ namespaces }: PeerSet, name: string, labels: Labels | undefined): boolean {
  return typeof namespaces === 'string' ? namespaces === name : matchesLabels(namespaces, labels)
}

/** What the table depends on beside pods and policies. Texts are checked by the caller: a plain interface name. */
export interface PolicyTableOptions {
  /** The pods' bridge interface. */
  readonly bridge: string
  readonly podSubnet: Ipv4Network
  /** Whether the node is on this host. */
  readonly isLocalNode: (nodeName: string) => boolean
}

const collection = (keyType: readonly string[], valueType?: 'verdict'): Collection => ({ keyType, valueType, timeoutSeconds: undefined })
const addresses = collection(['ipv4_addr'])
const fixedCollections: readonly (readonly [string, Collection])[] = [
  ['known', addresses],
  ['self', collection(['ipv4_addr', 'ipv4_addr'])],
  ['isolated-egress', collection(['ipv4_addr'], 'verdict')],
  ['isolated-ingress', collection(['ipv4_addr'], 'verdict')],
]

/**
 * The table that holds the pods of this host to the policies. Each direction is one look-up by the pod's address, which leads an isolated
 * pod to the chains of the policies that select it; what none of them accepts is dropped, and so is what goes to or comes from an address on the
 * bridge that is no known pod's yet. Only sets that a rule here names are filled.
 */
export function planPolicyTable(scope: PolicyScope, pods: Iterable<CoreV1Pod>, options: PolicyTableOptions): TableState {
  const chains = fixedChains(options.bridge)
  const collections = new Map(fixedCollections)
  const elements = new Map(fixedCollections.map(([name]) => [name, new Map<string, string>()]))
  const holders = podsByAddress(pods, options.podSubnet)
  const portSets = new Map<string, PortSet>()
  const useSet = (name: string, shape: Collection) => {
    if (collections.has(name)) return
    collections.set(name, shape)
    elements.set(name, new Map())
  }
  for (const [address, pod] of holders) {
    if (!options.isLocalNode(pod.spec.nodeName ?? '')) continue
    elements.get('known')!.set(address, '')
    const membership = scope.membershipOf(pod)
    for (const direction of directions) {
      const isolation = membership[direction]
      if (isolation === undefined) continue
      elements.get('self')!.set(`${address} . ${address}`, '')
      elements.get(`isolated-${direction}`)!.set(address, `goto ${isolation.chain}`)
      if (chains.has(isolation.chain)) continue
      addChains(isolation, chains)
      for (const { peers, ports } of isolation.policies) {
        for (const { name } of peers) useSet(name, addresses)
        for (const set of ports) {
          useSet(set.name, portAddresses)
          portSets.set(set.name, set)
        }
      }
    }
  }
  for (const [address, pod] of holders) {
    for (const { name } of scope.membershipOf(pod).peers) elements.get(name)?.set(address, '')
    for (const set of portSets.values()) for (const port of numbersOf(pod, set)) elements.get(set.name)!.set(`${address} . ${port}`, '')
  }
  return { chains, collections, elements }
}

const portAddresses = collection(['ipv4_addr', 'inet_service'])

/** After those of Services: a Service without endpoints refuses whoever asks. Egress is judged first; accepting there leads on to ingress. */
const priorities = { egress: filterPriority + 1, ingress: filterPriority + 2 } as const

function fixedChains(bridge: string): Map<string, Chain> {
  const chain = (direction: Direction, field: string, side: string): [string, Chain] => {
    const texts = [
      'ct state established,related accept',
      // Nobody keeps a pod from itself, through a Service.
      'ip saddr . ip daddr @self accept',
      `${field} vmap @isolated-${direction}`,
      `${side} "${bridge}" ${field} != @known drop`,
    ]
    return [direction, { hook: { type: 'filter', hook: 'forward', priority: priorities[direction] }, rules: texts.map(ruleOf) }]
  }
  return new Map([chain('egress', 'ip saddr', 'iifname'), chain('ingress', 'ip daddr', 'oifname')])
}

const drop = ruleOf('drop')

/** Adds the chain of all pods that the same policies isolate, and those of the policies. */
function addChains({ chain: name, policies }: Isolation, chains: Map<string, Chain>): void {
  chains.set(name, { hook: undefined, rules: [...policies.map(({ chain }) => ruleOf(`jump ${chain}`)), drop] })
  for (const { chain, rules } of policies) chains.set(chain, { hook: undefined, rules })
}

/** The pods that have an address of their own. Of two that claim the same one the younger has it: the other is on its way out. */
function podsByAddress(pods: Iterable<CoreV1Pod>, podSubnet: Ipv4Network): ReadonlyMap<string, CoreV1Pod> {
  const holders = new Map<string, CoreV1Pod>()
  for (const pod of pods) {
    const address = ownAddressOf(pod)
    if (address === undefined || !contains(podSubnet, address)) continue
    const other = holders.get(address)
    if (other === undefined || bornAt(other) <= bornAt(pod)) holders.set(address, pod)
  }
  return holders
}

const bornAt = ({ metadata }: CoreV1Pod) => metadata.creationTimestamp ?? ''

/** The address of a pod that has one of its own: not one in the host's network, nor one that is over. */
export function ownAddressOf({ spec, status }: CoreV1Pod): string | undefined {
  const isOver = status?.phase === 'Succeeded' || status?.phase === 'Failed'
  return isOver || spec.hostNetwork === true ? undefined : status?.podIP
}

/** The numbers of a pod's ports of that name; an init container's count, since those that stay serve too. */
function numbersOf({ spec }: CoreV1Pod, { portName, protocol }: PortSet): readonly number[] {
  const containers = [...spec.containers, ...(spec.initContainers ?? [])]
  return containers.flatMap(({ ports = [] }) =>
    ports
      .filter((port) => port.name === portName && (port.protocol ?? 'TCP').toLowerCase() === protocol)
      .map(({ containerPort }) => containerPort)
      .filter((port) => Number.isInteger(port) && port >= 1 && port <= 65_535),
  )
}
