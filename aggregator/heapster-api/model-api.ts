import type { FastifyInstance } from 'fastify'
import { findMetric, legacyNames, metrics } from '../catalog.ts'
import type { Metric } from '../catalog.ts'
import { entityKeys } from '../entity.ts'
import type { EntityFilter, MetricWindow, Series } from '../window.ts'
import { entityRoutes, namesOf } from './entity-routes.ts'
import type { Names } from './entity-routes.ts'
import { readModelQuery } from './query-parameters.ts'
import type { RawQuery } from './query-parameters.ts'

/** Heapster's answer for one metric of one entity. `value` keeps fractions; `floatValue` is there for metrics that are floats. */
export interface MetricResult {
  readonly metrics: readonly { readonly timestamp: string; readonly value: number; readonly floatValue?: number }[]
  readonly latestTimestamp: string
}

/** What Heapster says when there is nothing: Go's zero time. */
export const emptyResult: MetricResult = { metrics: [], latestTimestamp: '0001-01-01T00:00:00Z' }

/** The lists of names, and which label of which entities is listed. */
const listRoutes: readonly { readonly path: string; readonly label: string; readonly filter: (names: Names) => EntityFilter }[] = [
  { path: '/nodes', label: 'nodename', filter: () => ({ type: 'node' }) },
  {
    path: '/nodes/:node/freecontainers',
    label: 'container_name',
    filter: ({ node }) => ({ type: 'sys_container', labels: { nodename: node! } }),
  },
  { path: '/namespaces', label: 'namespace_name', filter: () => ({ type: 'ns' }) },
  {
    path: '/namespaces/:namespace/pods',
    label: 'pod_name',
    filter: ({ namespace }) => ({ type: 'pod', labels: { namespace_name: namespace! } }),
  },
  {
    path: '/namespaces/:namespace/pods/:pod/containers',
    label: 'container_name',
    filter: ({ namespace, pod }) => ({ type: 'pod_container', labels: { namespace_name: namespace!, pod_name: pod! } }),
  },
]

const root = '/api/v1/model'

/**
 * Heapster's model API from the memory window: the same paths and answers, with floats kept and every metric as long as the window. An
 * unknown entity or metric is an empty answer with status 200, as upstream. Paths of workloads are ours.
 */
export function registerModelApi(server: FastifyInstance, window: MetricWindow): void {
  for (const { path, label, filter } of listRoutes) {
    server.get(root + path, (request) => sortedNames(window, filter(namesOf(request)), label))
  }
  for (const { path, key } of entityRoutes) {
    server.get(`${root}${path}/metrics`, (request) => metricNames(window, key(namesOf(request))))
    server.get(`${root}${path}/metrics/*`, (request) => {
      const names = namesOf(request)
      // A trailing slash belongs to the route, not to the metric's name.
      const metric = names['*']!.replace(/\/$/, '')
      return metric === '' ? metricNames(window, key(names)) : metricResult(window, { key: key(names) }, metric, request.query as RawQuery)
    })
  }
  server.get(`${root}/namespaces/:namespace/pod-list/:pods/metrics/*`, (request) => {
    const { namespace, pods, '*': metric } = namesOf(request)
    const resultOf = (pod: string) => metricResult(window, { key: entityKeys.pod(namespace!, pod) }, metric!, request.query as RawQuery)
    return { items: pods!.split(',').map(resultOf) }
  })
  server.get(`${root}/debug/allkeys`, () => [...window.entities({})].map(({ key }) => key).sort())
}

function sortedNames(window: MetricWindow, filter: EntityFilter, label: string): readonly string[] {
  return [...new Set([...window.entities(filter)].map(({ labels }) => labels[label]!))].sort()
}

function metricNames(window: MetricWindow, key: string): readonly string[] {
  const hasSamples = (metric: Metric) =>
    metric.isLabelled === true ? !isEmpty(window.series(metric.name, { key })) : window.latest(metric.name, key) !== undefined
  return metrics.filter(hasSamples).map(({ name }) => name)
}

function isEmpty(items: Iterable<unknown>): boolean {
  for (const _ of items) return false
  return true
}

function metricResult(window: MetricWindow, filter: EntityFilter, name: string, raw: RawQuery): MetricResult {
  const { since, until, labels } = readModelQuery(raw)
  const metric = findMetric(Object.hasOwn(legacyNames, name) ? legacyNames[name]! : name)
  if (metric === undefined) return emptyResult
  const range = { ...(since === undefined ? {} : { since }), ...(until === undefined ? {} : { until }) }
  const wanted = labels === undefined ? undefined : Object.entries(labels)
  for (const series of window.series(metric.name, filter, range)) {
    if (metric.isLabelled === true && !isWanted(series, wanted)) continue
    return toResult(series, metric)
  }
  return emptyResult
}

/** As upstream: the labels must be the whole label set of the series; without any a labelled metric has no answer. */
function isWanted({ resource }: Series, wanted: readonly (readonly [string, string])[] | undefined): boolean {
  return wanted?.length === 1 && wanted[0]![0] === 'resource_id' && wanted[0]![1] === resource
}

function toResult({ timestamps, values }: Series, metric: Metric): MetricResult {
  return formatResult(
    Array.from(timestamps, (timestamp, index) => [timestamp, values[index]!]),
    metric,
  )
}

/** The answer for samples, oldest first; at least one. */
export function formatResult(samples: readonly (readonly [timestamp: number, value: number])[], { valueType }: Metric): MetricResult {
  const points = samples.map(([timestamp, value]) => ({
    timestamp: formatTime(timestamp),
    ...(valueType === 'int' ? { value: Math.round(value) } : { value, floatValue: value }),
  }))
  return { metrics: points, latestTimestamp: points.at(-1)!.timestamp }
}

/** RFC 3339, without the fraction where it is zero. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z')
}
