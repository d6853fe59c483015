import { fromTimestamp } from '../../../lib/clock.ts'
import { BatchV1Job, CoreV1Pod } from '../../api/generated/kinds.ts'
import { selectorFromObject } from '../../api/labels.ts'
import { isNotFound } from '../../api/status-error.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { claim, controllerReference, planClaims } from '../adoption.ts'
import type { ControllerDeclaration, ReconcileContext } from '../controller.ts'
import { createOwnedPod, deleteOwnedPod } from '../owned-pods.ts'
import { podIndexes } from '../pod-state.ts'
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

      const created = await slowStart(plan.create, () => createOwnedPod(job, podOf(job), context))
      for (const pod of plan.remove) await deleteOwnedPod(job, pod, context)

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

function podOf(job: BatchV1Job): CoreV1Pod {
  const { metadata: template, spec } = job.spec.template
  return {
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
}
