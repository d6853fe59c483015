import type { CoreV1Pod, PolicyV1PodDisruptionBudget } from '../api/generated/kinds.ts'
import { matchesLabels, selectorFromObject } from '../api/labels.ts'
import { isTerminated } from '../scheduler/pod-phase.ts'
import type { AutoscalerSettings } from './settings.ts'

const safeToEvict = 'cluster-autoscaler.kubernetes.io/safe-to-evict'
const safeVolumes = 'cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes'

/** Why a pod keeps its node, in upstream's words. */
export type BlockingReason =
  | 'NotReplicated'
  | 'LocalStorageRequested'
  | 'NotSafeToEvictAnnotation'
  | 'UnmovableKubeSystemPod'
  | 'NotEnoughPdb'

/** What would become of a node's pods. */
export interface Drainability {
  /** Those that would have to go elsewhere. */
  readonly movable: readonly CoreV1Pod[]
  readonly blocked: { readonly pod: CoreV1Pod; readonly reason: BlockingReason } | undefined
}

type Rules = Pick<AutoscalerSettings, 'skipNodesWithLocalStorage' | 'skipNodesWithSystemPods' | 'expendablePodsPriorityCutoff'>

const controllerOf = ({ metadata }: CoreV1Pod) => metadata.ownerReferences?.find(({ controller }) => controller === true)
const isMirror = ({ metadata }: CoreV1Pod) => metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined

/** Whether a pod goes down with its node and is nobody's concern. */
export const belongsToNode = (pod: CoreV1Pod) => isMirror(pod) || controllerOf(pod)?.kind === 'DaemonSet'

/** Who would have to leave a node, and the first who can't. Pods that are over, or the node's own, don't count. */
export function judgePods(pods: Iterable<CoreV1Pod>, budgets: readonly PolicyV1PodDisruptionBudget[], rules: Rules): Drainability {
  const movable: CoreV1Pod[] = []
  const allowed = budgets.map((budget) => ({
    budget,
    selector: selectorFromObject(budget.spec.selector),
    left: budget.status?.disruptionsAllowed ?? 0,
  }))
  for (const pod of pods) {
    if (belongsToNode(pod) || isTerminated(pod)) continue
    // One that is leaving needs no place, but the node has to wait for it.
    if (pod.metadata.deletionTimestamp !== undefined || (pod.spec.priority ?? 0) < rules.expendablePodsPriorityCutoff) continue
    const own = allowed.filter(({ budget, selector }) => {
      const isHere = budget.metadata.namespace === pod.metadata.namespace
      return isHere && selector !== undefined && matchesLabels(selector, pod.metadata.labels)
    })
    const reason = whyBlocked(pod, own.length > 0, rules)
    if (reason !== undefined) return { movable, blocked: { pod, reason } }
    for (const covering of own) if (--covering.left < 0) return { movable, blocked: { pod, reason: 'NotEnoughPdb' } }
    movable.push(pod)
  }
  return { movable, blocked: undefined }
}

function whyBlocked(pod: CoreV1Pod, hasBudget: boolean, rules: Rules): BlockingReason | undefined {
  const word = pod.metadata.annotations?.[safeToEvict]
  if (word === 'true') return undefined
  if (controllerOf(pod) === undefined) return 'NotReplicated'
  if (rules.skipNodesWithSystemPods && pod.metadata.namespace === 'kube-system' && !hasBudget) return 'UnmovableKubeSystemPod'
  if (rules.skipNodesWithLocalStorage && hasLocalStorage(pod)) return 'LocalStorageRequested'
  return word === 'false' ? 'NotSafeToEvictAnnotation' : undefined
}

function hasLocalStorage({ metadata, spec }: CoreV1Pod): boolean {
  const safe = new Set((metadata.annotations?.[safeVolumes] ?? '').split(',').map((name) => name.trim()))
  return (spec.volumes ?? []).some(
    ({ name, emptyDir, hostPath }) =>
      !safe.has(name) && (hostPath !== undefined || (emptyDir !== undefined && emptyDir.medium !== 'Memory')),
  )
}
