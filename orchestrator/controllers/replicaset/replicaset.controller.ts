import { AppsV1ReplicaSet, CoreV1Pod, CoreV1ReplicationController } from '../../api/generated/kinds.ts'
import type { AppsV1ReplicaSetStatus, CoreV1PodTemplateSpec } from '../../api/generated/kinds.ts'
import { matchesLabels, selectorFromObject } from '../../api/labels.ts'
import type { LabelSelector } from '../../api/labels.ts'
import { keyOf } from '../../api/object.ts'
import type { Kind } from '../../api/object.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { reportStatus, withoutZeros } from '../status.ts'
import { claim, controllerReference, planClaims } from '../adoption.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration, ReconcileContext } from '../controller.ts'
import { controllerOf, isActive, podIndexes } from '../pod-state.ts'
import { createOwnedPod, deleteOwnedPod } from '../owned-pods.ts'
import { slowStart } from '../slow-start.ts'
import { messageOf } from '../refusal.ts'
import { nextAvailabilityMs, planReplicas, planReplicaStatus } from './replicaset.plan.ts'
import type { ReplicaFailure, ReplicaPlan } from './replicaset.plan.ts'

/** An object whose whole desire is a number of pods of one template. */
export type ReplicaOwner = AppsV1ReplicaSet | CoreV1ReplicationController

/** What differs between ReplicaSets and ReplicationControllers. */
export interface ReplicaKind<T extends ReplicaOwner> {
  readonly name: string
  readonly kind: Kind<T>
  selectorOf(owner: T): LabelSelector
  /** The part of the computed status that this kind has. */
  toStatus(status: AppsV1ReplicaSetStatus): NonNullable<T['status']>
}

/** Keeps as many active pods as each ReplicaSet asks for. */
export const createReplicaSetController = (options: { readonly informers: InformerFactory }): ControllerDeclaration<AppsV1ReplicaSet> =>
  createReplicaController(options, {
    name: 'replicaset',
    kind: AppsV1ReplicaSet,
    selectorOf: ({ spec }) => selectorFromObject(spec.selector) ?? [],
    toStatus: (status) => status,
  })

/** Keeps as many active pods as each owner of one kind asks for: the code path that ReplicaSets and ReplicationControllers share. */
export function createReplicaController<T extends ReplicaOwner>(
  { informers }: { readonly informers: InformerFactory },
  owners: ReplicaKind<T>,
): ControllerDeclaration<T> {
  const pods = informers.informer(CoreV1Pod, { indexes: podIndexes })
  const cache = informers.informer(owners.kind, {
    indexes: { namespace: ({ metadata }) => [metadata.namespace!], controller: (owner) => [controllerOf(owner)?.uid ?? ''] },
  })

  /** Owners that might adopt a pod that has no controller. */
  function* toAdopters(pod: CoreV1Pod): Iterable<string> {
    if (controllerOf(pod) !== undefined) return
    for (const owner of cache.byIndex('namespace', pod.metadata.namespace!)) {
      if (matchesLabels(owners.selectorOf(owner), pod.metadata.labels)) yield keyOf(owner)
    }
  }

  /** Active pods of this owner and of its siblings, which count as a crowd on a node. */
  function relatedTo(owner: T): CoreV1Pod[] {
    const parent = controllerOf(owner)
    const family = parent === undefined ? [owner] : [...cache.byIndex('controller', parent.uid)]
    return family.flatMap(({ metadata }) => [...pods.byIndex('controller', metadata.uid!)]).filter(isActive)
  }

  return {
    name: owners.name,
    for: owners.kind,
    owns: [CoreV1Pod],
    watches: [watch(CoreV1Pod, toAdopters)],
    async reconcile(owner, context) {
      const { uid, namespace, deletionTimestamp } = owner.metadata
      const candidates = [...pods.byIndex('controller', uid!), ...pods.byIndex('controller', `orphans/${namespace}`)]
      const claims = planClaims(owner, owners.selectorOf(owner), candidates)
      const mine = await claim({ client: context.client, kind: CoreV1Pod, owner, ownerKind: owners.kind, plan: claims })

      const plan = planReplicas({ replicas: owner.spec.replicas ?? 1, pods: mine, related: () => relatedTo(owner), now: context.now })

      const outcome = deletionTimestamp === undefined ? await act(owners.kind, owner, plan, context) : {}

      const minReadySeconds = owner.spec.minReadySeconds ?? 0
      await report(owners, owner, { pods: mine, failure: outcome.failure }, context)
      if (outcome.error !== undefined) throw outcome.error
      const requeueAfterMs = nextAvailabilityMs(mine, minReadySeconds, context.now)
      return requeueAfterMs === undefined ? undefined : { requeueAfterMs }
    },
  }
}

interface Outcome {
  readonly failure?: ReplicaFailure
  readonly error?: unknown
}

async function act<T extends ReplicaOwner>(kind: Kind<T>, owner: T, plan: ReplicaPlan, context: ReconcileContext): Promise<Outcome> {
  const created = await slowStart(plan.create, () => createOwnedPod(owner, podOf(kind, owner, owner.spec.template!), context))
  if (created.error !== undefined) return { error: created.error, failure: { reason: 'FailedCreate', message: messageOf(created.error) } }
  const removed = await Promise.allSettled(plan.remove.map((pod) => deleteOwnedPod(owner, pod, context)))
  const failed = removed.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined
  return failed === undefined ? {} : { error: failed.reason, failure: { reason: 'FailedDelete', message: messageOf(failed.reason) } }
}

function podOf<T extends ReplicaOwner>(kind: Kind<T>, owner: T, template: CoreV1PodTemplateSpec): CoreV1Pod {
  const { labels, annotations, finalizers } = template.metadata ?? {}
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${owner.metadata.name}-`,
      namespace: owner.metadata.namespace,
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerReference(kind, owner)],
    },
    spec: template.spec!,
  }
}

interface Findings {
  readonly pods: readonly CoreV1Pod[]
  readonly failure: ReplicaFailure | undefined
}

async function report<T extends ReplicaOwner>(
  owners: ReplicaKind<T>,
  owner: T,
  { pods, failure }: Findings,
  { client, now }: ReconcileContext,
): Promise<void> {
  const { minReadySeconds = 0, template } = owner.spec
  const { generation } = owner.metadata
  const computed = planReplicaStatus({
    previous: owner.status,
    generation,
    templateLabels: template?.metadata?.labels ?? {},
    minReadySeconds,
    pods,
    failure,
    now,
  })
  const status = withoutZeros(owners.toStatus(computed), ['replicas'])
  await reportStatus(client, owners.kind, owner, status)
}
