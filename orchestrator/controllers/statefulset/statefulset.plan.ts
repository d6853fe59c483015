import type {
  AppsV1StatefulSet,
  AppsV1StatefulSetStatus,
  CoreV1PersistentVolumeClaim,
  CoreV1Pod,
  CoreV1PodTemplateSpec,
  MetaV1OwnerReference,
} from '../../api/generated/kinds.ts'
import { scaledValue } from '../../api/int-or-string.ts'
import { availableFrom, isReady, isTerminated } from '../pod-state.ts'
import { revisionLabel } from '../revision-history.ts'

export const podNameLabel = 'statefulset.kubernetes.io/pod-name'
const podIndexLabel = 'apps.kubernetes.io/pod-index'

/** The names of the two revisions that an update moves between. */
export interface Revisions {
  readonly current: string
  readonly update: string
}

/** One step: pods to make (of a revision), to delete, and those whose identity or claims are to be put right. */
export interface StatefulPlan {
  readonly create: readonly { readonly ordinal: number; readonly revision: string }[]
  readonly remove: readonly CoreV1Pod[]
}

/** What a plan looks at. */
export interface StatefulView {
  readonly set: AppsV1StatefulSet
  /** The set's pods, those that are being deleted included. */
  readonly pods: readonly CoreV1Pod[]
  readonly revisions: Revisions
  readonly now: number
}

/** The ordinal in a pod's name; `undefined` for a pod that isn't named after the set. */
export function ordinalOf(set: AppsV1StatefulSet, { metadata }: CoreV1Pod): number | undefined {
  const match = /^(.*)-(\d+)$/.exec(metadata.name ?? '')
  return match?.[1] === set.metadata.name ? Number(match![2]) : undefined
}

const startOf = ({ spec }: AppsV1StatefulSet) => spec.ordinals?.start ?? 0
const isLeaving = ({ metadata }: CoreV1Pod) => metadata.deletionTimestamp !== undefined
const revisionOf = ({ metadata }: CoreV1Pod) => metadata.labels?.[revisionLabel]

/** Whether the pod runs, is ready, and has been for `minReadySeconds`. */
function isAvailable(pod: CoreV1Pod, { set, now }: StatefulView): boolean {
  const from = pod.status?.phase === 'Running' ? availableFrom(pod, set.spec.minReadySeconds ?? 0) : undefined
  return from !== undefined && from <= now
}

/**
 * The next step of a StatefulSet. OrderedReady takes one pod at a time: each waits for all before it, and the last goes first. Parallel takes
 * all at once. An update goes from the highest ordinal down to the partition, at most `maxUnavailable` pods at a time.
 */
export function planStatefulSet(view: StatefulView): StatefulPlan {
  const { set, pods } = view
  const isOrdered = set.spec.podManagementPolicy !== 'Parallel'
  const start = startOf(set)
  const end = start + (set.spec.replicas ?? 1)
  const byOrdinal = new Map(pods.map((pod) => [ordinalOf(set, pod), pod]))
  const plan = { create: [] as { ordinal: number; revision: string }[], remove: [] as CoreV1Pod[] }
  for (let ordinal = start; ordinal < end; ordinal++) {
    const pod = byOrdinal.get(ordinal)
    if (pod === undefined) plan.create.push({ ordinal, revision: revisionFor(view, ordinal) })
    else if (isTerminated(pod) && !isLeaving(pod)) plan.remove.push(pod)
    else if (!isOrdered || isAvailable(pod, view)) continue
    // One after the other: this one has to be there before the next is looked at.
    if (isOrdered) return { ...plan, remove: [...plan.remove, ...(pod !== undefined && isBrokenOfOld(view, pod, ordinal) ? [pod] : [])] }
  }
  const condemned = pods
    .filter((pod) => !isWithin(ordinalOf(set, pod), start, end))
    .sort((a, b) => (ordinalOf(set, b) ?? 0) - (ordinalOf(set, a) ?? 0))
  if (!isOrdered) plan.remove.push(...condemned.filter((pod) => !isLeaving(pod)))
  else if (condemned.length > 0) return { ...plan, remove: condemned.some(isLeaving) ? [] : condemned.slice(0, 1) }
  if (plan.create.length === 0 && plan.remove.length === 0) plan.remove.push(...planUpdate(view, byOrdinal))
  return plan
}

/** A pod that doesn't work and that an update replaces anyway need not be waited for: else a set could never leave a bad revision. */
function isBrokenOfOld({ set, revisions }: StatefulView, pod: CoreV1Pod, ordinal: number): boolean {
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {}
  if (type === 'OnDelete' || ordinal < startOf(set) + (rollingUpdate?.partition ?? 0)) return false
  return !isLeaving(pod) && !isTerminated(pod) && !isReady(pod) && revisionOf(pod) !== revisions.update
}

const isWithin = (ordinal: number | undefined, start: number, end: number) => ordinal !== undefined && ordinal >= start && ordinal < end

/** A pod below the partition, or of an update that has not come to it, is made of the revision that it had. */
function revisionFor({ set, revisions }: StatefulView, ordinal: number): string {
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {}
  if (type === 'OnDelete') return revisions.update
  const boundary = startOf(set) + (rollingUpdate?.partition ?? 0)
  return ordinal < boundary ? revisions.current : revisions.update
}

