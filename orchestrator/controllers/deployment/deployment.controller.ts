import { AppsV1Deployment, AppsV1ReplicaSet, CoreV1Pod } from '../../api/generated/kinds.ts'
import { selectorFromObject } from '../../api/labels.ts'
import { isAlreadyExists } from '../../api/status-error.ts'
import type { Informer, InformerFactory } from '../../client/informer.ts'
import { claim, controllerReference, planClaims } from '../adoption.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration, ReconcileContext } from '../controller.ts'
import { controllerOf, isTerminated, podIndexes } from '../pod-state.ts'
import { isSameStatus, withoutZeros } from '../status.ts'
import { hashTemplate } from '../template-hash.ts'
import {
  findNewSet,
  hashLabel,
  planCleanup,
  planDeploymentStatus,
  planRecreate,
  planRollingUpdate,
  resolveBounds,
  revisionAnnotation,
  revisionOf,
} from './deployment.plan.ts'
import type { Scaling } from './deployment.plan.ts'
import { ignoreGone } from '../refusal.ts'

/** How often a rollout that stands still is looked at, so that its deadline is noticed. */
const deadlineCheckMs = 10_000

/** Keeps one ReplicaSet per template of each Deployment, and moves pods from the old ones to the new one. */
export function createDeploymentController({
  informers,
}: {
  readonly informers: InformerFactory
}): ControllerDeclaration<AppsV1Deployment> {
  const sets = informers.informer(AppsV1ReplicaSet, { indexes: { namespace: ({ metadata }) => [metadata.namespace!] } })
  const pods = informers.informer(CoreV1Pod, { indexes: podIndexes })
  return {
    name: 'deployment',
    for: AppsV1Deployment,
    owns: [AppsV1ReplicaSet],
    // The old pods' end is what a Recreate waits for, and it shows in nothing else.
    watches: [watch(CoreV1Pod, (pod) => deploymentOf(pod, sets))],
    async reconcile(deployment, context) {
      if (deployment.metadata.deletionTimestamp !== undefined) return undefined
      const claims = planClaims(
        deployment,
        selectorFromObject(deployment.spec.selector) ?? [],
        sets.byIndex('namespace', deployment.metadata.namespace!),
      )
      const mine = await claim({
        client: context.client,
        kind: AppsV1ReplicaSet,
        owner: deployment,
        ownerKind: AppsV1Deployment,
        plan: claims,
      })
      const found = findNewSet(deployment, mine)
      const oldSets = mine.filter((set) => set !== found)

      const newSet = found ?? (deployment.spec.paused === true ? undefined : await createSet(deployment, oldSets, context))
      if (newSet !== undefined) await act(deployment, newSet, oldSets, { pods, context })
      for (const set of planCleanup(deployment, oldSets)) await removeSet(set, context)

      const isDone = await report(deployment, newSet, newSet === undefined ? oldSets : [newSet, ...oldSets], context)
      return isDone ? undefined : { requeueAfterMs: deadlineCheckMs }
    },
  }
}

function deploymentOf(pod: CoreV1Pod, sets: Informer<AppsV1ReplicaSet>): string[] {
  const owner = controllerOf(pod)
  const set = owner?.kind === 'ReplicaSet' ? sets.get(`${pod.metadata.namespace}/${owner.name}`) : undefined
  const deployment = set === undefined ? undefined : controllerOf(set)
  return deployment?.kind === 'Deployment' ? [`${pod.metadata.namespace}/${deployment.name}`] : []
}

async function act(
  deployment: AppsV1Deployment,
  newSet: AppsV1ReplicaSet,
  oldSets: readonly AppsV1ReplicaSet[],
  { pods, context }: { readonly pods: Informer<CoreV1Pod>; readonly context: ReconcileContext },
): Promise<void> {
  await keepRevision(deployment, newSet, oldSets, context)
  const { paused, replicas = 1, strategy } = deployment.spec
  const isRollingOut = oldSets.some(({ spec }) => (spec.replicas ?? 0) > 0)
  if (paused === true && isRollingOut) return
  const hasOldPods = oldSets.some(({ metadata }) => [...pods.byIndex('controller', metadata.uid!)].some((pod) => !isTerminated(pod)))
  const scalings =
    paused === true
      ? [{ set: newSet, replicas }]
      : strategy?.type === 'Recreate'
        ? planRecreate(deployment, newSet, oldSets, hasOldPods)
        : planRollingUpdate(deployment, newSet, oldSets)
  for (const scaling of scalings) await scale(deployment, scaling, context)
}

