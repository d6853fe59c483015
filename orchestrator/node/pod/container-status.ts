import { toTimestamp } from '../../../lib/clock.ts'
import type {
  CoreV1Container,
  CoreV1ContainerState,
  CoreV1ContainerStateTerminated,
  CoreV1ContainerStatus,
} from '../../api/generated/kinds.ts'
import type { ObservedContainer } from '../runtime/runtime.ts'
import {
  allStatusesOf,
  ephemeralContainersOf,
  initContainersOf,
  isInPostStart,
  isRestartable,
  isSidecar,
  newestAttempt,
} from './pod-view.ts'
import type { PodView } from './pod-view.ts'
import { isRecursivelyReadOnly } from '../volumes/volume-manager.ts'
import { backOffMessage } from './sync-pod.plan.ts'

/** What a status needs beside the view. */
export interface StatusFacts {
  readonly hostIp: string
  /** The prefix of containerIDs. */
  readonly scheme: string
  readonly nowMs: number
  /** What the runtime can do for mounts. */
  readonly hasRecursiveReadOnly: boolean
}

/** One container and everything that its status is computed from. */
interface Subject {
  readonly container: CoreV1Container
  readonly newest: ObservedContainer | undefined
  readonly view: PodView
  readonly facts: StatusFacts
  readonly hasPodEnded: boolean
  /** What the API was told last. */
  readonly told: CoreV1ContainerStatus | undefined
}

/** One container's state, the state before, and how often it was started again. */
export function containerStatus(
  container: CoreV1Container,
  view: PodView,
  facts: StatusFacts,
  hasPodEnded: boolean,
): CoreV1ContainerStatus {
  const told = allStatusesOf(view.pod.status).find(({ name }) => name === container.name)
  const subject: Subject = { container, newest: newestAttempt(view, container.name), view, facts, hasPodEnded, told }
  const state = stateOf(subject)
  const verdict = subject.newest?.state === 'running' ? view.verdicts.get(subject.newest.id) : undefined
  const isReady = state.running !== undefined && verdict?.isReady === true && !isInPostStart(container, view.busy)
  return {
    name: container.name,
    state,
    lastState: lastStateOf(subject, state),
    ready: isReady || isDoneInit(subject),
    started: state.running !== undefined && verdict?.isStarted === true,
    ...identityOf(subject),
    ...resourcesOf(subject),
    ...volumeMountsOf(subject),
  }
}

/** What a running container has been given, which a resize may change after its start. */
function resourcesOf({ newest, view }: Subject): Pick<CoreV1ContainerStatus, 'resources' | 'allocatedResources'> {
  const resources = newest?.state === 'running' ? view.applied.get(newest.id) : undefined
  if (resources === undefined || Object.keys(resources).length === 0) return {}
  return { resources, ...(resources.requests === undefined ? {} : { allocatedResources: resources.requests }) }
}

/** How the volumes of a container that was made are mounted. */
function volumeMountsOf({ container, newest, facts }: Subject): Pick<CoreV1ContainerStatus, 'volumeMounts'> {
  const { volumeMounts = [] } = container
  if (newest === undefined || volumeMounts.length === 0) return {}
  return {
    volumeMounts: volumeMounts.map((mount) => {
      const { name, mountPath, readOnly } = mount
      if (readOnly !== true) return { name, mountPath }
      return {
        name,
        mountPath,
        readOnly,
        recursiveReadOnly: isRecursivelyReadOnly(mount, facts.hasRecursiveReadOnly) ? 'Enabled' : 'Disabled',
      }
    }),
  }
}

/** An init container that has done its work counts as ready from then on. */
function isDoneInit({ container, newest, view }: Subject): boolean {
  return initContainersOf(view.pod).includes(container) && !isSidecar(container) && newest?.state === 'exited' && newest.exitCode === 0
}

