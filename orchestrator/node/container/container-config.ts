import type { CoreV1Container, CoreV1Pod } from '../../api/generated/kinds.ts'
import type { ContainerConfig, Device, ImageFacts, Mount, Owner, PodIdentity, RuntimeInfo } from '../runtime/runtime.ts'
import { expandVariables } from './expansion.ts'
import { cgroupParentOf, containerResources } from './resources.ts'
import { securityOf } from './security.ts'

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
  readonly devices: readonly Device[]
  /** What `seccompOf` answered. */
  readonly seccomp?: string
  readonly handler?: string
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
    devices: input.devices,
    resources: containerResources(pod, container, machine.memoryBytes),
    security: securityOf(pod, container, image, input.seccomp),
    ...(cgroupParent === undefined ? {} : { cgroupParent }),
    ...(container.lifecycle?.stopSignal === undefined ? {} : { stopSignal: container.lifecycle.stopSignal }),
    graceSeconds: pod.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds,
    pidNamespace: pidNamespaceOf(pod, input.targetId),
    usesHostIpc: pod.spec.hostIPC === true,
    usesHostNetwork: pod.spec.hostNetwork === true,
    ...(input.handler === undefined ? {} : { handler: input.handler }),
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
