import { fromTimestamp } from '../../../lib/clock.ts'
import type { CoreV1Container, CoreV1Pod } from '../../api/generated/kinds.ts'
import { milliValueOf } from '../../api/quantity.ts'
import { conditionOf } from '../pod-state.ts'

/** What a metrics API says of one pod, in thousandths. */
export interface PodSample {
  readonly milli: number
  /** Milliseconds since the epoch. */
  readonly timestamp: number
  readonly windowMs: number
}

/** Samples by pod name. */
export type PodSamples = ReadonlyMap<string, PodSample>

/** How far the ratio of use to target may be off 1 before anything is done about it. */
export interface Tolerance {
  readonly up: number
  readonly down: number
}

/** What all calculations look at. */
export interface CalculatorInput {
  /** The pods that the target's selector matches. */
  readonly pods: readonly CoreV1Pod[]
  readonly samples: PodSamples
  /** `spec.replicas` of the target. */
  readonly currentReplicas: number
  readonly tolerance: Tolerance
  /** The resource where the metric is one; the rules on start-up hold for `cpu` only. */
  readonly resource?: string
  readonly cpuInitializationPeriodMs: number
  readonly initialReadinessDelayMs: number
  readonly now: number
}

/** How many replicas a metric asks for, and what it measured. */
export interface Proposal {
  readonly replicas: number
  /** Per cent of the request, where the target is one. */
  readonly utilization?: number
  /** Average (or total) in thousandths. */
  readonly milli: number
}

/** The metric can't be computed; the message is upstream's. */
export class MetricError extends Error {
  readonly code = 'EMETRIC'

  constructor(message: string) {
    super(message)
    this.name = 'MetricError'
  }
}

/** Pods by how far their samples can be trusted. Mirrors upstream's `groupPods`. */
export interface PodGroups {
  readonly readyCount: number
  readonly unready: ReadonlySet<string>
  readonly missing: ReadonlySet<string>
  readonly ignored: ReadonlySet<string>
}

/** Sorts pods: over or ending are ignored, pending ones and those whose start-up CPU would mislead are unready, those without a sample missing. */
export function groupPods({ pods, samples, resource, ...rules }: CalculatorInput): PodGroups {
  const unready = new Set<string>()
  const missing = new Set<string>()
  const ignored = new Set<string>()
  let readyCount = 0
  for (const pod of pods) {
    const name = pod.metadata.name!
    const phase = pod.status?.phase
    const sample = samples.get(name)
    if (pod.metadata.deletionTimestamp !== undefined || phase === 'Failed' || phase === 'Succeeded') ignored.add(name)
    else if (phase === 'Pending' || phase === undefined) unready.add(name)
    else if (sample === undefined) missing.add(name)
    else if (resource === 'cpu' && isStartingUp(pod, sample, rules)) unready.add(name)
    else readyCount++
  }
  return { readyCount, unready, missing, ignored }
}

type StartUpRules = Pick<CalculatorInput, 'cpuInitializationPeriodMs' | 'initialReadinessDelayMs' | 'now'>

/**
 * Whether the sample must not count. Within the initialization period: when the pod isn't ready, or the sample's window reaches back before it last
 * became so. After it: when the pod isn't ready and never was (its condition last changed within the readiness delay of its start).
 */
function isStartingUp(
  pod: CoreV1Pod,
  sample: PodSample,
  { cpuInitializationPeriodMs, initialReadinessDelayMs, now }: StartUpRules,
): boolean {
  const condition = conditionOf(pod, 'Ready')
  const startedAt = fromTimestamp(pod.status?.startTime)
  if (condition === undefined || startedAt === undefined) return true
  const changedAt = fromTimestamp(condition.lastTransitionTime) ?? 0
  if (startedAt + cpuInitializationPeriodMs > now) return condition.status === 'False' || sample.timestamp < changedAt + sample.windowMs
  return condition.status === 'False' && startedAt + initialReadinessDelayMs > changedAt
}

/** Replicas for a share of the request (Resource and ContainerResource with `averageUtilization`). Mirrors upstream's `GetResourceReplicas`. */
export function planUtilization(input: CalculatorInput, targetUtilization: number, container?: string): Proposal {
  const groups = groupPods(requirePods(input))
  const usage = trustedUsage(input.samples, groups)
  const requests = podRequests(input.pods, input.resource!, container)
  const { ratio, utilization, averageMilli } = utilizationOf(usage, requests, targetUtilization)
  const measured = { utilization, milli: averageMilli }
  const replicas = planFromRatio(input, groups, ratio, {
    usage,
    missingOnScaleDown: (name) => ((requests.get(name) ?? 0) * Math.max(100, targetUtilization)) / 100,
    ratioOf: (assumed) => utilizationOf(assumed, requests, targetUtilization).ratio,
  })
  return { replicas, ...measured }
}

/** Replicas for an average per pod (Pods, and resources with `averageValue`). Mirrors upstream's `calcPlainMetricReplicas`. */
export function planAverage(input: CalculatorInput, targetMilli: number): Proposal {
  const groups = groupPods(requirePods(input))
  const usage = trustedUsage(input.samples, groups)
  const ratioOf = (milli: ReadonlyMap<string, number>) => averageOf(milli) / targetMilli
  const replicas = planFromRatio(input, groups, ratioOf(usage), { usage, missingOnScaleDown: () => targetMilli, ratioOf })
  return { replicas, milli: averageOf(usage) }
}

interface Assumptions {
  /** What the pods with trusted samples use. */
  readonly usage: ReadonlyMap<string, number>
  /** What a pod without a sample is taken to use when the others ask to scale down. */
  readonly missingOnScaleDown: (name: string) => number
  readonly ratioOf: (milli: ReadonlyMap<string, number>) => number
}

