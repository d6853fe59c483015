/** What the page shows, as its server sends it. Figures are `null` where there is none; times are milliseconds since the epoch. */
export interface Snapshot {
  readonly time: number
  /** The newest sample; the page says how old its figures are by it. */
  readonly newestSample: number | null
  readonly cluster: Usage
  readonly nodes: readonly NodeRow[]
  readonly namespaces: readonly NamespaceRow[]
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
  readonly newestSample: number | null
}

export interface NamespaceRow extends Usage {
  readonly key: string
  readonly name: string
  readonly pods: number
}

export interface PodRow extends Usage {
  readonly key: string
  readonly namespace: string
  readonly name: string
  readonly node: string
  readonly workload: string
  readonly restarts: number | null
  readonly received: number | null
  readonly sent: number | null
  readonly newestSample: number | null
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
