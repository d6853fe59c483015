import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import type { Client } from '../client/client.ts'
import type { InformerFactory } from '../client/informer.ts'
import type { EvictionTexts } from './eviction/thresholds.ts'
import type { CredentialProvidersOptions } from './images/credential-providers.ts'
import type { ImageCollection } from './images/image-collector.ts'
import type { ContainerRuntime, NetworkConfig } from './runtime/runtime.ts'
import type { NodeServerOptions, StatsSource } from './server/node-server.ts'

/** Who a node is, what it is made of and how it behaves. */
export interface NodeAgentOptions extends EvictionTexts {
  readonly client: Client
  /** Shared informers, where the process has some; run by whoever made them. Absent: the agent makes and runs its own. */
  readonly informers?: InformerFactory
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly nodeName: string
  readonly runtime: ContainerRuntime
  /** Absolute path; the agent keeps `pods/` in it. */
  readonly dataDir: string
  readonly clusterId: string
  /** The node's addresses; one of them must be the InternalIP. */
  readonly addresses: readonly { readonly type: 'InternalIP' | 'Hostname' | 'ExternalIP'; readonly address: string }[]
  /** The node's share of the pod network, e.g. `10.244.0.0/24`. Absent: the Node object's `spec.podCIDR` is waited for. */
  readonly podCidr?: string
  /** The range to ask for when the node is registered; that of another node is not given. */
  readonly preferredPodCidr?: string
  /** The API gives another range than the one in use: an agent that starts anew takes it. Called once. */
  readonly onPodCidrChange?: (podCidr: string) => void
  /** Whether the node was taken out of the cluster for good. Asked when its object of that uid is gone; one that is only deleted is registered again. */
  readonly wasRemoved?: (uid: string) => Promise<boolean>
  /** Called when it was: it is not registered again. */
  readonly onRemoved?: () => void
  /** Addresses of the cluster's DNS; empty: pods use the machine's. */
  readonly clusterDns: readonly string[]
  readonly clusterDomain: string
  /** The bridge network that pods share; absent with a runtime that needs none. */
  readonly network?: Omit<NetworkConfig, 'clusterId'>
  readonly server: NodeServerOptions
  readonly stats: StatsSource
  readonly labels?: Readonly<Record<string, string>>
  readonly maxPods?: number
  /** Capacity to claim instead of the machine's own, e.g. of a simulated node. */
  readonly capacity?: Readonly<Record<string, string>>
  /** Where control groups are mounted. */
  readonly cgroupRoot?: string
  /** The longest, in seconds, that a pod may take to end when a soft threshold is met. 0. */
  readonly evictionMaxPodGracePeriod?: number
  /** How long a condition of pressure stays after it was met last. */
  readonly evictionTransitionMs?: number
  /** What of the node is kept for the system and for Kubernetes' own parts, e.g. `cpu=100m,memory=200Mi`. */
  readonly systemReserved?: string
  readonly kubeReserved?: string
  /** When unused images are removed from the engine. Absent: never, as they may be somebody else's. */
  readonly imageCollection?: ImageCollection
  /** A folder of files with pods that this node runs by itself. Default with a real runtime: `manifests` in the data folder. */
  readonly podManifestPath?: string
  /** Where CSI drivers put their registration sockets. Default: `plugins_registry` in the data folder. */
  readonly pluginRegistryPath?: string
  /** CSI drivers that need no registration: `unix:/path` by name. */
  readonly csiEndpoints?: Readonly<Record<string, string>>
  /** Kernel parameters beyond the safe ones that pods may set, e.g. `net.core.somaxconn` or `kernel.msg*`. */
  readonly allowedUnsafeSysctls?: readonly string[]
  /** Programs that know credentials of registries: a file of kind CredentialProviderConfig, and where the programs are. */
  readonly credentialProviders?: Pick<CredentialProvidersOptions, 'configPath' | 'binDir' | 'environment'>
  /** The machine's resolver configuration file. */
  readonly resolvConfPath?: string
}

/** One running node. */
export interface NodeAgent {
  /** Registers the node, opens the server and begins to look after pods. Resolves when all of that has begun. */
  start(): Promise<void>
  /** Stops all of it. Containers go on, and the next agent of the same name finds them. */
  stop(): Promise<void>
  /** Shows another certificate of the server's from now on. */
  useCertificate(pair: { readonly cert: string; readonly key: string }): void
  /** The port that the server listens on, once started. */
  readonly port: number
}
