import type { Client } from '../../orchestrator/client/client.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Random } from '../../lib/random.ts'
import { parseLabelSelector, matchesLabels } from '../../orchestrator/api/labels.ts'
import type { CoreV1Node } from '../../orchestrator/api/generated/kinds.ts'
import type { AggregatorConfiguration } from '../configuration.ts'
import type { CustomMetricsView, SampleSink } from '../custom-metrics.ts'
import { EventLog } from '../event-log.ts'
import type { ClusterEvent, EventSink } from '../events.ts'
import type { Batch } from '../metric-set.ts'
import type { ClusterView } from '../processors.ts'
import { CustomMetricsStore } from './custom-metrics-store.ts'
import { EventSource } from './event-source.ts'
import type { EventSourceStatus } from './event-source.ts'
import type { NodeAccess } from '../logs/node-logs.ts'
import { KubeletAccess } from './kubelet-access.ts'
import type { KubeletCredentials } from './kubelet-access.ts'
import { Kubelets } from './kubelets.ts'
import { LogFigures } from './log-figures.ts'
import { NodeSource } from './node-source.ts'
import type { SourceStatus } from './node-source.ts'
import { createPageReader, PodSource } from './pod-source.ts'
import type { PodSourceStatus } from './pod-source.ts'
import type { ScrapeStage } from './scrape-error.ts'
import type { StageTimes } from '../stage-times.ts'

export interface SourcesOptions {
  readonly client: Client
  readonly view: Pick<ClusterView, 'nodes' | 'pods'>
  readonly credentials: KubeletCredentials
  readonly configuration: AggregatorConfiguration
  readonly resolutionMs: number
  readonly onBatch: (batch: Batch) => void
  readonly onGone: (nodeName: string) => void
  readonly eventSinks: readonly EventSink[]
  /** Told every event that is met, what happened before the start included. */
  readonly onEventSeen?: (event: ClusterEvent) => void
  /** Told the samples of metrics that pods export. */
  readonly sampleSinks: readonly SampleSink[]
  /** Whether a node is scraped here, where several aggregators share them. Default: all are. Asked again at `review`. */
  readonly isOwn?: (nodeName: string) => boolean
  /** Where the time that reading answers takes is counted. */
  readonly stages?: StageTimes
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** Everything that figures and events come from. */
export interface Sources {
  /** To be called when the copies of nodes and pods are complete. */
  start(): void
  stop(): Promise<void>
  /** Asks for every node, and for the pods on it, anew whether it is scraped here. */
  review(): void
  readonly customMetrics: CustomMetricsView
  readonly events: EventLog
  /** How nodes are reached, for who asks them for something else. */
  readonly nodeAccess: NodeAccess
  nodes(): readonly SourceStatus[]
  /** How often scrapes of nodes ended how, since the start. */
  outcomes(): ReadonlyMap<'ok' | ScrapeStage, number>
  pods(): readonly PodSourceStatus[]
  /** `undefined`: events are not followed. */
  eventStatus(): EventSourceStatus | undefined
}

/** The key whose owner tells the sinks of events. No node has such a name. */
const eventsKey = '*events'

/** How long the samples of a pod live while it is not read, in rounds. */
const heldRounds = 3

/** Composes the sources. Nothing runs before `start`. */
export function createSources(options: SourcesOptions): Sources {
  const { configuration, view, resolutionMs, clock, random, log } = options
  const { kubelet, events: eventSettings } = configuration.sources
  const { prometheus } = configuration
  const access = new KubeletAccess({ credentials: options.credentials, settings: kubelet, clock })
  const kubelets = new Kubelets({ ...options, access, settings: kubelet, timeoutMs: Math.min(kubelet.timeoutMs, resolutionMs * 0.9) })
  const nodes = new NodeSource({ ...options, ...view, reader: kubelets, isWanted: wantedBy(kubelet.nodeSelector, options.isOwn) })
  const store = new CustomMetricsStore({
    holdMs: prometheus.resolutionMs * heldRounds,
    maxSeries: prometheus.maxTotalSeries,
    sinks: options.sampleSinks,
    clock,
  })
  const readPage = createPageReader(prometheus, clock)
  const pods = new PodSource({
    ...view,
    settings: prometheus,
    store,
    readPage,
    ...(options.isOwn === undefined ? {} : { isNodeWanted: options.isOwn }),
    clock,
    random,
    log,
  })
  const logFigures = new LogFigures({
    ...view,
    settings: prometheus,
    store,
    readPage: (node, signal) => kubelets.readLogs(node, 'figures', signal),
    ...(options.isOwn === undefined ? {} : { isNodeWanted: options.isOwn }),
    clock,
    random,
    log,
  })
  const events = new EventLog(eventSettings.keep)
  const eventSource = new EventSource({
    ...options,
    onSeen: (event) => {
      events.add(event)
      options.onEventSeen?.(event)
    },
    sinks: options.eventSinks,
    isTeller: () => options.isOwn?.(eventsKey) ?? true,
  })
  return {
    start() {
      nodes.start()
      pods.start()
      logFigures.start()
      if (eventSettings.isEnabled) eventSource.start()
    },
    async stop() {
      nodes.stop()
      pods.stop()
      logFigures.stop()
      kubelets.close()
      await eventSource.stop()
    },
    review() {
      nodes.review()
      pods.review()
      logFigures.review()
    },
    customMetrics: store,
    events,
    nodeAccess: {
      scheme: kubelet.scheme,
      addressOf: (node) => kubelets.addressOf(node),
      connect: () => access.connect(),
      readLogStatus: (node, signal) => kubelets.readLogs(node, 'status', signal),
    },
    nodes: () => nodes.statuses(),
    outcomes: () => nodes.outcomes(),
    pods: () => pods.statuses(),
    eventStatus: () => (eventSettings.isEnabled ? eventSource.status() : undefined),
  }
}

function wantedBy(selector: string | undefined, isOwn: (nodeName: string) => boolean = () => true): (node: CoreV1Node) => boolean {
  const parsed = parseLabelSelector(selector ?? '')
  return ({ metadata }) => isOwn(metadata.name!) && matchesLabels(parsed, metadata.labels)
}
