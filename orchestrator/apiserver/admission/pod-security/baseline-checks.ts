import type { CoreV1LifecycleHandler, CoreV1Probe, CoreV1SELinuxOptions } from '../../../api/generated/kinds.ts'
import { type Check, type Checked, containersText, namesWhere, plural, quotedList, settersText, sortedOnce } from './pod.ts'

export const hostNamespaces: Check = ({ spec: { hostNetwork, hostPID, hostIPC } }) => {
  const used = Object.entries({ hostNetwork, hostPID, hostIPC }).filter(([, isUsed]) => isUsed === true)
  if (used.length === 0) return undefined
  return { reason: 'host namespaces', detail: used.map(([name]) => `${name}=true`).join(', ') }
}

export const privileged: Check = (pod) => {
  const bad = namesWhere(pod, ({ securityContext }) => securityContext?.privileged === true)
  if (bad.length === 0) return undefined
  return { reason: 'privileged', detail: `${containersText(bad)} must not set securityContext.privileged=true` }
}

/** What runtimes give containers unasked. */
const defaultCapabilities = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
])

export const capabilitiesBaseline: Check = (pod) => {
  const detail = addedCapabilities(pod, (name) => defaultCapabilities.has(name))
  return detail === undefined ? undefined : { reason: 'non-default capabilities', detail }
}

/** Says who adds capabilities that are not to be added. */
export function addedCapabilities(pod: Checked, isAllowed: (name: string) => boolean): string | undefined {
  const added = new Set<string>()
  const bad = namesWhere(pod, ({ securityContext }) => {
    const own = (securityContext?.capabilities?.add ?? []).filter((name) => !isAllowed(name))
    for (const name of own) added.add(name)
    return own.length > 0
  })
  if (bad.length === 0) return undefined
  return `${containersText(bad)} must not include ${quotedList(sortedOnce(added))} in securityContext.capabilities.add`
}

export const hostPathVolumes: Check = ({ spec: { volumes = [] } }) => {
  const bad = volumes.filter(({ hostPath }) => hostPath !== undefined).map(({ name }) => name)
  if (bad.length === 0) return undefined
  return { reason: 'hostPath volumes', detail: `${plural('volume', bad.length)} ${quotedList(bad)}` }
}

export const hostPorts: Check = (pod) => {
  const ports = new Set<string>()
  const bad = namesWhere(pod, (container) => {
    const own = (container.ports ?? []).flatMap(({ hostPort = 0 }) => (hostPort === 0 ? [] : [String(hostPort)]))
    for (const port of own) ports.add(port)
    return own.length > 0
  })
  if (bad.length === 0) return undefined
  const uses = bad.length === 1 ? 'uses' : 'use'
  return { reason: 'hostPort', detail: `${containersText(bad)} ${uses} ${plural('hostPort', ports.size)} ${sortedOnce(ports).join(', ')}` }
}

/** Where the kubelet itself would be sent to. */
const hostsOf = (handler: CoreV1Probe | CoreV1LifecycleHandler | undefined): string[] =>
  [handler?.httpGet?.host, handler?.tcpSocket?.host].filter((host) => host !== undefined && host !== '') as string[]

export const hostProbesAndHostLifecycle: Check = (pod) => {
  const hosts = new Set<string>()
  const names = namesWhere(pod, ({ livenessProbe, readinessProbe, startupProbe, lifecycle }) => {
    const own = [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop].flatMap(hostsOf)
    for (const host of own) hosts.add(host)
    return own.length > 0
  })
  if (names.length === 0) return undefined
  const bad = sortedOnce(names)
  const uses = bad.length === 1 ? 'uses' : 'use'
  const detail = `${containersText(bad)} ${uses} ${plural('probe or lifecycle host', hosts.size)} ${quotedList(sortedOnce(hosts))}`
  return { reason: 'probe or lifecycle host', detail }
}

export const procMount: Check = (pod) => {
  const types = new Set<string>()
  const bad = namesWhere(pod, ({ securityContext }) => {
    const type = securityContext?.procMount
    if (type === undefined || type === 'Default') return false
    types.add(type)
    return true
  })
  if (bad.length === 0) return undefined
  return {
    reason: 'procMount',
    detail: `${containersText(bad)} must not set securityContext.procMount to ${quotedList(sortedOnce(types))}`,
  }
}

/** Root within a user namespace is nobody outside of it: what is only about being root is left alone there. */
export const unlessUserNamespace =
  (check: Check): Check =>
  (pod) =>
    pod.spec.hostUsers === false ? undefined : check(pod)

const appArmorPrefix = 'container.apparmor.security.beta.kubernetes.io/'
const isGoodAppArmor = (type: string) => type === 'RuntimeDefault' || type === 'Localhost'
const isGoodAppArmorAnnotation = (value: string) => value === '' || value === 'runtime/default' || value.startsWith('localhost/')

