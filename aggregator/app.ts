import type { FastifyInstance } from 'fastify'
import { AppsV1ReplicaSet, BatchV1Job, CoreV1Node, CoreV1Pod } from '../orchestrator/api/generated/kinds.ts'
import type { InformerFactory } from '../orchestrator/client/informer.ts'
import { defaultConfiguration } from './configuration.ts'
import { CustomWindow } from './custom-window.ts'
import { createLogs } from './logs/app.ts'
import type { Logs } from './logs/app.ts'
import type { LogDoor } from './logs/log-routes.ts'
import { registerLogRoute } from './logs/log-routes.ts'
import { createHttpServer, windowFullMessage } from './http-server.ts'
import { createHistory, createQueries } from './influx/app.ts'
import type { InfluxHistory } from './influx/history.ts'
import type { ReadOnlyQueries } from './influx/read-only.ts'
import { createInventory } from './inventory.ts'
import type { Inventory } from './inventory.ts'
import { MemoryWindow } from './memory-window.ts'
import type { WindowStats } from './memory-window.ts'
import { createApi } from './metrics-api/app.ts'
import { ResourceMetrics } from './metrics-api/resource-metrics.ts'
import type { MetricsApi } from './metrics-api/server.ts'
import type { Batch } from './metric-set.ts'
import type { AggregatorOptions } from './options.ts'
import { Pipeline } from './pipeline.ts'
import type { Sink as PipelineSink } from './pipeline.ts'
import { createNodeProcessors, createTotalsProcessors } from './processors.ts'
import { countPendingPods, pendingIndex } from './processors/pending-pods.ts'
import type { ClusterView } from './processors.ts'
import { createRuntimeProbe } from './runtime-probe.ts'
import type { SelfReport } from './self-metrics.ts'
import { SelfMonitor } from './self-monitor.ts'
import { localOnlyHeader, registerSharedRoutes } from './sharding/shared-routes.ts'
import { Sharding } from './sharding/sharding.ts'
import type { ShardingSettings } from './sharding/sharding.ts'
import { createSinks, takesEvents, takesSamples } from './sinks/app.ts'
import type { Sink } from './sinks/sink.ts'
import { createSources } from './sources/app.ts'
import type { Sources } from './sources/app.ts'
import { StageTimes } from './stage-times.ts'
import type { MetricWindow } from './window.ts'

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
  if (!(resolutionMs >= minResolutionMs)) throw new RangeError(`resolutionMs: ${resolutionMs} must be at least ${minResolutionMs}`)
  const holdMs = resolutionMs * heldResolutions
  const view = createView(informers)
  const windowMs = options.windowMs ?? 3_600_000
  const window = createWindow(windowMs, options)
  const customWindow = new CustomWindow({ windowMs, maxBytes: configuration.prometheus.windowMaxBytes })
  const metrics = new ResourceMetrics({ ...view, holdMs, clock })
  const sinks = createSinks(options)
  const history = createHistory(options)
  const stages = new StageTimes(clock)
  const pipeline: Pipeline = new Pipeline({
    nodeProcessors: createNodeProcessors(view, { holdMs }),
    totalsProcessors: createTotalsProcessors(),
    completeTotals: (totals) => countPendingPods(totals, view.pods),
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
  const api = createApi(options, { view, window, metrics, sources, server, sharding, logs: logs.door, unready, resolutionMs, holdMs })
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

function createView(informers: InformerFactory): ClusterView {
  const byNode = ({ spec }: CoreV1Pod) => (spec.nodeName === undefined ? [] : [spec.nodeName])
  return {
    nodes: informers.informer(CoreV1Node),
    pods: informers.informer(CoreV1Pod, { indexes: { node: byNode, pending: pendingIndex } }),
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
