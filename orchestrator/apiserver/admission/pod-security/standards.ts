import * as baseline from './baseline-checks.ts'
import { minorOf, type Standard } from './policy.ts'
import type { Check, Checked, Violation } from './pod.ts'
import * as restricted from './restricted-checks.ts'

/** A check through the releases. */
interface Versioned {
  /** From which `v1.N` on which form of it counts, ascending. */
  readonly since: readonly (readonly [minor: number, check: Check])[]
  /** From which `v1.N` on a check of `restricted` stands in its place there. */
  readonly replacedSince?: number
}

const sysctls0 = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
]
const sysctls27 = [...sysctls0, 'net.ipv4.ip_local_reserved_ports']
const sysctls29 = [
  ...sysctls27,
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
]
const sysctls32 = [...sysctls29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem']

/** In the order in which clients are told. */
const baselineChecks: readonly Versioned[] = [
  { since: [[0, baseline.appArmorProfile]] },
  { since: [[0, baseline.capabilitiesBaseline]], replacedSince: 22 },
  { since: [[0, baseline.hostNamespaces]] },
  { since: [[0, baseline.hostPathVolumes]], replacedSince: 0 },
  { since: [[0, baseline.hostPorts]] },
  { since: [[34, baseline.hostProbesAndHostLifecycle]] },
  { since: [[0, baseline.privileged]] },
  {
    since: [
      [0, baseline.procMount],
      [35, baseline.unlessUserNamespace(baseline.procMount)],
    ],
    replacedSince: 35,
  },
  {
    since: [
      [0, baseline.seLinuxOptions()],
      [31, baseline.seLinuxOptions('container_engine_t')],
    ],
  },
  {
    since: [
      [0, baseline.seccompAnnotations],
      [19, baseline.seccompProfileBaseline],
    ],
    replacedSince: 19,
  },
  {
    since: [
      [0, baseline.sysctls(...sysctls0)],
      [27, baseline.sysctls(...sysctls27)],
      [29, baseline.sysctls(...sysctls29)],
      [32, baseline.sysctls(...sysctls32)],
    ],
  },
  { since: [[0, baseline.windowsHostProcess]] },
]

/** What `restricted` asks beyond `baseline`. */
const restrictedChecks: readonly Versioned[] = [
  {
    since: [
      [8, restricted.allowPrivilegeEscalation],
      [25, restricted.unlessWindows(restricted.allowPrivilegeEscalation)],
    ],
  },
  {
    since: [
      [22, restricted.capabilitiesRestricted],
      [25, restricted.unlessWindows(restricted.capabilitiesRestricted)],
    ],
  },
  { since: [[35, baseline.procMount]] },
  { since: [[0, restricted.restrictedVolumes]] },
  {
    since: [
      [0, restricted.runAsNonRoot],
      [35, baseline.unlessUserNamespace(restricted.runAsNonRoot)],
    ],
  },
  {
    since: [
      [23, restricted.runAsUser],
      [35, baseline.unlessUserNamespace(restricted.runAsUser)],
    ],
  },
  {
    since: [
      [19, restricted.seccompProfileRestricted],
      [25, restricted.unlessWindows(restricted.seccompProfileRestricted)],
    ],
  },
]

/** Everything that a standard has against a pod; versions to come are as the last one known. */
export function violationsOf(standard: Standard, pod: Checked): readonly Violation[] {
  const { level } = standard
  if (level === 'privileged') return []
  const minor = minorOf(standard)
  const found: Violation[] = []
  const ask = ({ since }: Versioned) => {
    const violation = since.findLast(([from]) => from <= minor)?.[1](pod)
    if (violation !== undefined) found.push(violation)
  }
  const isReplaced = ({ replacedSince }: Versioned) => level === 'restricted' && replacedSince !== undefined && replacedSince <= minor
  for (const check of baselineChecks) if (!isReplaced(check)) ask(check)
  if (level === 'restricted') for (const check of restrictedChecks) ask(check)
  return found
}

/** `hostPort (container "a" uses hostPort 80), privileged (…)`. */
export const detailsText = (violations: readonly Violation[]): string =>
  violations.map(({ reason, detail }) => `${reason} (${detail})`).join(', ')

/** `hostPort, privileged`. */
export const reasonsText = (violations: readonly Violation[]): string => violations.map(({ reason }) => reason).join(', ')
