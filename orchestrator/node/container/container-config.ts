import type { CoreV1Container, CoreV1Pod } from '../../api/generated/kinds.ts'
import type { ContainerConfig, ContainerSecurity, ImageFacts, Mount, Owner, PodIdentity, RuntimeInfo } from '../runtime/runtime.ts'
import { ConfigurationError } from './configuration-error.ts'
import { expandVariables } from './expansion.ts'
import { cgroupParentOf, containerResources } from './resources.ts'

export interface ContainerConfigInput {
  readonly owner: Owner
  readonly pod: CoreV1Pod
  readonly container: CoreV1Container
  readonly attempt: number
  readonly sandboxId: string
  /** The container whose processes this one is to see. */
  readonly targetId: string | undefined
  readonly image: ImageFacts
  readonly environment: ReadonlyMap<string, string>
  readonly mounts: readonly Mount[]
  readonly machine: RuntimeInfo
}

const defaultGraceSeconds = 30

/** What a runtime is asked for to make one container of a pod. Throws a `ConfigurationError` where the pod asks for what cannot be. */
export function containerConfig(input: ContainerConfigInput): ContainerConfig {
  const { owner, pod, container, attempt, sandboxId, image, environment, machine } = input
  const expand = (text: string) => expandVariables(text, (name) => environment.get(name))
  const cgroupParent = cgroupParentOf({ ...owner, pod, driver: machine.cgroupDriver })
  return {
    owner,
    pod: identityOf(pod),
    name: container.name,
    attempt,
    sandboxId,
    imageId: image.id,
    image: container.image ?? '',
    ...(container.command === undefined || container.command.length === 0 ? {} : { command: container.command.map(expand) }),
    ...(container.args === undefined || container.args.length === 0 ? {} : { args: container.args.map(expand) }),
    environment: [...environment].map(([name, value]) => `${name}=${value}`),
    ...(container.workingDir === undefined || container.workingDir === '' ? {} : { workingDir: container.workingDir }),
    tty: container.tty === true,
    stdin: container.stdin === true,
    stdinOnce: container.stdinOnce === true,
    mounts: input.mounts,
    resources: containerResources(pod, container, machine.memoryBytes),
    security: securityOf(pod, container, image),
    ...(cgroupParent === undefined ? {} : { cgroupParent }),
    ...(container.lifecycle?.stopSignal === undefined ? {} : { stopSignal: container.lifecycle.stopSignal }),
    graceSeconds: pod.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds,
    pidNamespace: pidNamespaceOf(pod, input.targetId),
    usesHostIpc: pod.spec.hostIPC === true,
    usesHostNetwork: pod.spec.hostNetwork === true,
    annotations: pod.metadata.annotations ?? {},
  }
}

function pidNamespaceOf({ spec }: CoreV1Pod, targetId: string | undefined): ContainerConfig['pidNamespace'] {
  if (spec.hostPID === true) return 'host'
  if (spec.shareProcessNamespace === true) return 'sandbox'
  return targetId === undefined ? 'own' : { containerId: targetId }
}

/** What tells a pod from all others. */
export function identityOf(pod: CoreV1Pod): PodIdentity {
  const { namespace = '', name = '', uid = '' } = pod.metadata
  return { namespace, name, uid }
}

function securityOf(pod: CoreV1Pod, container: CoreV1Container, image: ImageFacts): ContainerSecurity {
  const own = container.securityContext ?? {}
  const podWide = pod.spec.securityContext ?? {}
  const user = own.runAsUser ?? podWide.runAsUser
  if (own.runAsNonRoot ?? podWide.runAsNonRoot ?? false) verifyNonRoot(pod, container, user, image.user)
  const account = accountOf(user, own.runAsGroup ?? podWide.runAsGroup, image.user)
  const isPrivileged = own.privileged === true
  return {
    isPrivileged,
    addedCapabilities: own.capabilities?.add ?? [],
    droppedCapabilities: own.capabilities?.drop ?? [],
    hasReadOnlyRoot: own.readOnlyRootFilesystem === true,
    forbidsNewPrivileges: own.allowPrivilegeEscalation === false,
    isSeccompUnconfined: isPrivileged || (own.seccompProfile ?? podWide.seccompProfile)?.type === 'Unconfined',
    ...(account === undefined ? {} : { user: account }),
    supplementalGroups: [...new Set([...(podWide.supplementalGroups ?? []), ...(podWide.fsGroup === undefined ? [] : [podWide.fsGroup])])],
  }
}

/** `uid[:gid]`; a group alone goes with the image's user. */
function accountOf(user: number | undefined, group: number | undefined, imageUser: string): string | undefined {
  if (group === undefined) return user === undefined ? undefined : String(user)
  return `${user ?? (imageUser.split(':')[0] || '0')}:${group}`
}

/** Words as the kubelet's `verifyRunAsNonRoot`. */
function verifyNonRoot(pod: CoreV1Pod, container: CoreV1Container, user: number | undefined, imageUser: string): void {
  const where = `(pod: "${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})", container: ${container.name})`
  if (user !== undefined) {
    if (user === 0) throw new ConfigurationError(`container's runAsUser breaks non-root policy ${where}`)
    return
  }
  const name = imageUser.split(':')[0]!
  if (name === '' || name === '0') throw new ConfigurationError(`container has runAsNonRoot and image will run as root ${where}`)
  if (!/^\d+$/.test(name))
    throw new ConfigurationError(
      `container has runAsNonRoot and image has non-numeric user (${name}), cannot verify user is non-root ${where}`,
    )
}
