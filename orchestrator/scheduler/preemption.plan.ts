import { fromTimestamp } from '../../lib/clock.ts'
import type { CoreV1Pod, PolicyV1PodDisruptionBudget } from '../api/generated/kinds.ts'
import { matchesLabels, selectorFromObject } from '../api/labels.ts'
import type { LabelSelector } from '../api/labels.ts'
import type { ClusterCache } from './cluster-cache.ts'
import { createNodeCheck, describeRefusals } from './decide.plan.ts'
import type { PreemptionLimits, Profile, Refusal } from './framework.ts'
import type { NodeInfo } from './node-info.ts'
import { isLeaving, priorityOf } from './pod-phase.ts'
import { podRequests } from './pod-requests.ts'

/** Nodes that are looked at for each candidate wanted: one decision must not cost a look at every pod of a large cluster. */
const looksPerCandidate = 5
const noVictims = 'No preemption victims found for incoming pod'
const notHelpful = 'Preemption is not helpful for scheduling'

/** The node on which a pod is to have room, and who has to leave for it. */
export interface PreemptionPlan {
  readonly nodeName: string
  readonly victims: readonly CoreV1Pod[]
}

export interface PreemptionInput {
  readonly pod: CoreV1Pod
  readonly cache: ClusterCache
  readonly profile: Profile
  readonly limits: PreemptionLimits
  readonly budgets: readonly PolicyV1PodDisruptionBudget[]
  /** The nodes that refused the pod for a reason that may end when others leave. */
  readonly resolvable: readonly NodeInfo[]
  /** A number by which the node to begin with is chosen. */
  readonly start: number
}

/** Pods are never changed in place, so what was read of one stays true. */
const startTimes = new WeakMap<CoreV1Pod, number>()

function startedAt(pod: CoreV1Pod): number {
  let time = startTimes.get(pod)
  if (time === undefined) {
    time = fromTimestamp(pod.status?.startTime) ?? fromTimestamp(pod.metadata.creationTimestamp) ?? 0
    startTimes.set(pod, time)
  }
  return time
}

