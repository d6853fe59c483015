import type { CoreV1Node, CoreV1Taint } from '../api/generated/kinds.ts'

/** Marks a node that the autoscaler is taking away; nothing is scheduled there. Upstream's. */
export const toBeDeletedTaint = 'ToBeDeletedByClusterAutoscaler'
export const scaleDownDisabledAnnotation = 'cluster-autoscaler.kubernetes.io/scale-down-disabled'

const hostname = 'kubernetes.io/hostname'
/** Taints of a node's moment, not of its kind. */
const passingTaints =
  /^(node\.kubernetes\.io\/(not-ready|unreachable|unschedulable|.*-pressure|network-unavailable)|ToBeDeletedByClusterAutoscaler|DeletionCandidateOfClusterAutoscaler)$/

export const isNodeReady = ({ status }: CoreV1Node) =>
  status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') === true

export const isToBeDeleted = ({ spec }: CoreV1Node) => spec.taints?.some(({ key }) => key === toBeDeletedTaint) === true

/** A node whose Ready condition changes later than this after its creation has been ready before. */
const firstReadyMs = 120_000

/** Whether a node is on its way: there, not ready yet, and not for longer than `mostMs`. One that was ready and is so no longer is not. As upstream. */
export function isNodeStarting(node: CoreV1Node, now: number, mostMs: number): boolean {
  if (isNodeReady(node)) return false
  const createdAt = Date.parse(node.metadata.creationTimestamp ?? '')
  const changedAt = Date.parse(node.status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime ?? '')
  return !(now - createdAt >= mostMs) && !(changedAt - createdAt >= firstReadyMs)
}

/** A node of the same kind that has just been started, under another name. */
export function freshNode(template: CoreV1Node, name: string): CoreV1Node {
  const { metadata, spec, status } = template
  const taints = (spec.taints ?? []).filter(({ key }) => !passingTaints.test(key))
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, uid: name, labels: { ...metadata.labels, [hostname]: name } },
    spec: taints.length === 0 ? {} : { taints },
    status: { allocatable: status?.allocatable ?? status?.capacity ?? {}, conditions: [{ type: 'Ready', status: 'True' }] },
  }
}

/** The taint that is put on a node before it is drained; its value is when, in seconds. */
export const deletionTaint = (now: number): CoreV1Taint => ({
  key: toBeDeletedTaint,
  value: String(Math.floor(now / 1000)),
  effect: 'NoSchedule',
})
