import { fromTimestamp } from '../../lib/clock.ts'
import type { CoreV1Pod, PolicyV1PodDisruptionBudget } from '../api/generated/kinds.ts'
import { matchesLabels, selectorFromObject } from '../api/labels.ts'
import { priorityOf } from './cluster-cache.ts'
import type { ClusterCache } from './cluster-cache.ts'
import { canTake } from './decide.plan.ts'
import type { AnyPlugin } from './framework.ts'
import type { NodeInfo } from './node-info.ts'

/** Nodes that are tried: a tenth of them, a hundred at least. As upstream. */
const minCandidates = 100
const candidateShare = 0.1
/** Nodes that are looked at for each candidate wanted: one decision must not cost a look at every pod of a large cluster. */
const looksPerCandidate = 5

/** The node on which a pod is to have room, and who has to leave for it. */
export interface PreemptionPlan {
  readonly nodeName: string
  readonly victims: readonly CoreV1Pod[]
}

export interface PreemptionInput {
  readonly pod: CoreV1Pod
  readonly cache: ClusterCache
  readonly plugins: readonly AnyPlugin[]
  readonly budgets: readonly PolicyV1PodDisruptionBudget[]
  /** Where in the list of nodes to begin. */
  readonly start: number
}

const isLeaving = ({ metadata }: CoreV1Pod) => metadata.deletionTimestamp !== undefined
const startedAt = ({ status, metadata }: CoreV1Pod) => fromTimestamp(status?.startTime) ?? fromTimestamp(metadata.creationTimestamp) ?? 0

/** Whether a pod may make others leave: not when its policy says so, nor while those that it made leave are still on their way out. */
export function mayPreempt(pod: CoreV1Pod, cache: ClusterCache): boolean {
  if (pod.spec.preemptionPolicy === 'Never') return false
  const nominated = pod.status?.nominatedNodeName
  const present = nominated === undefined ? undefined : cache.node(nominated)?.pods
  return present === undefined || ![...present.values()].some((other) => isLeaving(other) && priorityOf(other) < priorityOf(pod))
}

/** A plan that is possible. */
export interface Candidate extends PreemptionPlan {
  /** How many victims leave against their disruption budgets. */
  readonly violations: number
}

/**
 * The node where a pod fits once the fewest and least important pods have left: first those whose disruption budgets allow it, then those with the
 * lowest priorities, the fewest, the youngest. `undefined` where nobody's leaving would help. As upstream's DefaultPreemption.
 */
export function planPreemption(input: PreemptionInput): PreemptionPlan | undefined {
  let best: Candidate | undefined
  for (const candidate of candidatesOf(input)) if (best === undefined || compareCandidates(candidate, best) < 0) best = candidate
  return best
}

/** The nodes among which `planPreemption` chooses, the best first. */
export function listCandidates(input: PreemptionInput): readonly Candidate[] {
  return [...candidatesOf(input)].sort(compareCandidates)
}

function* candidatesOf(input: PreemptionInput): Iterable<Candidate> {
  const { cache, start } = input
  const { nodes } = cache
  const wanted = Math.max(minCandidates, Math.floor(nodes.length * candidateShare))
  let found = 0
  const looks = Math.min(nodes.length, wanted * looksPerCandidate)
  for (let at = 0; at < looks && found < wanted; at++) {
    const candidate = tryNode(input, nodes[(start + at) % nodes.length]!)
    if (candidate === undefined) continue
    found++
    yield candidate
  }
}

/** Takes all less important pods away, then gives back, the most important first, those with whom the pod still fits. */
function tryNode({ pod, cache, plugins, budgets }: PreemptionInput, info: NodeInfo): Candidate | undefined {
  const lower = [...info.pods.values()].filter((other) => priorityOf(other) < priorityOf(pod))
  if (lower.length === 0) return undefined
  return cache.lift(lower, (putBack) => {
    if (!canTake(pod, info, cache, plugins)) return undefined
    const { violating, others } = splitByBudget(lower, budgets)
    const victims: CoreV1Pod[] = []
    let violations = 0
    const reprieve = (candidate: CoreV1Pod): boolean => {
      const take = putBack(candidate)
      if (canTake(pod, info, cache, plugins)) return true
      take()
      victims.push(candidate)
      return false
    }
    for (const candidate of violating.sort(compareImportance)) if (!reprieve(candidate)) violations++
    for (const candidate of others.sort(compareImportance)) reprieve(candidate)
    return { nodeName: info.name, victims, violations }
  })
}

/** The more important first: higher priority, then longer running. */
const compareImportance = (a: CoreV1Pod, b: CoreV1Pod) => priorityOf(b) - priorityOf(a) || startedAt(a) - startedAt(b)

function splitByBudget(pods: readonly CoreV1Pod[], budgets: readonly PolicyV1PodDisruptionBudget[]) {
  const left = new Map(budgets.map((budget) => [budget, budget.status?.disruptionsAllowed ?? 0]))
  const violating: CoreV1Pod[] = []
  const others: CoreV1Pod[] = []
  for (const pod of [...pods].sort(compareImportance)) {
    let isViolating = false
    for (const budget of budgets.filter((each) => covers(each, pod))) {
      const allowed = left.get(budget)! - 1
      left.set(budget, allowed)
      if (allowed < 0) isViolating = true
    }
    ;(isViolating ? violating : others).push(pod)
  }
  return { violating, others }
}

/** Whether the pod's leaving would be counted by a budget: one that is on its way out already is. */
function covers({ metadata, spec, status }: PolicyV1PodDisruptionBudget, pod: CoreV1Pod): boolean {
  if (metadata.namespace !== pod.metadata.namespace || isLeaving(pod)) return false
  if (status?.disruptedPods?.[pod.metadata.name!] !== undefined) return false
  const selector = selectorFromObject(spec.selector)
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
