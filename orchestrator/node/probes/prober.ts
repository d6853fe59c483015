import type { Clock, Timer } from '../../../lib/clock.ts'
import type { CoreV1Container, CoreV1Pod, CoreV1Probe } from '../../api/generated/kinds.ts'
import type { EventRecorder } from '../../client/events.ts'
import { containerReference } from '../images/image-manager.ts'
import type { ProbeVerdict, Unhealthy } from '../pod/pod-view.ts'
import type { ObservedContainer } from '../runtime/runtime.ts'
import type { ProbeExecutor } from './probe-executor.ts'

type ProbeKind = 'Startup' | 'Readiness' | 'Liveness'

const defaults = { periodSeconds: 10, timeoutSeconds: 1, failureThreshold: 3, successThreshold: 1, initialDelaySeconds: 0 }

interface Subject {
  readonly pod: CoreV1Pod
  readonly container: CoreV1Container
  readonly observed: ObservedContainer
  readonly podIp: string
}

interface ProberOptions {
  readonly executor: ProbeExecutor
  readonly clock: Clock
  readonly recorder: EventRecorder
}

/** Runs the probes of running containers; each container is looked at on its own schedule, from when it started. */
export class Prober {
  readonly #options: ProberOptions
  readonly #subjects = new Map<string, ContainerProbes>()

  constructor(options: ProberOptions) {
    this.#options = options
  }

  /** Starts the probes of a running container unless they run already. `onChange` is called when its verdict changes. */
  track(subject: Subject, onChange: () => void): void {
    const { id } = subject.observed
    if (this.#subjects.has(id)) return
    const probes = new ContainerProbes(subject, this.#options, onChange)
    this.#subjects.set(id, probes)
    probes.start()
  }

  /** What is known of those of the containers that are tracked. */
  verdicts(containerIds: Iterable<string>): ReadonlyMap<string, ProbeVerdict> {
    const verdicts = new Map<string, ProbeVerdict>()
    for (const id of containerIds) {
      const verdict = this.#subjects.get(id)?.verdict
      if (verdict !== undefined) verdicts.set(id, verdict)
    }
    return verdicts
  }

  /** The container is being ended: whether it can serve is still of interest until it has, whether it is to be restarted is not. */
  keepReadiness(containerId: string): void {
    this.#subjects.get(containerId)?.keepReadiness()
  }

  untrack(containerId: string): void {
    this.#subjects.get(containerId)?.stop()
    this.#subjects.delete(containerId)
  }

  stop(): void {
    for (const probes of this.#subjects.values()) probes.stop()
    this.#subjects.clear()
  }
}

/** Startup first; readiness and liveness once it has passed. */
class ContainerProbes {
  readonly #subject: Subject
  readonly #options: ProberOptions
  readonly #onChange: () => void
  #loops: readonly ProbeLoop[] = []
  #verdict: ProbeVerdict

  constructor(subject: Subject, options: ProberOptions, onChange: () => void) {
    this.#subject = subject
    this.#options = options
    this.#onChange = onChange
    const { startupProbe, readinessProbe } = subject.container
    this.#verdict = { isStarted: startupProbe === undefined, isReady: startupProbe === undefined && readinessProbe === undefined }
  }

  get verdict(): ProbeVerdict {
    return this.#verdict
  }

  start(): void {
    const { startupProbe } = this.#subject.container
    if (startupProbe === undefined) return this.#startOthers()
    this.#loop('Startup', startupProbe, (isSuccess, loop) => {
      loop.stop()
      if (!isSuccess) return this.#condemn('startup', startupProbe)
      const { readinessProbe } = this.#subject.container
      this.#set({ isStarted: true, isReady: readinessProbe === undefined })
      this.#startOthers()
    })
  }

  keepReadiness(): void {
    for (const loop of this.#loops) if (loop.kind !== 'Readiness') loop.stop()
  }

  stop(): void {
    for (const loop of this.#loops) loop.stop()
  }

  #startOthers(): void {
    const { readinessProbe, livenessProbe } = this.#subject.container
    if (readinessProbe !== undefined) this.#loop('Readiness', readinessProbe, (isReady) => this.#set({ ...this.#verdict, isReady }))
    if (livenessProbe !== undefined) {
      this.#loop('Liveness', livenessProbe, (isSuccess, loop) => {
        if (isSuccess) return
        loop.stop()
        this.#condemn('liveness', livenessProbe)
      })
    }
  }

