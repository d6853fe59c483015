import type { CoreV1Pod, CoreV1Service } from '../../orchestrator/api/generated/kinds.ts'
import { CoreV1Service as ServiceKind } from '../../orchestrator/api/generated/kinds.ts'
import { matchesLabels, selectorFromMap } from '../../orchestrator/api/labels.ts'
import type { LabelSelector } from '../../orchestrator/api/labels.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import { findMetric, metrics } from '../catalog.ts'
import type { Metric } from '../catalog.ts'
import { entityKeys } from '../entity.ts'
import type { ClusterView } from '../processors.ts'
import { findWorkload } from '../processors/workload.ts'
import { describedKinds, entityKeyOf } from './described-objects.ts'
import type { DescribedKind } from './described-objects.ts'
import type { Reading, ReadingsRequest, ReadingsSource } from './readings.ts'

export interface ObjectMetricsOptions {
  readonly readings: ReadingsSource
  /** The names of what pods export, as far as they are known here; sorted. */
  readonly exportedNames: () => readonly string[]
  readonly view: ClusterView
  readonly client: Client
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

type Sum = Omit<ObjectValue, 'name'>

/** What pods export can be asked for under this prefix too, so that no name of the catalogue hides it. */
const exportedPrefix = 'custom/'
const maxExportedNames = 1_000

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
    const exported = this.#options.exportedNames().slice(0, maxExportedNames)
    for (const kind of describedKinds)
      if (kind.resource !== 'nodes')
        for (const name of exported) yield { kind, metric: findRow(name) === undefined ? name : `${exportedPrefix}${name}` }
  }

  /** The figures; `undefined` when objects of that kind have no such metric. Objects without a recent figure are left out. */
  async read(request: ObjectRequest): Promise<readonly ObjectValue[] | undefined> {
    const { kind, metric } = request
    const row = findRow(metric)
    if (row !== undefined) return isOffered(kind, row) ? this.#readCatalogue(request, row) : undefined
    if (kind.resource === 'nodes') return undefined
    const name = metric.startsWith(exportedPrefix) ? metric.slice(exportedPrefix.length) : metric
    const values = await this.#sumOverPods(request, { source: 'exported', metric: name })
    return values.length > 0 || this.#options.exportedNames().includes(name) ? values : undefined
  }

  async #readCatalogue(request: ObjectRequest, row: Metric): Promise<readonly ObjectValue[]> {
    const { kind, namespace } = request
    const wanted = { source: 'catalogue', metric: row.name } as const
    if (kind.entity === undefined) return this.#sumOverPods(request, wanted)
    const keysByName = new Map((await this.#namesOf(request)).map((name) => [name, entityKeyOf(kind, namespace, name)!]))
    const labels: Readonly<Record<string, string>> = namespace === undefined ? {} : { namespace_name: namespace }
    const readings = await this.#readingsByKey(request, { ...wanted, type: kind.entity, labels, keys: [...keysByName.values()] })
    return [...keysByName].flatMap(([name, key]) => toValue(name, readings.get(key) ?? []))
  }

  /** For each object the sum over its pods. */
  async #sumOverPods(request: ObjectRequest, wanted: Pick<ReadingsRequest, 'source' | 'metric'>): Promise<readonly ObjectValue[]> {
    const names = await this.#namesOf(request)
    const values = await Promise.all(
      names.map(async (name) => {
        const keys = (await this.#podsOf(request, name)).map(podKey)
        const labels = { namespace_name: request.namespace ?? name }
        const readings = keys.length === 0 ? undefined : await this.#readingsByKey(request, { ...wanted, type: 'pod', labels, keys })
        return { name, parts: keys.flatMap((key) => readings?.get(key) ?? []) }
      }),
    )
    return values.flatMap(({ name, parts }) => toValue(name, parts))
  }

  async #readingsByKey({ series }: ObjectRequest, request: ReadingsRequest): Promise<ReadonlyMap<string, readonly Reading[]>> {
    const readings = await this.#options.readings(request)
    return Map.groupBy(
      readings.filter((reading) => matchesLabels(series, reading.series)),
      ({ key }) => key,
    )
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

/** Of several parts the sum; none where there is no part. */
function toValue(name: string, parts: readonly Sum[]): readonly ObjectValue[] {
  const [first] = parts
  if (first === undefined) return []
  const value = parts.reduce((sum, part) => sum + part.value, 0)
  const timestamp = parts.reduce((earliest, part) => Math.min(earliest, part.timestamp), Infinity)
  return [{ name, value, timestamp, ...(first.windowMs === undefined ? {} : { windowMs: first.windowMs }) }]
}
