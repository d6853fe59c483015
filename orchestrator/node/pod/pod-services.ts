import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import type { CoreV1Pod, CoreV1Service } from '../../api/generated/kinds.ts'
import type { EventRecorder } from '../../client/events.ts'
import type { ImageManager } from '../images/image-manager.ts'
import type { ProbeExecutor } from '../probes/probe-executor.ts'
import type { Prober } from '../probes/prober.ts'
import type { ContainerRuntime, DnsConfig, NetworkConfig, Owner, RuntimeInfo } from '../runtime/runtime.ts'
import type { ObjectSource } from '../volumes/object-source.ts'
import type { TokenSource } from '../volumes/service-account-tokens.ts'
import type { VolumeManager } from '../volumes/volume-manager.ts'
import type { AddressPool } from './address-pool.ts'
import type { NodeTerms } from './node-admission.plan.ts'
import type { PodCgroups } from './pod-cgroups.ts'
import type { StatusSink } from './status-writer.ts'

/** What all pod workers of a node share. */
export interface PodServices {
  readonly owner: Owner
  readonly runtime: ContainerRuntime
  readonly clock: Clock
  readonly log: Log
  readonly recorder: EventRecorder
  readonly images: ImageManager
  readonly volumes: VolumeManager
  readonly objects: ObjectSource
  readonly tokens: TokenSource
  readonly prober: Prober
  readonly probeExecutor: ProbeExecutor
  readonly statusWriter: StatusSink
  readonly cgroups: PodCgroups
  readonly settings: NodeSettings
  /** All pods of the node, as the API has them. */
  readonly pods: () => Iterable<CoreV1Pod>
  /** Services whose addresses go into environments. */
  readonly services: () => Iterable<CoreV1Service>
  /** `undefined` until the node has a pod range. */
  readonly addresses: () => AddressPool | undefined
  /** What the engine said of itself; `undefined` while it is gone. */
  readonly machine: () => RuntimeInfo | undefined
}

export interface NodeSettings {
  readonly hostIp: string
  readonly network: NetworkConfig | undefined
  readonly clusterDns: readonly string[]
  readonly clusterDomain: string
  readonly hostDns: DnsConfig
  /** The machine's own /etc/hosts. */
  readonly hostsPath: string
  readonly allocatable: Readonly<Record<string, string>>
  /** Where seccomp profiles of `type: Localhost` are. */
  readonly seccompFolder: string
  /** Which pods the node takes. */
  readonly terms: NodeTerms
}