  #loop(kind: ProbeKind, probe: CoreV1Probe, onResult: (isSuccess: boolean, loop: ProbeLoop) => void): void {
    const loop: ProbeLoop = new ProbeLoop({
      kind,
      probe,
      subject: this.#subject,
      ...this.#options,
      onResult: (isSuccess) => onResult(isSuccess, loop),
    })
    this.#loops = [...this.#loops, loop]
    loop.start()
  }

  #condemn(kind: string, { terminationGracePeriodSeconds: graceSeconds }: CoreV1Probe): void {
    const why = `Container ${this.#subject.container.name} failed ${kind} probe, will be restarted`
    const unhealthy: Unhealthy = { why, ...(graceSeconds === undefined ? {} : { graceSeconds }) }
    this.#set({ ...this.#verdict, unhealthy })
  }

  #set(verdict: ProbeVerdict): void {
    const { isStarted, isReady, unhealthy } = this.#verdict
    if (isStarted === verdict.isStarted && isReady === verdict.isReady && unhealthy === verdict.unhealthy) return
    this.#verdict = verdict
    this.#onChange()
  }
}

interface LoopOptions extends ProberOptions {
  readonly kind: ProbeKind
  readonly probe: CoreV1Probe
  readonly subject: Subject
  /** Called each time a threshold is reached. */
  readonly onResult: (isSuccess: boolean) => void
}

/** One probe's schedule and its count of equal outcomes in a row. */
class ProbeLoop {
  readonly #options: LoopOptions
  #timer: Timer | undefined
  #isStopped = false
  #last: boolean | undefined
  #run = 0

  constructor(options: LoopOptions) {
    this.#options = options
  }

  get kind(): ProbeKind {
    return this.#options.kind
  }

  start(): void {
    const { clock, probe, subject } = this.#options
    const startedMs = subject.observed.startedAtMs ?? clock.now()
    const firstMs = startedMs + (probe.initialDelaySeconds ?? defaults.initialDelaySeconds) * 1000
    this.#schedule(Math.max(0, firstMs - clock.now()))
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  #schedule(ms: number): void {
    if (!this.#isStopped) this.#timer = this.#options.clock.setTimer(ms, () => void this.#look())
  }

  async #look(): Promise<void> {
    const { executor, probe, subject, recorder, kind, clock } = this.#options
    const startedMs = clock.monotonic()
    const target = { containerId: subject.observed.id, container: subject.container, podIp: subject.podIp }
    const outcome = await executor.run(target, probe, (probe.timeoutSeconds ?? defaults.timeoutSeconds) * 1000)
    if (this.#isStopped) return
    const about = containerReference(subject.pod, subject.container)
    if (!outcome.isSuccess) recorder.event(about, 'Warning', 'Unhealthy', `${kind} probe failed: ${outcome.output}`)
    else if (outcome.isWarning === true) recorder.event(about, 'Warning', 'ProbeWarning', `${kind} probe warning: ${outcome.output}`)
    this.#count(outcome.isSuccess)
    const periodMs = (probe.periodSeconds ?? defaults.periodSeconds) * 1000
    this.#schedule(Math.max(0, periodMs - (clock.monotonic() - startedMs)))
  }

  #count(isSuccess: boolean): void {
    const { probe, onResult } = this.#options
    this.#run = this.#last === isSuccess ? this.#run + 1 : 1
    this.#last = isSuccess
    const threshold = isSuccess
      ? (probe.successThreshold ?? defaults.successThreshold)
      : (probe.failureThreshold ?? defaults.failureThreshold)
    if (this.#run >= threshold) onResult(isSuccess)
  }
}
