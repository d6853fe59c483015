import type { FastifyInstance } from 'fastify'
import { AppsV1ReplicaSet, BatchV1Job, CoreV1Node, CoreV1Pod } from '../orchestrator/api/generated/kinds.ts'
import type { Client } from '../orchestrator/client/client.ts'
import type { InformerFactory } from '../orchestrator/client/informer.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { Random } from '../lib/random.ts'
import { defaultConfiguration } from './configuration.ts'
import type { AggregatorConfiguration } from './configuration.ts'
import type { SampleSink } from './custom-metrics.ts'
import { CustomWindow } from './custom-window.ts'
import type { EventSink } from './events.ts'
import { createLogs } from './logs/app.ts'
import type { Logs } from './logs/app.ts'
import type { LogDoor } from './logs/log-routes.ts'
import { registerLogRoute } from './logs/log-routes.ts'
import { createHttpServer, windowFullMessage } from './http-server.ts'
import { createInfluxDriver } from './influx/database.ts'
import { InfluxHistory } from './influx/history.ts'
import { InfluxSink } from './influx/influx-sink.ts'
import { ReadOnlyQueries } from './influx/read-only.ts'
import type { InfluxOptions } from './influx/options.ts'
import { createInventory } from './inventory.ts'
import type { Inventory } from './inventory.ts'
import { MemoryWindow } from './memory-window.ts'
import type { WindowStats } from './memory-window.ts'
import { noAuthorities } from './metrics-api/authorities.ts'
import type { Authorities } from './metrics-api/authorities.ts'
import { createMetricsGroups } from './metrics-api/groups.ts'
import { createInfluxQuery } from './metrics-api/influx-query.ts'
import { createLocalReadings, createSharedReadings, registerReadings } from './metrics-api/readings.ts'
import { ResourceMetrics } from './metrics-api/resource-metrics.ts'
import { createMetricsApi } from './metrics-api/server.ts'
import type { MetricsApi } from './metrics-api/server.ts'
import type { Batch } from './metric-set.ts'
import { Pipeline } from './pipeline.ts'
import type { Sink as PipelineSink } from './pipeline.ts'
import { createNodeProcessors, createTotalsProcessors } from './processors.ts'
import type { ClusterView } from './processors.ts'
import { createRuntimeProbe } from './runtime-probe.ts'
import type { SelfReport } from './self-metrics.ts'
import { SelfMonitor } from './self-monitor.ts'
import { localOnlyHeader, registerSharedRoutes } from './sharding/shared-routes.ts'
import { Sharding } from './sharding/sharding.ts'
import type { ShardingSettings } from './sharding/sharding.ts'
import { createSources } from './sources/app.ts'
import type { Sources } from './sources/app.ts'
import { StageTimes } from './stage-times.ts'
import type { KubeletCredentials } from './sources/kubelet-access.ts'
import type { Sink, SinkContext, SinkPlan } from './sinks/sink.ts'
import type { MetricWindow } from './window.ts'

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

/** The running parts that others use. */
export interface Aggregator {
  /** Resolves when both servers listen; the first scrapes follow. Rejects when a port cannot be had. */
  start(): Promise<void>
  /** Sends or spools what is not in InfluxDB yet, then closes everything. */
  stop(): Promise<void>
  readonly window: MetricWindow
  /** What pods export about themselves. */
  readonly customWindow: CustomWindow
  /** What InfluxDB holds; absent without one. */
  readonly history: InfluxHistory | undefined
  /** Queries of InfluxDB that others have written; absent without one. */
  readonly queries: ReadOnlyQueries | undefined
  /** What the API says that there is. */
  readonly inventory: Inventory
  /** The logs of all nodes, as one. */
  readonly logs: LogDoor
  /** Where the servers listen; known after `start`. */
  readonly addresses: { readonly http: string; readonly metricsApi: readonly string[] }
}

/** A node's last figures are offered for this many resolutions while it is not scraped. */
const heldResolutions = 3
const minResolutionMs = 1000

