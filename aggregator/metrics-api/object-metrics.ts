import type { CoreV1Pod, CoreV1Service } from '../../orchestrator/api/generated/kinds.ts'
import { CoreV1Service as ServiceKind } from '../../orchestrator/api/generated/kinds.ts'
import { matchesLabels, selectorFromMap } from '../../orchestrator/api/labels.ts'
import type { LabelSelector } from '../../orchestrator/api/labels.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import type { Clock } from '../../lib/clock.ts'
import { findMetric, metrics } from '../catalog.ts'
import type { Metric } from '../catalog.ts'
import type { CustomMetricsView } from '../custom-metrics.ts'
import { entityKeys } from '../entity.ts'
import type { ClusterView } from '../processors.ts'
import { findWorkload } from '../processors/workload.ts'
import type { MetricWindow } from '../window.ts'
import { describedKinds, entityKeyOf } from './described-objects.ts'
import type { DescribedKind } from './described-objects.ts'
import { inQuantityUnit } from './metric-value.ts'

export interface ObjectMetricsOptions {
  readonly window: MetricWindow
  /** What pods export about themselves; absent: nothing. */
  readonly exported: CustomMetricsView | undefined
  readonly view: ClusterView
  readonly client: Client
  /** Figures older than this are not offered. */
  readonly holdMs: number
  /** The time over which rates of the catalogue are taken. */
  readonly resolutionMs: number
  readonly clock: Clock
}

/** Which objects a figure is wanted of. */
export interface ObjectRequest {
  readonly kind: DescribedKind
  /** Absent for objects outside of namespaces. */
  readonly namespace?: string
  /** One object by its name, or all that have the labels. */
  readonly name?: string
  readonly labels: LabelSelector
  readonly metric: string
  /** Narrows the series of a metric that an object has several of. */
  readonly series: LabelSelector
}

/** A figure of one object. */
export interface ObjectValue {
  readonly name: string
  readonly value: number
  /** When it was measured, ms since the epoch; of a sum the earliest part. */
  readonly timestamp: number
  readonly windowMs?: number
}

type Reading = Omit<ObjectValue, 'name'>

/** What pods export can be asked for under this prefix too, so that no name of the catalogue hides it. */
const exportedPrefix = 'custom/'
const maxExportedNames = 10_000

/**
 * Figures of objects: those of the catalogue, under their names with `_` or `/`, and those that pods export. An object's figure of a metric
 * that its pods export is the sum over the pods; several series of one pod are summed too.
 */
export class ObjectMetrics {
  readonly #options: ObjectMetricsOptions

  constructor(options: ObjectMetricsOptions) {
    this.#options = options
  }

  /** Every pair of resource and metric that can be asked for now. */
  *offered(): Iterable<{ readonly kind: DescribedKind; readonly metric: string }> {
    for (const kind of describedKinds)
      for (const row of metrics) if (isOffered(kind, row)) yield { kind, metric: row.name.replaceAll('/', '_') }
    const exported = (this.#options.exported?.names() ?? []).slice(0, maxExportedNames)
    for (const kind of describedKinds)
      if (kind.resource !== 'nodes')
        for (const name of exported) yield { kind, metric: findRow(name) === undefined ? name : `${exportedPrefix}${name}` }
  }

  /** The figures; `undefined` when objects of that kind have no such metric. Objects without a recent figure are left out. */
  async read(request: ObjectRequest): Promise<readonly ObjectValue[] | undefined> {
    const { kind, metric } = request
    const row = findRow(metric)
    if (row !== undefined) return isOffered(kind, row) ? this.#readCatalogue(request, row) : undefined
    const name = metric.startsWith(exportedPrefix) ? metric.slice(exportedPrefix.length) : metric
    if (kind.resource === 'nodes' || this.#options.exported?.names().includes(name) !== true) return undefined
    return this.#readExported(request, name)
  }

  async #readCatalogue(request: ObjectRequest, row: Metric): Promise<readonly ObjectValue[]> {
    const { kind, namespace, series } = request
    if (kind.entity === undefined) return this.#sumOverPods(request, (pod) => this.#readEntity(row, podKey(pod), series))
    return (await this.#namesOf(request)).flatMap((name) => {
      const reading = this.#readEntity(row, entityKeyOf(kind, namespace, name)!, series)
      return reading === undefined ? [] : [{ name, ...reading }]
    })
  }

