import { fromTimestamp, toTimestamp } from '../../../lib/clock.ts'
import type { CoreV1Container, CoreV1ContainerState, CoreV1ContainerStateTerminated, CoreV1ContainerStatus, CoreV1Pod, CoreV1PodStatus } from '../../api/generated/kinds.ts'
import { qosClassOf } from '../container/resources.ts'
import type { ObservedContainer } from '../runtime/runtime.ts'
import { podConditions } from './pod-conditions.ts'
import { backoffKeyOf, initContainersOf, isInPostStart, isRestartable, isSidecar, newestAttempt, newestSandbox } from './pod-view.ts'
import type { PodView } from './pod-view.ts'
import { backOffMessage } from './sync-pod.plan.ts'
import type { PodPlan } from './sync-pod.plan.ts'

/** What a status needs beside the view. */
export interface StatusFacts {
  readonly hostIp: string
  /** The prefix of containerIDs. */
  readonly scheme: string
  readonly nowMs: number
}

/** What the API is told of a pod: phase, conditions and a status per container, all derived from the view. */
export function podStatus(view: PodView, plan: PodPlan, facts: StatusFacts): CoreV1PodStatus {
  const { pod } = view
  const initStatuses = initContainersOf(pod).map((container) => containerStatus(container, view, plan, facts))
  const statuses = pod.spec.containers.map((container) => containerStatus(container, view, plan, facts))
  const failure = plan.failure ?? (pod.status?.reason === undefined ? undefined : { reason: pod.status.reason, message: pod.status.message ?? '' })
  const phase = phaseOf(view, plan, initStatuses, statuses)
  const isRunning = newestSandbox(view)?.state === 'running'
  return {
    phase,
    conditions: podConditions({ pod, phase, initStatuses, statuses, isSandboxReady: isRunning, nowMs: facts.nowMs }),
    ...(failure === undefined ? {} : failure),
    hostIP: facts.hostIp,
    hostIPs: [{ ip: facts.hostIp }],
    ...addressOf(view, facts),
    startTime: pod.status?.startTime ?? toTimestamp(view.firstSeenMs),
    ...(initStatuses.length === 0 ? {} : { initContainerStatuses: initStatuses }),
    containerStatuses: statuses,
    qosClass: pod.status?.qosClass ?? qosClassOf(pod),
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
  }
}

function addressOf(view: PodView, facts: StatusFacts): Pick<CoreV1PodStatus, 'podIP' | 'podIPs'> {
  const sandbox = newestSandbox(view)
  const ip = view.pod.spec.hostNetwork === true ? (sandbox === undefined ? undefined : facts.hostIp) : sandbox?.ip
  const address = ip ?? view.pod.status?.podIP
  return address === undefined ? {} : { podIP: address, podIPs: [{ ip: address }] }
}

/** One container's state, the state before, and how often it was started again. */
function containerStatus(container: CoreV1Container, view: PodView, plan: PodPlan, facts: StatusFacts): CoreV1ContainerStatus {
  const newest = newestAttempt(view, container.name)
  const told = [...(view.pod.status?.containerStatuses ?? []), ...(view.pod.status?.initContainerStatuses ?? [])].find(({ name }) => name === container.name)
  const state = containerState(container, newest, view, plan, facts, told)
  const verdict = newest?.state === 'running' ? view.verdicts.get(newest.id) : undefined
  const isDoneInit = initContainersOf(view.pod).includes(container) && !isSidecar(container) && newest?.state === 'exited' && newest.exitCode === 0
  const lastState = lastStateOf(container, newest, state, view, facts, told)
  return {
    name: container.name,
    state,
    lastState,
    ready: isDoneInit || (state.running !== undefined && verdict?.isReady === true && !isInPostStart(container, view.busy)),
    started: state.running !== undefined && verdict?.isStarted === true,
    restartCount: newest?.attempt ?? told?.restartCount ?? 0,
    image: newest?.image ?? container.image ?? '',
    imageID: newest === undefined ? (told?.imageID ?? '') : imageIdText(newest.imageId, facts.scheme),
    ...(newest === undefined ? (told?.containerID === undefined ? {} : { containerID: told.containerID }) : { containerID: `${facts.scheme}://${newest.id}` }),
  }
}

const imageIdText = (id: string, scheme: string) => (id === '' ? '' : `${scheme}://${id}`)

function containerState(
  container: CoreV1Container,
  newest: ObservedContainer | undefined,
  view: PodView,
  plan: PodPlan,
  facts: StatusFacts,
  told: CoreV1ContainerStatus | undefined,
): CoreV1ContainerState {
  if (newest?.state === 'running') return { running: { startedAt: toTimestamp(newest.startedAtMs ?? newest.createdAtMs) } }
  if (plan.hasEnded) {
    if (newest?.state === 'exited') return { terminated: terminatedOf(newest, facts) }
    return told?.state?.terminated === undefined ? neverRan(told, facts) : told.state
  }
  const hold = view.holds.get(container.name)
  if (hold !== undefined) return { waiting: { reason: hold.reason, message: hold.message } }
  if (newest?.state === 'exited') {
    const since = newest.finishedAtMs ?? facts.nowMs
    const isHeld = !view.busy.has(container.name) && view.restartBackoff.remainingMs(backoffKeyOf(container.name), since, facts.nowMs) > 0
    if (isHeld && isRestartable(view.pod, container, newest.exitCode ?? 0)) {
      return { waiting: { reason: 'CrashLoopBackOff', message: backOffMessage(view, container.name) } }
    }
    return { terminated: terminatedOf(newest, facts) }
  }
  const isInit = initContainersOf(view.pod).includes(container)
  return { waiting: { reason: !isInit && initContainersOf(view.pod).length > 0 ? 'PodInitializing' : 'ContainerCreating' } }
}

