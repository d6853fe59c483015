import type {
  AppsV1DaemonSet,
  AppsV1DaemonSetStatus,
  CoreV1Node,
  CoreV1Pod,
  CoreV1PodTemplateSpec,
  CoreV1Toleration,
  MetaV1OwnerReference,
} from '../../api/generated/kinds.ts'
import { scaledValue } from '../../api/int-or-string.ts'
import { matchesNodeRequirements } from '../../api/node-requirements.ts'
import { findUntolerated } from '../../api/taints.ts'
import { fromTimestamp } from '../../../lib/clock.ts'
import { availableFrom, isReady, isTerminated } from '../pod-state.ts'
import { revisionLabel } from '../revision-history.ts'

/** Pods made or deleted in one step at most, as upstream. */
const burst = 250
/** The field by which the scheduler is told on which node a pod has to be. */
const nodeNameField = 'metadata.name'
/** Counts the changes of the template, on pods; deprecated, but old tools read it. */
const generationLabel = 'pod-template-generation'

/** What a node keeps pods of a DaemonSet through: they watch nodes, so a node in trouble is where they are needed. */
const tolerations: readonly CoreV1Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
]
const hostNetworkToleration: CoreV1Toleration = { key: 'node.kubernetes.io/network-unavailable', operator: 'Exists', effect: 'NoSchedule' }

/** What a plan looks at. */
export interface DaemonView {
  readonly set: AppsV1DaemonSet
  readonly nodes: readonly CoreV1Node[]
  /** The set's pods, those that are being deleted included. */
  readonly pods: readonly CoreV1Pod[]
  /** The hash of the present template. */
  readonly hash: string
  readonly now: number
}

/** One step: nodes that get a pod, and pods that go, with the reason. */
export interface DaemonPlan {
  readonly create: readonly string[]
  readonly remove: readonly CoreV1Pod[]
  /** Pods that failed: each is removed so that another is made, with a delay that grows. */
  readonly failed: readonly CoreV1Pod[]
}

/** The node that a pod is on, or is meant for while it waits for the scheduler. */
export function nodeOf({ spec }: CoreV1Pod): string | undefined {
  if (spec.nodeName !== undefined && spec.nodeName !== '') return spec.nodeName
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
  return terms.flatMap(({ matchFields = [] }) => matchFields).find(({ key }) => key === nodeNameField)?.values?.[0]
}

/** Whether a node is to have a pod, and whether one that it has may stay. */
function wants(set: AppsV1DaemonSet, node: CoreV1Node): { readonly run: boolean; readonly stay: boolean } {
  const { spec: template } = set.spec.template
  const { nodeName } = template!
  const isChosen = nodeName === undefined || nodeName === '' || nodeName === node.metadata.name
  if (!isChosen || !matchesNodeRequirements({ spec: template! } as CoreV1Pod, node)) return { run: false, stay: false }
  const tolerated = tolerationsOf(set.spec.template)
  const taints = node.spec?.taints
  return {
    run: findUntolerated(taints, tolerated, ['NoSchedule', 'NoExecute']) === undefined,
    stay: findUntolerated(taints, tolerated, ['NoExecute']) === undefined,
  }
}

function tolerationsOf({ spec }: CoreV1PodTemplateSpec): CoreV1Toleration[] {
  return [...(spec?.tolerations ?? []), ...tolerations, ...(spec?.hostNetwork === true ? [hostNetworkToleration] : [])]
}

const isLeaving = ({ metadata }: CoreV1Pod) => metadata.deletionTimestamp !== undefined
const createdAt = ({ metadata }: CoreV1Pod) => fromTimestamp(metadata.creationTimestamp) ?? 0
const isCurrent = (pod: CoreV1Pod, { hash }: DaemonView) => pod.metadata.labels?.[revisionLabel] === hash

function isAvailable(pod: CoreV1Pod, { set, now }: DaemonView): boolean {
  const from = availableFrom(pod, set.spec.minReadySeconds ?? 0)
  return from !== undefined && from <= now
}

function podsByNode(pods: readonly CoreV1Pod[]): Map<string, CoreV1Pod[]> {
  const byNode = new Map<string, CoreV1Pod[]>()
  for (const pod of pods) {
    const node = nodeOf(pod)
    if (node !== undefined) byNode.set(node, [...(byNode.get(node) ?? []), pod])
  }
  return byNode
}

