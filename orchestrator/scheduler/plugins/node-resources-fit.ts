import { finalRefusal, refusal } from '../framework.ts'
import type { Plugin, Refusal } from '../framework.ts'
import type { NodeInfo } from '../node-info.ts'
import { parseResources, podRequests } from '../pod-requests.ts'
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

function findShortages(node: NodeInfo, { requests }: PodRequests): Refusal | undefined {
  const { cpu, memory, others } = requests
  let shortages: string[] | undefined
  let isFinal = false
  if (node.pods.size >= node.maxPods) shortages = ['Too many pods']
  if (cpu > 0 && cpu > node.allocatableCpu - node.requestedCpu) {
    ;(shortages ??= []).push('Insufficient cpu')
    isFinal ||= cpu > node.allocatableCpu
  }
  if (memory > 0 && memory > node.allocatableMemory - node.requestedMemory) {
    ;(shortages ??= []).push('Insufficient memory')
    isFinal ||= memory > node.allocatableMemory
  }
  for (const [name, amount] of others) {
    const allocatable = node.allocatable(name)
    if (amount <= allocatable - node.requested(name)) continue
    ;(shortages ??= []).push(`Insufficient ${name}`)
    isFinal ||= amount > allocatable
  }
  return shortages === undefined ? undefined : refusalFor(shortages, isFinal)
}

/** Keeps a node's requests within what it can allocate, and prefers nodes by what would be left of their resources. */
export function createNodeResourcesFit(args: NodeResourcesFitArgs): Plugin<PodRequests> {
  const { ignoredResources = [], ignoredResourceGroups = [], scoringStrategy = defaultStrategy } = args
  const scoreOf = createStrategy(scoringStrategy)
  const isIgnored = (name: string) =>
    name.includes('/') && (ignoredResources.includes(name) || ignoredResourceGroups.includes(name.slice(0, name.indexOf('/'))))
  const ignoresAny = ignoredResources.length + ignoredResourceGroups.length > 0
  const requestsOf = (pod: Parameters<typeof podRequests>[0]): PodRequests => {
    const all = podRequests(pod)
    if (!ignoresAny) return all
    return { ...all, requests: { ...all.requests, others: all.requests.others.filter(([name]) => !isIgnored(name)) } }
  }
  return {
    name: 'NodeResourcesFit',
    wakesOn: ['node-added', 'node-changed', 'pod-removed', 'pod-changed'],
    isHelped: (pod, change) => {
      if (!('node' in change)) return change.event !== 'pod-changed' || asksLess(podRequests(change.pod), podRequests(change.previous))
      const allocatable = parseResources(change.node.status?.allocatable)
      const { cpu, memory, others } = requestsOf(pod).requests
      return [['cpu', cpu] as const, ['memory', memory] as const, ...others].every(
        ([name, amount]) => amount <= (allocatable.get(name) ?? 0),
      )
    },
    preFilter: (pod) => ({ state: requestsOf(pod) }),
    filter: (_pod, node, requests) => findShortages(node, requests),
    preScore: podRequests,
    score: (_pod, node, requests) => scoreOf(node, requests),
  }
}

function asksLess(now: PodRequests, before: PodRequests): boolean {
  if (now.requests.cpu < before.requests.cpu || now.requests.memory < before.requests.memory) return true
  const after = new Map(now.requests.others)
  return before.requests.others.some(([name, amount]) => (after.get(name) ?? 0) < amount)
}
