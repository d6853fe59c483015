import type { Client } from '../orchestrator/client/client.ts'
import type { InformerFactory } from '../orchestrator/client/informer.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { Random } from '../lib/random.ts'
import type { AggregatorConfiguration } from './configuration.ts'
import type { EventSink } from './events.ts'
import type { InfluxOptions } from './influx/options.ts'
import type { Authorities } from './metrics-api/authorities.ts'
import type { ShardingSettings } from './sharding/sharding.ts'
import type { SinkPlan } from './sinks/sink.ts'
import type { KubeletCredentials } from './sources/kubelet-access.ts'

/** What an aggregator is made of and for. */
export interface AggregatorOptions {
  readonly client: Client
  /** Whoever runs it also runs the informers that `createAggregator` asks it for: call this before `informers.run`. */
  readonly informers: InformerFactory
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** How often each node is scraped. Default 5 s, at least 1 s. */
  readonly resolutionMs?: number
  readonly kubelet: KubeletCredentials
  /** What a configuration file says about sources; defaults where there is none. */
  readonly configuration?: AggregatorConfiguration
  /** Heapster's HTTP interface. */
  readonly http: { readonly host: string; readonly port: number }
  /** The `metrics.k8s.io` API over HTTPS; PEM strings. Listens on every one of `hosts`. */
  readonly metricsApi: {
    readonly hosts: readonly string[]
    readonly port: number
    readonly tls: { readonly cert: string; readonly key: string }
    /** Whom to believe. Absent: what the API server's ConfigMap `kube-system/extension-apiserver-authentication` says. */
    readonly authorities?: Pick<Authorities, 'clientCa' | 'requestHeaderCa' | 'allowedNames'>
  }
  /** Absent: the memory window is all there is. */
  readonly influx?: InfluxOptions
  /** Where else batches go. The name `influxdb` is taken when `influx` is set. */
  readonly sinks?: readonly SinkPlan[]
  /** Told of events besides the sinks. */
  readonly eventSinks?: readonly EventSink[]
  /** Where points wait while a sink's destination is away; absent: in memory, bounded. */
  readonly spoolDir?: string
  /** Default one hour. */
  readonly windowMs?: number
  /** What the memory window may take. Default 256 MiB. */
  readonly windowMaxBytes?: number
  /** Tells this aggregator from others in what it says of itself. Default `monitor`. */
  readonly name?: string
  /** Where several aggregators share the nodes; absent: this one scrapes them all. */
  readonly sharding?: ShardingSettings
  /** Stores on this machine that are searched beside the nodes' own; events are kept in the folder that is named, the audit log is only read. */
  readonly logs?: { readonly eventsDir?: string; readonly auditDir?: string }
  /** The tag `cluster_name`. Default `default`, as Heapster's. */
  readonly clusterName?: string
}