function planFromRatio(input: CalculatorInput, groups: PodGroups, ratio: number, assumptions: Assumptions): number {
  const { currentReplicas, tolerance } = input
  const countsUnready = groups.unready.size > 0 && ratio > 1
  if (!countsUnready && groups.missing.size === 0)
    return isWithin(ratio, tolerance) ? currentReplicas : Math.ceil(exact(ratio * groups.readyCount))
  const assumed = new Map(assumptions.usage)
  if (ratio < 1) for (const name of groups.missing) assumed.set(name, assumptions.missingOnScaleDown(name))
  if (ratio > 1) for (const name of groups.missing) assumed.set(name, 0)
  if (countsUnready) for (const name of groups.unready) assumed.set(name, 0)
  const cautious = assumptions.ratioOf(assumed)
  const isFlipped = (ratio < 1 && cautious > 1) || (ratio > 1 && cautious < 1)
  if (isWithin(cautious, tolerance) || isFlipped) return currentReplicas
  const replicas = Math.ceil(exact(cautious * assumed.size))
  const isWrongWay = (cautious < 1 && replicas > currentReplicas) || (cautious > 1 && replicas < currentReplicas)
  return isWrongWay ? currentReplicas : replicas
}

/** Replicas for one value of an object or an external metric that is to stay at a target for all pods together (`value`). */
export function planTotal(
  input: Pick<CalculatorInput, 'pods' | 'currentReplicas' | 'tolerance'>,
  totalMilli: number,
  targetMilli: number,
): Proposal {
  const ratio = totalMilli / targetMilli
  if (input.currentReplicas === 0) return { replicas: Math.ceil(exact(ratio)), milli: totalMilli }
  if (isWithin(ratio, input.tolerance)) return { replicas: input.currentReplicas, milli: totalMilli }
  const readyCount = input.pods.filter((pod) => pod.status?.phase === 'Running' && conditionOf(pod, 'Ready')?.status === 'True').length
  const replicas = Math.ceil(exact(ratio * readyCount))
  // Pods that are not ready yet are on their way to take up the load: too much of it is never a reason to have fewer.
  return { replicas: ratio > 1 ? Math.max(replicas, input.currentReplicas) : replicas, milli: totalMilli }
}

/** Replicas for one value that is to be shared out (`averageValue` of object and external metrics). `statusReplicas` is what runs now. */
export function planShare(
  input: Pick<CalculatorInput, 'tolerance'> & { readonly statusReplicas: number },
  totalMilli: number,
  targetMilli: number,
): Proposal {
  const { statusReplicas, tolerance } = input
  const ratio = statusReplicas === 0 ? Infinity : totalMilli / (targetMilli * statusReplicas)
  const replicas = isWithin(ratio, tolerance) ? statusReplicas : Math.ceil(exact(totalMilli / targetMilli))
  return { replicas, milli: Math.ceil(totalMilli / Math.max(1, statusReplicas)) }
}

const isWithin = (ratio: number, { up, down }: Tolerance) => ratio >= exact(1 - down) && ratio <= exact(1 + up)

/** Takes the last bits of floating point error away, which would push a whole number up by one replica. */
const exact = (value: number) => Number(value.toPrecision(12))

function requirePods(input: CalculatorInput): CalculatorInput {
  if (input.pods.length === 0) throw new MetricError('no pods returned by selector while calculating replica count')
  return input
}

function trustedUsage(samples: PodSamples, { unready, ignored }: PodGroups): Map<string, number> {
  const usage = new Map<string, number>()
  for (const [name, { milli }] of samples) if (!unready.has(name) && !ignored.has(name)) usage.set(name, milli)
  if (usage.size === 0) throw new MetricError('did not receive metrics for targeted pods (pods might be unready)')
  return usage
}

function averageOf(milli: ReadonlyMap<string, number>): number {
  let total = 0
  for (const value of milli.values()) total += value
  return Math.trunc(total / milli.size)
}

function utilizationOf(usage: ReadonlyMap<string, number>, requests: ReadonlyMap<string, number>, targetUtilization: number) {
  let used = 0
  let requested = 0
  let count = 0
  for (const [name, milli] of usage) {
    const request = requests.get(name)
    // Metrics may still know a pod that has gone meanwhile.
    if (request === undefined) continue
    used += milli
    requested += request
    count++
  }
  if (requested === 0) throw new MetricError('no metrics returned matched known pods')
  const utilization = Math.trunc((used * 100) / requested)
  return { ratio: utilization / targetUtilization, utilization, averageMilli: Math.trunc(used / count) }
}

/** What each pod requests of a resource: of one container, of the pod as a whole, or summed over its containers and sidecars. */
export function podRequests(pods: readonly CoreV1Pod[], resource: string, container?: string): Map<string, number> {
  return new Map(pods.map((pod) => [pod.metadata.name!, requestOf(pod, resource, container)]))
}

function requestOf(pod: CoreV1Pod, resource: string, container: string | undefined): number {
  const ofPod = pod.spec.resources?.requests?.[resource]
  if (container === undefined && ofPod !== undefined) return milliValueOf(ofPod)
  let total = 0
  for (const candidate of runningContainers(pod)) {
    if (container !== undefined && candidate.name !== container) continue
    const request = candidate.resources?.requests?.[resource]
    if (request === undefined)
      throw new MetricError(`missing request for ${resource} in container ${candidate.name} of Pod ${pod.metadata.name}`)
    total += milliValueOf(request)
  }
  return total
}

const runningContainers = ({ spec }: CoreV1Pod): readonly CoreV1Container[] => [
  ...spec.containers,
  ...(spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'),
]
