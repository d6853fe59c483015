import { toTimestamp } from '../../../lib/clock.ts'
import type { CoreV1ContainerStatus, CoreV1Pod, CoreV1PodStatus } from '../../api/generated/kinds.ts'
import { qosClassOf } from '../container/resources.ts'
import { containerStatus } from './container-status.ts'
import type { StatusFacts } from './container-status.ts'
import { podConditions } from './pod-conditions.ts'
import {
  allContainersOf,
  ephemeralContainersOf,
  initContainersOf,
  isRestartable,
  isSidecar,
  newestAttempt,
  newestSandbox,
} from './pod-view.ts'
import type { PodView } from './pod-view.ts'
import { resizeOf } from './resize.plan.ts'
import { resizeKey } from './sync-pod.plan.ts'
import type { PodPlan } from './sync-pod.plan.ts'

/** What the API is told of a pod: phase, conditions and a status per container, all derived from the view. */
export function podStatus(view: PodView, plan: PodPlan, facts: StatusFacts): CoreV1PodStatus {
  const { pod, told } = view
  if (isRejected(view, plan)) return rejectedStatus(view, facts)
  const initStatuses = initContainersOf(pod).map((container) => containerStatus(container, view, facts, plan.hasEnded))
  const statuses = pod.spec.containers.map((container) => containerStatus(container, view, facts, plan.hasEnded))
  const ephemeralStatuses = ephemeralContainersOf(pod).map((container) => containerStatus(container, view, facts, plan.hasEnded))
  const failure = plan.failure ?? (told?.reason === undefined ? undefined : { reason: told.reason, message: told.message ?? '' })
  const phase = phaseOf(view, plan, initStatuses, statuses)
  const isRunning = newestSandbox(view)?.state === 'running'
  return {
    phase,
    conditions: podConditions({
      pod,
      told,
      phase,
      initStatuses,
      statuses,
      isSandboxReady: isRunning && view.areVolumesReady,
      resize: resizeStateOf(view),
      ...(view.eviction?.isNodesDoing === true ? { eviction: view.eviction.message } : {}),
      nowMs: facts.nowMs,
    }),
    ...(failure === undefined ? {} : failure),
    hostIP: facts.hostIp,
    hostIPs: [{ ip: facts.hostIp }],
    ...addressOf(view, facts),
    startTime: told?.startTime ?? toTimestamp(view.firstSeenMs),
    ...(initStatuses.length === 0 ? {} : { initContainerStatuses: initStatuses }),
    containerStatuses: statuses,
    ...(ephemeralStatuses.length === 0 ? {} : { ephemeralContainerStatuses: ephemeralStatuses }),
    qosClass: told?.qosClass ?? qosClassOf(pod),
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
  }
}

const isRejected = ({ rejection, told, containers }: PodView, { failure }: PodPlan) =>
  rejection !== undefined && containers.length === 0 && (failure === rejection || told?.reason === rejection.reason)

/** Nothing of the pod was made, so there is nothing to tell of its containers. */
function rejectedStatus({ pod, told, firstSeenMs, rejection }: PodView, { hostIp }: StatusFacts): CoreV1PodStatus {
  return {
    phase: 'Failed',
    ...rejection,
    ...(told?.conditions === undefined ? {} : { conditions: told.conditions }),
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    startTime: told?.startTime ?? toTimestamp(firstSeenMs),
    qosClass: told?.qosClass ?? qosClassOf(pod),
  }
}

/** What is told while containers do not have what the pod asks for. */
function resizeStateOf({ pod, pendingResize, applied, holds, ...view }: PodView): Parameters<typeof podConditions>[0]['resize'] {
  if (pendingResize !== undefined) return [['PodResizePending', { status: 'True', ...pendingResize }]]
  const behind = pod.spec.containers.find((container) => {
    const newest = newestAttempt(view, container.name)
    const has = newest?.state === 'running' ? applied.get(newest.id) : undefined
    return has !== undefined && resizeOf(container, has) !== undefined
  })
  if (behind === undefined) return []
  const failure = holds.get(resizeKey(behind.name))
  return [['PodResizeInProgress', { status: 'True', ...(failure === undefined ? {} : { reason: 'Error', message: failure.message }) }]]
}

