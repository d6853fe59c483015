import { parseDuration } from '../../api/duration.ts'
import { fromTimestamp } from '../../../lib/clock.ts'
import type { Clock } from '../../../lib/clock.ts'
import type { AutoscalingV2MetricIdentifier } from '../../api/generated/kinds.ts'
import { formatLabelSelector, selectorFromObject } from '../../api/labels.ts'
import type { Kind } from '../../api/object.ts'
import { milliValueOf } from '../../api/quantity.ts'
import { isNotFound } from '../../api/status-error.ts'
import type { Client } from '../../client/client.ts'
import { messageOf } from '../refusal.ts'
import { MetricError } from './replica-calculator.plan.ts'
import type { PodSample } from './replica-calculator.plan.ts'

/** Custom metrics that don't state their window are taken as averages over this long, as upstream. */
const defaultWindowMs = 60_000

interface PodMetrics {
  readonly metadata: { readonly name: string; readonly namespace: string }
  readonly timestamp: string
  readonly window: string
  readonly containers: readonly { readonly name: string; readonly usage: Readonly<Record<string, string>> }[]
}

interface MetricValue {
  readonly describedObject: { readonly name: string }
  readonly timestamp: string
  readonly windowSeconds?: number
  readonly window?: number
  readonly value: string
}

/** The object that a custom metric is about. */
export interface MeasuredObject {
  readonly namespace: string
  readonly kind: Kind
  readonly name: string
}

/** The metrics APIs as the autoscaler needs them. Values are in thousandths. Every failure is a `MetricError` with upstream's words. */
export interface MetricsClient {
  /** Use of a resource by pod: by one container, or by all together. */
  resource(namespace: string, selector: string, resource: string, container?: string): Promise<ReadonlyMap<string, PodSample>>
  /** A custom metric of each pod. */
  pods(namespace: string, selector: string, metric: AutoscalingV2MetricIdentifier): Promise<ReadonlyMap<string, PodSample>>
  /** A custom metric of one object. A namespace's is always that of the autoscaler's own, as upstream. */
  object(object: MeasuredObject, metric: AutoscalingV2MetricIdentifier): Promise<number>
  /** The values of all series of an external metric. */
  external(namespace: string, metric: AutoscalingV2MetricIdentifier): Promise<readonly number[]>
}

const customGroup = 'custom.metrics.k8s.io'
const customVersions = ['v1beta2', 'v1beta1']
/** How long a server's choice of versions is believed, as upstream. */
const versionKeptMs = 600_000
const segment = encodeURIComponent

/** A metrics client on the API server's aggregated paths. */
export function createMetricsClient(client: Client, clock: Clock): MetricsClient {
  const fetch = async <T>(api: string, path: string): Promise<readonly T[]> => {
    let items: readonly T[]
    try {
      items = (await client.raw<{ readonly items: readonly T[] }>(path)).items
    } catch (error) {
      throw new MetricError(`unable to fetch metrics from ${api} metrics API: ${messageOf(error)}`)
    }
    if (items.length === 0) throw new MetricError(`no metrics returned from ${api} metrics API`)
    return items
  }
  const findCustomVersion = createVersionFinder(client, clock)
  const fetchCustom = async (path: string): Promise<readonly MetricValue[]> => {
    const version = await findCustomVersion()
    return fetch<MetricValue>('custom', `/apis/${customGroup}/${version}/${path}`)
  }
  return {
    async resource(namespace, selector, resource, container) {
      const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${segment(namespace)}/pods?labelSelector=${segment(selector)}`
      const items = await fetch<PodMetrics>('resource', path)
      return new Map(items.flatMap((item) => toSample(item, resource, container)))
    },
    async pods(namespace, selector, metric) {
      const query = `labelSelector=${segment(selector)}${metricSelector(metric)}`
      const items = await fetchCustom(`namespaces/${segment(namespace)}/pods/*/${segment(metric.name)}?${query}`)
      return new Map(items.map((item) => [item.describedObject.name, sampleOf(item)]))
    },
    async object({ namespace, kind, name }, metric) {
      const resource = kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`
      const object = kind.group === '' && kind.kind === 'Namespace' ? 'metrics' : `${resource}/${segment(name)}`
      const query = metricSelector(metric).slice(1)
      const items = await fetchCustom(`namespaces/${segment(namespace)}/${object}/${segment(metric.name)}?${query}`)
      if (items.length !== 1) throw new MetricError(`expected exactly one metric of ${kind.kind} ${name}, got ${items.length}`)
      return milliValueOf(items[0]!.value)
    },
    async external(namespace, metric) {
      const selector = formatLabelSelector(selectorFromObject(metric.selector) ?? [])
      const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${segment(namespace)}/${segment(metric.name)}?labelSelector=${segment(selector)}`
      const items = await fetch<{ readonly value: string }>('external', path)
      return items.map(({ value }) => milliValueOf(value))
    },
  }
}

/** The version of custom metrics to ask for: the server's preferred one of those that are understood here. */
function createVersionFinder(client: Client, clock: Clock): () => Promise<string> {
  let known: { readonly version: string; readonly until: number } | undefined
  return async () => {
    if (known !== undefined && known.until > clock.monotonic()) return known.version
    let group: ApiGroup
    try {
      group = await client.raw<ApiGroup>(`/apis/${customGroup}`)
    } catch (error) {
      const why = isNotFound(error) ? `no custom metrics API (${customGroup}) registered` : messageOf(error)
      throw new MetricError(`unable to fetch metrics from custom metrics API: ${why}`)
    }
    const offered = [group.preferredVersion?.version, ...group.versions.map(({ version }) => version)]
    const version = offered.find((candidate) => candidate !== undefined && customVersions.includes(candidate))
    if (version === undefined) throw new MetricError(`no custom metrics API (${customGroup}) registered in a version that is known here`)
    known = { version, until: clock.monotonic() + versionKeptMs }
    return version
  }
}

interface ApiGroup {
  readonly versions: readonly { readonly version: string }[]
  readonly preferredVersion?: { readonly version: string }
}

/** The two versions name the window differently. */
function sampleOf({ value, timestamp, windowSeconds, window }: MetricValue): PodSample {
  const seconds = windowSeconds ?? window
  return {
    milli: milliValueOf(value),
    timestamp: fromTimestamp(timestamp) ?? 0,
    windowMs: seconds === undefined ? defaultWindowMs : seconds * 1000,
  }
}

const metricSelector = ({ selector }: AutoscalingV2MetricIdentifier) =>
  selector === undefined ? '' : `&metricLabelSelector=${segment(formatLabelSelector(selectorFromObject(selector) ?? []))}`

/** A pod counts only when every container that is asked for has the resource. */
function toSample(
  { metadata, timestamp, window, containers }: PodMetrics,
  resource: string,
  container: string | undefined,
): [string, PodSample][] {
  const wanted = container === undefined ? containers : containers.filter(({ name }) => name === container)
  if (container !== undefined && wanted.length === 0) {
    const place = `${metadata.namespace}/${metadata.name}`
    throw new MetricError(`failed to get container metrics: container ${container} not present in metrics for pod ${place}`)
  }
  if (wanted.length === 0 || wanted.some(({ usage }) => usage[resource] === undefined)) return []
  const milli = wanted.reduce((sum, { usage }) => sum + milliValueOf(usage[resource]), 0)
  return [[metadata.name, { milli, timestamp: fromTimestamp(timestamp) ?? 0, windowMs: parseDuration(window) ?? 0 }]]
}
