import type { CoreV1Node, CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import type { KubeObject } from '../../orchestrator/api/object.ts'
import { keyOf } from '../../orchestrator/api/object.ts'
import type { Informer } from '../../orchestrator/client/informer.ts'
import { toTimestamp } from '../../lib/clock.ts'
import type { Clock } from '../../lib/clock.ts'
import { columnOf } from '../catalog.ts'
import { entityKeys } from '../entity.ts'
import type { Batch, CpuReading, MetricSet } from '../metric-set.ts'
import type { Sink } from '../pipeline.ts'
import { metricsApiVersion } from './kinds.ts'
import type { NodeMetrics, PodMetrics, Usage } from './kinds.ts'

export interface ResourceMetricsOptions {
  readonly nodes: Informer<CoreV1Node>
  readonly pods: Informer<CoreV1Pod>
  /** How long figures are offered while their node is not scraped; their timestamps stay what they were. */
  readonly holdMs: number
  readonly clock: Clock
}

/** A change of what is offered, for watchers. */
export interface MetricsChange {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly resource: 'nodes' | 'pods'
  readonly object: NodeMetrics | PodMetrics
}

interface NodeReport {
  readonly timestamp: number
  readonly node: NodeMetrics | undefined
  /** By key. */
  readonly pods: ReadonlyMap<string, PodMetrics>
  /** The same by namespace: autoscalers ask for those of one, often. */
  readonly podsOf: ReadonlyMap<string, readonly PodMetrics[]>
}

const workingSet = columnOf('memory/working_set')
/** What is in `usage` where it is known, besides CPU and memory. */
const optionalUsage = [
  ['swap', columnOf('memory/swap')],
  ['ephemeral-storage', columnOf('ephemeral_storage/usage')],
] as const

/**
 * The newest NodeMetrics and PodMetrics, one report per node. A pod is offered only when every container that should have figures has them:
 * an autoscaler would take the others for idle. An idle container is a zero. What is gone from the API is gone from here.
 */
export class ResourceMetrics implements Sink {
  readonly #options: ResourceMetricsOptions
  readonly #reports = new Map<string, NodeReport>()
  readonly #handlers = new Set<(changes: readonly MetricsChange[]) => void>()
  #revision = 0

  constructor(options: ResourceMetricsOptions) {
    this.#options = options
  }

  /** Grows with every batch, over restarts too. */
  get revision(): string {
    return String(this.#revision)
  }

  add(batch: Batch): void {
    this.#expire()
    if (batch.nodeName === undefined) return
    this.#revision = Math.max(this.#revision + 1, Math.round(batch.timestamp))
    const report = this.#readBatch(batch)
    const before = this.#reports.get(batch.nodeName)
    this.#reports.delete(batch.nodeName)
    this.#reports.set(batch.nodeName, report)
    this.#announce(changesBetween(before, report))
  }

  /** Withdraws what a node reported. */
  forgetNode(nodeName: string): void {
    const report = this.#reports.get(nodeName)
    if (report === undefined) return
    this.#reports.delete(nodeName)
    this.#announce(changesBetween(report, undefined))
  }

  /** Sorted by name. */
  nodes(): readonly NodeMetrics[] {
    return this.#current()
      .flatMap(({ node }) => (node !== undefined && this.#options.nodes.get(node.metadata.name!) !== undefined ? [node] : []))
      .sort(byKey)
  }

  /** Sorted by namespace and name. */
  pods(namespace?: string): readonly PodMetrics[] {
    return this.#current()
      .flatMap(({ pods, podsOf }) => (namespace === undefined ? [...pods.values()] : (podsOf.get(namespace) ?? [])))
      .filter((pod) => this.#options.pods.get(keyOf(pod)) !== undefined)
      .sort(byKey)
  }

  /** Called with what each batch changed. Returns the unsubscriber. */
  onChange(handler: (changes: readonly MetricsChange[]) => void): () => void {
    this.#handlers.add(handler)
    return () => void this.#handlers.delete(handler)
  }

  #current(): readonly NodeReport[] {
    const oldest = this.#options.clock.now() - this.#options.holdMs
    return [...this.#reports.values()].filter(({ timestamp }) => timestamp >= oldest)
  }

  #expire(): void {
    const oldest = this.#options.clock.now() - this.#options.holdMs
    for (const [name, { timestamp }] of this.#reports) {
      // The oldest come first.
      if (timestamp >= oldest) return
      this.forgetNode(name)
    }
  }

  #announce(changes: readonly MetricsChange[]): void {
    if (changes.length > 0) for (const handler of this.#handlers) handler(changes)
  }

  #readBatch({ nodeName, timestamp, sets }: Batch): NodeReport {
    const containers = new Map<string, MetricSet[]>()
    for (const set of sets.values()) {
      if (set.entity.type !== 'pod_container' || set.presence === 'idle') continue
      const key = `${set.entity.labels['namespace_name']}/${set.entity.labels['pod_name']}`
      const members = containers.get(key) ?? []
      members.push(set)
      containers.set(key, members)
    }
    const pods = new Map<string, PodMetrics>()
    for (const [key, members] of containers) {
      const pod = this.#readPod(key, members)
      if (pod !== undefined) pods.set(key, pod)
    }
    const podsOf = Map.groupBy(pods.values(), ({ metadata }) => metadata.namespace!)
    return { timestamp, node: this.#readNode(nodeName!, sets.get(entityKeys.node(nodeName!))), pods, podsOf }
  }

  #readNode(name: string, set: MetricSet | undefined): NodeMetrics | undefined {
    const node = this.#options.nodes.get(name)
    const measured = set === undefined ? undefined : readContainer(set)
    if (node === undefined || measured === undefined) return undefined
    return {
      kind: 'NodeMetrics',
      apiVersion: metricsApiVersion,
      metadata: this.#metadata(node),
      timestamp: toTimestamp(measured.cpu.measuredAt),
      window: formatDuration(measured.cpu.windowMs),
      usage: measured.usage,
    }
  }

  #readPod(key: string, sets: readonly MetricSet[]): PodMetrics | undefined {
    const pod = this.#options.pods.get(key)
    const measured = sets.map(readContainer)
    if (pod === undefined || !measured.every((container) => container !== undefined)) return undefined
    const earliest = measured.reduce((first, container) => (container.cpu.measuredAt < first.cpu.measuredAt ? container : first))
    return {
      kind: 'PodMetrics',
      apiVersion: metricsApiVersion,
      metadata: this.#metadata(pod),
      timestamp: toTimestamp(earliest.cpu.measuredAt),
      window: formatDuration(earliest.cpu.windowMs),
      containers: measured.map(({ name, usage }) => ({ name, usage })).sort((a, b) => (a.name < b.name ? -1 : 1)),
    }
  }

  #metadata({ metadata: { name, namespace, labels } }: KubeObject): KubeObject['metadata'] {
    return {
      name: name!,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      creationTimestamp: toTimestamp(this.#options.clock.now()),
      resourceVersion: this.revision,
    }
  }
}

interface MeasuredContainer {
  readonly name: string
  readonly cpu: CpuReading
  readonly usage: Usage
}

function readContainer({ entity, cpu, values }: MetricSet): MeasuredContainer | undefined {
  const memoryBytes = values[workingSet]!
  if (cpu === undefined || Number.isNaN(memoryBytes)) return undefined
  const known = optionalUsage.filter(([, column]) => !Number.isNaN(values[column]))
  const usage = {
    cpu: `${Math.round(cpu.nanocores)}n`,
    memory: toKibibytes(memoryBytes),
    ...Object.fromEntries(known.map(([name, column]) => [name, toKibibytes(values[column]!)])),
  }
  return { name: entity.labels['container_name'] ?? '', cpu, usage }
}

const toKibibytes = (bytes: number) => `${Math.ceil(bytes / 1024)}Ki`

function changesBetween(before: NodeReport | undefined, after: NodeReport | undefined): readonly MetricsChange[] {
  const changes: MetricsChange[] = []
  const compare = (
    resource: MetricsChange['resource'],
    old: NodeMetrics | PodMetrics | undefined,
    now: NodeMetrics | PodMetrics | undefined,
  ) => {
    if (now !== undefined) changes.push({ type: old === undefined ? 'ADDED' : 'MODIFIED', resource, object: now })
    else if (old !== undefined) changes.push({ type: 'DELETED', resource, object: old })
  }
  compare('nodes', before?.node, after?.node)
  for (const [key, pod] of after?.pods ?? []) compare('pods', before?.pods.get(key), pod)
  for (const [key, pod] of before?.pods ?? []) if (after?.pods.has(key) !== true) compare('pods', pod, undefined)
  return changes
}

function byKey(a: KubeObject, b: KubeObject): number {
  const [first, second] = [keyOf(a), keyOf(b)]
  return first < second ? -1 : first > second ? 1 : 0
}

/** A duration as Go prints it, to the millisecond: `5.003s`, `1m0s`, `500ms`. */
export function formatDuration(ms: number): string {
  const rounded = Math.round(ms)
  if (rounded < 1000) return rounded === 0 ? '0s' : `${rounded}ms`
  const hours = Math.floor(rounded / 3_600_000)
  const minutes = Math.floor((rounded % 3_600_000) / 60_000)
  const seconds = (rounded % 60_000) / 1000
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`
}