/** Pods of old revisions that go now: those that don't work first, then working ones from the highest ordinal, as far as availability allows. */
function planUpdate(view: StatefulView, byOrdinal: ReadonlyMap<number | undefined, CoreV1Pod>): CoreV1Pod[] {
  const { set, revisions } = view
  const { type, rollingUpdate = {} } = set.spec.updateStrategy ?? {}
  if (type === 'OnDelete') return []
  const replicas = set.spec.replicas ?? 1
  const start = startOf(set)
  const within = Array.from({ length: replicas }, (_, index) => byOrdinal.get(start + index)).filter((pod) => pod !== undefined)
  const most = Math.max(1, scaledValue(rollingUpdate.maxUnavailable ?? 1, replicas, 'up') ?? 1)
  let budget = most - within.filter((pod) => isLeaving(pod) || !isAvailable(pod, view)).length
  const going: CoreV1Pod[] = []
  for (let ordinal = start + replicas - 1; ordinal >= start + (rollingUpdate.partition ?? 0); ordinal--) {
    const pod = byOrdinal.get(ordinal)
    if (pod === undefined || isLeaving(pod)) continue
    const isWorking = isAvailable(pod, view)
    if (revisionOf(pod) === revisions.update) {
      // The update waits for what it has made, so that a bad revision takes no more than `maxUnavailable` pods.
      if (!isWorking && most === 1) break
      continue
    }
    if (isWorking && budget <= 0) break
    if (isWorking) budget--
    going.push(pod)
    if (going.length >= most) break
  }
  return going
}

/** The status that the pods add up to. An update is complete when all pods are of it and work. */
export function planStatefulSetStatus(view: StatefulView & { readonly collisionCount: number }): AppsV1StatefulSetStatus {
  const { set, revisions, collisionCount } = view
  const pods = view.pods.filter((pod) => !isTerminated(pod))
  const staying = pods.filter((pod) => !isLeaving(pod))
  const of = (revision: string) => staying.filter((pod) => revisionOf(pod) === revision).length
  const readyReplicas = pods.filter((pod) => pod.status?.phase === 'Running' && isReady(pod)).length
  const updatedReplicas = of(revisions.update)
  const replicas = set.spec.replicas ?? 1
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {}
  const isComplete =
    type !== 'OnDelete' &&
    (rollingUpdate?.partition ?? 0) === 0 &&
    updatedReplicas === replicas &&
    pods.length === replicas &&
    readyReplicas === replicas
  return {
    replicas: pods.length,
    readyReplicas,
    availableReplicas: pods.filter((pod) => isAvailable(pod, view)).length,
    currentReplicas: isComplete ? updatedReplicas : of(revisions.current),
    updatedReplicas,
    currentRevision: isComplete ? revisions.update : revisions.current,
    updateRevision: revisions.update,
    collisionCount,
    ...(set.metadata.generation === undefined ? {} : { observedGeneration: set.metadata.generation }),
  }
}

/** How long until a ready pod becomes available; `undefined` when none is about to. */
export function nextAvailableMs({ set, pods, now }: StatefulView): number | undefined {
  const waits = pods.map((pod) => (availableFrom(pod, set.spec.minReadySeconds ?? 0) ?? 0) - now).filter((ms) => ms > 0)
  return waits.length === 0 ? undefined : Math.min(...waits)
}

/** The pod of an ordinal: its name, its host name, its labels, and volumes for its claims. */
export function podOf(
  set: AppsV1StatefulSet,
  template: CoreV1PodTemplateSpec,
  { ordinal, revision, owner }: { readonly ordinal: number; readonly revision: string; readonly owner: MetaV1OwnerReference },
): CoreV1Pod {
  const name = `${set.metadata.name}-${ordinal}`
  const claims = claimsOf(set, ordinal).map(({ volume, claim }) => ({
    name: volume,
    persistentVolumeClaim: { claimName: claim.metadata.name! },
  }))
  const taken = new Set(claims.map((volume) => volume.name))
  const volumes = [...(template.spec?.volumes ?? []).filter((volume) => !taken.has(volume.name)), ...claims]
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...template.metadata,
      name,
      namespace: set.metadata.namespace,
      labels: { ...template.metadata?.labels, [podNameLabel]: name, [podIndexLabel]: String(ordinal), [revisionLabel]: revision },
      ownerReferences: [owner],
    },
    spec: {
      ...template.spec!,
      hostname: name,
      ...(set.spec.serviceName === undefined || set.spec.serviceName === '' ? {} : { subdomain: set.spec.serviceName }),
      ...(volumes.length === 0 ? {} : { volumes }),
    },
  }
}

/** The claims of an ordinal, as they are made, and the volumes that they are for. */
export function claimsOf(
  set: AppsV1StatefulSet,
  ordinal: number,
): readonly { readonly volume: string; readonly claim: CoreV1PersistentVolumeClaim }[] {
  return (set.spec.volumeClaimTemplates ?? []).map((template) => ({
    volume: template.metadata.name!,
    claim: {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        ...template.metadata,
        name: `${template.metadata.name}-${set.metadata.name}-${ordinal}`,
        namespace: set.metadata.namespace,
        labels: { ...template.metadata.labels, ...set.spec.selector.matchLabels },
      },
      spec: template.spec,
    },
  }))
}

/** Whose end is a claim's end, by the set's retention policy: the set's, the pod's where the pod is beyond the wanted number, or nobody's. */
export function claimOwner(set: AppsV1StatefulSet, ordinal: number): 'set' | 'pod' | undefined {
  const { whenDeleted = 'Retain', whenScaled = 'Retain' } = set.spec.persistentVolumeClaimRetentionPolicy ?? {}
  const isCondemned = !isWithin(ordinal, startOf(set), startOf(set) + (set.spec.replicas ?? 1))
  if (isCondemned && whenScaled === 'Delete') return 'pod'
  return whenDeleted === 'Delete' ? 'set' : undefined
}
