import { toTimestamp } from '../../lib/clock.ts'
import type { Clock } from '../../lib/clock.ts'
import { CoreV1Pod } from '../api/generated/kinds.ts'
import { isNotFound } from '../api/status-error.ts'
import type { Client } from '../client/client.ts'
import type { EventRecorder } from '../client/events.ts'
import { isLeaving, schedulerOf } from './pod-phase.ts'
import type { PreemptionPlan } from './preemption.plan.ts'

const mergePatch = 'application/merge-patch+json'

/** Says on the pod where it is going to have room, and ends those who are in its way. */
export async function carryOut(options: {
  readonly client: Client
  readonly clock: Clock
  readonly events: EventRecorder
  readonly pod: CoreV1Pod
  readonly plan: PreemptionPlan
}): Promise<void> {
  const { client, pod, plan } = options
  const key = { namespace: pod.metadata.namespace, name: pod.metadata.name! }
  const body = { metadata: { uid: pod.metadata.uid }, status: { nominatedNodeName: plan.nodeName } }
  await client.patch(CoreV1Pod, key, { type: mergePatch, body, subresource: 'status' })
  await Promise.all(plan.victims.filter((victim) => !isLeaving(victim)).map((victim) => endVictim(victim, options)))
}

async function endVictim(
  victim: CoreV1Pod,
  {
    client,
    clock,
    events,
    pod,
    plan,
  }: {
    readonly client: Client
    readonly clock: Clock
    readonly events: EventRecorder
    readonly pod: CoreV1Pod
    readonly plan: PreemptionPlan
  },
): Promise<void> {
  const { namespace, name, uid } = victim.metadata
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'PreemptionByScheduler',
    message: `${schedulerOf(pod)}: preempting to accommodate a higher priority pod`,
    lastTransitionTime: toTimestamp(clock.now()),
  }
  const conditions = [...(victim.status?.conditions ?? []).filter(({ type }) => type !== condition.type), condition]
  try {
    const body = { metadata: { uid }, status: { conditions } }
    await client.patch(CoreV1Pod, { namespace, name: name! }, { type: mergePatch, body, subresource: 'status' })
    await client.delete(CoreV1Pod, { namespace, name: name! }, { preconditions: { uid } })
    events.event(victim, 'Normal', 'Preempted', `Preempted by pod ${pod.metadata.uid} on node ${plan.nodeName}`)
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}
