import { duplicate, forbiddenField, invalidValue, required, tooLong } from '../field-errors.ts'
import { between, checkFields, choice, each, oneOf, struct, type FieldRules } from '../field-rules.ts'
import type {
  CoreV1AppArmorProfile,
  CoreV1Container,
  CoreV1EphemeralContainer,
  CoreV1PodSecurityContext,
  CoreV1PodSpec,
  CoreV1SeccompProfile,
  CoreV1SecurityContext,
} from '../generated/kinds.ts'
import type { StatusCause } from '../status-error.ts'
import { checkDescendingPath } from './path-validation.ts'

const profileTypes = ['Localhost', 'RuntimeDefault', 'Unconfined']
/** One less than the longest path of the system. */
const maxProfileLength = 4095
const maxSysctlLength = 253
const sysctlForm = String.raw`^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$`
const sysctlPattern = new RegExp(sysctlForm)

const identifier = between(0, 2_147_483_647)

const seccompProfile = struct<CoreV1SeccompProfile>(
  { type: choice(profileTypes, 'type is required when seccompProfile is set') },
  (profile, field) => {
    const path = `${field}.localhostProfile`
    if (profile.type === 'Localhost')
      return profile.localhostProfile === undefined
        ? [required(path, 'must be set when seccomp type is Localhost')]
        : checkDescendingPath(profile.localhostProfile, path)
    return profile.localhostProfile === undefined ? [] : [invalidValue(path, profile, 'can only be set when seccomp type is Localhost')]
  },
)

const appArmorProfile = struct<CoreV1AppArmorProfile>(
  { type: choice(profileTypes, 'type is required when appArmorProfile is set') },
  ({ type, localhostProfile: name }, field) => {
    const path = `${field}.localhostProfile`
    if (type === 'Localhost') {
      if (name === undefined || name === '') return [required(path, 'must be set when AppArmor type is Localhost')]
      return [
        ...(name === name.trim() ? [] : [invalidValue(path, name, 'must not be padded with whitespace')]),
        ...(name.length > maxProfileLength ? [tooLong(path, maxProfileLength)] : []),
      ]
    }
    const isKnown = profileTypes.includes(type ?? '')
    return name !== undefined && isKnown ? [invalidValue(path, name, 'can only be set when AppArmor type is Localhost')] : []
  },
)

const containerRules: FieldRules<CoreV1SecurityContext> = {
  runAsUser: identifier,
  runAsGroup: identifier,
  procMount: oneOf('Default', 'Unmasked'),
  seccompProfile,
  appArmorProfile,
}

const podRules: FieldRules<CoreV1PodSecurityContext> = {
  fsGroup: identifier,
  runAsUser: identifier,
  runAsGroup: identifier,
  supplementalGroups: each(identifier),
  fsGroupChangePolicy: oneOf('Always', 'OnRootMismatch'),
  seccompProfile,
  appArmorProfile,
  supplementalGroupsPolicy: oneOf('Merge', 'Strict'),
  seLinuxChangePolicy: oneOf('Recursive'),
}

