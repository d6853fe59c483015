/** What the page shows, as its server sends it. Figures are `null` where there is none; times are milliseconds since the epoch. */
export interface Snapshot {
  readonly time: number
  /** The newest sample; the page says how old its figures are by it. */
  readonly newestSample: number | null
  /** A node whose newest sample is older than this is late. */
  readonly lateMs: number
  readonly cluster: Usage
  /** Pods that have not begun to run, which nobody measures. */
  readonly pendingPods: number | null
  readonly nodes: readonly NodeRow[]
  readonly namespaces: readonly NamespaceRow[]
  readonly workloads: readonly WorkloadRow[]
  readonly pods: readonly PodRow[]
  readonly alerts: readonly AlertRow[]
  /** Why alerts are missing, if they are. */
  readonly alertsProblem: string | null
}

/** CPU in millicores, memory in bytes (working set). */
export interface Usage {
  readonly cpu: number | null
  readonly cpuRequest: number | null
  readonly cpuLimit: number | null
  readonly memory: number | null
  readonly memoryRequest: number | null
  readonly memoryLimit: number | null
}

export interface NodeRow extends Usage {
  readonly key: string
  readonly name: string
  readonly cpuAllocatable: number | null
  readonly memoryAllocatable: number | null
  readonly pods: number
  /** Share of the last 10 s, in percent, in which some task waited for it. */
  readonly cpuPressure: number | null
  readonly memoryPressure: number | null
  readonly diskPressure: number | null
  readonly received: number | null
  readonly sent: number | null
  /** Of the root file system. */
  readonly diskUsed: number | null
  readonly diskSize: number | null
  readonly oomKills: number | null
  readonly newestSample: number | null
}

/** Bytes per second of the network; millicores that CPU limits kept from tasks; kills for want of memory and restarts since the start. */
export interface Activity {
  readonly received: number | null
  readonly sent: number | null
  readonly withheld: number | null
  readonly oomKills: number | null
  readonly restarts: number | null
}

export interface NamespaceRow extends Usage, Activity {
  readonly key: string
  readonly name: string
  readonly pods: number
  readonly pending: number | null
}

export interface WorkloadRow extends Usage, Activity {
  readonly key: string
  readonly namespace: string
  readonly kind: string
  readonly name: string
  readonly pods: number
}

export interface PodRow extends Usage, Activity {
  readonly key: string
  readonly namespace: string
  readonly name: string
  readonly node: string
  readonly workload: string
  readonly newestSample: number | null
}

export interface ContainerRow extends Usage {
  readonly key: string
  readonly namespace: string
  readonly pod: string
  readonly name: string
  readonly node: string
  /** Share of the periods of the CPU quota in which it was held back. */
  readonly throttled: number | null
  /** Percent of the last 10 s. */
  readonly cpuPressure: number | null
  readonly memoryPressure: number | null
  readonly oomKills: number | null
  readonly restarts: number | null
  readonly ageMs: number | null
}

export interface EventRow {
  readonly time: number
  readonly type: string
  readonly reason: string
  readonly namespace: string
  /** `Kind/name`. */
  readonly object: string
  readonly message: string
  readonly count: number
}

/** Events, or why there are none. */
export interface EventList {
  readonly rows: readonly EventRow[]
  readonly problem: string | null
}

/** One figure that an aggregator has of itself. */
export interface MonitorRow {
  /** Key of the entity, `monitor:NAME`. */
  readonly key: string
  readonly metric: string
  readonly resource: string
  readonly value: number
  readonly unit: string
  readonly description: string
}

export interface AlertRow {
  readonly name: string
  readonly state: string
  readonly severity: string
  readonly labels: Readonly<Record<string, string>>
  readonly summary: string
  readonly startsAt: number | null
}

/** One line of a chart. Missing values are gaps. */
export interface ChartLine {
  readonly metric: string
  readonly resource?: string
  readonly times: readonly number[]
  readonly values: readonly number[]
}
