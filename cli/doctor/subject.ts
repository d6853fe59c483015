import type { ClusterAccess } from '../../orchestrator/client/kubeconfig.ts'
import type { DataFolder } from '../data-folder.ts'
import type { RunState } from '../state.ts'
import type { Finding } from './finding.ts'

/** What the doctor looks at. Parts that are not known are not looked at. */
export interface Subject {
  /** Of a cluster on this machine. */
  readonly installation: Installation | undefined
  /** This machine is a node of a cluster whose server is elsewhere. */
  readonly isNodeAlone: boolean
  /** Absent where there is no kubeconfig that can be used. */
  readonly access: ClusterAccess | undefined
  /** Base URLs without a slash at the end. */
  readonly urls: {
    readonly aggregator: string | undefined
    readonly alerts: string | undefined
    readonly page: string | undefined
    readonly influxdb: string | undefined
  }
  readonly database: string
  readonly resolutionMs: number
  /** Now, ms since the epoch. */
  readonly now: number
}

/** A data folder and what it says about the processes that run for it. */
export interface Installation {
  readonly folder: DataFolder
  readonly state: RunState | undefined
}

/** One thing that is looked at. Must not reject for what is wrong with the subject: that is a finding. */
export interface Examination {
  readonly name: string
  examine(subject: Subject): Promise<readonly Finding[]>
}
