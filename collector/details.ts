/** States of a TCP socket in the kernel's order, from 1 on, under the names that the JSON outputs use. */
export const tcpStates = [
  'Established',
  'SynSent',
  'SynRecv',
  'FinWait1',
  'FinWait2',
  'TimeWait',
  'Close',
  'CloseWait',
  'LastAck',
  'Listen',
  'Closing',
] as const

/** Sockets by state. */
export type TcpCounts = Readonly<Record<(typeof tcpStates)[number], number>>

/** UDP sockets, packets dropped, and bytes queued in them. */
export interface UdpCounts {
  readonly Listen: number
  readonly Dropped: number
  readonly RxQueued: number
  readonly TxQueued: number
}

/** Huge pages of one size, written by the readers. `reserved` figures count what mappings have reserved, used or not. */
export interface HugetlbUsage {
  /** As in the kernel's file names: `2MB`, `1GB`. */
  readonly pageSize: string
  usageBytes: number | undefined
  /** v1 alone. */
  maxUsageBytes: number | undefined
  /** Times that an allocation failed because of the limit. */
  failures: number | undefined
  limitBytes: number | undefined
  reservedBytes: number | undefined
  reservedMaxBytes: number | undefined
  reservedFailures: number | undefined
}

/** Pages of 4 KiB on one NUMA node. */
export interface NumaPages {
  readonly file: number
  readonly anon: number
  readonly unevictable: number
}

/** The same for the cgroup itself (v1 alone) and with the cgroups below it. */
export interface NumaUsage {
  readonly node: number
  readonly container: NumaPages | undefined
  readonly hierarchical: NumaPages
}

/** A limit of the container's first process; -1 is unlimited. */
export interface Ulimit {
  /** As in /proc/PID/limits, in lower case with underscores: `max_open_files`. */
  readonly name: string
  readonly soft: number
  readonly hard: number
}

/**
 * Figures of a container that have no history: the last reading alone, replaced whole by the next. `undefined` where the subject is off
 * (the default for all of these), or where it can't be read.
 */
export interface Details {
  tcp: TcpCounts | undefined
  tcp6: TcpCounts | undefined
  udp: UdpCounts | undefined
  udp6: UdpCounts | undefined
  /** Counters of the kernel's `Tcp` and `TcpExt` tables under the kernel's names, which are upstream's: `RtoAlgorithm`, `TCPTimeouts`, … */
  tcpAdvanced: ReadonlyMap<string, number> | undefined
  hugetlb: HugetlbUsage[] | undefined
  numa: readonly NumaUsage[] | undefined
  ulimits: readonly Ulimit[] | undefined
  /** cpuset.memory_migrate, v1 alone. */
  memoryMigrate: number | undefined
}

/** Details of which nothing is known. */
export function emptyDetails(): Details {
  return {
    tcp: undefined,
    tcp6: undefined,
    udp: undefined,
    udp6: undefined,
    tcpAdvanced: undefined,
    hugetlb: undefined,
    numa: undefined,
    ulimits: undefined,
    memoryMigrate: undefined,
  }
}
