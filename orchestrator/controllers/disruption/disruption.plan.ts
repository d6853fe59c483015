import { fromTimestamp, toTimestamp } from '../../../lib/clock.ts'
import type {
  CoreV1Pod,
  PolicyV1PodDisruptionBudget,
  PolicyV1PodDisruptionBudgetSpec,
  PolicyV1PodDisruptionBudgetStatus,
} from '../../api/generated/kinds.ts'
import { scaledValue } from '../../api/int-or-string.ts'
import { withCondition } from '../conditions.ts'
import { isActive, isReady } from '../pod-state.ts'

/** How long an evicted pod that is still there counts as gone: after that its deletion is taken not to have happened. */
const disruptionTimeoutMs = 2 * 60_000

/** Whether the number of pods that there should be has to be known, beside those that there are. */
export const needsScale = ({ maxUnavailable, minAvailable }: PolicyV1PodDisruptionBudgetSpec) =>
  maxUnavailable !== undefined || typeof minAvailable === 'string'

/** The status that pods add up to, and when it changes by time alone. */
export interface BudgetPlan {
  readonly status: PolicyV1PodDisruptionBudgetStatus
  readonly waitMs?: number
}

/**
 * How many of a budget's pods may be disrupted: the healthy ones less those that have to be. Pods that an eviction has taken already, and whose
 * deletion is not seen yet, count as gone. `expectedPods` is the size that the pods' controllers want, or the number of pods.
 */
export function planBudget(
  budget: PolicyV1PodDisruptionBudget,
  pods: readonly CoreV1Pod[],
  { expectedPods, now }: { readonly expectedPods: number; readonly now: number },
): BudgetPlan {
  const { minAvailable, maxUnavailable } = budget.spec
  const desiredHealthy =
    minAvailable !== undefined
      ? (scaledValue(minAvailable, expectedPods, 'up') ?? 0)
      : Math.max(0, expectedPods - (scaledValue(maxUnavailable ?? 0, expectedPods, 'up') ?? 0))
  const disrupted = pendingDisruptions(budget, pods, now)
  const currentHealthy = pods.filter((pod) => isActive(pod) && isReady(pod) && disrupted[pod.metadata.name!] === undefined).length
  const disruptionsAllowed = expectedPods === 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy)
  const times = Object.values(disrupted).map((time) => (fromTimestamp(time) ?? now) + disruptionTimeoutMs - now)
  return {
    status: {
      currentHealthy,
      desiredHealthy,
      disruptionsAllowed,
      expectedPods,
      ...(Object.keys(disrupted).length === 0 ? {} : { disruptedPods: disrupted }),
      ...(budget.metadata.generation === undefined ? {} : { observedGeneration: budget.metadata.generation }),
      conditions: conditionsOf(budget, disruptionsAllowed > 0, now),
    },
    ...(times.length === 0 ? {} : { waitMs: Math.max(0, Math.min(...times)) }),
  }
}

/** The status of a budget whose pods cannot be counted: nothing may be disrupted. */
export function planUnknown(budget: PolicyV1PodDisruptionBudget, message: string, now: number): PolicyV1PodDisruptionBudgetStatus {
  const condition = { type: 'DisruptionAllowed', status: 'False', reason: 'SyncFailed', message, lastTransitionTime: toTimestamp(now) }
  const { currentHealthy = 0, desiredHealthy = 0, expectedPods = 0 } = budget.status ?? {}
  return {
    ...budget.status,
    currentHealthy,
    desiredHealthy,
    expectedPods,
    disruptionsAllowed: 0,
    ...(budget.metadata.generation === undefined ? {} : { observedGeneration: budget.metadata.generation }),
    conditions: [...withCondition(budget.status?.conditions ?? [], condition, now)],
  }
}

function pendingDisruptions({ status }: PolicyV1PodDisruptionBudget, pods: readonly CoreV1Pod[], now: number): Record<string, string> {
  const present = new Set(pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map(({ metadata }) => metadata.name))
  return Object.fromEntries(
    Object.entries(status?.disruptedPods ?? {}).filter(
      ([name, time]) => present.has(name) && (fromTimestamp(time) ?? 0) + disruptionTimeoutMs > now,
    ),
  )
}

function conditionsOf(budget: PolicyV1PodDisruptionBudget, isAllowed: boolean, now: number) {
  const condition = {
    type: 'DisruptionAllowed',
    status: isAllowed ? 'True' : 'False',
    reason: isAllowed ? 'SufficientPods' : 'InsufficientPods',
    message: '',
    lastTransitionTime: toTimestamp(now),
    ...(budget.metadata.generation === undefined ? {} : { observedGeneration: budget.metadata.generation }),
  }
  return [...withCondition(budget.status?.conditions ?? [], condition, now)]
}
