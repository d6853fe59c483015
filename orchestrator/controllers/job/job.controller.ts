import { fromTimestamp } from '../../../lib/clock.ts'
import { BatchV1Job, CoreV1Pod } from '../../api/generated/kinds.ts'
import type { CoreV1PodSpec } from '../../api/generated/kinds.ts'
import { selectorFromObject } from '../../api/labels.ts'
import { keyOf } from '../../api/object.ts'
import type { Client } from '../../client/client.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { removeFinalizer } from '../finalizers.ts'
import { isSameStatus, withoutZeros } from '../status.ts'
import { claim, controllerReference, planClaims } from '../adoption.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration, ReconcileContext } from '../controller.ts'
import { createOwnedPod, deleteOwnedPod } from '../owned-pods.ts'
import { controllerOf, podIndexes } from '../pod-state.ts'
import { slowStart } from '../slow-start.ts'
import { failureCountAnnotation, indexAnnotation, isHeld, isIndexed, trackingFinalizer } from './job-tally.ts'
import { isFinished, planJob } from './job.plan.ts'
import type { JobPlan, PodSlot } from './job.plan.ts'
import { ignoreGone } from '../refusal.ts'

/** The controller that looks after Jobs which say so, or nothing. */
const ownName = 'kubernetes.io/job-controller'
const indexVariable = 'JOB_COMPLETION_INDEX'

/** Runs pods of each Job until as many, or the right ones, have succeeded, or too many have failed. */
export function createJobController({ informers }: { readonly informers: InformerFactory }): ControllerDeclaration<BatchV1Job> {
  const pods = informers.informer(CoreV1Pod, { indexes: podIndexes })
  return {
    name: 'job',
    for: BatchV1Job,
    owns: [CoreV1Pod],
    async reconcile(job, context) {
      const { uid, namespace } = job.metadata
      if ((job.spec.managedBy ?? ownName) !== ownName) return undefined
      const owned = [...pods.byIndex('controller', uid!)]
      if (job.metadata.deletionTimestamp !== undefined || isFinished(job)) {
        await letGo(owned, context.client)
        return job.metadata.deletionTimestamp === undefined ? removeWhenExpired(job, context) : undefined
      }
      const candidates = [...owned, ...pods.byIndex('controller', `orphans/${namespace}`)]
      const claims = planClaims(job, selectorFromObject(job.spec.selector) ?? [], candidates)
      const mine = await claim({ client: context.client, kind: CoreV1Pod, owner: job, ownerKind: BatchV1Job, plan: claims })

      const plan = planJob(job, mine, context.now)

      await act(job, plan, context)
      return plan.waitMs === undefined ? undefined : { requeueAfterMs: plan.waitMs }
    },
  }
}

/** Tells first what was counted, lets those pods go, and makes new ones last: an end is never lost, nor counted twice. */
async function act(job: BatchV1Job, plan: JobPlan, context: ReconcileContext): Promise<void> {
  const status = withoutZeros(plan.status)
  if (!isSameStatus(job.status, status)) await context.client.updateStatus(BatchV1Job, { ...job, status })
  tell(job, plan, context)
  await letGo(plan.counted, context.client)
  for (const pod of plan.remove) await deleteOwnedPod(job, pod, context)
  const slots = [...plan.create]
  const created = await slowStart(slots.length, () => createOwnedPod(job, podOf(job, slots.shift()!), context))
  if (created.error !== undefined) throw created.error
}

function tell(job: BatchV1Job, { finished, suspension }: JobPlan, { events }: ReconcileContext): void {
  if (suspension !== undefined) events.event(job, 'Normal', suspension, `Job ${suspension.toLowerCase()}`)
  if (finished === undefined) return
  if (finished.type === 'Complete') events.event(job, 'Normal', 'Completed', 'Job completed')
  else events.event(job, 'Warning', finished.reason, finished.message)
}

/** Takes the finalizer off pods. */
async function letGo(pods: readonly CoreV1Pod[], client: Client): Promise<void> {
  for (const pod of pods) await removeFinalizer(client, CoreV1Pod, pod, trackingFinalizer)
}

/** Lets pods go whose Job is gone: nobody counts them any more. */
export function createJobOrphanController({ informers }: { readonly informers: InformerFactory }): ControllerDeclaration<CoreV1Pod> {
  const jobs = informers.informer(BatchV1Job)
  const pods = informers.informer(CoreV1Pod, { indexes: podIndexes })
  return {
    name: 'job-orphans',
    for: CoreV1Pod,
    watches: [watch(BatchV1Job, (job) => [...pods.byIndex('controller', job.metadata.uid!)].filter(isHeld).map(keyOf))],
    async reconcile(pod, { client }) {
      if (!isHeld(pod)) return undefined
      const owner = controllerOf(pod)
      const job = owner?.kind === 'Job' ? jobs.get(`${pod.metadata.namespace}/${owner.name}`) : undefined
      if (job?.metadata.uid !== owner?.uid || owner === undefined) await removeFinalizer(client, CoreV1Pod, pod, trackingFinalizer)
      return undefined
    },
  }
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
  await ignoreGone(client.delete(BatchV1Job, { namespace, name: name! }, { propagationPolicy: 'Foreground', preconditions: { uid } }))
  return undefined
}

function podOf(job: BatchV1Job, slot: PodSlot): CoreV1Pod {
  const { metadata, spec } = job.spec.template
  // A name in a template is nobody's: the second pod could not have it.
  const { name: _, ...template } = metadata ?? {}
  const name = job.metadata.name!
  const pod: CoreV1Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...template,
      generateName: `${name}-`,
      namespace: job.metadata.namespace,
      finalizers: [...(template.finalizers ?? []), trackingFinalizer],
      ownerReferences: [controllerReference(BatchV1Job, job)],
    },
    spec: spec!,
  }
  return isIndexed(job) ? withIndex(pod, name, slot) : pod
}

/** Tells a pod its index: in its name and host name, a label, an annotation and a variable of all containers. */
function withIndex(pod: CoreV1Pod, name: string, { index, failures }: PodSlot): CoreV1Pod {
  const text = String(index)
  const { metadata, spec } = pod
  const annotations = {
    ...metadata.annotations,
    [indexAnnotation]: text,
    ...(failures === undefined ? {} : { [failureCountAnnotation]: String(failures) }),
  }
  return {
    ...pod,
    metadata: { ...metadata, generateName: `${name}-${text}-`, labels: { ...metadata.labels, [indexAnnotation]: text }, annotations },
    spec: {
      ...spec,
      hostname: spec.hostname ?? `${name}-${text}`,
      containers: spec.containers.map(withIndexVariable),
      ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(withIndexVariable) }),
    },
  }
}

function withIndexVariable(container: CoreV1PodSpec['containers'][number]): CoreV1PodSpec['containers'][number] {
  if (container.env?.some(({ name }) => name === indexVariable) === true) return container
  const fieldRef = { fieldPath: `metadata.annotations['${indexAnnotation}']` }
  return { ...container, env: [...(container.env ?? []), { name: indexVariable, valueFrom: { fieldRef } }] }
}
