import type { Timer } from '../../../lib/clock.ts'
import type { CoreV1Pod, CoreV1PodStatus } from '../../api/generated/kinds.ts'
import { driverOf } from '../../api/migrated-drivers.ts'
import { containerReference } from '../images/image-manager.ts'
import { mergeObserved } from '../runtime/merge-observed.ts'
import type { ObservedContainer } from '../runtime/runtime.ts'
import { AppliedResources } from './applied-resources.ts'
import { Backoff } from './backoff.ts'
import { ContainerExits } from './container-exits.ts'
import { stopContainer } from './lifecycle-hooks.ts'
import { rejectionOf } from './node-admission.plan.ts'
import { PodHolds } from './pod-holds.ts'
import { PodOperations } from './pod-operations.ts'
import type { PodServices } from './pod-services.ts'
import { isSameStatus, podStatus } from './pod-status.ts'
import { PodVolumes } from './pod-volumes.ts'
import { allStatusesOf, describePod, isInPostStart, newestSandbox, sandboxKey, volumesKey } from './pod-view.ts'
import type { Eviction, PodView } from './pod-view.ts'
import { delayOfBackOffMessage, killKey, planPod, resizeKey } from './sync-pod.plan.ts'
import type { PodAction, PodPlan } from './sync-pod.plan.ts'

const firstRestartMs = 10_000
const lastRestartMs = 300_000
const cleanUpKey = '/clean-up'
/** How long the runtime may take to tell an exit after a stop. */
const exitWaitMs = 5_000

/**
 * Keeps one pod as its author wants it. Level-based: `wake` looks at everything that is known, plans, starts what the plan says and
 * tells the status; whatever takes time runs beside it and wakes it when it ends.
 */
export class PodWorker {
  readonly #services: PodServices
  readonly #operations: PodOperations
  readonly #containers = new Map<string, ObservedContainer>()
  readonly #busy = new Set<string>()
  readonly #holds: PodHolds
  readonly #restartBackoff = new Backoff(firstRestartMs, lastRestartMs)
  readonly #stopStarting = new AbortController()
  readonly #firstSeenMs: number
  readonly #isStatic: boolean
  readonly #exits: ContainerExits
  #pod: CoreV1Pod
  readonly #applied: AppliedResources
  #isGone = false
  #eviction: Eviction | undefined
  #isCleanedUp = false
  readonly #volumes: PodVolumes
  readonly #rejection: PodView['rejection']
  #isFailureTold = false
  #isQueued = false
  #isStopped = false
  #timer: Timer | undefined
  #status: CoreV1PodStatus | undefined
  /** Called after each look at a pod that is gone. */
  onSettled: (() => void) | undefined

  /** `isStatic`: the pod comes from a file, so that its status is this worker's own and not what the API has. */
  constructor(services: PodServices, pod: CoreV1Pod, isStatic = false) {
    this.#services = services
    this.#isStatic = isStatic
    this.#operations = new PodOperations(services)
    this.#applied = new AppliedResources(services)
    this.#exits = new ContainerExits(services.clock)
    this.#pod = pod
    this.#holds = new PodHolds({ services, pod: () => this.#pod, wake: () => this.wake() })
    this.#firstSeenMs = services.clock.now()
    this.#rejection = rejectionOf(pod, services.settings.terms)
    this.#volumes = new PodVolumes((pod.spec.volumes ?? []).length === 0)
    this.#resumeBackoff()
  }

  get pod(): CoreV1Pod {
    return this.#pod
  }

  /** Nothing of the pod is left here and the API has forgotten it. */
  get isDone(): boolean {
    return this.#isGone && this.#isCleanedUp && this.#busy.size === 0
  }