/** A container's security context; `hostUsers` is whether its users are the machine's. */
export function validateContainerSecurity(context: CoreV1SecurityContext, path: string, hostUsers: boolean): StatusCause[] {
  const causes = checkFields(context, path, containerRules)
  const { privileged, allowPrivilegeEscalation, procMount, capabilities } = context
  if (hostUsers && procMount === 'Unmasked')
    causes.push(invalidValue(`${path}.procMount`, procMount, '`hostUsers` must be false to use `Unmasked`'))
  if (allowPrivilegeEscalation !== false) return causes
  if (privileged === true)
    causes.push(invalidValue(path, context, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'))
  for (const name of capabilities?.add ?? [])
    if (name === 'CAP_SYS_ADMIN')
      causes.push(invalidValue(path, context, 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN'))
  return causes
}

/** What a pod says of its security, in its context and beside it. */
export function validatePodSecurity(spec: CoreV1PodSpec, path: string): StatusCause[] {
  const context = spec.securityContext ?? {}
  const field = `${path}.securityContext`
  const causes = checkFields(context, field, podRules)
  if (spec.hostPID === true && spec.shareProcessNamespace === true)
    causes.push(invalidValue(`${field}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled'))
  return [...causes, ...validateSysctls(spec, `${field}.sysctls`), ...validateHostUsers(spec, path)]
}

const ipcSysctls = /^(kernel\.shm|kernel\.msg|fs\.mqueue\.)|^kernel\.sem$/

function validateSysctls({ securityContext, hostNetwork, hostIPC }: CoreV1PodSpec, field: string): StatusCause[] {
  const names = new Set<string>()
  return (securityContext?.sysctls ?? []).flatMap(({ name = '' }: { name?: string }, index) => {
    const path = `${field}[${index}].name`
    const causes: StatusCause[] = []
    if (name === '') causes.push(required(path))
    else if (name.length > maxSysctlLength || !sysctlPattern.test(name))
      causes.push(invalidValue(path, name, `must have at most ${maxSysctlLength} characters and match regex ${sysctlForm}`))
    else if (names.has(name)) causes.push(duplicate(path, name))
    names.add(name)
    const dotted = name.replaceAll('/', '.')
    if (hostNetwork === true && dotted.startsWith('net.'))
      causes.push(invalidValue(path, name, "may not be specified when 'hostNetwork' is true"))
    else if (hostIPC === true && ipcSysctls.test(dotted))
      causes.push(invalidValue(path, name, "may not be specified when 'hostIPC' is true"))
    return causes
  })
}

function validateHostUsers(spec: CoreV1PodSpec, path: string): StatusCause[] {
  const { hostUsers, hostNetwork, hostPID, hostIPC } = spec
  if (hostUsers !== false) return []
  // Upstream writes two of the names as its own fields are called.
  const shared = { hostNetwork, HostPID: hostPID, HostIPC: hostIPC }
  const names = Object.entries(shared).filter(([, isShared]) => isShared === true)
  const withDevices = containersOf(spec, path).filter(([, { volumeDevices = [] }]) => volumeDevices.length > 0)
  return [...names.map(([name]) => `${path}.${name}`), ...withDevices.map(([field]) => `${field}.volumeDevices`)].map((field) =>
    forbiddenField(field, 'when `hostUsers` is false'),
  )
}

/** All containers of a spec, with their paths. */
function containersOf(spec: CoreV1PodSpec, path: string): readonly (readonly [string, CoreV1Container | CoreV1EphemeralContainer])[] {
  return (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) =>
    (spec[list] ?? []).map((container, index) => [`${path}.${list}[${index}]`, container] as const),
  )
}

/** What only Linux has, of a pod's security context and of a container's. */
const linuxOfPod = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'fsGroup',
  'fsGroupChangePolicy',
  'sysctls',
  'runAsUser',
  'runAsGroup',
  'supplementalGroups',
  'supplementalGroupsPolicy',
  'seLinuxChangePolicy',
] as const
const linuxOfSpec = ['hostUsers', 'hostPID', 'hostIPC', 'shareProcessNamespace'] as const
const linuxOfContainer = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
] as const

/** A pod that names its system may have nothing of the other one. */
export function validateSystem(spec: CoreV1PodSpec, path: string): StatusCause[] {
  const name = spec.os?.name
  const containers = containersOf(spec, path)
  if (name === 'linux') {
    const contexts = [[path, spec] as const, ...containers]
    return contexts.flatMap(([field, { securityContext }]) =>
      securityContext?.windowsOptions === undefined
        ? []
        : [forbiddenField(`${field}.securityContext.windowsOptions`, 'windows options cannot be set for a linux pod')],
    )
  }
  if (name !== 'windows') return []
  const forbidden = (object: object | undefined, fields: readonly string[], field: string) =>
    fields
      .filter((each) => isSet((object as Readonly<Record<string, unknown>> | undefined)?.[each]))
      .map((each) => forbiddenField(`${field}.${each}`, 'cannot be set for a windows pod'))
  return [
    ...forbidden(spec.securityContext, linuxOfPod, `${path}.securityContext`),
    ...forbidden(spec, linuxOfSpec, path),
    ...containers.flatMap(([field, { securityContext }]) => forbidden(securityContext, linuxOfContainer, `${field}.securityContext`)),
  ]
}

const isSet = (value: unknown) => value !== undefined && !(Array.isArray(value) && value.length === 0)
