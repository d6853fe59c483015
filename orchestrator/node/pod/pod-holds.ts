import type { CoreV1Pod, CoreV1PodStatus } from '../../api/generated/kinds.ts'
import { isConfigurationError } from '../container/configuration-error.ts'
import { containerReference, isImageError } from '../images/image-manager.ts'
import { isUnavailable } from '../runtime/runtime.ts'
import { NotAttachedError } from '../volumes/csi/mount-request.ts'
import { Backoff } from './backoff.ts'
import { NetworkNotReadyError } from './pod-operations.ts'
import type { PodServices } from './pod-services.ts'
import { allContainersOf, allStatusesOf, describePod, sandboxKey, volumesKey } from './pod-view.ts'
import type { Hold } from './pod-view.ts'

const retryMs = 10_000
const firstSetUpRetryMs = 1_000
const lastSetUpRetryMs = 60_000
const unavailableRetryMs = 1_000
/** A failed pull is shown as what it is for this long, then as waiting for the next try. */
const pullErrorShownMs = 3_000

/**
 * Why steps of one pod do not go on, and until when: every failure becomes a hold with a reason that people know and an event, and wakes
 * the pod when it is over.
 */
export class PodHolds {
  readonly #services: PodServices
  readonly #pod: () => CoreV1Pod
  readonly #wake: () => void
  readonly #holds = new Map<string, Hold>()
  /** Of the sandbox and of the volumes. */
  readonly #setUpBackoff = new Backoff(firstSetUpRetryMs, lastSetUpRetryMs)

  constructor(options: { readonly services: PodServices; readonly pod: () => CoreV1Pod; readonly wake: () => void }) {
    this.#services = options.services
    this.#pod = options.pod
    this.#wake = options.wake
  }

  get all(): ReadonlyMap<string, Hold> {
    return this.#holds
  }

  isHeld(key: string): boolean {
    return (this.#holds.get(key)?.retryAtMs ?? 0) > this.#services.clock.now()
  }

  /** The step has succeeded. */
  clear(key: string): void {
    this.#holds.delete(key)
    this.#setUpBackoff.forget(key)
  }

  /** What failed for its configuration may go better now. */
  clearConfiguration(): void {
    this.#holds.delete(volumesKey)
    for (const [key, { reason }] of this.#holds) if (reason === 'CreateContainerConfigError') this.#holds.delete(key)
  }

  /** A step has failed. */
  add(key: string, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    const { log, clock } = this.#services
    log.debug({ pod: describePod(this.#pod()), key, err: error }, 'a step of a pod failed')
    const { reason, delayMs } = this.#judge(key, error, message)
    const nowMs = clock.now()
    this.#holds.set(key, { reason, message, sinceMs: nowMs, retryAtMs: nowMs + delayMs })
    if (reason === 'ErrImagePull') this.#showPullBackOffLater(key)
    clock.setTimer(delayMs, this.#wake)
  }

  /** Tells of containers that wait to be restarted and did not before. */
  tellBackOffs(before: CoreV1PodStatus | undefined, now: CoreV1PodStatus): void {
    const looping = loopingContainers(before)
    for (const name of loopingContainers(now)) {
      if (looping.has(name)) continue
      const message = `Back-off restarting failed container ${name} in pod ${describePod(this.#pod())}`
      this.#services.recorder.event(containerReference(this.#pod(), { name }), 'Warning', 'BackOff', message)
    }
  }

  #judge(key: string, error: unknown, message: string): { readonly reason: string; readonly delayMs: number } {
    const { clock, log, recorder } = this.#services
    if (isUnavailable(error)) return { reason: 'ContainerCreating', delayMs: unavailableRetryMs }
    if (key === sandboxKey || key === volumesKey) {
      const nowMs = clock.now()
      this.#setUpBackoff.lengthen(key, nowMs, nowMs)
      this.#tellSetUpFailure(error, message)
      return { reason: 'ContainerCreating', delayMs: this.#setUpBackoff.delayMs(key) }
    }
    if (isImageError(error)) return { reason: error.reason, delayMs: Math.max(0, error.retryAtMs - clock.now()) }
    if (key.includes('/')) {
      log.warn({ pod: describePod(this.#pod()), key, err: error }, 'a step of a pod failed and will be tried again')
      return { reason: 'ContainerCreating', delayMs: retryMs }
    }
    recorder.event(containerReference(this.#pod(), { name: key }), 'Warning', 'Failed', `Error: ${message}`)
    return { reason: isConfigurationError(error) ? 'CreateContainerConfigError' : 'CreateContainerError', delayMs: retryMs }
  }

  #tellSetUpFailure(error: unknown, message: string): void {
    const { recorder } = this.#services
    const pod = this.#pod()
    // Who attaches a volume tells how that goes.
    if (error instanceof NotAttachedError) return
    if (isConfigurationError(error)) recorder.event(pod, 'Warning', 'FailedMount', message)
    else if (error instanceof NetworkNotReadyError) recorder.event(pod, 'Warning', 'NetworkNotReady', message)
    else recorder.event(pod, 'Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${message}`)
  }

  #showPullBackOffLater(name: string): void {
    const { clock, recorder } = this.#services
    const failed = this.#holds.get(name)!
    clock.setTimer(pullErrorShownMs, () => {
      if (this.#holds.get(name) !== failed) return
      const image = allContainersOf(this.#pod()).find((each) => each.name === name)?.image
      const words = `Back-off pulling image "${image}"`
      this.#holds.set(name, { ...failed, reason: 'ImagePullBackOff', message: `${words}: ErrImagePull: ${failed.message}` })
      recorder.event(containerReference(this.#pod(), { name }), 'Normal', 'BackOff', words)
      recorder.event(containerReference(this.#pod(), { name }), 'Warning', 'Failed', 'Error: ImagePullBackOff')
      this.#wake()
    })
  }
}

function loopingContainers(status: CoreV1PodStatus | undefined): ReadonlySet<string> {
  const looping = allStatusesOf(status).filter(({ state }) => state?.waiting?.reason === 'CrashLoopBackOff')
  return new Set(looping.map(({ name }) => name))
}