/** Composes the aggregator: node sources → processors → {memory window, InfluxDB, metrics API}. Nothing runs before `start`. */
export function createAggregator(options: AggregatorOptions): Aggregator {
  const { informers, clock, resolutionMs = 5000, configuration = defaultConfiguration() } = options
  const influx = influxOf(options)
  if (!(resolutionMs >= minResolutionMs)) throw new RangeError(`resolutionMs: ${resolutionMs} must be at least ${minResolutionMs}`)
  const holdMs = resolutionMs * heldResolutions
  const view = createView(informers)
  const windowMs = options.windowMs ?? 3_600_000
  const window = createWindow(windowMs, options)
  const customWindow = new CustomWindow({ windowMs, maxBytes: configuration.prometheus.windowMaxBytes })
  const metrics = new ResourceMetrics({ ...view, holdMs, clock })
  const sinks = createSinks(options)
  const history = influx === undefined ? undefined : createHistory(influx, options)
  const stages = new StageTimes(clock)
  const pipeline: Pipeline = new Pipeline({
    nodeProcessors: createNodeProcessors(view, { holdMs }),
    totalsProcessors: createTotalsProcessors(),
    sinks: [named('metrics-api', metrics), ...sinks, named('window', window)],
    stages,
    ...(options.sharding === undefined ? {} : { combineTotals: () => sharding!.combineTotals() }),
    resolutionMs,
    holdMs,
    clock,
    log: options.log.child({ part: 'pipeline' }),
  })
  const sources = createSources({
    ...options,
    view,
    credentials: options.kubelet,
    configuration,
    resolutionMs,
    stages,
    ...(options.sharding === undefined ? {} : { isOwn: (nodeName: string) => sharding!.isOwn(nodeName) }),
    onBatch: (batch) => pipeline.addNodeBatch(batch),
    onGone: (nodeName) => {
      pipeline.forgetNode(nodeName)
      metrics.forgetNode(nodeName)
    },
    eventSinks: [...sinks.filter(takesEvents), ...(options.eventSinks ?? [])],
    onEventSeen: (event) => logs.events?.add(event),
    sampleSinks: [customWindow, ...sinks.filter(takesSamples)],
    log: options.log.child({ part: 'sources' }),
  })
  const logs: Logs = createLogs({ ...options, nodes: view.nodes, access: sources.nodeAccess })
  const unready = () => whyUnready(view, pipeline.delivered().node > 0 || (sharding !== undefined && sources.nodes().length === 0))
  const report = (): SelfReport => ({
    ...reportFlow({ view, pipeline, sources, window, customWindow, sinks, logs }),
    stages: stages.totals(),
    members: sharding?.members().length ?? 1,
    runtime: selfMonitor.runtime,
    now: clock.now(),
  })
  const server = createHttpServer({
    window,
    customWindow,
    latest: () => pipeline.latest(),
    report,
    unready,
    history,
    events: sources.events,
    isStrict: configuration.modelApi.isStrict,
    now: () => clock.now(),
  })
  registerLogRoute(server, logs.door, options.http.host)
  const sharding =
    options.sharding === undefined
      ? undefined
      : createSharding(options, options.sharding, { pipeline, metrics, sources, server, resolutionMs, holdMs })
  if (sharding !== undefined)
    registerSharedRoutes(server, { sharding, nodeOfPod: (namespace, pod) => view.pods.get(`${namespace}/${pod}`)?.spec.nodeName })
  const selfMonitor = createSelfMonitor(options, { report, pipeline, resolutionMs })
  const api = createApi(options, { view, window, metrics, sources, server, sharding, logs, unready, resolutionMs, holdMs })
  const lifecycle = createLifecycle({ options, view, sinks, sharding, selfMonitor, sources, pipeline, server, api, logs })
  return { window, customWindow, history, queries: createQueries(options), inventory: createInventory(view), logs: logs.door, ...lifecycle }
}

interface SelfParts {
  readonly report: () => SelfReport
  readonly pipeline: Pipeline
  readonly resolutionMs: number
}

function createSelfMonitor(options: AggregatorOptions, { report, pipeline, resolutionMs }: SelfParts): SelfMonitor {
  const { clock } = options
  return new SelfMonitor({
    name: options.sharding?.name ?? options.name ?? 'monitor',
    report,
    probe: createRuntimeProbe(clock),
    deliver: (batch) => pipeline.deliver(batch),
    intervalMs: resolutionMs,
    clock,
  })
}

