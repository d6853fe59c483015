/**
 * What a simulated node's load model says its containers use; `collector/simulated.ts` turns it into a `Summary`, so that everything
 * behind the summary treats simulated nodes like real ones. Declared structurally alike by the simulated runtime of the node agent.
 */
export interface UsageReport {
  readonly nodeName: string
  readonly timeMs: number
  readonly startedAtMs: number
  readonly memoryCapacityBytes: number
  readonly pods: readonly PodUsage[]
}

export interface PodUsage {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly startedAtMs: number
  readonly containers: readonly ContainerUsage[]
}

export interface ContainerUsage {
  readonly name: string
  readonly startedAtMs: number
  /** Cumulative. */
  readonly cpuNanoseconds: number
  readonly workingSetBytes: number
}
