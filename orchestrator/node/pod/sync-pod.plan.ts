import type { CoreV1Container, CoreV1Pod } from '../../api/generated/kinds.ts'
import { fromTimestamp } from '../../../lib/clock.ts'
import type { ObservedContainer } from '../runtime/runtime.ts'
import {
  allStatusesOf,
  describePod,
  ephemeralContainersOf,
  initContainersOf,
  isRestartable,
  isSidecar,
  newestAttempt,
  newestSandbox,
  sandboxKey,
  volumesKey,
} from './pod-view.ts'
import type { PodView } from './pod-view.ts'
import { resizeOf } from './resize.plan.ts'

/** One step towards what a pod asks for. Steps of one plan are independent of each other. */
export type PodAction =
  | { readonly type: 'prepare-volumes' }
  | { readonly type: 'create-sandbox'; readonly attempt: number }
  | { readonly type: 'remove-sandbox'; readonly sandbox: ObservedContainer }
  | {
      readonly type: 'start-container'
      readonly container: CoreV1Container
      readonly attempt: number
      readonly previous?: ObservedContainer
      /** The container whose processes an ephemeral one is to see; absent also where it does not run. */
      readonly target?: ObservedContainer
    }
  | {
      readonly type: 'kill-container'
      readonly container: ObservedContainer
      readonly graceSeconds: number
      /** The words for the event. */
      readonly why: string
      /** Names of the containers that it serves: it is told to end when they have ended, as far as the grace period lasts. */
      readonly after: readonly string[]
    }
  | { readonly type: 'resize-container'; readonly container: CoreV1Container; readonly observed: ObservedContainer }
  | { readonly type: 'remove-container'; readonly container: ObservedContainer }
  /** Give back directories, volumes and the address: nothing of the pod runs any more. */
  | { readonly type: 'clean-up' }
  /** Tell the API that the pod is gone. */
  | { readonly type: 'finish' }

export interface PodPlan {
  readonly actions: readonly PodAction[]
  /** Look again at this moment even if nothing happens. */
  readonly wakeAtMs?: number
  /** The pod has ended for good: its phase is Succeeded or Failed. */
  readonly hasEnded: boolean
  /** Why it was ended by the node, if it was. */
  readonly failure?: { readonly reason: string; readonly message: string }
}

const defaultGraceSeconds = 30
const msPerSecond = 1000
/** How soon a resize that waits for room is tried again. */
const deferredResizeMs = 30_000
/** How many dead attempts of a container are kept for `logs --previous`. */
const keptDeadAttempts = 1

