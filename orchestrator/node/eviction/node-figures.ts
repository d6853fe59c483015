import type { Signal, Signals } from './thresholds.ts'

interface FsFigures {
  readonly availableBytes?: number
  readonly capacityBytes?: number
  readonly usedBytes?: number
  readonly inodesFree?: number
  readonly inodes?: number
}

interface MemoryFigures {
  readonly availableBytes?: number
  readonly workingSetBytes?: number
}

/** As much of the node's `/stats/summary` as eviction looks at. */
export interface NodeFigures {
  readonly node?: {
    readonly memory?: MemoryFigures
    readonly fs?: FsFigures
    readonly runtime?: { readonly imageFs?: FsFigures }
    readonly rlimit?: { readonly maxpid?: number; readonly curproc?: number }
  }
  readonly pods?: readonly PodFigures[]
}

interface PodFigures {
  readonly podRef: { readonly uid: string }
  readonly containers?: readonly {
    readonly name: string
    readonly memory?: MemoryFigures
    readonly rootfs?: FsFigures
    readonly logs?: FsFigures
  }[]
  readonly memory?: MemoryFigures
  readonly 'ephemeral-storage'?: FsFigures
  readonly process_stats?: { readonly process_count: number }
}

/** The signals that the figures tell; those without figures are left out and never mean pressure. */
export function signalsIn({ node }: NodeFigures): Signals {
  const { memory, fs, runtime, rlimit } = node ?? {}
  const { imageFs = {} } = runtime ?? {}
  return {
    ...named('memory.available', memory?.availableBytes, sum(memory?.availableBytes, memory?.workingSetBytes)),
    ...named('nodefs.available', fs?.availableBytes, fs?.capacityBytes),
    ...named('nodefs.inodesFree', fs?.inodesFree, fs?.inodes),
    ...named('imagefs.available', imageFs.availableBytes, imageFs.capacityBytes),
    ...named('imagefs.inodesFree', imageFs.inodesFree, imageFs.inodes),
    ...named('pid.available', rlimit?.maxpid === undefined ? undefined : rlimit.maxpid - (rlimit.curproc ?? 0), rlimit?.maxpid),
  }
}

/** The room of the disk that images are on; `NaN` where nobody knows. */
export function imageDiskIn({ node }: NodeFigures): { readonly capacityBytes: number; readonly availableBytes: number } {
  const { capacityBytes = NaN, availableBytes = NaN } = node?.runtime?.imageFs ?? node?.fs ?? {}
  return { capacityBytes, availableBytes }
}

/** What a pod uses of something: bytes, or processes. */
export interface PodUsage {
  readonly total: number
  readonly byContainer: ReadonlyMap<string, number>
}

/** What each pod, by uid, uses of what a kind of pressure is about. */
export function usageIn({ pods = [] }: NodeFigures, resource: 'memory' | 'ephemeral-storage' | 'pids'): ReadonlyMap<string, PodUsage> {
  const usage = new Map<string, PodUsage>()
  for (const pod of pods) {
    const byContainer = new Map<string, number>()
    for (const { name, memory, rootfs, logs } of pod.containers ?? []) {
      if (resource === 'memory') byContainer.set(name, memory?.workingSetBytes ?? 0)
      if (resource === 'ephemeral-storage') byContainer.set(name, (rootfs?.usedBytes ?? 0) + (logs?.usedBytes ?? 0))
    }
    const own = {
      memory: pod.memory?.workingSetBytes,
      'ephemeral-storage': pod['ephemeral-storage']?.usedBytes,
      pids: pod.process_stats?.process_count,
    }
    const total = own[resource] ?? [...byContainer.values()].reduce((all, each) => all + each, 0)
    usage.set(pod.podRef.uid, { total, byContainer })
  }
  return usage
}

function named<N extends string>(name: N, available: number | undefined, capacity: number | undefined): Partial<Record<N, Signal>> {
  if (available === undefined || capacity === undefined || capacity <= 0) return {}
  return { [name]: { available, capacity } } as Partial<Record<N, Signal>>
}

const sum = (a: number | undefined, b: number | undefined) => (a === undefined || b === undefined ? undefined : a + b)
