import {
  AppsV1Deployment,
  AppsV1ReplicaSet,
  AppsV1StatefulSet,
  CoreV1Pod,
  CoreV1ReplicationController,
  PolicyV1PodDisruptionBudget,
} from '../../api/generated/kinds.ts'
import type { MetaV1OwnerReference } from '../../api/generated/kinds.ts'
import { matchesLabels, selectorFromObject } from '../../api/labels.ts'
import { keyOf } from '../../api/object.ts'
import type { Kind, KubeObject } from '../../api/object.ts'
import { isNotFound } from '../../api/status-error.ts'
import type { Client } from '../../client/client.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { reportStatus } from '../status.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration, ReconcileContext } from '../controller.ts'
import { readTarget } from '../horizontal-pod-autoscaler/scale-target.ts'
import { controllerOf, podIndexes } from '../pod-state.ts'
import { messageOf } from '../refusal.ts'
import { needsScale, planBudget, planUnknown } from './disruption.plan.ts'

/** Kinds whose size decides how many pods there should be; a change of one is looked at at once. */
const scaledKinds = [AppsV1Deployment, AppsV1ReplicaSet, AppsV1StatefulSet, CoreV1ReplicationController]

/** Keeps the count of pods that each PodDisruptionBudget lets go. The eviction subresource takes from it. */
export function createDisruptionController({
  informers,
}: {
  readonly informers: InformerFactory
}): ControllerDeclaration<PolicyV1PodDisruptionBudget> {
  const pods = informers.informer(CoreV1Pod, { indexes: podIndexes })
  const budgets = informers.informer(PolicyV1PodDisruptionBudget, {
    indexes: { namespace: ({ metadata }) => [metadata.namespace!] },
  })
  const budgetsOf = ({ metadata }: CoreV1Pod) =>
    [...budgets.byIndex('namespace', metadata.namespace!)].filter((budget) => selects(budget, metadata.labels)).map(keyOf)
  const allOf = ({ metadata }: KubeObject) => [...budgets.byIndex('namespace', metadata.namespace!)].map(keyOf)
  return {
    name: 'disruption',
    for: PolicyV1PodDisruptionBudget,
    watches: [watch(CoreV1Pod, budgetsOf), ...scaledKinds.map((kind) => watch(kind as Kind, allOf))],
    async reconcile(budget, context) {
      if (budget.metadata.deletionTimestamp !== undefined) return undefined
      const all = [...pods.byIndex('namespace', budget.metadata.namespace!)]
      const mine = all.filter(({ metadata }) => selects(budget, metadata.labels))
      try {
        const expectedPods = needsScale(budget.spec) ? await expectedScale(mine, context.client) : mine.length
        const { status, waitMs } = planBudget(budget, mine, { expectedPods, now: context.now })
        await report(budget, status, context)
        return waitMs === undefined ? undefined : { requeueAfterMs: waitMs }
      } catch (error) {
        // Better no eviction than one too many.
        await report(budget, planUnknown(budget, messageOf(error), context.now), context)
        context.events.event(
          budget,
          'Warning',
          'CalculateExpectedPodCountFailed',
          `Failed to calculate the number of expected pods: ${messageOf(error)}`,
        )
        throw error
      }
    },
  }
}

function selects({ spec }: PolicyV1PodDisruptionBudget, labels: Readonly<Record<string, string>> | undefined): boolean {
  const selector = selectorFromObject(spec.selector)
  return selector !== undefined && matchesLabels(selector, labels)
}

/** The sizes that the pods' controllers want, together. Pods without one cannot be counted against a share. */
async function expectedScale(pods: readonly CoreV1Pod[], client: Client): Promise<number> {
  const owners = new Map<string, MetaV1OwnerReference>()
  for (const pod of pods) {
    const owner = controllerOf(pod)
    if (owner === undefined) throw new Error(`found no controller ref for pod "${pod.metadata.name}"`)
    owners.set(owner.uid, owner)
  }
  const namespace = pods[0]?.metadata.namespace ?? ''
  const sizes = new Map<string, number>()
  for (const owner of owners.values()) {
    const target = await topmost(owner, namespace, client)
    if (target === undefined || sizes.has(target.uid)) continue
    const { scale } = await readTarget(client, namespace, target)
    sizes.set(target.uid, scale.spec?.replicas ?? 0)
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0)
}

/** A ReplicaSet of a Deployment is but a part of it: during an update there are two. `undefined` for an owner that has gone. */
async function topmost(owner: MetaV1OwnerReference, namespace: string, client: Client): Promise<MetaV1OwnerReference | undefined> {
  if (owner.kind !== 'ReplicaSet') return owner
  try {
    const set = await client.get(AppsV1ReplicaSet, { namespace, name: owner.name })
    const parent = controllerOf(set)
    return parent?.kind === 'Deployment' ? parent : owner
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

async function report(
  budget: PolicyV1PodDisruptionBudget,
  status: NonNullable<PolicyV1PodDisruptionBudget['status']>,
  { client }: ReconcileContext,
): Promise<void> {
  await reportStatus(client, PolicyV1PodDisruptionBudget, budget, status)
}