  #readEntity(row: Metric, key: string, series: LabelSelector): Reading | undefined {
    const { window, clock, holdMs, resolutionMs } = this.#options
    const since = clock.now() - holdMs
    const readings: { readonly value: number; readonly timestamp: number }[] = []
    if (row.isLabelled === true) {
      for (const { resource = '', timestamps, values } of window.series(row.name, { key }, { since }))
        if (matchesLabels(series, { resource_id: resource })) readings.push({ timestamp: timestamps.at(-1)!, value: values.at(-1)! })
    } else {
      const latest = window.latest(row.name, key)
      if (latest !== undefined && latest.timestamp >= since && matchesLabels(series, {})) readings.push(latest)
    }
    const sum = sumOf(readings)
    if (sum === undefined) return undefined
    return { ...sum, value: inQuantityUnit(row, sum.value), ...(row.rate === undefined ? {} : { windowMs: resolutionMs }) }
  }

  async #readExported(request: ObjectRequest, name: string): Promise<readonly ObjectValue[]> {
    const samplesOf = (namespace: string) => {
      const byPod = new Map<string, Reading[]>()
      for (const { pod, labels, value, timestamp, windowMs } of this.#options.exported!.samples(name, namespace)) {
        if (!matchesLabels(request.series, labels)) continue
        const readings = byPod.get(pod) ?? []
        readings.push({ value, timestamp, ...(windowMs === undefined ? {} : { windowMs }) })
        byPod.set(pod, readings)
      }
      return byPod
    }
    const known = new Map<string, Map<string, Reading[]>>()
    return this.#sumOverPods(request, ({ metadata }) => {
      const namespace = metadata.namespace!
      const samples = known.get(namespace) ?? samplesOf(namespace)
      known.set(namespace, samples)
      return sumOf(samples.get(metadata.name!) ?? [])
    })
  }

  /** For each object the sum of what `read` gives for its pods. */
  async #sumOverPods(request: ObjectRequest, read: (pod: CoreV1Pod) => Reading | undefined): Promise<readonly ObjectValue[]> {
    const names = await this.#namesOf(request)
    return (
      await Promise.all(
        names.map(async (name) => {
          const sum = sumOf((await this.#podsOf(request, name)).map(read).filter((reading) => reading !== undefined))
          return sum === undefined ? [] : [{ name, ...sum }]
        }),
      )
    ).flat()
  }

  async #podsOf({ kind, namespace }: ObjectRequest, name: string): Promise<readonly CoreV1Pod[]> {
    const { view, client } = this.#options
    if (kind.resource === 'pods') return [view.pods.get(`${namespace}/${name}`)].filter((pod) => pod !== undefined)
    if (kind.resource === 'namespaces') return [...view.pods.list()].filter(({ metadata }) => metadata.namespace === name)
    const pods = [...view.pods.list()].filter(({ metadata }) => metadata.namespace === namespace)
    if (kind.resource === 'services') {
      const { spec }: CoreV1Service = await client.get(ServiceKind, { namespace: namespace!, name })
      const selector = Object.keys(spec?.selector ?? {}).length === 0 ? undefined : selectorFromMap(spec?.selector)
      return selector === undefined ? [] : pods.filter(({ metadata }) => matchesLabels(selector, metadata.labels))
    }
    return pods.filter((pod) => {
      const workload = findWorkload(pod, view)
      return workload?.kind === kind.kind.kind && workload.name === name
    })
  }

  /** The names of the objects, sorted; only those that exist when they are found by labels. */
  async #namesOf({ kind, namespace, name, labels }: ObjectRequest): Promise<readonly string[]> {
    if (name !== undefined) return [name]
    const { view, client } = this.#options
    const isWanted = ({ metadata }: { readonly metadata: { readonly namespace?: string; readonly labels?: Record<string, string> } }) =>
      (namespace === undefined || metadata.namespace === namespace) && matchesLabels(labels, metadata.labels)
    const objects =
      kind.resource === 'pods'
        ? [...view.pods.list()].filter(isWanted)
        : kind.resource === 'nodes'
          ? [...view.nodes.list()].filter(isWanted)
          : (await client.list(kind.kind, namespace === undefined ? {} : { namespace })).items.filter(isWanted)
    return objects.map(({ metadata }) => metadata.name!).sort()
  }
}

const podKey = ({ metadata }: CoreV1Pod) => entityKeys.pod(metadata.namespace!, metadata.name!)

/** Names of the catalogue with `_` in place of `/`, as path segments and other metrics APIs want them. */
const rowsByAlias: ReadonlyMap<string, Metric> = new Map(metrics.map((row) => [row.name.replaceAll('/', '_'), row]))

function findRow(name: string): Metric | undefined {
  return rowsByAlias.get(name) ?? findMetric(name)
}

function isOffered({ entity }: DescribedKind, row: Metric): boolean {
  return entity === undefined ? row.isAdditive && row.entities.includes('pod') : row.entities.includes(entity)
}

function sumOf(readings: readonly Reading[]): Reading | undefined {
  const [first] = readings
  if (first === undefined) return undefined
  const sum = { ...first }
  for (const { value, timestamp } of readings.slice(1))
    Object.assign(sum, { value: sum.value + value, timestamp: Math.min(sum.timestamp, timestamp) })
  return sum
}