  /** The containers that this worker knows, every attempt, sandboxes included. */
  get containers(): readonly ObservedContainer[] {
    return [...this.#containers.values()]
  }

  /** The status last computed. */
  get status(): CoreV1PodStatus | undefined {
    return this.#status
  }

  /** The API has another version of the pod. */
  update(pod: CoreV1Pod): void {
    const texts = ({ metadata: { annotations, labels } }: CoreV1Pod) => JSON.stringify([annotations, labels])
    const isTextChanged = texts(pod) !== texts(this.#pod)
    this.#pod = pod
    if (pod.metadata.deletionTimestamp !== undefined) this.#stopStarting.abort(new Error('the pod is being deleted'))
    if (isTextChanged) this.refreshVolumes()
    else this.wake()
  }

  /** The node gives the pod up: it fails with reason Evicted. */
  evict(eviction: Eviction): void {
    this.#eviction = eviction
    this.#stopStarting.abort(new Error('the pod is evicted'))
    this.wake()
  }

  get isEvicted(): boolean {
    return this.#eviction !== undefined
  }

  /** Goes on from the status that an earlier agent has told of a static pod. */
  resumeStatus(status: CoreV1PodStatus): void {
    this.#status = status
    this.wake()
  }

  /** The API has no such pod any more. */
  markGone(): void {
    this.#isGone = true
    this.#stopStarting.abort(new Error('the pod is gone'))
    this.wake()
  }

  /** The runtime says something of a container. */
  observe(container: ObservedContainer): void {
    const merged = mergeObserved(this.#containers.get(container.id), container)
    this.#containers.set(container.id, merged)
    if (merged.state === 'exited') {
      this.#exits.note()
      this.#services.prober.untrack(container.id)
      this.#applied.forget(container.id)
      if (merged.kind === 'container' && merged.terminationMessage === undefined) this.#readTerminationMessage(merged)
    }
    this.wake()
  }

  /** The runtime has no such container any more. */
  forget(id: string): void {
    this.#services.prober.untrack(id)
    // What is cleaned up is still needed for the last status.
    if (!this.#isStopping) this.#containers.delete(id)
    else if (this.#containers.get(id)?.state === 'running')
      this.observe({ ...this.#containers.get(id)!, state: 'exited', exitCode: 137, finishedAtMs: this.#services.clock.now() })
    this.#exits.note()
    this.wake()
  }

  /** An agent that was killed left in the status how long a failing container was to wait. */
  #resumeBackoff(): void {
    for (const { name, state } of allStatusesOf(this.#pod.status)) {
      const delayMs = state?.waiting?.reason === 'CrashLoopBackOff' ? delayOfBackOffMessage(state.waiting.message) : undefined
      if (delayMs !== undefined) this.#restartBackoff.resume(name, delayMs, this.#services.clock.now())
    }
  }

  /** Everything the runtime has of this pod, after which it has nothing else. */
  replaceContainers(containers: readonly ObservedContainer[]): void {
    const present = new Set(containers.map(({ id }) => id))
    for (const id of this.#containers.keys()) if (!present.has(id) && !this.#busy.has(cleanUpKey)) this.forget(id)
    for (const container of containers) this.observe(container)
    this.wake()
  }

  /** What the pod's volumes are made from may have changed. */
  refreshVolumes(): void {
    this.#holds.clearConfiguration()
    this.#volumes.refreshSoon()
    this.wake()
  }

  /** What waits for a driver of volumes is tried again, be it to mount or to unmount. */
  retryVolumes(): void {
    this.#holds.clear(cleanUpKey)
    const { volumes = [] } = this.#pod.spec
    if (volumes.some((each) => each.csi ?? each.persistentVolumeClaim ?? each.ephemeral ?? driverOf(each))) this.refreshVolumes()
    else this.wake()
  }

  /** Looks at the pod soon; calls of one turn count once. */
  wake(): void {
    if (this.#isQueued || this.#isStopped) return
    this.#isQueued = true
    queueMicrotask(() => {
      this.#isQueued = false
      if (this.#isStopped) return
      this.#sync()
      this.onSettled?.()
    })
  }

  /** Stops looking. Containers go on. */
  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
    for (const { id } of this.#containers.values()) this.#services.prober.untrack(id)
  }

  get #isStopping(): boolean {
    return this.#isGone || this.#pod.metadata.deletionTimestamp !== undefined
  }

  #sync(): void {
    const { clock, machine } = this.#services
    const nowMs = clock.now()
    if (machine() === undefined) return
    this.#trackProbes()
    const view = this.#view()
    const plan = planPod(view, nowMs)
    if (plan.failure !== undefined && view.told?.phase !== 'Failed') this.#tellFailure(plan.failure)
    for (const action of plan.actions) this.#perform(action, view, plan)
    if (this.#volumes.isDue(nowMs) && !plan.hasEnded) this.#run(volumesKey, () => this.#prepareVolumes())
    this.#report(plan, nowMs)
    this.#setTimer(plan, nowMs)
  }

  /** Of an eviction tells who decided on it. */
  #tellFailure(failure: NonNullable<PodPlan['failure']>): void {
    if (this.#isFailureTold || this.isEvicted) return
    this.#isFailureTold = true
    this.#services.recorder.event(this.#pod, failure === this.#rejection ? 'Warning' : 'Normal', failure.reason, failure.message)
  }

  #view(): PodView {
    const all = [...this.#containers.values()]
    const pending = this.#applied.pending(
      this.#pod,
      all.filter(({ kind }) => kind === 'container'),
    )
    return {
      pod: this.#isStatic && this.#status !== undefined ? { ...this.#pod, status: this.#status } : this.#pod,
      told: this.#services.statusWriter.told(this.#pod) ?? this.#status,
      isGone: this.#isGone,
      sandboxes: all.filter(({ kind }) => kind === 'sandbox'),
      containers: all.filter(({ kind }) => kind === 'container'),
      busy: new Set(this.#busy),
      holds: this.#holds.all,
      verdicts: this.#services.prober.verdicts(this.#containers.keys()),
      restartBackoff: this.#restartBackoff,
      areVolumesReady: this.#volumes.isReady,
      isCleanedUp: this.#isCleanedUp,
      applied: this.#applied.all,
      ...(pending === undefined ? {} : { pendingResize: pending }),
      firstSeenMs: this.#firstSeenMs,
      ...(this.#eviction === undefined ? {} : { eviction: this.#eviction }),
      ...(this.#rejection === undefined ? {} : { rejection: this.#rejection }),
    }
  }

  #trackProbes(): void {
    const specs = [...this.#pod.spec.containers, ...(this.#pod.spec.initContainers ?? [])]
    for (const observed of this.#containers.values()) {
      if (observed.kind !== 'container' || observed.state !== 'running') continue
      const container = specs.find(({ name }) => name === observed.name)
      // While a postStart hook runs the container does not count as started.
      if (container === undefined || this.#isStopping || isInPostStart(container, this.#busy)) continue
      const podIp = this.#addressOf()
      this.#services.prober.track({ pod: this.#pod, container, observed, podIp }, () => this.wake())
    }
  }

  #addressOf(): string {
    const sandbox = newestSandbox({ sandboxes: this.containers.filter(({ kind }) => kind === 'sandbox') })
    return sandbox?.ip ?? this.#services.settings.hostIp
  }

  #perform(action: PodAction, view: PodView, plan: PodPlan): void {
    const { clock } = this.#services
    switch (action.type) {
      case 'create-sandbox':
        return this.#run(sandboxKey, async () => this.observe(await this.#operations.createSandbox(this.#pod, action.attempt)))
      case 'prepare-volumes':
        return this.#run(volumesKey, () => this.#prepareVolumes())
      case 'remove-sandbox':
        return this.#run(sandboxKey, async () => {
          await this.#operations.removeSandbox(this.#pod, action.sandbox)
          this.forget(action.sandbox.id)
        })
      case 'start-container':
        if (action.previous !== undefined)
          this.#restartBackoff.lengthen(action.container.name, action.previous.finishedAtMs ?? clock.now(), clock.now())
        return this.#start(action, view)
      case 'kill-container':
        return this.#kill(action)
      case 'resize-container':
        return this.#run(resizeKey(action.container.name), async () => {
          await this.#operations.resizeContainer(this.#pod, action.container, action.observed)
          this.#applied.set(action.observed, action.container.resources ?? {})
        })
      case 'remove-container':
        return this.#run(`${action.container.id}/remove`, async () => {
          await this.#services.runtime.removeContainer(action.container.id)
          this.#containers.delete(action.container.id)
        })
      case 'clean-up':
        return this.#run(cleanUpKey, async () => {
          await this.#operations.cleanUp(this.#pod, view.containers, view.sandboxes)
          this.#isCleanedUp = true
        })
      case 'finish':
        return this.#services.statusWriter.finish(this.#pod, this.#computeStatus(plan, clock.now()))
    }
  }

  #start(action: Extract<PodAction, { type: 'start-container' }>, view: PodView): void {
    const sandbox = newestSandbox(view)!
    const resources = this.#applied.forStart(this.#pod, action.container)
    const container = resources === action.container.resources ? action.container : { ...action.container, resources }
    this.#run(container.name, async () => {
      await this.#operations.startContainer(this.#pod, container, {
        attempt: action.attempt,
        sandbox,
        target: action.target,
        signal: this.#stopStarting.signal,
        observe: (observed) => {
          if (observed.state !== 'exited') this.#applied.set(observed, resources)
          this.observe(observed)
        },
      })
    })
  }

  #kill(action: Extract<PodAction, { type: 'kill-container' }>): void {
    const { recorder, prober } = this.#services
    const { container, graceSeconds, why, after } = action
    this.#run(killKey(container.name), async () => {
      if (!this.#isGone) recorder.event(containerReference(this.#pod, container), 'Normal', 'Killing', why)
      prober.keepReadiness(container.id)
      const haveOthersEnded = () => this.containers.every(({ name, state }) => state !== 'running' || !after.includes(name))
      const turn = (limitMs: number) => this.#exits.wait(haveOthersEnded, limitMs)
      await stopContainer(this.#services, this.#pod, container, { graceSeconds, ...(after.length === 0 ? {} : { turn }) })
      if (!(await this.#exits.wait(() => this.#containers.get(container.id)?.state !== 'running', exitWaitMs)))
        throw new Error(`container ${container.id} was stopped and the runtime says that it runs`)
    })
  }

  /** Runs something beside the worker; its failure becomes a hold on the key, its end wakes the worker. */
  #run(key: string, operation: () => Promise<void>): void {
    if (this.#busy.has(key) || this.#holds.isHeld(key)) return
    this.#busy.add(key)
    void operation()
      .then(
        () => this.#holds.clear(key),
        (error: unknown) => this.#noteFailure(key, error),
      )
      .finally(() => {
        this.#busy.delete(key)
        this.wake()
      })
  }

  #noteFailure(key: string, error: unknown): void {
    // A start that was cut short because the pod goes is no failure.
    const isCutShort = this.#stopStarting.signal.aborted && !key.includes('/')
    if (!this.#isStopped && !isCutShort) this.#holds.add(key, error)
  }

  #readTerminationMessage(container: ObservedContainer): void {
    this.#operations
      .terminationMessage(this.#pod, container)
      .then((message) => {
        const known = this.#containers.get(container.id)
        if (message === undefined || known === undefined) return
        this.#containers.set(container.id, { ...known, terminationMessage: message })
        this.wake()
      })
      .catch((error: unknown) => this.#services.log.debug({ pod: describePod(this.#pod), err: error }, 'no termination message'))
  }

  #prepareVolumes(): Promise<void> {
    return this.#volumes.prepare(() => this.#operations.prepareVolumes(this.#pod, this.#addressOf()))
  }

  #computeStatus(plan: PodPlan, nowMs: number): CoreV1PodStatus {
    const { settings, runtime, machine } = this.#services
    const { hasRecursiveReadOnly = false } = machine() ?? {}
    return podStatus(this.#view(), plan, { hostIp: settings.hostIp, scheme: runtime.traits.scheme, nowMs, hasRecursiveReadOnly })
  }

  #report(plan: PodPlan, nowMs: number): void {
    if (this.#isGone) return
    const status = this.#computeStatus(plan, nowMs)
    this.#holds.tellBackOffs(this.#status, status)
    if (this.#status === undefined || !isSameStatus(this.#status, status)) this.#status = status
    this.#services.statusWriter.set(this.#pod, status)
  }

  #setTimer(plan: PodPlan, nowMs: number): void {
    this.#timer?.cancel()
    const atMs = Math.min(plan.wakeAtMs ?? Infinity, plan.hasEnded ? Infinity : (this.#volumes.refreshAtMs ?? Infinity))
    if (atMs !== Infinity && atMs > nowMs) this.#timer = this.#services.clock.setTimer(atMs - nowMs, () => this.wake())
  }
}
