import type { Container } from '../container.ts'
import { tcpStates } from '../details.ts'
import type { HugetlbUsage, NumaPages, TcpCounts, UdpCounts } from '../details.ts'
import { tcpAdvancedFields } from './tcp-advanced.ts'

/** A Go map of NUMA nodes, left out where it is empty. */
function byNode(pages: readonly (readonly [number, NumaPages | undefined])[], kind: keyof NumaPages) {
  const known = pages.flatMap(([node, counts]) => (counts === undefined ? [] : [[String(node), counts[kind]] as const]))
  return known.length === 0 ? {} : { [kind]: Object.fromEntries(known) }
}

/** cAdvisor's `MemoryNumaStats`: of the cgroup itself, or with those below it. */
export function numaOf({ details: { numa } }: Container, of: 'container' | 'hierarchical') {
  const pages = (numa ?? []).map((usage) => [usage.node, usage[of]] as const)
  return { ...byNode(pages, 'file'), ...byNode(pages, 'anon'), ...byNode(pages, 'unevictable') }
}

/** cAdvisor's `HugetlbStats` by page size; `undefined` where it isn't read. */
export function hugetlbOf({ details: { hugetlb } }: Container) {
  return hugetlb === undefined ? undefined : Object.fromEntries(hugetlb.map((usage) => [usage.pageSize, hugetlbUsage(usage)]))
}

function hugetlbUsage({ usageBytes, maxUsageBytes, failures }: HugetlbUsage) {
  return {
    ...(usageBytes === undefined || usageBytes === 0 ? {} : { usage: usageBytes }),
    ...(maxUsageBytes === undefined || maxUsageBytes === 0 ? {} : { max_usage: maxUsageBytes }),
    failcnt: failures ?? 0,
  }
}

const noTcp = Object.fromEntries(tcpStates.map((state) => [state, 0])) as TcpCounts
const noUdp: UdpCounts = { Listen: 0, Dropped: 0, RxQueued: 0, TxQueued: 0 }

/** The sockets of cAdvisor's `NetworkStats`: zeros where they aren't read, as upstream has it. The newest reading stands for all samples. */
export function socketsOf({ details: { tcp, tcp6, udp, udp6, tcpAdvanced } }: Container) {
  return {
    tcp: tcp ?? noTcp,
    tcp6: tcp6 ?? noTcp,
    udp: udp ?? noUdp,
    udp6: udp6 ?? noUdp,
    tcp_advanced: Object.fromEntries(tcpAdvancedFields.map((field) => [field, Math.max(0, tcpAdvanced?.get(field) ?? 0)])),
  }
}

/** The same for v2, which has zeros for UDP and the advanced counters in every case. */
export function socketsV2(container: Container) {
  const { tcp, tcp6 } = socketsOf(container)
  return { tcp, tcp6, udp: noUdp, udp6: noUdp, tcp_advanced: noTcpAdvanced }
}

const noTcpAdvanced = Object.fromEntries(tcpAdvancedFields.map((field) => [field, 0]))

/** v2.0 has zeros for all sockets. */
export const unreadSocketsV20 = { tcp: noTcp, tcp6: noTcp, udp: noUdp, udp6: noUdp, tcp_advanced: noTcpAdvanced }

/** cAdvisor's `UlimitSpec` of the first process. */
export function ulimitsOf({ details: { ulimits } }: Container) {
  return ulimits?.map(({ name, soft, hard }) => ({ name, soft_limit: soft, hard_limit: hard }))
}
