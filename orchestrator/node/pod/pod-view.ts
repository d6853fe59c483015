import type {
  CoreV1Container,
  CoreV1ContainerRestartRule,
  CoreV1ContainerStatus,
  CoreV1EphemeralContainer,
  CoreV1Pod,
  CoreV1PodStatus,
  CoreV1ResourceRequirements,
} from '../../api/generated/kinds.ts'
import type { ObservedContainer } from '../runtime/runtime.ts'
import type { Backoff } from './backoff.ts'
import type { PendingResize } from './resize.plan.ts'

/** Why something of a pod does not go on, and until when. `key` is a container's name, `sandboxKey` or `volumesKey`. */
export interface Hold {
  readonly reason: string
  readonly message: string
  readonly sinceMs: number
  readonly retryAtMs: number
}

/** The node gives the pod up. */
export interface Eviction {
  /** Why, in the words of its status. */
  readonly message: string
  readonly graceSeconds: number
  /** The pod did nothing wrong: controllers are told so. */
  readonly isNodesDoing: boolean
}

/** What probes say of one running container. */
export interface ProbeVerdict {
  readonly isStarted: boolean
  readonly isReady: boolean
  /** Set when the container must be restarted. */
  readonly unhealthy?: Unhealthy
}

/** A probe has given a container up. */
export interface Unhealthy {
  /** The words for the event. */
  readonly why: string
  /** How long the container may take to end, where the probe has an answer of its own. */
  readonly graceSeconds?: number
}

/** The key of the sandbox among operations and holds; no container can have this name. */
export const sandboxKey = '/sandbox'

/** The key of making, and making again, what is in the pod's volumes. */
export const volumesKey = '/volumes'

/** Everything known of one pod at one moment: what plan and status are computed from. */
export interface PodView {
  readonly pod: CoreV1Pod
  /** The status that the API has, or is being told: `pod` may be older than what this agent wrote itself. */
  readonly told: CoreV1PodStatus | undefined
  /** The API has no such pod any more. */
  readonly isGone: boolean
  readonly sandboxes: readonly ObservedContainer[]
  /** Containers, every attempt that still exists. */
  readonly containers: readonly ObservedContainer[]
  /** What is under way, by key. Nothing is planned for a busy key. */
  readonly busy: ReadonlySet<string>
  readonly holds: ReadonlyMap<string, Hold>
  readonly verdicts: ReadonlyMap<string, ProbeVerdict>
  readonly restartBackoff: Pick<Backoff, 'remainingMs' | 'delayMs'>
  /** This agent has prepared every volume of the pod at least once. */
  readonly areVolumesReady: boolean
  /** Directories, volumes, address: all that was taken for the pod is given back. */
  readonly isCleanedUp: boolean
  /** The resources that running containers have been given, by container id. */
  readonly applied: ReadonlyMap<string, CoreV1ResourceRequirements>
  /** Why the node does not give what the pod asks for now. */
  readonly pendingResize?: PendingResize
  readonly eviction?: Eviction
  /** Why the node does not take the pod, before anything of it has run. */
  readonly rejection?: { readonly reason: string; readonly message: string }
  /** When this agent first saw the pod. */
  readonly firstSeenMs: number
}

/** The sandbox made last. */
export function newestSandbox(view: Pick<PodView, 'sandboxes'>): ObservedContainer | undefined {
  return view.sandboxes.reduce<ObservedContainer | undefined>(
    (best, each) => (best === undefined || each.attempt > best.attempt ? each : best),
    undefined,
  )
}

/** The latest attempt of a container. */
export function newestAttempt(view: Pick<PodView, 'containers'>, name: string): ObservedContainer | undefined {
  return view.containers.reduce<ObservedContainer | undefined>(
    (best, each) => (each.name === name && (best === undefined || each.attempt > best.attempt) ? each : best),
    undefined,
  )
}

/** Is this an init container that goes on beside the others? */
export const isSidecar = (container: CoreV1Container): boolean => container.restartPolicy === 'Always'

export const initContainersOf = (pod: CoreV1Pod): readonly CoreV1Container[] => pod.spec.initContainers ?? []

export const ephemeralContainersOf = (pod: CoreV1Pod): readonly CoreV1EphemeralContainer[] => pod.spec.ephemeralContainers ?? []

/** Every container that the pod asks for, of whatever kind. Names are unique among them. */
export const allContainersOf = ({ spec }: CoreV1Pod): readonly (CoreV1Container | CoreV1EphemeralContainer)[] => [
  ...spec.containers,
  ...(spec.initContainers ?? []),
  ...(spec.ephemeralContainers ?? []),
]

/** What the API was told last of every container, of whatever kind. */
export const allStatusesOf = (status: CoreV1PodStatus | undefined): readonly CoreV1ContainerStatus[] => [
  ...(status?.containerStatuses ?? []),
  ...(status?.initContainerStatuses ?? []),
  ...(status?.ephemeralContainerStatuses ?? []),
]

/** Whether an ended container is to be started again: by the first of its own rules that fits, else by its policy, else by the pod's. */
export function isRestartable(pod: CoreV1Pod, container: CoreV1Container, exitCode: number): boolean {
  if (ephemeralContainersOf(pod).some(({ name }) => name === container.name)) return false
  if (container.restartPolicyRules?.some((rule) => fits(rule, exitCode)) === true) return true
  const policy = container.restartPolicy ?? pod.spec.restartPolicy ?? 'Always'
  const isInit = initContainersOf(pod).includes(container)
  if (policy === 'Never') return false
  return exitCode !== 0 || (policy === 'Always' && (!isInit || isSidecar(container)))
}

function fits({ action, exitCodes }: CoreV1ContainerRestartRule, exitCode: number): boolean {
  const isNamed = exitCodes?.values?.includes(exitCode) === true
  return action === 'Restart' && (exitCodes?.operator === 'NotIn' ? !isNamed : isNamed)
}

/** Runs, and its postStart hook may not have ended: it does not count as started yet. */
export const isInPostStart = (container: CoreV1Container, busy: ReadonlySet<string>): boolean =>
  container.lifecycle?.postStart !== undefined && busy.has(container.name)

/** The name by which messages tell pods apart, as in the kubelet. */
export const describePod = (pod: CoreV1Pod): string => `${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`