/** Why a pod must not make others leave, in upstream's words: its policy says so, or those that it made leave are still on their way out. */
export function whyNotEligible(pod: CoreV1Pod, { cache, resolvable }: Pick<PreemptionInput, 'cache' | 'resolvable'>): string | undefined {
  if (pod.spec.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.'
  const nominated = cache.nominatedNode(pod.metadata.uid!) ?? pod.status?.nominatedNodeName
  const info = nominated === undefined ? undefined : cache.node(nominated)
  // Where nobody's leaving helps any more, another node is looked for.
  if (info === undefined || !resolvable.includes(info)) return undefined
  for (const other of info.pods.values())
    if (priorityOf(other) < priorityOf(pod) && isLeaving(other) && isVictim(other))
      return 'not eligible due to a terminating pod on the nominated node.'
  return undefined
}

const isVictim = ({ status }: CoreV1Pod) =>
  status?.conditions?.some(
    ({ type, status: state, reason }) => type === 'DisruptionTarget' && state === 'True' && reason === 'PreemptionByScheduler',
  ) === true

/** A plan that is possible. */
export interface Candidate extends PreemptionPlan {
  /** How many victims leave against their disruption budgets. */
  readonly violations: number
}

/**
 * The node where a pod fits once the fewest and least important pods have left: first those whose disruption budgets allow it, then those with the
 * lowest priorities, the fewest, the youngest. A text says why nobody's leaving would help. As upstream's DefaultPreemption.
 */
export function planPreemption(input: PreemptionInput): PreemptionPlan | string {
  const reason = whyNotEligible(input.pod, input)
  if (reason !== undefined) return reason
  let best: Candidate | undefined
  let bestCost: Cost | undefined
  const asksForRoom = input.profile.filter.some(({ name }) => name === 'NodeResourcesFit')
  const reasons = tryNodes(input, {
    isWorthTrying: (node) => bestCost === undefined || compareCosts(leastCost(node, input, asksForRoom), bestCost) < 0,
    found: (candidate) => {
      const cost = costOf(candidate)
      if (bestCost !== undefined && compareCosts(cost, bestCost) >= 0) return
      best = candidate
      bestCost = cost
    },
  })
  return best ?? describeRefusals(input.cache.nodes.length, reasons)
}

/** The nodes among which `planPreemption` chooses, the best first. */
export function listCandidates(input: PreemptionInput): readonly Candidate[] {
  const candidates: Candidate[] = []
  tryNodes(input, { isWorthTrying: () => true, found: (candidate) => candidates.push(candidate) })
  return candidates.sort((a, b) => compareCosts(costOf(a), costOf(b)))
}

interface Search {
  /** Nodes that are not worth it count as candidates that lost. */
  isWorthTrying(node: NodeInfo): boolean
  found(candidate: Candidate): void
}

/** Tries nodes until there are enough candidates; answers the reasons of those that are none, with how many have each. */
function tryNodes(input: PreemptionInput, search: Search): ReadonlyMap<string, number> {
  const { cache, resolvable, limits, start } = input
  const share = Math.trunc((resolvable.length * limits.minCandidateNodesPercentage) / 100)
  const wanted = Math.min(Math.max(share, limits.minCandidateNodesAbsolute), resolvable.length)
  const attempt = createAttempt(input)
  const reasons = new Map<string, number>()
  let judged = 0
  let looks = 0
  let candidates = 0
  for (let at = 0; at < resolvable.length && candidates < wanted && looks < wanted * looksPerCandidate; at++) {
    const node = resolvable[(start + at) % resolvable.length]!
    judged++
    if (node.lowestPriority >= priorityOf(input.pod)) {
      reasons.set(noVictims, (reasons.get(noVictims) ?? 0) + 1)
      continue
    }
    looks++
    if (!search.isWorthTrying(node)) {
      candidates++
      continue
    }
    const result = attempt(node)
    if ('reasons' in result) {
      for (const reason of result.reasons) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
      continue
    }
    candidates++
    search.found(result)
  }
  if (judged < cache.nodes.length) reasons.set(notHelpful, cache.nodes.length - judged)
  return reasons
}

/** What a candidate costs, the worst first. */
interface Cost {
  readonly violations: number
  readonly highestPriority: number
  readonly prioritySum: number
  readonly victims: number
  /** When the first of the most important victims started. */
  readonly earliest: number
}

/** So that a priority below zero counts, too. */
const sumOffset = 2 ** 31

function costOf({ victims, violations }: Candidate): Cost {
  let highestPriority = Number.MIN_SAFE_INTEGER
  let prioritySum = 0
  for (const victim of victims) {
    highestPriority = Math.max(highestPriority, priorityOf(victim))
    prioritySum += priorityOf(victim) + sumOffset
  }
  let earliest = Infinity
  for (const victim of victims) if (priorityOf(victim) === highestPriority) earliest = Math.min(earliest, startedAt(victim))
  return { violations, highestPriority, prioritySum, victims: victims.length, earliest }
}

/** What making room on a node costs at least: as few of its least important pods as could do, the youngest. Found without trying it out. */
function leastCost(node: NodeInfo, { pod, cache }: PreemptionInput, asksForRoom: boolean): Cost {
  const { lowestPriority } = node
  const starts: number[] = []
  const cpu = { short: node.requestedCpu - node.allocatableCpu, largest: 0, sum: 0 }
  const memory = { short: node.requestedMemory - node.allocatableMemory, largest: 0, sum: 0 }
  for (const incoming of [pod, ...cache.guestsBefore(pod, node.name)]) {
    const { requests } = podRequests(incoming)
    cpu.short += requests.cpu
    memory.short += requests.memory
  }
  for (const other of node.pods.values()) {
    if (priorityOf(other) >= priorityOf(pod)) continue
    const { requests } = podRequests(other)
    cpu.largest = Math.max(cpu.largest, requests.cpu)
    cpu.sum += requests.cpu
    memory.largest = Math.max(memory.largest, requests.memory)
    memory.sum += requests.memory
    starts.push(startedAt(other))
  }
  const leaving = ({ short, largest }: typeof cpu) => (short > 0 && largest > 0 && asksForRoom ? Math.ceil(short / largest) : 0)
  const victims = Math.max(1, leaving(cpu), leaving(memory))
  const isHopeless = asksForRoom && (cpu.short > cpu.sum || memory.short > memory.sum)
  return {
    violations: isHopeless ? Infinity : 0,
    highestPriority: lowestPriority,
    prioritySum: victims * (lowestPriority + sumOffset),
    victims,
    // Of so many victims the first can't have started after the youngest of its like.
    earliest: starts.sort((a, b) => b - a)[victims - 1] ?? 0,
  }
}

/** Below zero when the first is the better one. */
const compareCosts = (a: Cost, b: Cost): number =>
  a.violations - b.violations ||
  a.highestPriority - b.highestPriority ||
  a.prioritySum - b.prioritySum ||
  a.victims - b.victims ||
  b.earliest - a.earliest

/** Takes all less important pods away, then gives back, the most important first, those with whom the pod still fits. */
function createAttempt({ pod, cache, profile, budgets }: PreemptionInput): (info: NodeInfo) => Candidate | Refusal {
  const check = createNodeCheck({ pod, cache, profile })
  const priority = priorityOf(pod)
  const readBudgets = budgets.map((budget) => ({ budget, selector: selectorFromObject(budget.spec.selector) }))
  return (info) => {
    const lower = [...info.pods.values()].filter((other) => priorityOf(other) < priority)
    return cache.withGuests(cache.guestsBefore(pod, info.name), info.name, () =>
      cache.lift(lower, (putBack) => {
        const refusal = check(info)
        if (refusal !== undefined) return refusal
        const { violating, others } = splitByBudget(lower, readBudgets)
        const victims: CoreV1Pod[] = []
        let violations = 0
        const reprieve = (candidate: CoreV1Pod): boolean => {
          const take = putBack(candidate)
          if (check(info) === undefined) return true
          take()
          victims.push(candidate)
          return false
        }
        for (const candidate of violating.sort(compareImportance)) if (!reprieve(candidate)) violations++
        for (const candidate of others.sort(compareImportance)) reprieve(candidate)
        return { nodeName: info.name, victims, violations }
      }),
    )
  }
}

/** The more important first: higher priority, then longer running. */
const compareImportance = (a: CoreV1Pod, b: CoreV1Pod) => priorityOf(b) - priorityOf(a) || startedAt(a) - startedAt(b)

interface ReadBudget {
  readonly budget: PolicyV1PodDisruptionBudget
  readonly selector: LabelSelector | undefined
}

function splitByBudget(pods: readonly CoreV1Pod[], budgets: readonly ReadBudget[]) {
  const left = new Map(budgets.map(({ budget }) => [budget, budget.status?.disruptionsAllowed ?? 0]))
  const violating: CoreV1Pod[] = []
  const others: CoreV1Pod[] = []
  for (const pod of [...pods].sort(compareImportance)) {
    let isViolating = false
    for (const { budget } of budgets.filter((each) => covers(each, pod))) {
      const allowed = left.get(budget)! - 1
      left.set(budget, allowed)
      if (allowed < 0) isViolating = true
    }
    ;(isViolating ? violating : others).push(pod)
  }
  return { violating, others }
}

/** Whether the pod's leaving would be counted by a budget: one that is on its way out already is. */
function covers({ budget: { metadata, status }, selector }: ReadBudget, pod: CoreV1Pod): boolean {
  if (metadata.namespace !== pod.metadata.namespace || isLeaving(pod)) return false
  if (status?.disruptedPods?.[pod.metadata.name!] !== undefined) return false
  return selector !== undefined && matchesLabels(selector, pod.metadata.labels)
}