export const appArmorProfile: Check = (pod) => {
  const { isPod, names, values } = badTypes(pod, ({ appArmorProfile: profile }) => profile && (profile.type ?? ''), isGoodAppArmor)
  const annotations = Object.entries(pod.annotations)
    .filter(([key, value]) => key.startsWith(appArmorPrefix) && !isGoodAppArmorAnnotation(value))
    .map(annotationText)
    .toSorted()
  const setters = settersText(isPod, names)
  const by = [...(setters === '' ? [] : [setters]), ...(annotations.length === 0 ? [] : [plural('annotation', annotations.length)])]
  if (by.length === 0) return undefined
  const all = [...values, ...annotations]
  return {
    reason: plural('forbidden AppArmor profile', all.length),
    detail: `${by.join(' and ')} must not set AppArmor profile type to ${quotedList(all)}`,
  }
}

const annotationText = ([key, value]: readonly [string, string]) => `${key}=${JSON.stringify(value)}`

/** What pods and containers both have. */
type Context = Pick<NonNullable<Checked['containers'][number]['securityContext']>, 'appArmorProfile' | 'seccompProfile' | 'seLinuxOptions'>

/** Who sets a profile's type that is not allowed, and which types these are. */
export function badTypes(pod: Checked, typeOf: (context: Context) => string | undefined, isAllowed: (type: string) => boolean) {
  const values = new Set<string>()
  const isBad = (context: Context | undefined) => {
    const type = context === undefined ? undefined : typeOf(context)
    if (type === undefined || isAllowed(type)) return false
    values.add(type)
    return true
  }
  const isPod = isBad(pod.spec.securityContext)
  const names = namesWhere(pod, ({ securityContext }) => isBad(securityContext))
  return { isPod, names, values: sortedOnce(values) }
}

const seLinuxTypes = ['', 'container_t', 'container_init_t', 'container_kvm_t']

/** SELinux types as they were allowed at first, and some more. */
export function seLinuxOptions(...more: readonly string[]): Check {
  const allowed = new Set([...seLinuxTypes, ...more])
  return (pod) => {
    const types = new Set<string>()
    let setsUser = false
    let setsRole = false
    const isBad = ({ type = '', user = '', role = '' }: CoreV1SELinuxOptions = {}) => {
      if (!allowed.has(type)) types.add(type)
      setsUser ||= user !== ''
      setsRole ||= role !== ''
      return !allowed.has(type) || user !== '' || role !== ''
    }
    const isPod = isBad(pod.spec.securityContext?.seLinuxOptions)
    const names = namesWhere(pod, ({ securityContext }) => isBad(securityContext?.seLinuxOptions))
    if (!isPod && names.length === 0) return undefined
    const bad = [
      ...(types.size === 0 ? [] : [`${plural('type', types.size)} ${quotedList(sortedOnce(types))}`]),
      ...(setsUser ? ['user may not be set'] : []),
      ...(setsRole ? ['role may not be set'] : []),
    ]
    return {
      reason: 'seLinuxOptions',
      detail: `${settersText(isPod, names)} set forbidden securityContext.seLinuxOptions: ${bad.join('; ')}`,
    }
  }
}

const seccompPodAnnotation = 'seccomp.security.alpha.kubernetes.io/pod'
const seccompContainerPrefix = 'container.seccomp.security.alpha.kubernetes.io/'
const isGoodSeccompAnnotation = (value: string) =>
  value === 'runtime/default' || value === 'docker/default' || value.startsWith('localhost/')

/** Before seccomp profiles had a field. */
export const seccompAnnotations: Check = ({ annotations, containers }) => {
  const keys = [seccompPodAnnotation, ...containers.map(({ name }) => seccompContainerPrefix + name)]
  const bad = keys.flatMap((key) => {
    const value = annotations[key]
    return value === undefined || isGoodSeccompAnnotation(value) ? [] : [annotationText([key, value])]
  })
  if (bad.length === 0) return undefined
  const texts = sortedOnce(bad)
  return { reason: 'seccompProfile', detail: `forbidden ${plural('annotation', texts.length)} ${texts.join(', ')}` }
}

/** Absent where there is no profile. */
export const seccompType = ({ seccompProfile }: Context): string | undefined => seccompProfile && (seccompProfile.type ?? '')
export const isGoodSeccomp = (type: string): boolean => type === 'RuntimeDefault' || type === 'Localhost'

export const seccompProfileBaseline: Check = (pod) => {
  const { isPod, names, values } = badTypes(pod, seccompType, isGoodSeccomp)
  if (!isPod && names.length === 0) return undefined
  const detail = `${settersText(isPod, names)} must not set securityContext.seccompProfile.type to ${quotedList(values)}`
  return { reason: 'seccompProfile', detail }
}

/** Sysctls of a pod's own namespaces that reach nobody else. */
export function sysctls(...safe: readonly string[]): Check {
  const allowed = new Set(safe)
  return ({ spec: { securityContext } }) => {
    const bad = (securityContext?.sysctls ?? []).map(({ name }) => name).filter((name) => !allowed.has(name))
    return bad.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: bad.join(', ') }
  }
}

export const windowsHostProcess: Check = (pod) => {
  const isPod = pod.spec.securityContext?.windowsOptions?.hostProcess === true
  const names = namesWhere(pod, ({ securityContext }) => securityContext?.windowsOptions?.hostProcess === true)
  if (!isPod && names.length === 0) return undefined
  return { reason: 'hostProcess', detail: `${settersText(isPod, names)} must not set securityContext.windowsOptions.hostProcess=true` }
}
