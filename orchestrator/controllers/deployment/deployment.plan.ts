import { isDeepStrictEqual } from 'node:util'
import { fromTimestamp, toTimestamp } from '../../../lib/clock.ts'
import type {
  AppsV1Deployment,
  AppsV1DeploymentCondition,
  AppsV1DeploymentStatus,
  AppsV1ReplicaSet,
  CoreV1PodTemplateSpec,
} from '../../api/generated/kinds.ts'
import { scaledValue } from '../../api/int-or-string.ts'
import { withCondition } from '../conditions.ts'

/** The label that tells the pods of a Deployment's ReplicaSets apart. */
export const hashLabel = 'pod-template-hash'
export const revisionAnnotation = 'deployment.kubernetes.io/revision'

/** A size that a ReplicaSet is to get. */
export interface Scaling {
  readonly set: AppsV1ReplicaSet
  readonly replicas: number
}

const sum = (sets: readonly AppsV1ReplicaSet[], count: (set: AppsV1ReplicaSet) => number | undefined) =>
  sets.reduce((total, set) => total + (count(set) ?? 0), 0)
const sizeOf = ({ spec }: AppsV1ReplicaSet) => spec.replicas ?? 0
const createdAt = ({ metadata }: AppsV1ReplicaSet) => fromTimestamp(metadata.creationTimestamp) ?? 0

/** The ReplicaSet that has the Deployment's template, the oldest if there are several. */
export function findNewSet({ spec }: AppsV1Deployment, sets: readonly AppsV1ReplicaSet[]): AppsV1ReplicaSet | undefined {
  return [...sets]
    .sort((a, b) => createdAt(a) - createdAt(b))
    .find((set) => isDeepStrictEqual(plain(withoutHash(set.spec.template!)), plain(spec.template)))
}

function withoutHash(template: CoreV1PodTemplateSpec): CoreV1PodTemplateSpec {
  const { [hashLabel]: _, ...labels } = template.metadata?.labels ?? {}
  return { ...template, metadata: { ...template.metadata, labels } }
}

/** As JSON has it: members that are undefined are absent. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

/** How many pods may be over and under the wanted number during an update. Never both 0, or nothing could move. */
export function resolveBounds({ spec }: AppsV1Deployment): { readonly maxSurge: number; readonly maxUnavailable: number } {
  if (spec.strategy?.type === 'Recreate') return { maxSurge: 0, maxUnavailable: spec.replicas ?? 1 }
  const { maxSurge = '25%', maxUnavailable = '25%' } = spec.strategy?.rollingUpdate ?? {}
  const replicas = spec.replicas ?? 1
  const surge = scaledValue(maxSurge, replicas, 'up') ?? 0
  const unavailable = Math.min(scaledValue(maxUnavailable, replicas, 'down') ?? 0, replicas)
  return { maxSurge: surge, maxUnavailable: surge === 0 && unavailable === 0 ? 1 : unavailable }
}

/** One step of a rolling update: the new ReplicaSet up as far as the surge allows, old ones down as far as availability allows, unhealthy pods first. */
export function planRollingUpdate(
  deployment: AppsV1Deployment,
  newSet: AppsV1ReplicaSet,
  oldSets: readonly AppsV1ReplicaSet[],
): readonly Scaling[] {
  const replicas = deployment.spec.replicas ?? 1
  const { maxSurge, maxUnavailable } = resolveBounds(deployment)
  const all = [newSet, ...oldSets]
  const total = sum(all, sizeOf)
  const scalings: Scaling[] = []
  const size = sizeOf(newSet)
  const upTo = size < replicas ? size + Math.max(0, Math.min(replicas + maxSurge - total, replicas - size)) : replicas
  if (upTo !== size) return [{ set: newSet, replicas: upTo }]
  const minAvailable = replicas - maxUnavailable
  const newUnavailable = size - (newSet.status?.availableReplicas ?? 0)
  let removable = total - minAvailable - newUnavailable
  const sizes = new Map(oldSets.map((set) => [set, sizeOf(set)]))
  const shrink = (set: AppsV1ReplicaSet, most: number) => {
    const count = Math.max(0, Math.min(most, sizes.get(set)!))
    sizes.set(set, sizes.get(set)! - count)
    return count
  }
  const oldestFirst = [...oldSets].sort((a, b) => createdAt(a) - createdAt(b))
  for (const set of oldestFirst) removable -= shrink(set, Math.min(removable, sizeOf(set) - (set.status?.availableReplicas ?? 0)))
  let spare = Math.min(removable, sum(all, ({ status }) => status?.availableReplicas) - minAvailable)
  for (const set of oldestFirst) spare -= shrink(set, spare)
  for (const [set, wanted] of sizes) if (wanted !== sizeOf(set)) scalings.push({ set, replicas: wanted })
  return scalings
}

/** One step of a replacement: everything old down, and the new one up once no old pod is left. */
export function planRecreate(
  deployment: AppsV1Deployment,
  newSet: AppsV1ReplicaSet,
  oldSets: readonly AppsV1ReplicaSet[],
  hasOldPods: boolean,
): readonly Scaling[] {
  const down = oldSets.filter((set) => sizeOf(set) > 0).map((set) => ({ set, replicas: 0 }))
  const replicas = deployment.spec.replicas ?? 1
  if (down.length > 0) return down
  return hasOldPods || sizeOf(newSet) === replicas ? [] : [{ set: newSet, replicas }]
}