/** What to do next for a pod. Pure: the same view and moment give the same plan. */
export function planPod(view: PodView, nowMs: number): PodPlan {
  if (view.isGone || view.pod.metadata.deletionTimestamp !== undefined) return planDeletion(view)
  if (view.eviction !== undefined && !isTold(view))
    return { ...planEnd(view, view.eviction.graceSeconds), failure: { reason: 'Evicted', message: view.eviction.message } }
  if (view.rejection !== undefined && !isTold(view) && view.containers.length === 0) return { ...planEnd(view), failure: view.rejection }
  const deadline = deadlineMs(view)
  if (deadline !== undefined && nowMs >= deadline) {
    const failure = { reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' }
    return { ...planEnd(view), failure }
  }
  if (hasRunItsCourse(view)) return planEnd(view)
  const plan = planActive(view, nowMs)
  const volumes = planVolumes(view, nowMs)
  const wakeAtMs = earliest(earliest(plan.wakeAtMs, volumes.wakeAtMs), deadline)
  return { actions: [...volumes.actions, ...plan.actions], hasEnded: false, ...(wakeAtMs === undefined ? {} : { wakeAtMs }) }
}

/** Has every container of the pod ended, with none to be started again? Once told to the API, an ended pod never starts again. */
export function hasRunItsCourse(view: PodView): boolean {
  if (isTold(view)) return true
  if (initContainersOf(view.pod).some((container) => hasFailedForGood(view, container))) return true
  return view.pod.spec.containers.every((container) => {
    const newest = newestAttempt(view, container.name)
    return newest?.state === 'exited' && !isRestartable(view.pod, container, newest.exitCode ?? 0)
  })
}

/** The API knows that the pod has ended. */
const isTold = ({ pod }: PodView) => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

function hasFailedForGood(view: PodView, container: CoreV1Container): boolean {
  const newest = newestAttempt(view, container.name)
  if (newest?.state !== 'exited' || newest.exitCode === 0 || isSidecar(container)) return false
  return !isRestartable(view.pod, container, newest.exitCode ?? 0)
}

function deadlineMs({ pod, firstSeenMs }: PodView): number | undefined {
  const seconds = pod.spec.activeDeadlineSeconds
  return seconds === undefined ? undefined : (fromTimestamp(pod.status?.startTime) ?? firstSeenMs) + seconds * msPerSecond
}

/** Everything is stopped, taken away and told, in this order. */
function planDeletion(view: PodView): PodPlan {
  const grace = view.pod.metadata.deletionGracePeriodSeconds ?? view.pod.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds
  const stops = stopContainers(view, Math.max(grace, 1))
  const plan = (actions: readonly PodAction[]): PodPlan => ({ actions, hasEnded: true })
  if (stops.isUnderWay || view.busy.size > 0) return plan(stops.actions)
  if (!view.isCleanedUp) return plan([{ type: 'clean-up' }])
  return plan(view.isGone ? [] : [{ type: 'finish' }])
}

/** The sandbox goes, the dead containers stay for their logs. */
function planEnd(view: PodView, graceSeconds = view.pod.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds): PodPlan {
  const stops = stopContainers(view, graceSeconds)
  if (stops.isUnderWay || view.busy.has(sandboxKey)) return { actions: stops.actions, hasEnded: true }
  return { actions: view.sandboxes.map((sandbox) => ({ type: 'remove-sandbox', sandbox })), hasEnded: true }
}

/** All that runs is stopped, each in its turn. */
function stopContainers(view: PodView, graceSeconds: number): { actions: PodAction[]; isUnderWay: boolean } {
  const alive = view.containers.filter((container) => container.state === 'running')
  const servedBy = servedContainers(view.pod)
  const actions = alive
    .filter(({ name }) => !view.busy.has(killKey(name)))
    .map((container): PodAction => ({
      type: 'kill-container',
      container,
      graceSeconds,
      why: `Stopping container ${container.name}`,
      after: servedBy.get(container.name) ?? [],
    }))
  return { actions, isUnderWay: alive.length > 0 }
}

/** By init container those that count on it: the main ones, and sidecars that started later. The kubelet's order of termination. */
function servedContainers(pod: CoreV1Pod): ReadonlyMap<string, readonly string[]> {
  const later = pod.spec.containers.map(({ name }) => name)
  const served = new Map<string, readonly string[]>()
  for (const container of initContainersOf(pod).toReversed()) {
    served.set(container.name, [...later])
    if (isSidecar(container)) later.push(container.name)
  }
  return served
}

/** The key of a change of a container's limits. */
export const resizeKey = (name: string): string => `${name}/resize`

/** The key of a stop under way: a start of the same container may be cut short by it. */
export const killKey = (name: string): string => `${name}/stop`

/** Beside the sandbox, which needs none of them. */
function planVolumes(view: PodView, nowMs: number): Pick<PodPlan, 'actions' | 'wakeAtMs'> {
  if (view.areVolumesReady || view.busy.has(volumesKey)) return { actions: [] }
  const hold = view.holds.get(volumesKey)
  return hold !== undefined && hold.retryAtMs > nowMs
    ? { actions: [], wakeAtMs: hold.retryAtMs }
    : { actions: [{ type: 'prepare-volumes' }] }
}

function planActive(view: PodView, nowMs: number): PodPlan {
  const sandbox = newestSandbox(view)
  if (sandbox === undefined || sandbox.state !== 'running') return planSandbox(view, sandbox, nowMs)
  // It runs, and its files may not be there yet.
  if (view.busy.has(sandboxKey)) return { actions: [], hasEnded: false }
  const planner = new ContainerPlanner(view, sandbox, nowMs)
  planner.planEphemeral()
  if (planner.planInit()) planner.planMain()
  planner.planRemovals()
  return { actions: planner.actions, hasEnded: false, ...(planner.wakeAtMs === undefined ? {} : { wakeAtMs: planner.wakeAtMs }) }
}

/** Without a sandbox nothing can run: what is left of the old one goes first. */
function planSandbox(view: PodView, sandbox: ObservedContainer | undefined, nowMs: number): PodPlan {
  if (view.busy.has(sandboxKey)) return { actions: [], hasEnded: false }
  const stops = stopContainers(view, 0)
  if (stops.isUnderWay) return { actions: stops.actions, hasEnded: false }
  const stale = view.sandboxes.filter(({ state }) => state !== 'running')
  if (stale.length > 0) return { actions: stale.map((each) => ({ type: 'remove-sandbox', sandbox: each })), hasEnded: false }
  const hold = view.holds.get(sandboxKey)
  if (hold !== undefined && hold.retryAtMs > nowMs) return { actions: [], hasEnded: false, wakeAtMs: hold.retryAtMs }
  return { actions: [{ type: 'create-sandbox', attempt: sandbox === undefined ? 0 : sandbox.attempt + 1 }], hasEnded: false }
}

class ContainerPlanner {
  readonly actions: PodAction[] = []
  wakeAtMs: number | undefined
  readonly #view: PodView
  readonly #sandbox: ObservedContainer
  readonly #nowMs: number

  constructor(view: PodView, sandbox: ObservedContainer, nowMs: number) {
    this.#view = view
    this.#sandbox = sandbox
    this.#nowMs = nowMs
  }

  /** Init containers one after the other; says whether the main ones may run. */
  planInit(): boolean {
    for (const container of initContainersOf(this.#view.pod)) {
      const newest = this.#inSandbox(container.name)
      if (isSidecar(container)) {
        this.#planContainer(container, newest)
        if (newest?.state !== 'running' || this.#view.verdicts.get(newest.id)?.isStarted !== true) return false
      } else if (newest?.state !== 'exited' || newest.exitCode !== 0) {
        // Main containers that run are proof that this one had ended well, and has been removed since.
        if (newest === undefined && this.#hasMainContainer()) continue
        this.#planContainer(container, newest)
        return false
      }
    }
    return true
  }

  /** Ephemeral containers start whatever the others do, and only once each. */
  planEphemeral(): void {
    for (const container of ephemeralContainersOf(this.#view.pod)) {
      const newest = newestAttempt(this.#view, container.name)
      if (newest === undefined && restartCountBefore(this.#view, container.name) > 0) continue
      const target = newestAttempt(this.#view, container.targetContainerName ?? '')
      this.#planContainer(container, newest, target?.state === 'running' ? target : undefined)
    }
  }

  planMain(): void {
    for (const container of this.#view.pod.spec.containers) this.#planContainer(container, newestAttempt(this.#view, container.name))
  }

  /** Of each container's dead attempts only the latest few stay. */
  planRemovals(): void {
    const byName = Map.groupBy(this.#view.containers, ({ name }) => name)
    for (const [name, attempts] of byName) {
      if (this.#view.busy.has(name)) continue
      const dead = attempts.filter(({ state }) => state === 'exited').sort((a, b) => b.attempt - a.attempt)
      const isReplaced = attempts.some(({ state }) => state === 'running')
      for (const container of dead.slice(isReplaced ? keptDeadAttempts : keptDeadAttempts + 1))
        this.actions.push({ type: 'remove-container', container })
    }
  }

  #hasMainContainer(): boolean {
    return this.#view.pod.spec.containers.some(({ name }) => this.#inSandbox(name) !== undefined)
  }

  #inSandbox(name: string): ObservedContainer | undefined {
    const newest = newestAttempt(this.#view, name)
    return newest?.sandboxId === undefined || newest.sandboxId === this.#sandbox.id ? newest : undefined
  }

  #planContainer(container: CoreV1Container, newest: ObservedContainer | undefined, target?: ObservedContainer): void {
    if (this.#view.busy.has(container.name) || this.#view.busy.has(killKey(container.name))) return
    if (newest?.state === 'running') return this.#planRunning(container, newest)
    // Made and never started: an earlier agent was cut short.
    if (newest?.state === 'created') {
      this.actions.push({ type: 'remove-container', container: newest })
      return
    }
    if (newest !== undefined && !isRestartable(this.#view.pod, container, newest.exitCode ?? 0)) return
    const remaining =
      newest === undefined ? 0 : this.#view.restartBackoff.remainingMs(container.name, newest.finishedAtMs ?? this.#nowMs, this.#nowMs)
    if (remaining > 0) return this.#wakeAt(this.#nowMs + remaining)
    if (!this.#view.areVolumesReady) return
    const hold = this.#view.holds.get(container.name)
    if (hold !== undefined && hold.retryAtMs > this.#nowMs) return this.#wakeAt(hold.retryAtMs)
    const latest = newestAttempt(this.#view, container.name)
    this.actions.push({
      type: 'start-container',
      container,
      attempt: latest === undefined ? restartCountBefore(this.#view, container.name) : latest.attempt + 1,
      ...(newest === undefined ? {} : { previous: newest }),
      ...(target === undefined ? {} : { target }),
    })
  }

  #planRunning(container: CoreV1Container, newest: ObservedContainer): void {
    const unhealthy = this.#view.verdicts.get(newest.id)?.unhealthy
    if (unhealthy === undefined) return this.#planResize(container, newest)
    this.#kill(newest, unhealthy.why, unhealthy.graceSeconds)
  }

  #kill(container: ObservedContainer, why: string, ownGraceSeconds?: number): void {
    const graceSeconds = ownGraceSeconds ?? this.#view.pod.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds
    this.actions.push({ type: 'kill-container', container, graceSeconds, why, after: [] })
  }

  #planResize(container: CoreV1Container, newest: ObservedContainer): void {
    const { applied, pendingResize, holds } = this.#view
    const has = applied.get(newest.id)
    if (pendingResize?.reason === 'Deferred') this.#wakeAt(this.#nowMs + deferredResizeMs)
    const step = has === undefined || pendingResize !== undefined ? undefined : resizeOf(container, has)
    if (step === 'restart') {
      this.#kill(newest, `Container ${container.name} resize requires restart`)
    } else if (step === 'update' && !this.#view.busy.has(resizeKey(container.name))) {
      const hold = holds.get(resizeKey(container.name))
      if (hold !== undefined && hold.retryAtMs > this.#nowMs) return this.#wakeAt(hold.retryAtMs)
      this.actions.push({ type: 'resize-container', container, observed: newest })
    }
  }

  #wakeAt(ms: number): void {
    this.wakeAtMs = earliest(this.wakeAtMs, ms)
  }
}

/** The count goes on where the API remembers one, though the containers themselves are gone (another engine, a pruned host). */
function restartCountBefore({ pod }: PodView, name: string): number {
  const status = allStatusesOf(pod.status).find((each) => each.name === name)
  return status?.containerID === undefined || status.containerID === '' ? 0 : status.restartCount + 1
}

function earliest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.min(a, b)
}

/** What a person reads while a container waits to be restarted. */
export function backOffMessage(view: PodView, name: string): string {
  const seconds = Math.round(view.restartBackoff.delayMs(name) / msPerSecond)
  const text = seconds >= 60 ? `${Math.floor(seconds / 60)}m${seconds % 60}s` : `${seconds}s`
  return `back-off ${text} restarting failed container=${name} pod=${describePod(view.pod)}`
}

/** The delay that `backOffMessage` told, in milliseconds; `undefined` for any other text. */
export function delayOfBackOffMessage(message: string | undefined): number | undefined {
  const [, minutes = '0', seconds] = /^back-off (?:(\d{1,3})m)?(\d{1,3})s restarting failed container=/.exec(message ?? '') ?? []
  return seconds === undefined ? undefined : (Number(minutes) * 60 + Number(seconds)) * msPerSecond
}
