import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type {
  CoreV1AppArmorProfile,
  CoreV1Container,
  CoreV1Pod,
  CoreV1PodSecurityContext,
  CoreV1SELinuxOptions,
} from '../../api/generated/kinds.ts'
import type { ContainerSecurity, ImageFacts } from '../runtime/runtime.ts'
import { ConfigurationError } from './configuration-error.ts'

const appArmorAnnotation = 'container.apparmor.security.beta.kubernetes.io/'

/** As whom a container runs and what it may do. Throws a `ConfigurationError` where the pod asks for what cannot be. */
export function securityOf(pod: CoreV1Pod, container: CoreV1Container, image: ImageFacts, seccomp: string | undefined): ContainerSecurity {
  const own = container.securityContext ?? {}
  const podWide = pod.spec.securityContext ?? {}
  const user = own.runAsUser ?? podWide.runAsUser
  if (own.runAsNonRoot ?? podWide.runAsNonRoot ?? false) verifyNonRoot(pod, container, user, image.user)
  const account = accountOf(user, own.runAsGroup ?? podWide.runAsGroup, image.user)
  const appArmor = appArmorOf(appArmorProfileOf(pod, container))
  const seLinux = seLinuxLabels(own.seLinuxOptions ?? podWide.seLinuxOptions)
  return {
    isPrivileged: own.privileged === true,
    addedCapabilities: own.capabilities?.add ?? [],
    droppedCapabilities: own.capabilities?.drop ?? [],
    hasReadOnlyRoot: own.readOnlyRootFilesystem === true,
    forbidsNewPrivileges: own.allowPrivilegeEscalation === false,
    ...(own.privileged === true ? { seccomp: 'unconfined' } : seccomp === undefined ? {} : { seccomp }),
    ...(appArmor === undefined ? {} : { appArmor }),
    ...(seLinux.length === 0 ? {} : { seLinuxLabels: seLinux }),
    ...(own.procMount === 'Unmasked' ? { hasUnmaskedProc: true } : {}),
    ...(account === undefined ? {} : { user: account }),
    supplementalGroups: groupsOf(podWide),
  }
}

const groupsOf = ({ supplementalGroups = [], fsGroup }: CoreV1PodSecurityContext) => [
  ...new Set([...supplementalGroups, ...(fsGroup === undefined ? [] : [fsGroup])]),
]

/**
 * The system calls that a container may make: `unconfined`, the text of a profile of this node (a file below `folder`), or `undefined` for the runtime's own
 * choice, which also stands where the pod says nothing. Rejects where the file cannot be had.
 */
export async function seccompOf(pod: CoreV1Pod, container: CoreV1Container, folder: string): Promise<string | undefined> {
  const profile = container.securityContext?.seccompProfile ?? pod.spec.securityContext?.seccompProfile
  if (profile?.type === 'Unconfined') return 'unconfined'
  if (profile?.type !== 'Localhost') return undefined
  const name = profile.localhostProfile ?? ''
  if (name === '' || name.startsWith('/') || name.split('/').includes('..'))
    throw new ConfigurationError(`localhostProfile ${JSON.stringify(name)} must be a relative path without ".."`)
  const text = await readFile(join(folder, name), 'utf8').catch((error: unknown) => {
    throw new Error(`cannot load seccomp profile ${JSON.stringify(join(folder, name))}: ${(error as Error).message}`, { cause: error })
  })
  try {
    JSON.parse(text)
  } catch (error) {
    throw new Error(`cannot load seccomp profile ${JSON.stringify(join(folder, name))}: ${(error as Error).message}`, { cause: error })
  }
  return text
}

/** What AppArmor is to do with a container: by its own field, its annotation, or the pod's field. */
export function appArmorProfileOf({ metadata, spec }: CoreV1Pod, container: CoreV1Container): CoreV1AppArmorProfile | undefined {
  const annotation = metadata.annotations?.[`${appArmorAnnotation}${container.name}`]
  return (
    container.securityContext?.appArmorProfile ??
    (annotation === undefined ? undefined : profileIn(annotation)) ??
    spec.securityContext?.appArmorProfile
  )
}

function profileIn(annotation: string): CoreV1AppArmorProfile {
  if (annotation === 'unconfined') return { type: 'Unconfined' }
  if (annotation.startsWith('localhost/')) return { type: 'Localhost', localhostProfile: annotation.slice('localhost/'.length) }
  return { type: 'RuntimeDefault' }
}

function appArmorOf(profile: CoreV1AppArmorProfile | undefined): string | undefined {
  if (profile?.type === 'Unconfined') return 'unconfined'
  return profile?.type === 'Localhost' ? profile.localhostProfile : undefined
}

const seLinuxLabels = (options: CoreV1SELinuxOptions = {}) =>
  (['user', 'role', 'type', 'level'] as const).flatMap((part) => (options[part] ? [`${part}:${options[part]}`] : []))

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