function addressOf(view: PodView, facts: StatusFacts): Pick<CoreV1PodStatus, 'podIP' | 'podIPs'> {
  const sandbox = newestSandbox(view)
  const ip = view.pod.spec.hostNetwork === true ? (sandbox === undefined ? undefined : facts.hostIp) : sandbox?.ip
  const address = ip ?? view.told?.podIP
  return address === undefined ? {} : { podIP: address, podIPs: [{ ip: address }] }
}

type Statuses = readonly CoreV1ContainerStatus[]

/** Whether and how a container has ended, now or before it was started again. */
const endOf = ({ state, lastState }: CoreV1ContainerStatus) =>
  state?.terminated ?? (state?.waiting === undefined ? undefined : lastState?.terminated)

/** As the kubelet's `getPhase`. */
function phaseOf(view: PodView, plan: PodPlan, initStatuses: Statuses, statuses: Statuses): string {
  const told = view.told?.phase
  if (told === 'Succeeded' || told === 'Failed') return told
  if (plan.failure !== undefined) return 'Failed'
  return initPhase(view, plan, initStatuses, statuses) ?? mainPhase(view, plan, statuses)
}

/** The phase as long as init containers decide it. */
function initPhase({ pod }: PodView, plan: PodPlan, initStatuses: Statuses, statuses: Statuses): string | undefined {
  const plain = initStatuses.filter((_, index) => !isSidecar(initContainersOf(pod)[index]!))
  if (plain.some((status) => (endOf(status)?.exitCode ?? 0) !== 0 && !comesBack(pod, status))) return 'Failed'
  const isDone = plain.every((status) => status.state?.terminated?.exitCode === 0)
  if (isDone || statuses.some((status) => status.state?.running)) return undefined
  return plan.hasEnded && plain.some((status) => status.state?.terminated !== undefined) ? 'Failed' : 'Pending'
}

function mainPhase({ pod }: PodView, plan: PodPlan, statuses: Statuses): string {
  const running = statuses.filter((status) => status.state?.running !== undefined).length
  const stopped = statuses.filter((status) => endOf(status) !== undefined)
  if (running + stopped.length < statuses.length) return plan.hasEnded && stopped.length > 0 ? 'Failed' : 'Pending'
  if (running > 0) return 'Running'
  const allSucceeded = stopped.every((status) => endOf(status)?.exitCode === 0)
  if (plan.hasEnded) return allSucceeded ? 'Succeeded' : 'Failed'
  if (stopped.some((status) => comesBack(pod, status))) return 'Running'
  return allSucceeded ? 'Succeeded' : 'Failed'
}

/** Is a container that has ended to be started again? */
function comesBack(pod: CoreV1Pod, status: CoreV1ContainerStatus): boolean {
  const container = allContainersOf(pod).find(({ name }) => name === status.name)
  return container !== undefined && isRestartable(pod, container, endOf(status)?.exitCode ?? 0)
}

/** Do two statuses say the same? Nothing is written where they do. */
export function isSameStatus(a: CoreV1PodStatus | undefined, b: CoreV1PodStatus): boolean {
  return isSame(a, b)
}

/** Members that are absent or empty make no difference, nor does their order. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b))
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((each, index) => isSame(each, b[index]))
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>]
  for (const name in left) if (!isEmpty(left[name]) && !isSame(left[name], right[name])) return false
  for (const name in right) if (!isEmpty(right[name]) && isEmpty(left[name])) return false
  return true
}

function isEmpty(value: unknown): boolean {
  if (value === undefined) return true
  if (typeof value !== 'object' || value === null) return false
  for (const _ in value) return false
  return true
}
