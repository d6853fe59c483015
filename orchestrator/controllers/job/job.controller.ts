import { fromTimestamp } from '../../../lib/clock.ts'
import { BatchV1Job, CoreV1Pod } from '../../api/generated/kinds.ts'
import { selectorFromObject } from '../../api/labels.ts'
import { isNotFound } from '../../api/status-error.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { claim, controllerReference, planClaims } from '../adoption.ts'
import type { ControllerDeclaration, ReconcileContext } from '../controller.ts'
import { podIndexes } from '../pod-state.ts'
import { isNamespaceTerminating, messageOf } from '../refusal.ts'
import { slowStart } from '../slow-start.ts'
import { isSameStatus, withoutZeros } from '../status.ts'
import { TerminalError } from '../terminal-error.ts'
import { isFinished, planJob } from './job.plan.ts'

/** Runs pods of each Job until as many have succeeded as it asks for, or too many have failed. Indexed Jobs are refused. */
export function createJobController({ informers }: { readonly informers: InformerFactory }): ControllerDeclaration<BatchV1Job> {
  const pods = informers.informer(CoreV1Pod, { indexes: podIndexes })
  return {
    name: 'job',
    for: BatchV1Job,
    owns: [CoreV1Pod],
    async reconcile(job, context) {
      if (job.metadata.deletionTimestamp !== undefined) return undefined
      if (isFinished(job)) return removeWhenExpired(job, context)
      refuseUnsupported(job, context)
      const { uid, namespace } = job.metadata
      const candidates = [...pods.byIndex('controller', uid!), ...pods.byIndex('controller', `orphans/${namespace}`)]
      const claims = planClaims(job, selectorFromObject(job.spec.selector) ?? [], candidates)
      const mine = await claim({ client: context.client, kind: CoreV1Pod, owner: job, ownerKind: BatchV1Job, plan: claims })

      const plan = planJob(job, mine, context.now)

      const created = await slowStart(plan.create, () => createPod(job, context))
      for (const pod of plan.remove) await deletePod(job, pod, context)

      const status = withoutZeros({ ...plan.status, active: (plan.status.active ?? 0) + created.succeeded })
      if (!isSameStatus(job.status, status)) await context.client.updateStatus(BatchV1Job, { ...job, status })
      if (plan.finished !== undefined) {
        const isComplete = plan.finished.type === 'Complete'
        context.events.event(
          job,
          isComplete ? 'Normal' : 'Warning',
          isComplete ? 'Completed' : plan.finished.reason,
          isComplete ? 'Job completed' : plan.finished.message,
        )
      }
      if (created.error !== undefined) throw created.error
      return plan.waitMs === undefined ? undefined : { requeueAfterMs: plan.waitMs }
    },
  }
}

function refuseUnsupported(job: BatchV1Job, { events }: ReconcileContext): void {
  if (job.spec.completionMode !== 'Indexed') return
  const message = 'spec.completionMode: Indexed is not supported; use NonIndexed'
  events.event(job, 'Warning', 'Unsupported', message)
  throw new TerminalError(message)
}

async function removeWhenExpired(
  job: BatchV1Job,
  { client, now }: ReconcileContext,
): Promise<{ readonly requeueAfterMs: number } | undefined> {
  const { ttlSecondsAfterFinished } = job.spec
  if (ttlSecondsAfterFinished === undefined) return undefined
  const finishedAt = Math.max(...(job.status?.conditions ?? []).map(({ lastTransitionTime }) => fromTimestamp(lastTransitionTime) ?? 0))
  const waitMs = finishedAt + ttlSecondsAfterFinished * 1000 - now
  if (waitMs > 0) return { requeueAfterMs: waitMs }
  const { namespace, name, uid } = job.metadata
  await client
    .delete(BatchV1Job, { namespace, name: name! }, { propagationPolicy: 'Foreground', preconditions: { uid } })
    .catch((error: unknown) => {
      if (!isNotFound(error)) throw error
    })
  return undefined
}

async function createPod(job: BatchV1Job, { client, events }: ReconcileContext): Promise<void> {
  const { metadata: template, spec } = job.spec.template
  const pod: CoreV1Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...template,
      generateName: `${job.metadata.name}-`,
      namespace: job.metadata.namespace,
      ownerReferences: [controllerReference(BatchV1Job, job)],
    },
    spec: spec!,
  }
  try {
    const { metadata } = await client.create(CoreV1Pod, pod)
    events.event(job, 'Normal', 'SuccessfulCreate', `Created pod: ${metadata.name}`)
  } catch (error) {
    if (isNamespaceTerminating(error)) return
    events.event(job, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`)
    throw error
  }
}

async function deletePod(job: BatchV1Job, { metadata }: CoreV1Pod, { client, events }: ReconcileContext): Promise<void> {
  try {
    await client.delete(CoreV1Pod, { namespace: metadata.namespace, name: metadata.name! }, { preconditions: { uid: metadata.uid } })
    events.event(job, 'Normal', 'SuccessfulDelete', `Deleted pod: ${metadata.name}`)
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}
