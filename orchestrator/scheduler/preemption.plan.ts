import { fromTimestamp } from '../../lib/clock.ts'
import type { CoreV1Pod, PolicyV1PodDisruptionBudget } from '../api/generated/kinds.ts'
import { matchesLabels, selectorFromObject } from '../api/labels.ts'
import type { LabelSelector } from '../api/labels.ts'
import type { ClusterCache } from './cluster-cache.ts'
import { createNodeCheck, describeRefusals } from './decide.plan.ts'
import type { PreemptionLimits, Profile, Refusal } from './framework.ts'
import type { NodeInfo } from './node-info.ts'
import { isLeaving, priorityOf } from './pod-phase.ts'

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

const startedAt = ({ status, metadata }: CoreV1Pod) => fromTimestamp(status?.startTime) ?? fromTimestamp(metadata.creationTimestamp) ?? 0

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
  const { candidates, reasons } = tryNodes(input)
  let best: Candidate | undefined
  for (const candidate of candidates) if (best === undefined || compareCandidates(candidate, best) < 0) best = candidate
  return best ?? describeRefusals(input.cache.nodes.length, reasons)
}

/** The nodes among which `planPreemption` chooses, the best first. */
export function listCandidates(input: PreemptionInput): readonly Candidate[] {
  return [...tryNodes(input).candidates].sort(compareCandidates)
}

function tryNodes(input: PreemptionInput): { readonly candidates: readonly Candidate[]; readonly reasons: ReadonlyMap<string, number> } {
  const { cache, resolvable, limits, start } = input
  const share = Math.trunc((resolvable.length * limits.minCandidateNodesPercentage) / 100)
  const wanted = Math.min(Math.max(share, limits.minCandidateNodesAbsolute), resolvable.length)
  const attempt = createAttempt(input)
  const candidates: Candidate[] = []
  const reasons = new Map<string, number>()
  let judged = 0
  let looks = 0
  for (let at = 0; at < resolvable.length && candidates.length < wanted && looks < wanted * looksPerCandidate; at++) {
    const node = resolvable[(start + at) % resolvable.length]!
    judged++
    const isWorthwhile = node.lowestPriority < priorityOf(input.pod)
    if (isWorthwhile) looks++
    const result = isWorthwhile ? attempt(node) : noVictims
    if (typeof result !== 'string' && 'nodeName' in result) candidates.push(result)
    else for (const reason of typeof result === 'string' ? [result] : result.reasons) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
  }
  if (judged < cache.nodes.length) reasons.set(notHelpful, cache.nodes.length - judged)
  return { candidates, reasons }
}

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

/** Below zero when the first is the better one. */
function compareCandidates(a: Candidate, b: Candidate): number {
  const highest = ({ victims }: Candidate) => Math.max(...victims.map(priorityOf), Number.MIN_SAFE_INTEGER)
  const sum = ({ victims }: Candidate) => victims.reduce((total, victim) => total + priorityOf(victim) + 2 ** 31, 0)
  const earliest = (candidate: Candidate) =>
    Math.min(...candidate.victims.filter((victim) => priorityOf(victim) === highest(candidate)).map(startedAt))
  return (
    a.violations - b.violations ||
    highest(a) - highest(b) ||
    sum(a) - sum(b) ||
    a.victims.length - b.victims.length ||
    earliest(b) - earliest(a)
  )
}
