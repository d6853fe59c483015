import type { CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import { keyOf } from '../../orchestrator/api/object.ts'
import { shorten, warn } from './finding.ts'
import type { Finding } from './finding.ts'

/** Pods come, and some take a while to. */
const patienceMs = 30_000
const maxListed = 10

/** Pods that do not begin to run, a finding for each reason. */
export function examineWaitingPods(pods: readonly CoreV1Pod[] | string, now: number): readonly Finding[] {
  if (typeof pods === 'string') return []
  const byReason = Map.groupBy(
    pods.filter((pod) => isWaiting(pod, now)),
    reasonOf,
  )
  const findings = [...byReason].map(([reason, waiting]) => {
    const [{ metadata }] = waiting as [CoreV1Pod]
    const which = waiting.length === 1 ? `pod ${keyOf(waiting[0]!)}` : `${waiting.length} pods`
    return warn(which, `waiting: ${reason}`, `kubectl -n ${metadata.namespace} describe pod ${metadata.name} says more`)
  })
  return shorten(findings, maxListed)
}

function isWaiting({ status, metadata }: CoreV1Pod, now: number): boolean {
  if (status?.phase !== 'Pending' || metadata.deletionTimestamp !== undefined) return false
  return now - Date.parse(metadata.creationTimestamp ?? '') > patienceMs
}

/** What the scheduler says, else what the node says of the first container that waits. */
function reasonOf({ spec, status }: CoreV1Pod): string {
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled')
  if (spec.nodeName === undefined) return scheduled?.message ?? 'the scheduler has not looked at it'
  const states = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].map(({ state }) => state?.waiting)
  const waiting = states.find((state) => state?.reason !== undefined && !['PodInitializing', 'ContainerCreating'].includes(state.reason))
  return waiting === undefined ? 'its containers are being made' : [waiting.reason, waiting.message].filter(Boolean).join(': ')
}
