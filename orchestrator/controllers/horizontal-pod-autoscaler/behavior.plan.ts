import type { AutoscalingV2HorizontalPodAutoscalerBehavior, AutoscalingV2HPAScalingRules } from '../../api/generated/kinds.ts'

/** What was wanted or done, and when (milliseconds since the epoch). */
export interface TimedCount {
  readonly at: number
  readonly count: number
}

/** What an autoscaler must remember between runs. Not stored: after a restart the current size is the first recommendation. */
export interface ScalingHistory {
  /** Raw proposals, before any limit. */
  readonly recommendations: readonly TimedCount[]
  /** Replicas added and removed by this autoscaler. */
  readonly added: readonly TimedCount[]
  readonly removed: readonly TimedCount[]
}

export interface NormalizeInput {
  readonly history: ScalingHistory
  readonly currentReplicas: number
  /** What the metrics ask for. */
  readonly desiredReplicas: number
  readonly minReplicas: number
  readonly maxReplicas: number
  readonly behavior?: AutoscalingV2HorizontalPodAutoscalerBehavior
  readonly downscaleStabilizationMs: number
  readonly now: number
}

/** A condition's status, reason and message. */
export interface Finding {
  readonly status: 'True' | 'False'
  readonly reason: string
  readonly message: string
}

/** The size to go to, and what the conditions AbleToScale and ScalingLimited say about it. */
export interface NormalizedScale {
  readonly replicas: number
  readonly ableToScale: Finding
  readonly scalingLimited: Finding
}

const readyForNewScale: Finding = { status: 'True', reason: 'ReadyForNewScale', message: 'recommended size matches current size' }
const scaleDownStabilized: Finding = {
  status: 'True',
  reason: 'ScaleDownStabilized',
  message: 'recent recommendations were higher than current one, applying the highest recent recommendation',
}
const scaleUpStabilized: Finding = {
  status: 'True',
  reason: 'ScaleUpStabilized',
  message: 'recent recommendations were lower than current one, applying the lowest recent recommendation',
}
const withinRange: Finding = { status: 'False', reason: 'DesiredWithinRange', message: 'the desired count is within the acceptable range' }
const scaleUpLimited: Finding = {
  status: 'True',
  reason: 'ScaleUpLimit',
  message: 'the desired replica count is increasing faster than the maximum scale rate',
}
const scaleDownLimited: Finding = {
  status: 'True',
  reason: 'ScaleDownLimit',
  message: 'the desired replica count is decreasing faster than the maximum scale rate',
}
const tooMany: Finding = {
  status: 'True',
  reason: 'TooManyReplicas',
  message: 'the desired replica count is more than the maximum replica count',
}
const tooFew: Finding = {
  status: 'True',
  reason: 'TooFewReplicas',
  message: 'the desired replica count is less than the minimum replica count',
}

/** Stabilises, limits the rate of, and bounds a proposal: by the autoscaler's `behavior`, or without one by upstream's older rules. */
export function normalize(input: NormalizeInput): NormalizedScale {
  return input.behavior === undefined ? normalizeByDefault(input) : normalizeByBehavior(input, input.behavior)
}

/** The highest recommendation of the window; at most double (or 4) in one step; within min and max. */
function normalizeByDefault(input: NormalizeInput): NormalizedScale {
  const recent = input.history.recommendations.filter(({ at }) => at > input.now - input.downscaleStabilizationMs)
  const stabilized = Math.max(input.desiredReplicas, ...recent.map(({ count }) => count))
  const ableToScale = stabilized === input.desiredReplicas ? readyForNewScale : scaleDownStabilized
  const upLimit = Math.max(2 * input.currentReplicas, 4)
  const [maximum, limited] = input.maxReplicas > upLimit ? [upLimit, scaleUpLimited] : [input.maxReplicas, tooMany]
  if (stabilized < input.minReplicas) return { replicas: input.minReplicas, ableToScale, scalingLimited: tooFew }
  if (stabilized > maximum) return { replicas: maximum, ableToScale, scalingLimited: limited }
  return { replicas: stabilized, ableToScale, scalingLimited: withinRange }
}

function normalizeByBehavior(input: NormalizeInput, behavior: AutoscalingV2HorizontalPodAutoscalerBehavior): NormalizedScale {
  const stabilized = stabilize(input, behavior)
  const ableToScale =
    stabilized === input.desiredReplicas ? readyForNewScale : stabilized < input.desiredReplicas ? scaleUpStabilized : scaleDownStabilized
  const { replicas, finding } = limitRate(input, behavior, stabilized)
  return { replicas, ableToScale, scalingLimited: finding }
}

/** Brings the current size into [lowest recent recommendation for going up, highest for going down]. */
function stabilize(
  { history, desiredReplicas, currentReplicas, downscaleStabilizationMs, now }: NormalizeInput,
  { scaleUp, scaleDown }: AutoscalingV2HorizontalPodAutoscalerBehavior,
): number {
  const upFrom = now - (scaleUp?.stabilizationWindowSeconds ?? 0) * 1000
  const downFrom =
    now - (scaleDown?.stabilizationWindowSeconds === undefined ? downscaleStabilizationMs : scaleDown.stabilizationWindowSeconds * 1000)
  const countsAfter = (from: number) => history.recommendations.filter(({ at }) => at > from).map(({ count }) => count)
  const lowest = Math.min(desiredReplicas, ...countsAfter(upFrom))
  const highest = Math.max(desiredReplicas, ...countsAfter(downFrom))
  return Math.min(Math.max(currentReplicas, lowest), highest)
}