function identityOf({
  container,
  newest,
  told,
  facts,
}: Subject): Pick<CoreV1ContainerStatus, 'restartCount' | 'image' | 'imageID' | 'containerID'> {
  if (newest === undefined) {
    const containerID = told?.containerID === undefined ? {} : { containerID: told.containerID }
    return { restartCount: told?.restartCount ?? 0, image: container.image ?? '', imageID: told?.imageID ?? '', ...containerID }
  }
  const imageID = newest.imageId === '' ? '' : `${facts.scheme}://${newest.imageId}`
  return { restartCount: newest.attempt, image: newest.image, imageID, containerID: `${facts.scheme}://${newest.id}` }
}

function stateOf(subject: Subject): CoreV1ContainerState {
  const { container, newest, view, facts, told } = subject
  if (newest?.state === 'running') return { running: { startedAt: toTimestamp(newest.startedAtMs ?? newest.createdAtMs) } }
  if (subject.hasPodEnded) {
    if (newest?.state === 'exited') return { terminated: terminatedOf(newest, facts) }
    return told?.state?.terminated === undefined ? lostState(subject) : told.state
  }
  // An ephemeral container is never made again: what was told of it stands.
  const isEphemeral = ephemeralContainersOf(view.pod).some(({ name }) => name === container.name)
  if (newest === undefined && isEphemeral && told?.containerID !== undefined) return lostState(subject)
  const hold = view.holds.get(container.name)
  if (hold !== undefined) return { waiting: { reason: hold.reason, message: hold.message } }
  if (newest?.state === 'exited') {
    if (isHeldBack(subject, newest)) return { waiting: { reason: 'CrashLoopBackOff', message: backOffMessage(view, container.name) } }
    return { terminated: terminatedOf(newest, facts) }
  }
  const init = initContainersOf(view.pod)
  return { waiting: { reason: init.length > 0 && !init.includes(container) ? 'PodInitializing' : 'ContainerCreating' } }
}

function isHeldBack({ container, view, facts }: Subject, ended: ObservedContainer): boolean {
  if (view.busy.has(container.name) || !isRestartable(view.pod, container, ended.exitCode ?? 0)) return false
  return view.restartBackoff.remainingMs(container.name, ended.finishedAtMs ?? facts.nowMs, facts.nowMs) > 0
}

/** The pod has ended and nothing is left to look at: a container that ran, or was to run, is told as lost. One whose turn had not come keeps what was told. */
function lostState({ container, view, facts, told }: Subject): CoreV1ContainerState {
  const wasToRun = view.pod.spec.containers.includes(container) && isOver(view) && hasInitialized(view)
  if (told?.state?.running === undefined && !wasToRun) return told?.state ?? { waiting: { reason: 'ContainerCreating' } }
  return {
    terminated: {
      exitCode: 137,
      reason: 'ContainerStatusUnknown',
      message: 'The container could not be located when the pod was terminated',
      startedAt: told?.state?.running?.startedAt ?? toTimestamp(0),
      finishedAt: toTimestamp(facts.nowMs),
    },
  }
}

/** Nothing of the pod is here any more, and nothing is under way. */
const isOver = ({ sandboxes, busy }: PodView) => sandboxes.length === 0 && busy.size === 0

/** The main containers' turn had come. */
const hasInitialized = (view: PodView) =>
  initContainersOf(view.pod).every((container) => {
    if (isSidecar(container)) return true
    const told = view.pod.status?.initContainerStatuses?.find(({ name }) => name === container.name)
    return (newestAttempt(view, container.name)?.exitCode ?? told?.state?.terminated?.exitCode) === 0
  })

function lastStateOf({ container, newest, view, facts, told }: Subject, state: CoreV1ContainerState): CoreV1ContainerState {
  if (newest === undefined) return told?.state?.terminated === undefined ? (told?.lastState ?? {}) : { terminated: told.state.terminated }
  if (newest.state === 'exited' && state.terminated === undefined) return { terminated: terminatedOf(newest, facts) }
  const previous = view.containers.find(({ name, attempt }) => name === container.name && attempt === newest.attempt - 1)
  if (previous?.state === 'exited') return { terminated: terminatedOf(previous, facts) }
  return told?.restartCount === newest.attempt ? (told.lastState ?? {}) : {}
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