/** The next step of a DaemonSet: a pod on each node that is to have one, none elsewhere, and the rolling update once that is so. */
export function planDaemonSet(view: DaemonView): DaemonPlan {
  const { set, nodes, pods } = view
  const byNode = podsByNode(pods)
  const plan = { create: [] as string[], remove: [] as CoreV1Pod[], failed: [] as CoreV1Pod[] }
  const isSurging = surgeOf(set, nodes.length) > 0
  for (const node of nodes) {
    const { run, stay } = wants(set, node)
    const present = byNode.get(node.metadata.name!) ?? []
    const staying = present.filter((pod) => !isLeaving(pod))
    const failed = staying.filter((pod) => pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded')
    if (run && present.length === 0) plan.create.push(node.metadata.name!)
    else if (!stay) plan.remove.push(...staying)
    else {
      plan.failed.push(...failed)
      plan.remove.push(
        ...surplusOf(
          staying.filter((pod) => !failed.includes(pod)),
          isSurging ? view : undefined,
        ),
      )
    }
  }
  const known = new Set(nodes.map(({ metadata }) => metadata.name))
  // Bound to no node yet, for one that has left: the scheduler would try for ever. Those that ran there are the pod garbage collector's.
  plan.remove.push(...pods.filter((pod) => !isLeaving(pod) && pod.spec.nodeName === undefined && !known.has(nodeOf(pod))))
  if (set.spec.updateStrategy?.type !== 'OnDelete') {
    const step = planUpdate(view, byNode)
    plan.create.push(...step.create)
    plan.remove.push(...step.remove.filter((pod) => !plan.remove.includes(pod) && !plan.failed.includes(pod)))
  }
  return { ...plan, create: plan.create.slice(0, burst), remove: plan.remove.slice(0, burst) }
}

/** Of several pods on a node the oldest stays; during a surge the oldest of each revision. */
function surplusOf(pods: readonly CoreV1Pod[], surging: DaemonView | undefined): CoreV1Pod[] {
  const surplus = (group: readonly CoreV1Pod[]) => {
    const isScheduled = ({ spec }: CoreV1Pod) => (spec.nodeName === undefined ? 1 : 0)
    return [...group].sort((a, b) => isScheduled(a) - isScheduled(b) || createdAt(a) - createdAt(b)).slice(1)
  }
  if (surging === undefined) return surplus(pods)
  return [true, false].flatMap((current) => surplus(pods.filter((pod) => isCurrent(pod, surging) === current)))
}

const surgeOf = ({ spec }: AppsV1DaemonSet, nodes: number) =>
  spec.updateStrategy?.type === 'OnDelete' ? 0 : (scaledValue(spec.updateStrategy?.rollingUpdate?.maxSurge ?? 0, nodes, 'up') ?? 0)

/** Replaces pods of old templates: in place, at most `maxUnavailable` nodes without a working pod; or beside the old one, at most `maxSurge` at a time. */
function planUpdate(view: DaemonView, byNode: ReadonlyMap<string, readonly CoreV1Pod[]>): Pick<DaemonPlan, 'create' | 'remove'> {
  const { set, nodes } = view
  const wanted = nodes.filter((node) => wants(set, node).run)
  const maxSurge = surgeOf(set, wanted.length)
  const given = scaledValue(set.spec.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1, wanted.length, 'up') ?? 1
  const maxUnavailable = maxSurge === 0 ? Math.max(1, given) : given
  const rows = wanted.map(({ metadata }) => {
    const present = (byNode.get(metadata.name!) ?? []).filter((pod) => !isTerminated(pod))
    const staying = present.filter((pod) => !isLeaving(pod))
    return {
      node: metadata.name!,
      old: staying.find((pod) => !isCurrent(pod, view)),
      fresh: staying.find((pod) => isCurrent(pod, view)),
      isServed: staying.some((pod) => isAvailable(pod, view)),
    }
  })
  return maxSurge > 0 ? planSurge(view, rows, { maxSurge, maxUnavailable }) : planInPlace(view, rows, maxUnavailable)
}

interface UpdateRow {
  readonly node: string
  readonly old: CoreV1Pod | undefined
  readonly fresh: CoreV1Pod | undefined
  readonly isServed: boolean
}

function planInPlace(view: DaemonView, rows: readonly UpdateRow[], maxUnavailable: number): Pick<DaemonPlan, 'create' | 'remove'> {
  const outdated = rows.flatMap(({ old }) => (old === undefined ? [] : [old]))
  // One that doesn't work serves nobody: replacing it costs nothing.
  const broken = outdated.filter((pod) => !isAvailable(pod, view))
  const working = outdated.filter((pod) => isAvailable(pod, view))
  const unserved = rows.filter(({ isServed }) => !isServed).length
  return { create: [], remove: [...broken, ...working.slice(0, Math.max(0, maxUnavailable - unserved))] }
}

function planSurge(
  view: DaemonView,
  rows: readonly UpdateRow[],
  { maxSurge, maxUnavailable }: { readonly maxSurge: number; readonly maxUnavailable: number },
): Pick<DaemonPlan, 'create' | 'remove'> {
  const replaced = rows.filter(({ old, fresh }) => old !== undefined && fresh !== undefined && isAvailable(fresh, view))
  const broken = rows.filter(({ old }) => old !== undefined && !isAvailable(old, view))
  const surging = rows.filter(({ old, fresh }) => old !== undefined && fresh !== undefined).length
  const unserved = rows.filter(({ isServed }) => !isServed).length
  const waiting = rows.filter(({ old, fresh }) => old !== undefined && fresh === undefined && isAvailable(old, view))
  const remove = new Set([...replaced, ...broken.slice(0, Math.max(maxUnavailable, unserved))].map(({ old }) => old!))
  return { create: waiting.slice(0, Math.max(0, maxSurge - surging)).map(({ node }) => node), remove: [...remove] }
}

/** The status that nodes and pods add up to. */
export function planDaemonSetStatus(view: DaemonView & { readonly collisionCount: number }): AppsV1DaemonSetStatus {
  const { set, nodes, pods, collisionCount } = view
  const byNode = podsByNode(pods.filter((pod) => !isLeaving(pod)))
  const counts = {
    desiredNumberScheduled: 0,
    currentNumberScheduled: 0,
    numberMisscheduled: 0,
    numberReady: 0,
    numberAvailable: 0,
    updatedNumberScheduled: 0,
  }
  for (const node of nodes) {
    const present = byNode.get(node.metadata.name!) ?? []
    if (!wants(set, node).run) {
      if (present.length > 0) counts.numberMisscheduled++
      continue
    }
    counts.desiredNumberScheduled++
    if (present.length === 0) continue
    counts.currentNumberScheduled++
    if (present.some(isReady)) counts.numberReady++
    if (present.some((pod) => isAvailable(pod, view))) counts.numberAvailable++
    if (present.some((pod) => isCurrent(pod, view))) counts.updatedNumberScheduled++
  }
  return {
    ...counts,
    numberUnavailable: counts.desiredNumberScheduled - counts.numberAvailable,
    collisionCount,
    ...(set.metadata.generation === undefined ? {} : { observedGeneration: set.metadata.generation }),
  }
}

/** How long until a ready pod becomes available; `undefined` when none is about to. */
export function nextDaemonAvailableMs({ set, pods, now }: DaemonView): number | undefined {
  const waits = pods.map((pod) => (availableFrom(pod, set.spec.minReadySeconds ?? 0) ?? 0) - now).filter((ms) => ms > 0)
  return waits.length === 0 ? undefined : Math.min(...waits)
}

/** The pod for a node. The scheduler binds it there, and to no other node, so that ports, resources and volumes are counted as everybody's. */
export function daemonPodOf(
  set: AppsV1DaemonSet,
  node: string,
  { hash, owner }: { readonly hash: string; readonly owner: MetaV1OwnerReference },
): CoreV1Pod {
  const { metadata, spec } = set.spec.template
  const generation = set.metadata.annotations?.['deprecated.daemonset.template.generation']
  const nodeAffinity = {
    ...spec!.affinity?.nodeAffinity,
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchFields: [{ key: nodeNameField, operator: 'In', values: [node] }] }],
    },
  }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      generateName: `${set.metadata.name}-`,
      namespace: set.metadata.namespace,
      labels: { ...metadata?.labels, [revisionLabel]: hash, ...(generation === undefined ? {} : { [generationLabel]: generation }) },
      ownerReferences: [owner],
    },
    spec: {
      ...spec!,
      affinity: { ...spec!.affinity, nodeAffinity },
      tolerations: tolerationsOf(set.spec.template),
    },
  }
}
