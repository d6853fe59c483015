import type { CoreV1Pod } from '../../api/generated/kinds.ts'
import { appArmorProfileOf } from '../container/security.ts'
import { allContainersOf } from './pod-view.ts'

/** What this node takes. */
export interface NodeTerms {
  /** Kernel parameters beyond the safe ones that pods may set; `net.*` is a whole branch. */
  readonly allowedUnsafeSysctls: readonly string[]
  readonly hasAppArmor: boolean
  /** Containers can have exactly the groups that their pod names, without those of their image. */
  readonly hasStrictGroups: boolean
}

/** Those that a pod can set without any effect on others, as upstream. */
const safeSysctls = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
])

/** Parameters that belong to a namespace of the kernel, so that a pod with its own has them to itself. */
const ipcSysctls = /^(kernel\.(sem|shm\w*|msg\w*)|fs\.mqueue\..+)$/

/** Why this node does not take a pod at all, in the words of the kubelet: its phase becomes Failed. Checked before anything of it runs. */
export function rejectionOf(pod: CoreV1Pod, terms: NodeTerms): { readonly reason: string; readonly message: string } | undefined {
  return sysctlRejection(pod, terms) ?? appArmorRejection(pod, terms) ?? groupsRejection(pod, terms)
}

function sysctlRejection({ spec }: CoreV1Pod, { allowedUnsafeSysctls }: NodeTerms): ReturnType<typeof rejectionOf> {
  for (const { name: written } of spec.securityContext?.sysctls ?? []) {
    const name = written.replaceAll('/', '.')
    const forbidden = (why: string) => ({ reason: 'SysctlForbidden', message: `forbidden sysctl: "${written}" ${why}` })
    if (!safeSysctls.has(name) && !allowedUnsafeSysctls.some((pattern) => matches(pattern, name))) return forbidden('not allowlisted')
    if (name.startsWith('net.') && spec.hostNetwork === true) return forbidden('not allowed with host net enabled')
    if (ipcSysctls.test(name) && spec.hostIPC === true) return forbidden('not allowed with host ipc enabled')
  }
  return undefined
}

const matches = (pattern: string, name: string) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name)

function appArmorRejection(pod: CoreV1Pod, { hasAppArmor }: NodeTerms): ReturnType<typeof rejectionOf> {
  if (hasAppArmor) return undefined
  const isAsked = allContainersOf(pod).some((container) => {
    const type = appArmorProfileOf(pod, container)?.type
    return type !== undefined && type !== 'Unconfined'
  })
  return isAsked ? { reason: 'AppArmor', message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host' } : undefined
}

function groupsRejection({ spec }: CoreV1Pod, { hasStrictGroups }: NodeTerms): ReturnType<typeof rejectionOf> {
  if (hasStrictGroups || spec.securityContext?.supplementalGroupsPolicy !== 'Strict') return undefined
  return { reason: 'SupplementalGroupsPolicyNotSupported', message: 'SupplementalGroupsPolicy=Strict is not supported in this node' }
}
