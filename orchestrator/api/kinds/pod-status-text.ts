import { fromTimestamp } from '../../../lib/clock.ts'
import { humanDuration } from '../duration.ts'
import type { CoreV1Container, CoreV1ContainerStatus, CoreV1Pod } from '../generated/kinds.ts'

/** What kubectl's pod table says of a pod's containers. */
export interface PodText {
  /** `Running`, `Completed`, `CrashLoopBackOff`, `Init:0/1`, `Terminating`, … */
  readonly status: string
  /** `1/2` */
  readonly ready: string
  /** `3 (5m ago)` */
  readonly restarts: string
}

interface Restarts {
  count: number
  lastMs: number
}

const isReady = (pod: CoreV1Pod) => pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
const isSidecar = (container: CoreV1Container | undefined) => container?.restartPolicy === 'Always'

/** The texts of a pod's row, as upstream's printer: the first unfinished init container decides, else the first container with a reason. */
export function describePod(pod: CoreV1Pod, now: number): PodText {
  const { spec, status } = pod
  const sidecars = new Set((spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name))
  const total = (spec.containers ?? []).length + sidecars.size
  const initial = status?.reason || (isGated(pod) ? 'SchedulingGated' : (status?.phase ?? 'Pending'))
  const init = describeInit(pod)
  const main = init.reason === undefined || isInitialized(pod) ? describeMain(pod, initial) : undefined
  const restarts = main === undefined ? init.restarts : addRestarts(main.restarts, init.sidecarRestarts)
  const reason = main?.reason ?? init.reason ?? initial
  return {
    status: pod.metadata.deletionTimestamp === undefined ? reason : deletedStatus(pod, reason),
    ready: `${(main?.ready ?? 0) + init.readySidecars}/${total}`,
    restarts: restartText(restarts, now),
  }
}

function deletedStatus({ status }: CoreV1Pod, reason: string): string {
  if (status?.reason === 'NodeLost') return 'Unknown'
  return status?.phase === 'Succeeded' || status?.phase === 'Failed' ? reason : 'Terminating'
}

const isGated = ({ status }: CoreV1Pod) =>
  status?.conditions?.some(({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated') === true
const isInitialized = ({ status }: CoreV1Pod) =>
  status?.conditions?.some(({ type, status: value }) => type === 'Initialized' && value === 'True') === true

interface InitText {
  readonly reason: string | undefined
  readonly restarts: Restarts
  readonly sidecarRestarts: Restarts
  readonly readySidecars: number
}

function describeInit({ spec, status }: CoreV1Pod): InitText {
  const containers = new Map((spec.initContainers ?? []).map((container) => [container.name, container]))
  const restarts: Restarts = { count: 0, lastMs: 0 }
  const sidecarRestarts: Restarts = { count: 0, lastMs: 0 }
  let readySidecars = 0
  const statuses = status?.initContainerStatuses ?? []
  for (const [index, container] of statuses.entries()) {
    const sidecar = isSidecar(containers.get(container.name))
    countRestarts(restarts, container)
    if (sidecar) countRestarts(sidecarRestarts, container)
    if (sidecar && container.started === true) {
      if (container.ready) readySidecars++
      continue
    }
    if (container.state?.terminated?.exitCode === 0) continue
    const reason = initReason(container) ?? `Init:${index}/${containers.size}`
    return { reason, restarts, sidecarRestarts, readySidecars }
  }
  return { reason: undefined, restarts, sidecarRestarts, readySidecars }
}

function initReason({ state }: CoreV1ContainerStatus): string | undefined {
  if (state?.terminated !== undefined) return `Init:${terminationText(state.terminated)}`
  const waiting = state?.waiting?.reason
  return waiting && waiting !== 'PodInitializing' ? `Init:${waiting}` : undefined
}

function terminationText({
  reason,
  signal,
  exitCode,
}: {
  readonly reason?: string
  readonly signal?: number
  readonly exitCode: number
}): string {
  if (reason) return reason
  return signal ? `Signal:${signal}` : `ExitCode:${exitCode}`
}

interface MainText {
  readonly reason: string
  readonly ready: number
  readonly restarts: Restarts
}

function describeMain(pod: CoreV1Pod, initial: string): MainText {
  const restarts: Restarts = { count: 0, lastMs: 0 }
  let reason = initial
  let ready = 0
  let hasRunning = false
  for (const container of (pod.status?.containerStatuses ?? []).toReversed()) {
    countRestarts(restarts, container)
    const { waiting, terminated, running } = container.state ?? {}
    if (waiting?.reason) reason = waiting.reason
    else if (terminated !== undefined) reason = terminationText(terminated)
    else if (container.ready && running !== undefined) {
      hasRunning = true
      ready++
    }
  }
  // A pod with a finished container beside a running one goes by the running one.
  if (reason === 'Completed' && hasRunning) reason = isReady(pod) ? 'Running' : 'NotReady'
  return { reason, ready, restarts }
}

function countRestarts(restarts: Restarts, { restartCount, lastState }: CoreV1ContainerStatus): void {
  restarts.count += restartCount ?? 0
  restarts.lastMs = Math.max(restarts.lastMs, fromTimestamp(lastState?.terminated?.finishedAt) ?? 0)
}

const addRestarts = (a: Restarts, b: Restarts): Restarts => ({ count: a.count + b.count, lastMs: Math.max(a.lastMs, b.lastMs) })

function restartText({ count, lastMs }: Restarts, now: number): string {
  return count > 0 && lastMs > 0 ? `${count} (${humanDuration(now - lastMs)} ago)` : String(count)
}
