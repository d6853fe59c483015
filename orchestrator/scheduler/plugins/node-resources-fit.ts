import type { CoreV1Pod } from '../../api/generated/kinds.ts'
import { finalRefusal, refusal } from '../framework.ts'
import type { Plugin, Refusal } from '../framework.ts'
import type { NodeInfo } from '../node-info.ts'
import { podRequests } from '../pod-requests.ts'
import type { PodRequests } from '../pod-requests.ts'
import { createStrategy, defaultStrategy } from '../scoring-strategy.ts'
import type { ScoringStrategy } from '../scoring-strategy.ts'

export interface NodeResourcesFitArgs {
  /** Extended resources that others look after. */
  readonly ignoredResources?: readonly string[]
  /** The same by the part of the name before the slash. */
  readonly ignoredResourceGroups?: readonly string[]
  readonly scoringStrategy?: ScoringStrategy
}

/** Refusals are told apart by identity: one for each set of shortages. */
const refusals = new Map<string, Refusal>()
const maxRefusals = 1_000

function refusalFor(reasons: readonly string[], isFinal: boolean): Refusal {
  const key = `${isFinal} ${reasons.join()}`
  let found = refusals.get(key)
  if (found === undefined) {
    if (refusals.size >= maxRefusals) refusals.clear()
    refusals.set(key, (found = isFinal ? finalRefusal(...reasons) : refusal(...reasons)))
  }
  return found
}

/** The shortages that nearly all have, by a bit for each; found without making a text first. */
const usual = ['Too many pods', 'Insufficient cpu', 'Insufficient memory']
const usualRefusals = Array.from({ length: 2 ** (usual.length + 1) }, (_, bits) => {
  const reasons = usual.filter((_reason, at) => (bits & (2 << at)) !== 0)
  return (bits & 1) === 1 ? finalRefusal(...reasons) : refusal(...reasons)
})

function findShortages(node: NodeInfo, { requests }: PodRequests): Refusal | undefined {
  const { cpu, memory, others } = requests
  let bits = 0
  if (node.pods.size >= node.maxPods) bits |= 2
  if (cpu > 0 && cpu > node.allocatableCpu - node.requestedCpu) bits |= cpu > node.allocatableCpu ? 5 : 4
  if (memory > 0 && memory > node.allocatableMemory - node.requestedMemory) bits |= memory > node.allocatableMemory ? 9 : 8
  if (others.length > 0) {
    const short = others.filter(([name, amount]) => amount > node.allocatable(name) - node.requested(name))
    if (short.length > 0) {
      const isFinal = (bits & 1) === 1 || short.some(([name, amount]) => amount > node.allocatable(name))
      return refusalFor([...usualRefusals[bits]!.reasons, ...short.map(([name]) => `Insufficient ${name}`)], isFinal)
    }
  }
  return bits === 0 ? undefined : usualRefusals[bits]
}

/** Keeps a node's requests within what it can allocate, and prefers nodes by what would be left of their resources. */
export function createNodeResourcesFit(args: NodeResourcesFitArgs): Plugin<PodRequests> {
  const { ignoredResources = [], ignoredResourceGroups = [], scoringStrategy = defaultStrategy } = args
  const scoreOf = createStrategy(scoringStrategy)
  const isIgnored = (name: string) =>
    name.includes('/') && (ignoredResources.includes(name) || ignoredResourceGroups.includes(name.slice(0, name.indexOf('/'))))
  const ignoresAny = ignoredResources.length + ignoredResourceGroups.length > 0
  const requestsOf = (pod: CoreV1Pod): PodRequests => {
    const all = podRequests(pod)
    if (!ignoresAny) return all
    return { ...all, requests: { ...all.requests, others: all.requests.others.filter(([name]) => !isIgnored(name)) } }
  }
  return {
    name: 'NodeResourcesFit',
    wakesOn: ['node-added', 'node-changed', 'pod-removed', 'pod-changed'],
    // Room on a node helps whom it is enough for.
    isHelped: (pod, change, snapshot) => {
      if (change.event === 'pod-changed' && !asksLess(podRequests(change.pod), podRequests(change.previous))) return false
      if (!('node' in change) && !('pod' in change)) return false
      const info = snapshot.node('node' in change ? change.node.metadata.name! : (change.pod.spec.nodeName ?? ''))
      if (info?.node === undefined) return true
      return findShortages(info, withGuests(requestsOf(pod), snapshot.guestsBefore(pod, info.name))) === undefined
    },
    preFilter: (pod) => ({ state: requestsOf(pod) }),
    filter: (_pod, node, requests) => findShortages(node, requests),
    refuseBeside: (guests, node, requests) => findShortages(node, withGuests(requests, guests)),
    preScore: podRequests,
    score: (_pod, node, requests) => scoreOf(node, requests),
  }
}

/** The room on a node is first for those for whom it is made. */
function withGuests(own: PodRequests, guests: readonly CoreV1Pod[]): PodRequests {
  let { cpu, memory } = own.requests
  for (const guest of guests) {
    const { requests } = podRequests(guest)
    cpu += requests.cpu
    memory += requests.memory
  }
  return { ...own, requests: { ...own.requests, cpu, memory } }
}

function asksLess(now: PodRequests, before: PodRequests): boolean {
  if (now.requests.cpu < before.requests.cpu || now.requests.memory < before.requests.memory) return true
  const after = new Map(now.requests.others)
  return before.requests.others.some(([name, amount]) => (after.get(name) ?? 0) < amount)
}