interface RunningParts {
  readonly options: AggregatorOptions
  readonly view: ClusterView
  readonly sinks: readonly Sink[]
  readonly sharding: Sharding | undefined
  readonly selfMonitor: SelfMonitor
  readonly sources: Sources
  readonly pipeline: Pipeline
  readonly server: FastifyInstance
  readonly api: MetricsApi
  readonly logs: Logs
}

/** The order in which the parts start and stop. */
function createLifecycle(parts: RunningParts): Pick<Aggregator, 'addresses' | 'start' | 'stop'> {
  const { options, view, sinks, sharding, selfMonitor, sources, pipeline, server, api, logs } = parts
  const addresses = { http: '', metricsApi: [] as readonly string[] }
  const stopped = new AbortController()
  return {
    addresses,
    async start() {
      addresses.http = await server.listen(options.http)
      addresses.metricsApi = await api.start()
      await Promise.all(sinks.map((sink) => sink.start()))
      await sharding?.start()
      await logs.start()
      selfMonitor.start()
      // Without the pods every figure would look like that of a pod that nobody knows.
      void Promise.all(Object.values(view).map((informer) => informer.waitForSync(stopped.signal))).then(
        () => sources.start(),
        () => {},
      )
    },
    async stop() {
      stopped.abort()
      selfMonitor.stop()
      await sharding?.stop()
      await sources.stop()
      pipeline.stop()
      await Promise.all([server.close(), api.stop()])
      await logs.stop()
      await Promise.all(sinks.map((sink) => sink.stop()))
    },
  }
}

interface FlowParts extends Pick<RunningParts, 'view' | 'pipeline' | 'sources' | 'sinks' | 'logs'> {
  readonly window: MemoryWindow
  readonly customWindow: CustomWindow
}

/** What the parts say of what goes through them. */
function reportFlow({ view, pipeline, sources, window, customWindow, sinks, logs }: FlowParts) {
  return {
    ...(logs.events === undefined ? {} : { eventCounts: logs.events.counts() }),
    nodesKnown: [...view.nodes.list()].length,
    outcomes: sources.outcomes(),
    batches: pipeline.delivered(),
    sources: sources.nodes(),
    pods: sources.pods(),
    events: sources.eventStatus(),
    window: window.stats(),
    customWindow: customWindow.stats(),
    sinks: sinks.map((sink) => ({ name: sink.name, stats: sink.stats() })),
  }
}

function createWindow(windowMs: number, { windowMaxBytes = 256 << 20, log }: AggregatorOptions): MemoryWindow {
  const onFull = ({ entities, maxBytes }: WindowStats) => log.warn({ entities, maxBytes }, windowFullMessage)
  return new MemoryWindow({ windowMs, maxBytes: windowMaxBytes, onFull })
}

function createHistory(influx: InfluxOptions, { clock, clusterName = 'default' }: AggregatorOptions): InfluxHistory {
  return new InfluxHistory({ driver: createInfluxDriver(influx), influx, clusterName: influx.clusterName ?? clusterName, clock })
}

function createQueries(options: AggregatorOptions): ReadOnlyQueries | undefined {
  const influx = influxOf(options)
  return influx && new ReadOnlyQueries({ influx, clock: options.clock, log: options.log.child({ part: 'queries' }) })
}

function createView(informers: InformerFactory): ClusterView {
  const byNode = ({ spec }: CoreV1Pod) => (spec.nodeName === undefined ? [] : [spec.nodeName])
  return {
    nodes: informers.informer(CoreV1Node),
    pods: informers.informer(CoreV1Pod, { indexes: { node: byNode } }),
    replicaSets: informers.informer(AppsV1ReplicaSet),
    jobs: informers.informer(BatchV1Job),
  }
}

/** One bad node does not count: as soon as any has been scraped there is something to answer with. */
function whyUnready(view: ClusterView, isAnyScraped: boolean): readonly string[] {
  const isSynced = Object.values(view).every(({ hasSynced }) => hasSynced)
  return [
    ...(isSynced ? [] : ['the copy of the API objects is not complete yet']),
    ...(isAnyScraped ? [] : ['no node has been scraped yet']),
  ]
}

