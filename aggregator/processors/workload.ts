import type { AppsV1ReplicaSet, BatchV1Job } from '../../orchestrator/api/generated/kinds.ts'
import type { KubeObject } from '../../orchestrator/api/object.ts'
import type { Informer } from '../../orchestrator/client/informer.ts'

/** What a person calls the thing that a pod belongs to. */
export interface Workload {
  readonly kind: string
  readonly name: string
}

/**
 * The workload of a pod: its controlling owner, and where that is a ReplicaSet of a Deployment or a Job of a CronJob, the owner's owner.
 * `undefined` for pods of their own and for those of a node.
 */
export function findWorkload(
  pod: KubeObject,
  view: { readonly replicaSets: Informer<AppsV1ReplicaSet>; readonly jobs: Informer<BatchV1Job> },
): Workload | undefined {
  const owner = controllerOf(pod)
  if (owner === undefined || owner.kind === 'Node') return undefined
  const key = `${pod.metadata.namespace}/${owner.name}`
  const between = owner.kind === 'ReplicaSet' ? view.replicaSets.get(key) : owner.kind === 'Job' ? view.jobs.get(key) : undefined
  const above = between === undefined ? undefined : controllerOf(between)
  return above ?? owner
}

function controllerOf(object: KubeObject): Workload | undefined {
  const owner = object.metadata.ownerReferences?.find((reference) => reference.controller === true)
  return owner === undefined ? undefined : { kind: owner.kind, name: owner.name }
}