/** Old ReplicaSets without pods beyond the history limit, oldest revision first. */
export function planCleanup({ spec }: AppsV1Deployment, oldSets: readonly AppsV1ReplicaSet[]): readonly AppsV1ReplicaSet[] {
  const idle = oldSets.filter(
    (set) => sizeOf(set) === 0 && (set.status?.replicas ?? 0) === 0 && set.metadata.deletionTimestamp === undefined,
  )
  const surplus = idle.length - (spec.revisionHistoryLimit ?? 10)
  return surplus <= 0 ? [] : idle.sort((a, b) => revisionOf(a) - revisionOf(b)).slice(0, surplus)
}

export const revisionOf = ({ metadata }: AppsV1ReplicaSet) => Number(metadata.annotations?.[revisionAnnotation] ?? 0)

/** The status that the ReplicaSets add up to. */
export function planDeploymentStatus(
  deployment: AppsV1Deployment,
  newSet: AppsV1ReplicaSet | undefined,
  sets: readonly AppsV1ReplicaSet[],
  now: number,
): AppsV1DeploymentStatus {
  const replicas = sum(sets, ({ status }) => status?.replicas)
  const available = sum(sets, ({ status }) => status?.availableReplicas)
  const { generation } = deployment.metadata
  const counts = {
    replicas,
    updatedReplicas: newSet?.status?.replicas ?? 0,
    readyReplicas: sum(sets, ({ status }) => status?.readyReplicas),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, sum(sets, sizeOf) - available),
    terminatingReplicas: sum(sets, ({ status }) => status?.terminatingReplicas),
  }
  const { collisionCount } = deployment.status ?? {}
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...counts,
    ...(collisionCount === undefined ? {} : { collisionCount }),
    conditions: [
      ...planConditions(deployment, newSet, counts, now).filter(({ type }) => type !== 'ReplicaFailure'),
      ...failures(newSet === undefined ? sets : [newSet, ...sets]).slice(0, 1),
    ],
  }
}

/** Why ReplicaSets do not get their pods. */
function failures(sets: readonly AppsV1ReplicaSet[]): AppsV1DeploymentCondition[] {
  const conditions = sets.flatMap(({ status }) => status?.conditions ?? []).filter(({ type }) => type === 'ReplicaFailure')
  return conditions.map((condition) => ({ ...condition, lastUpdateTime: condition.lastTransitionTime }))
}

type Counts = Required<Pick<AppsV1DeploymentStatus, 'replicas' | 'updatedReplicas' | 'availableReplicas'>>

function planConditions(
  deployment: AppsV1Deployment,
  newSet: AppsV1ReplicaSet | undefined,
  counts: Counts,
  now: number,
): readonly AppsV1DeploymentCondition[] {
  const previous = deployment.status?.conditions ?? []
  const replicas = deployment.spec.replicas ?? 1
  const isAvailable = counts.availableReplicas >= replicas - resolveBounds(deployment).maxUnavailable
  const available: AppsV1DeploymentCondition = isAvailable
    ? { type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable', message: 'Deployment has minimum availability.' }
    : {
        type: 'Available',
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      }
  const conditions = withCondition(previous, available, now)
  return newSet === undefined ? conditions : withCondition(conditions, progressing(deployment, newSet, counts, now), now)
}

/** `lastUpdateTime` is when there was progress last: the deadline counts from it. */
function progressing(deployment: AppsV1Deployment, { metadata }: AppsV1ReplicaSet, counts: Counts, now: number): AppsV1DeploymentCondition {
  const { status: before, spec } = deployment
  const current = before?.conditions?.find(({ type }) => type === 'Progressing')
  const lastUpdateTime = toTimestamp(now)
  if (isComplete(spec.replicas ?? 1, counts)) {
    if (current?.reason === 'NewReplicaSetAvailable' && current.message?.includes(metadata.name!) === true) return current
    const message = `ReplicaSet "${metadata.name}" has successfully progressed.`
    return { type: 'Progressing', lastUpdateTime, status: 'True', reason: 'NewReplicaSetAvailable', message }
  }
  if (current === undefined || current.reason === 'NewReplicaSetAvailable' || hasMoved(before, counts)) {
    return {
      type: 'Progressing',
      lastUpdateTime,
      status: 'True',
      reason: 'ReplicaSetUpdated',
      message: `ReplicaSet "${metadata.name}" is progressing.`,
    }
  }
  const deadlineMs = (spec.progressDeadlineSeconds ?? 600) * 1000
  const isLate = spec.paused !== true && now - (fromTimestamp(current.lastUpdateTime) ?? now) > deadlineMs
  return isLate
    ? {
        ...current,
        status: 'False',
        reason: 'ProgressDeadlineExceeded',
        message: `ReplicaSet "${metadata.name}" has timed out progressing.`,
      }
    : current
}

const isComplete = (replicas: number, counts: Counts) =>
  counts.updatedReplicas === replicas && counts.replicas === replicas && counts.availableReplicas === replicas

/** More new pods, more available ones, or fewer old ones than the status says. */
function hasMoved(before: AppsV1DeploymentStatus | undefined, counts: Counts): boolean {
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = before ?? {}
  return (
    counts.updatedReplicas > updatedReplicas ||
    counts.availableReplicas > availableReplicas ||
    counts.replicas - counts.updatedReplicas < replicas - updatedReplicas
  )
}