/** The pod has ended and nothing is left to look at: a container that ran is told as lost, one that did not keeps what was told. */
function neverRan(told: CoreV1ContainerStatus | undefined, facts: StatusFacts): CoreV1ContainerState {
  if (told?.state?.running === undefined) return told?.state ?? { waiting: { reason: 'ContainerCreating' } }
  return {
    terminated: {
      exitCode: 137,
      reason: 'ContainerStatusUnknown',
      message: 'The container could not be located when the pod was terminated',
      startedAt: told.state.running.startedAt ?? toTimestamp(0),
      finishedAt: toTimestamp(facts.nowMs),
    },
  }
}

function lastStateOf(
  container: CoreV1Container,
  newest: ObservedContainer | undefined,
  state: CoreV1ContainerState,
  view: PodView,
  facts: StatusFacts,
  told: CoreV1ContainerStatus | undefined,
): CoreV1ContainerState {
  if (newest?.state === 'exited' && state.terminated === undefined) return { terminated: terminatedOf(newest, facts) }
  const previous = view.containers.find(({ name, attempt }) => name === container.name && newest !== undefined && attempt === newest.attempt - 1)
  if (previous?.state === 'exited') return { terminated: terminatedOf(previous, facts) }
  if (newest === undefined && told?.state?.terminated !== undefined) return { terminated: told.state.terminated }
  return told?.restartCount === (newest?.attempt ?? 0) || newest === undefined ? (told?.lastState ?? {}) : {}
}

function terminatedOf(container: ObservedContainer, { scheme, nowMs }: StatusFacts): CoreV1ContainerStateTerminated {
  const message = container.error ?? container.terminationMessage
  return {
    exitCode: container.exitCode ?? 0,
    reason: terminationReason(container),
    ...(message === undefined || message === '' ? {} : { message }),
    startedAt: toTimestamp(container.startedAtMs ?? 0),
    finishedAt: toTimestamp(container.finishedAtMs ?? nowMs),
    containerID: `${scheme}://${container.id}`,
  }
}

function terminationReason(container: ObservedContainer): string {
  if (container.isOomKilled === true) return 'OOMKilled'
  if (container.error !== undefined) return 'StartError'
  return container.exitCode === 0 ? 'Completed' : 'Error'
}

/** As the kubelet's `getPhase`. */
function phaseOf(view: PodView, plan: PodPlan, initStatuses: readonly CoreV1ContainerStatus[], statuses: readonly CoreV1ContainerStatus[]): string {
  const told = view.pod.status?.phase
  if (told === 'Succeeded' || told === 'Failed') return told
  if (plan.failure !== undefined) return 'Failed'
  const { pod } = view
  const never = pod.spec.restartPolicy === 'Never'
  const plainInit = initStatuses.filter((_, index) => !isSidecar(initContainersOf(pod)[index]!))
  const ended = (status: CoreV1ContainerStatus) => status.state?.terminated ?? (status.state?.waiting === undefined ? undefined : status.lastState?.terminated)
  if (never && plainInit.some((status) => (ended(status)?.exitCode ?? 0) !== 0)) return 'Failed'
  if (plainInit.some((status) => status.state?.terminated?.exitCode !== 0) && !statuses.some((status) => status.state?.running)) return plan.hasEnded && ranAtAll(plainInit) ? 'Failed' : 'Pending'
  const running = statuses.filter((status) => status.state?.running !== undefined).length
  const stopped = statuses.filter((status) => ended(status) !== undefined)
  if (running + stopped.length < statuses.length) return plan.hasEnded && stopped.length > 0 ? 'Failed' : 'Pending'
  if (running > 0) return 'Running'
  const allSucceeded = stopped.every((status) => ended(status)?.exitCode === 0)
  if (plan.hasEnded) return allSucceeded ? 'Succeeded' : 'Failed'
  if ((pod.spec.restartPolicy ?? 'Always') === 'Always') return 'Running'
  return allSucceeded ? 'Succeeded' : never ? 'Failed' : 'Running'
}

const ranAtAll = (statuses: readonly CoreV1ContainerStatus[]) => statuses.some((status) => status.state?.terminated !== undefined)

/** Do two statuses say the same? Nothing is written where they do. */
export function isSameStatus(a: CoreV1PodStatus | undefined, b: CoreV1PodStatus): boolean {
  return canonical(a) === canonical(b)
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    each !== null && typeof each === 'object' && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).filter(([, inner]) => inner !== undefined && !isEmpty(inner)).sort(([x], [y]) => (x < y ? -1 : 1)))
      : each,
  )
}

const isEmpty = (value: unknown) => typeof value === 'object' && value !== null && Object.keys(value).length === 0

/** The part of a pod that says when it started, for those who compare. */
export const startTimeOf = (pod: CoreV1Pod): number | undefined => fromTimestamp(pod.status?.startTime)
