/**
 * The kubelet's `/stats/summary` answer, names and units as upstream (`stats/v1alpha1`). The one seam between a node's collector
 * and the aggregator: ours and real kubelets answer it alike; fields that only ours fills are marked.
 */
export interface Summary {
  readonly node: NodeStats
  readonly pods: readonly PodStats[]
}

export interface NodeStats {
  readonly nodeName: string
  readonly systemContainers?: readonly ContainerStats[]
  /** RFC 3339. */
  readonly startTime: string
  readonly cpu?: CpuStats
  readonly memory?: MemoryStats
  readonly io?: IoStats
  readonly network?: NetworkStats
  readonly fs?: FsStats
  readonly runtime?: { readonly imageFs?: FsStats; readonly containerFs?: FsStats }
  readonly rlimit?: { readonly time: string; readonly maxpid?: number; readonly curproc?: number }
  readonly swap?: SwapStats
  /** Ours: disk traffic of the whole node. */
  readonly diskio?: DiskIoStats
}

export interface PodStats {
  readonly podRef: { readonly name: string; readonly namespace: string; readonly uid: string }
  readonly startTime: string
  readonly containers: readonly ContainerStats[]
  readonly cpu?: CpuStats
  readonly memory?: MemoryStats
  readonly network?: NetworkStats
  readonly volume?: readonly (FsStats & {
    readonly name: string
    readonly pvcRef?: { readonly name: string; readonly namespace: string }
  })[]
  readonly 'ephemeral-storage'?: FsStats
  readonly io?: IoStats
  readonly process_stats?: ProcessStats
  readonly swap?: SwapStats
}

export interface ContainerStats {
  readonly name: string
  readonly startTime: string
  readonly cpu?: CpuStats
  readonly memory?: MemoryStats
  readonly rootfs?: FsStats
  readonly logs?: FsStats
  readonly io?: IoStats
  readonly swap?: SwapStats
  /** Ours. */
  readonly diskio?: DiskIoStats
  /** Ours: upstream has it for pods only. */
  readonly process_stats?: ProcessStats
}

export interface ProcessStats {
  readonly process_count: number
  /** Ours. */
  readonly threads?: number
  /** Ours. */
  readonly fileDescriptors?: number
}

export interface IoStats {
  readonly time: string
  readonly psi?: PsiStats
}

export interface CpuStats {
  readonly time: string
  /** Use over the last interval, billionths of a core. */
  readonly usageNanoCores?: number
  readonly usageCoreNanoSeconds?: number
  /** Ours: cumulative, from the CFS controller. */
  readonly throttling?: { readonly periods: number; readonly throttledPeriods: number; readonly throttledNanoSeconds: number }
  /** Ours: smoothed runnable and uninterruptible tasks, thousandths. */
  readonly load?: number
  readonly psi?: PsiStats
}

export interface MemoryStats {
  readonly time: string
  readonly availableBytes?: number
  readonly usageBytes?: number
  readonly workingSetBytes?: number
  readonly rssBytes?: number
  readonly pageFaults?: number
  readonly majorPageFaults?: number
  /** Ours. */
  readonly cacheBytes?: number
  /** Ours: kills by the kernel, cumulative, kept over restarts of the container. */
  readonly oomKills?: number
  readonly psi?: PsiStats
}

export interface PsiStats {
  readonly full?: { readonly total: number; readonly avg10: number; readonly avg60: number; readonly avg300: number }
  readonly some?: { readonly total: number; readonly avg10: number; readonly avg60: number; readonly avg300: number }
}

export interface SwapStats {
  readonly time: string
  readonly swapAvailableBytes?: number
  readonly swapUsageBytes?: number
}

export interface InterfaceStats {
  readonly name: string
  readonly rxBytes?: number
  readonly rxErrors?: number
  readonly txBytes?: number
  readonly txErrors?: number
  /** Ours: packets and drops. */
  readonly rxPackets?: number
  readonly rxDropped?: number
  readonly txPackets?: number
  readonly txDropped?: number
}

export interface NetworkStats extends InterfaceStats {
  readonly time: string
  readonly interfaces?: readonly InterfaceStats[]
}

export interface FsStats {
  readonly time: string
  readonly availableBytes?: number
  readonly capacityBytes?: number
  readonly usedBytes?: number
  readonly inodesFree?: number
  readonly inodes?: number
  readonly inodesUsed?: number
}

/** Cumulative, summed over devices. */
export interface DiskIoStats {
  readonly time: string
  readonly readBytes: number
  readonly writeBytes: number
  readonly reads?: number
  readonly writes?: number
}
