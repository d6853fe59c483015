import { parseDuration } from '../../api/duration.ts'
import { fromTimestamp } from '../../../lib/clock.ts'
import type { AutoscalingV2CrossVersionObjectReference, AutoscalingV2MetricIdentifier } from '../../api/generated/kinds.ts'
import { formatLabelSelector, selectorFromObject } from '../../api/labels.ts'
import { milliValueOf } from '../../api/quantity.ts'
import type { Client } from '../../client/client.ts'
import { messageOf } from '../refusal.ts'
import { MetricError } from './replica-calculator.plan.ts'
import type { PodSample } from './replica-calculator.plan.ts'

/** Custom metrics that don't state their window are taken as averages over this long, as upstream. */
const defaultWindowMs = 60_000

interface PodMetrics {
  readonly metadata: { readonly name: string }
  readonly timestamp: string
  readonly window: string
  readonly containers: readonly { readonly name: string; readonly usage: Readonly<Record<string, string>> }[]
}

interface MetricValue {
  readonly describedObject: { readonly name: string }
  readonly timestamp: string
  readonly windowSeconds?: number
  readonly value: string
}

/** The metrics APIs as the autoscaler needs them. Values are in thousandths. Every failure is a `MetricError` with upstream's words. */
export interface MetricsClient {
  /** Use of a resource by pod: by one container, or by all together. */
  resource(namespace: string, selector: string, resource: string, container?: string): Promise<ReadonlyMap<string, PodSample>>
  /** A custom metric of each pod. */
  pods(namespace: string, selector: string, metric: AutoscalingV2MetricIdentifier): Promise<ReadonlyMap<string, PodSample>>
  /** A custom metric of one object. */
  object(
    namespace: string,
    object: AutoscalingV2CrossVersionObjectReference,
    resource: string,
    metric: AutoscalingV2MetricIdentifier,
  ): Promise<number>
  /** The values of all series of an external metric. */
  external(namespace: string, metric: AutoscalingV2MetricIdentifier): Promise<readonly number[]>
}

/** A metrics client on the API server's aggregated paths. */
export function createMetricsClient(client: Client): MetricsClient {
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
  return {
    async resource(namespace, selector, resource, container) {
      const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${encodeURIComponent(namespace)}/pods?labelSelector=${encodeURIComponent(selector)}`
      const items = await fetch<PodMetrics>('resource', path)
      return new Map(items.flatMap((item) => toSample(item, resource, container)))
    },
    async pods(namespace, selector, metric) {
      const query = `labelSelector=${encodeURIComponent(selector)}${metricSelector(metric)}`
      const items = await fetch<MetricValue>(
        'custom',
        `/apis/custom.metrics.k8s.io/v1beta2/namespaces/${encodeURIComponent(namespace)}/pods/*/${encodeURIComponent(metric.name)}?${query}`,
      )
      return new Map(
        items.map(({ describedObject, value, timestamp, windowSeconds }) => [
          describedObject.name,
          {
            milli: milliValueOf(value),
            timestamp: fromTimestamp(timestamp) ?? 0,
            windowMs: windowSeconds === undefined ? defaultWindowMs : windowSeconds * 1000,
          },
        ]),
      )
    },
    async object(namespace, object, resource, metric) {
      const path = `/apis/custom.metrics.k8s.io/v1beta2/namespaces/${encodeURIComponent(namespace)}/${resource}/${encodeURIComponent(object.name)}/${encodeURIComponent(metric.name)}?${metricSelector(metric).slice(1)}`
      const items = await fetch<MetricValue>('custom', path)
      if (items.length !== 1) throw new MetricError(`expected exactly one metric of ${object.kind} ${object.name}, got ${items.length}`)
      return milliValueOf(items[0]!.value)
    },
    async external(namespace, metric) {
      const selector = formatLabelSelector(selectorFromObject(metric.selector) ?? [])
      const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${encodeURIComponent(namespace)}/${encodeURIComponent(metric.name)}?labelSelector=${encodeURIComponent(selector)}`
      const items = await fetch<{ readonly value: string }>('external', path)
      return items.map(({ value }) => milliValueOf(value))
    },
  }
}

const metricSelector = ({ selector }: AutoscalingV2MetricIdentifier) =>
  selector === undefined ? '' : `&metricLabelSelector=${encodeURIComponent(formatLabelSelector(selectorFromObject(selector) ?? []))}`

/** A pod counts only when every container that is asked for has the resource. */
function toSample(
  { metadata, timestamp, window, containers }: PodMetrics,
  resource: string,
  container: string | undefined,
): [string, PodSample][] {
  const wanted = container === undefined ? containers : containers.filter(({ name }) => name === container)
  if (wanted.length === 0 || wanted.some(({ usage }) => usage[resource] === undefined)) return []
  const milli = wanted.reduce((sum, { usage }) => sum + milliValueOf(usage[resource]), 0)
  return [[metadata.name, { milli, timestamp: fromTimestamp(timestamp) ?? 0, windowMs: parseDuration(window) ?? 0 }]]
}
