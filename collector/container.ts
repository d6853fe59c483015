import type { Details } from './details.ts'
import type { SampleRing } from './sample-ring.ts'

/** The pod container that a cgroup belongs to, from the container's labels. */
export interface PodIdentity {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly container: string
  /** Whether it is the sandbox, which owns the pod's network and is no container of the pod's own. */
  readonly isSandbox: boolean
}

/** What is known about a container apart from its figures. Replaced whole when it changes. */
export interface ContainerDescription {
  /** Path of the cgroup, cAdvisor's container name: `/`, `/docker/<id>`. */
  readonly name: string
  /** The runtime's id; empty for a plain cgroup. */
  readonly id: string
  /** Other names: the runtime's name first, then the id. */
  readonly aliases: readonly string[]
  /** `docker` for Docker's containers, empty for plain cgroups. */
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  /** Environment variables that are allowed to be shown, by name in lower case. */
  readonly envs?: Readonly<Record<string, string>>
  readonly image: string
  /** First process; undefined for plain cgroups. */
  readonly pid?: number
  readonly createdMs: number
  readonly startedMs: number
  readonly pod?: PodIdentity
  /** Whether it has a network of its own; pods' containers and those on the host's network have none. */
  readonly hasNetwork: boolean
  readonly health?: 'healthy' | 'unhealthy' | 'starting'
  /** Folder of the writable layer, and the log file, where the runtime tells. */
  readonly layerPath?: string
  readonly logPath?: string
  /** Paths of the cgroup per v1 controller, where they differ from `name`; `''` is the unified tree. */
  readonly controllerPaths?: Readonly<Record<string, string>>
}

/** Limits and shares of a cgroup; `undefined` is unlimited or unknown. Written by the spec readers. */
export interface ContainerSpec {
  cpuShares: number | undefined
  cpuQuotaUs: number | undefined
  cpuPeriodUs: number | undefined
  cpuMask: string | undefined
  memoryLimitBytes: number | undefined
  memoryReservationBytes: number | undefined
  /** Memory and swap together on cgroup v1, swap alone on v2, as upstream reports them. */
  swapLimitBytes: number | undefined
  processesLimit: number | undefined
  /** From here on the kernel slows the cgroup down and reclaims; v2 alone. */
  memoryHighBytes: number | undefined
}

/** What really bounds a cgroup; `of` names the cgroup whose limit it is, the machine's size counts as the root's. */
export interface NearestLimits {
  readonly memory: { readonly bytes: number; readonly freeBytes: number; readonly of: string } | undefined
  readonly cpu: { readonly cores: number; readonly of: string } | undefined
}

/** A container under observation: what it is, what it may use and what it used. */
export interface Container {
  description: ContainerDescription
  readonly spec: ContainerSpec
  readonly ring: SampleRing
  /** Figures without history. */
  readonly details: Details
  /** The least limit among the cgroup's own and those of all above it. */
  nearest: NearestLimits
  /** OOM kills of earlier containers of the same pod container or name; add the current counter. */
  oomKillsBefore: number
  /** OOM reports of the runtime, which survive the cgroup when the first process is killed. */
  oomReports: number
  /** When the writable layer was last walked, milliseconds since the epoch. */
  layerMeasuredAtMs: number | undefined
  /** How: files were counted one by one, or the file system's quota for the layer was asked. */
  layerMethod: 'walk' | 'quota' | undefined
}

/** A spec without any limit. */
export function emptySpec(): ContainerSpec {
  return {
    cpuShares: undefined,
    cpuQuotaUs: undefined,
    cpuPeriodUs: undefined,
    cpuMask: undefined,
    memoryLimitBytes: undefined,
    memoryReservationBytes: undefined,
    swapLimitBytes: undefined,
    processesLimit: undefined,
    memoryHighBytes: undefined,
  }
}

/** Whom an OOM kill counts for: the pod's container, else the runtime's name, so a restart keeps the count. */
export function oomIdentity(description: ContainerDescription): string {
  const { pod } = description
  if (pod !== undefined) return `pod/${pod.uid}/${pod.container}`
  return `name/${description.aliases[0] ?? description.name}`
}