function limitRate(
  input: NormalizeInput,
  behavior: AutoscalingV2HorizontalPodAutoscalerBehavior,
  desired: number,
): { readonly replicas: number; readonly finding: Finding } {
  const { currentReplicas, minReplicas, maxReplicas } = input
  if (desired > currentReplicas) {
    const limit = Math.max(scaleUpLimit(input, behavior.scaleUp), currentReplicas)
    const [maximum, finding] = maxReplicas > limit ? [limit, scaleUpLimited] : [maxReplicas, tooMany]
    if (desired > maximum) return { replicas: maximum, finding }
  } else if (desired < currentReplicas) {
    const limit = Math.min(scaleDownLimit(input, behavior.scaleDown), currentReplicas)
    const [minimum, finding] = minReplicas < limit ? [limit, scaleDownLimited] : [minReplicas, tooFew]
    if (desired < minimum) return { replicas: minimum, finding }
  }
  return { replicas: desired, finding: withinRange }
}

const defaultUpPolicies = [
  { type: 'Pods', value: 4, periodSeconds: 15 },
  { type: 'Percent', value: 100, periodSeconds: 15 },
]
const defaultDownPolicies = [{ type: 'Percent', value: 100, periodSeconds: 15 }]

/** How far up the policies allow to go now. */
export function scaleUpLimit(
  input: Pick<NormalizeInput, 'history' | 'currentReplicas' | 'now'>,
  rules: AutoscalingV2HPAScalingRules | undefined,
): number {
  const { currentReplicas } = input
  if (rules?.selectPolicy === 'Disabled') return currentReplicas
  const limits = (rules?.policies ?? defaultUpPolicies).map(({ type, value, periodSeconds }) => {
    const start = periodStart(input, periodSeconds)
    return type === 'Pods' ? start + value : Math.ceil(start * (1 + value / 100))
  })
  return rules?.selectPolicy === 'Min' ? Math.min(...limits) : Math.max(...limits)
}

/** How far down the policies allow to go now. */
export function scaleDownLimit(
  input: Pick<NormalizeInput, 'history' | 'currentReplicas' | 'now'>,
  rules: AutoscalingV2HPAScalingRules | undefined,
): number {
  const { currentReplicas } = input
  if (rules?.selectPolicy === 'Disabled') return currentReplicas
  const limits = (rules?.policies ?? defaultDownPolicies).map(({ type, value, periodSeconds }) => {
    const start = periodStart(input, periodSeconds)
    return type === 'Pods' ? start - value : Math.trunc(start * (1 - value / 100))
  })
  return rules?.selectPolicy === 'Min' ? Math.max(...limits) : Math.min(...limits)
}

/** The size at the beginning of the period, by taking back what was done in it. */
function periodStart(
  { history, currentReplicas, now }: Pick<NormalizeInput, 'history' | 'currentReplicas' | 'now'>,
  periodSeconds: number,
): number {
  const sumSince = (events: readonly TimedCount[]) =>
    events.filter(({ at }) => at > now - periodSeconds * 1000).reduce((sum, { count }) => sum + count, 0)
  return currentReplicas - sumSince(history.added) + sumSince(history.removed)
}

/** The longest time that a recommendation or a scale event can matter: the API allows windows of an hour and periods of half an hour. */
const longestMemoryMs = 3_600_000

/** The history with what this run wanted and did, and without what is too old to matter. */
export function remember(
  history: ScalingHistory,
  now: number,
  run: { readonly recommendation?: number; readonly change?: number; readonly downscaleStabilizationMs: number },
): ScalingHistory {
  const from = now - Math.max(longestMemoryMs, run.downscaleStabilizationMs)
  const keep = (events: readonly TimedCount[], count: number | undefined) => {
    const recent = events.filter(({ at }) => at > from)
    return count === undefined || count <= 0 ? recent : [...recent, { at: now, count }]
  }
  const { recommendations } = history
  const recommended =
    run.recommendation === undefined ? recommendations : withRecommendation(recommendations, { at: now, count: run.recommendation })
  return {
    recommendations: recommended.filter(({ at }) => at > from),
    added: keep(history.added, run.change),
    removed: keep(history.removed, run.change === undefined ? undefined : -run.change),
  }
}

/** Of a run of equal recommendations the first and the last say as much as all of them, so that frequent samples cost no memory. */
function withRecommendation(recommendations: readonly TimedCount[], next: TimedCount): readonly TimedCount[] {
  const [before, last] = recommendations.slice(-2)
  const isRun = before !== undefined && last !== undefined && before.count === next.count && last.count === next.count
  return [...(isRun ? recommendations.slice(0, -1) : recommendations), next]
}