async function createSet(
  deployment: AppsV1Deployment,
  oldSets: readonly AppsV1ReplicaSet[],
  { client, events }: ReconcileContext,
): Promise<AppsV1ReplicaSet> {
  const { name, namespace } = deployment.metadata
  const { template, selector, minReadySeconds } = deployment.spec
  const hash = hashTemplate(template, deployment.status?.collisionCount ?? 0)
  const labels = { ...template.metadata?.labels, [hashLabel]: hash }
  const set: AppsV1ReplicaSet = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${name}-${hash}`,
      namespace,
      labels,
      annotations: annotationsOf(deployment, nextRevision(oldSets)),
      ownerReferences: [controllerReference(AppsV1Deployment, deployment)],
    },
    spec: {
      replicas: 0,
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [hashLabel]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  }
  try {
    return await client.create(AppsV1ReplicaSet, set)
  } catch (error) {
    if (!isAlreadyExists(error)) {
      events.event(
        deployment,
        'Warning',
        'ReplicaSetCreateError',
        `Failed to create new replica set "${set.metadata.name}": ${String(error)}`,
      )
      throw error
    }
    // The name belongs to another template or owner: count on, so that the next run hashes to another name.
    await client.updateStatus(AppsV1Deployment, {
      ...deployment,
      status: { ...deployment.status, collisionCount: (deployment.status?.collisionCount ?? 0) + 1 },
    })
    throw error
  }
}

const nextRevision = (oldSets: readonly AppsV1ReplicaSet[]) => Math.max(0, ...oldSets.map(revisionOf)) + 1

function annotationsOf(deployment: AppsV1Deployment, revision: number): Record<string, string> {
  const replicas = deployment.spec.replicas ?? 1
  const { 'kubectl.kubernetes.io/last-applied-configuration': _, ...inherited } = deployment.metadata.annotations ?? {}
  return {
    ...inherited,
    [revisionAnnotation]: String(revision),
    'deployment.kubernetes.io/desired-replicas': String(replicas),
    'deployment.kubernetes.io/max-replicas': String(replicas + resolveBounds(deployment).maxSurge),
  }
}

/** The newest template has the highest revision, also when it is an old one that was gone back to; the Deployment shows it. */
async function keepRevision(
  deployment: AppsV1Deployment,
  newSet: AppsV1ReplicaSet,
  oldSets: readonly AppsV1ReplicaSet[],
  { client }: ReconcileContext,
): Promise<void> {
  const revision = Math.max(revisionOf(newSet), nextRevision(oldSets))
  const type = 'application/merge-patch+json'
  const annotations = { [revisionAnnotation]: String(revision) }
  const { namespace } = deployment.metadata
  if (revisionOf(newSet) !== revision)
    await client.patch(AppsV1ReplicaSet, { namespace, name: newSet.metadata.name! }, { type, body: { metadata: { annotations } } })
  if (deployment.metadata.annotations?.[revisionAnnotation] !== String(revision))
    await client.patch(AppsV1Deployment, { namespace, name: deployment.metadata.name! }, { type, body: { metadata: { annotations } } })
}

async function scale(deployment: AppsV1Deployment, { set, replicas }: Scaling, { client, events }: ReconcileContext): Promise<void> {
  const before = set.spec.replicas ?? 0
  if (before === replicas) return
  const { namespace, name } = set.metadata
  const { [revisionAnnotation]: _, ...annotations } = annotationsOf({ ...deployment, metadata: {} }, 0)
  await client.patch(
    AppsV1ReplicaSet,
    { namespace, name: name! },
    { type: 'application/merge-patch+json', body: { metadata: { annotations }, spec: { replicas } } },
  )
  events.event(
    deployment,
    'Normal',
    'ScalingReplicaSet',
    `Scaled ${replicas > before ? 'up' : 'down'} replica set ${name} from ${before} to ${replicas}`,
  )
}

async function removeSet({ metadata }: AppsV1ReplicaSet, { client }: ReconcileContext): Promise<void> {
  await ignoreGone(client.delete(AppsV1ReplicaSet, { namespace: metadata.namespace, name: metadata.name! }))
}

/** Writes the status; answers whether the rollout is over. */
async function report(
  deployment: AppsV1Deployment,
  newSet: AppsV1ReplicaSet | undefined,
  sets: readonly AppsV1ReplicaSet[],
  { client, now }: ReconcileContext,
): Promise<boolean> {
  const status = withoutZeros(planDeploymentStatus(deployment, newSet, sets, now))
  const isDone = status.conditions?.some(({ reason }) => reason === 'NewReplicaSetAvailable') === true
  if (isSameStatus(deployment.status, status)) return isDone
  const body = { status: { ...Object.fromEntries(Object.keys(deployment.status ?? {}).map((name) => [name, null])), ...status } }
  const key = { namespace: deployment.metadata.namespace, name: deployment.metadata.name! }
  // A patch, because the revision may have been written on the object a moment ago.
  await ignoreGone(client.patch(AppsV1Deployment, key, { type: 'application/merge-patch+json', body, subresource: 'status' }))
  return isDone
}
