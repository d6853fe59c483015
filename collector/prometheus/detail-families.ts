import type { Details, HugetlbUsage, NumaPages, TcpCounts, UdpCounts } from '../details.ts'
import { column } from '../metrics.ts'
import type { Subject } from '../subjects.ts'
import type { Family } from './exposition.ts'
import type { ContainerFamily } from './family.ts'
import { renderLabels, type Labels } from './labels.ts'

/** Figures without history, all of kinds that are off by default. Names that end in `_total` and count no events are untyped. */
export const detailFamilies: readonly ContainerFamily[] = [
  sockets('container_network_tcp_usage_total', 'TCP sockets by state', 'tcp', ({ tcp }) => tcp),
  sockets('container_network_tcp6_usage_total', 'TCP sockets over IPv6 by state', 'tcp', ({ tcp6 }) => tcp6),
  sockets('container_network_udp_usage_total', 'UDP sockets, drops and queues', 'udp', ({ udp }) => udp),
  sockets('container_network_udp6_usage_total', 'UDP sockets over IPv6, drops and queues', 'udp', ({ udp6 }) => udp6),
  details(
    { name: 'container_network_advance_tcp_stats_total', help: 'Counters of the TCP stack', type: 'untyped', subject: 'advtcp' },
    (of, emit) => {
      for (const [name, value] of of.tcpAdvanced ?? []) emit(remember('tcp_state', name.toLowerCase()), value)
    },
  ),
  hugetlb('container_hugetlb_usage_bytes', 'Huge pages in use', 'gauge', ({ usageBytes }) => usageBytes),
  hugetlb('container_hugetlb_max_usage_bytes', 'Most huge pages in use since the start', 'gauge', ({ maxUsageBytes }) => maxUsageBytes),
  hugetlb('container_hugetlb_failcnt', 'Times that a huge page was refused because of the limit', 'untyped', ({ failures }) => failures),
  details({ name: 'container_memory_numa_pages', help: 'Pages by NUMA node', type: 'gauge', subject: 'memory_numa' }, (of, emit) => {
    for (const { node, container, hierarchical } of of.numa ?? []) {
      if (container !== undefined) emitPages('container', node, container, emit)
      emitPages('hierarchy', node, hierarchical, emit)
    }
  }),
  details({ name: 'container_memory_migrate', help: '1 when pages move along with tasks', type: 'gauge', subject: 'cpuset' }, (of, emit) =>
    emit(undefined, of.memoryMigrate ?? Number.NaN),
  ),
  details(
    { name: 'container_ulimits_soft', help: 'Soft limits of the first process, -1 for none', type: 'gauge', subject: 'process' },
    (of, emit) => {
      for (const { name, soft } of of.ulimits ?? []) emit(remember('ulimit', name), soft)
    },
  ),
  {
    name: 'container_referenced_bytes',
    help: 'Memory marked as referenced since the marks were cleared',
    type: 'gauge',
    subject: 'referenced_memory',
    values: ({ ring }, emit) => emit(undefined, ring.get(column.referencedMemory)),
  },
]

type Figures = TcpCounts | UdpCounts

function sockets(name: string, help: string, subject: Subject, of: (details: Details) => Figures | undefined): ContainerFamily {
  const label = `${subject}_state`
  return details({ name, help, type: 'untyped', subject }, (all, emit) => {
    for (const [state, count] of Object.entries(of(all) ?? {})) emit(remember(label, state.toLowerCase()), count)
  })
}

function hugetlb(name: string, help: string, type: Family['type'], of: (usage: HugetlbUsage) => number | undefined): ContainerFamily {
  return details({ name, help, type, subject: 'hugetlb' }, (all, emit) => {
    for (const usage of all.hugetlb ?? []) emit(remember('pagesize', usage.pageSize), of(usage) ?? Number.NaN)
  })
}

type EmitDetail = (labels: Labels | undefined, value: number) => void

function details(family: Family & { readonly subject: Subject }, values: (details: Details, emit: EmitDetail) => void): ContainerFamily {
  return { ...family, values: (container, emit) => values(container.details, emit) }
}

function emitPages(scope: string, node: number, pages: NumaPages, emit: EmitDetail): void {
  for (const type of ['file', 'anon', 'unevictable'] as const) emit(renderLabels({ node: String(node), scope, type }), pages[type])
}

/** Few different names come here: states, limits and page sizes of one kernel. */
const remembered = new Map<string, Labels>()
const maxRemembered = 1024

function remember(label: string, value: string): Labels {
  const key = `${label} ${value}`
  const known = remembered.get(key)
  if (known !== undefined) return known
  const labels = renderLabels({ [label]: value })
  if (remembered.size < maxRemembered) remembered.set(key, labels)
  return labels
}