/** A sink under the name by which its time is counted. */
function named(name: string, sink: { add(batch: Batch): void }): PipelineSink {
  return { name, add: (batch) => sink.add(batch) }
}

interface ShardParts {
  readonly pipeline: Pipeline
  readonly metrics: ResourceMetrics
  readonly sources: Sources
  readonly server: FastifyInstance
  readonly resolutionMs: number
  readonly holdMs: number
}

function createSharding(options: AggregatorOptions, settings: ShardingSettings, parts: ShardParts): Sharding {
  const { pipeline, metrics, sources, server, resolutionMs, holdMs } = parts
  return new Sharding({
    ...settings,
    client: options.client,
    local: {
      partialTotals: (isCounted) => pipeline.partialTotals(isCounted),
      nodes: () => metrics.nodes(),
      pods: (namespace) => metrics.pods(namespace),
      answer: async (path) => {
        const { statusCode, body } = await server.inject({ url: path, headers: { [localOnlyHeader]: '1' } })
        return statusCode === 200 ? (JSON.parse(body) as unknown) : undefined
      },
    },
    onChange: () => sources.review(),
    resolutionMs,
    holdMs,
    clock: options.clock,
    log: options.log.child({ part: 'sharding' }),
  })
}

interface ApiParts extends Omit<ShardParts, 'pipeline'> {
  readonly view: ClusterView
  readonly window: MetricWindow
  readonly sharding: Sharding | undefined
  readonly logs: Logs
  readonly unready: () => readonly string[]
}

function createApi(options: AggregatorOptions, parts: ApiParts): MetricsApi {
  const { view, window, metrics, sources, server, sharding, resolutionMs, holdMs } = parts
  const { client, clock, metricsApi, configuration = defaultConfiguration() } = options
  const influx = influxOf(options)
  const localReadings = createLocalReadings({ window, exported: sources.customMetrics, holdMs, resolutionMs, clock })
  registerReadings(server, localReadings)
  return createMetricsApi({
    ...options,
    ...metricsApi,
    authorities: metricsApi.authorities === undefined ? undefined : { ...noAuthorities, ...metricsApi.authorities },
    groups: createMetricsGroups({
      resourceMetrics: metrics,
      sharedMetrics: sharding,
      readings:
        sharding === undefined
          ? (request) => Promise.resolve(localReadings(request))
          : createSharedReadings((path) => sharding.askEverybody(path)),
      exportedNames: () => sources.customMetrics.names(),
      view,
      client,
      externalMetrics: configuration.externalMetrics,
      query: influx === undefined ? undefined : createInfluxQuery(createInfluxDriver(influx), influx.database ?? 'k8s'),
      clock,
    }),
    feed: metrics,
    logs: parts.logs.door,
    unready: parts.unready,
  })
}

/** The InfluxDB that is asked: the one of the options, else the first sink that is one. */
function influxOf({ influx, sinks = [] }: AggregatorOptions): InfluxOptions | undefined {
  return influx ?? sinks.find((plan) => plan.influx !== undefined)?.influx
}

const takesSamples = (sink: Sink): sink is Sink & SampleSink => sink.addCustomSamples !== undefined
const takesEvents = (sink: Sink): sink is Sink & EventSink => sink.addEvents !== undefined

/** The InfluxDB of the options and every sink that is planned besides. */
function createSinks(options: AggregatorOptions): readonly Sink[] {
  const { clock, random, log, influx, clusterName = 'default', spoolDir, sinks = [] } = options
  const { configuration = defaultConfiguration() } = options
  const context: SinkContext = {
    clusterName,
    clock,
    random,
    log: log.child({ part: 'sinks' }),
    ...(spoolDir === undefined ? {} : { spoolDir }),
    spoolMaxBytes: configuration.spool.maxBytes,
  }
  const own = influx === undefined ? [] : [new InfluxSink({ name: 'influxdb', influx }, context)]
  return [...own, ...sinks.map((plan) => plan.create(context))]
}
