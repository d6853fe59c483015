import type { FastifyInstance, FastifyRequest } from 'fastify'
import { metrics } from '../catalog.ts'
import type { Metric } from '../catalog.ts'
import type { CustomSeries, CustomWindow, PodName } from '../custom-window.ts'
import { entityKeys } from '../entity.ts'
import type { MetricWindow, Series } from '../window.ts'
import { entityRoutes, listRoutes, metricOf, namesOf } from './entity-routes.ts'
import type { Names } from './entity-routes.ts'
import { emptyResult, formatResult, sumPerTime } from './metric-results.ts'
import type { MetricResult } from './metric-results.ts'
import { readModelQuery, readStrict, UnknownError } from './query-parameters.ts'
import type { ModelQuery, RawQuery } from './query-parameters.ts'

const root = '/api/v1/model'
/** Before the names of what pods export about themselves. */
const customPrefix = 'custom/'

export interface ModelApiOptions {
  readonly window: MetricWindow
  readonly customWindow: Pick<CustomWindow, 'names' | 'series'>
  /** What is not known is a 404; else, as upstream, an empty answer. */
  readonly isStrict: boolean
}

/**
 * Heapster's model API from the memory window: the same paths and answers, with floats kept and every metric as long as the window. An unknown entity
 * or metric is an empty answer with status 200, as upstream; with `isStrict`, or `strict=true` in a request, it is a 404. Paths of workloads are ours.
 * What a pod exports is `custom/<name>`: with `labels` the series that has them, else the sum of all its series.
 */
export function registerModelApi(server: FastifyInstance, { window, customWindow, isStrict }: ModelApiOptions): void {
  const check = (request: FastifyRequest, key: string) => {
    if (!readStrict(request.query as RawQuery, isStrict)) return
    if (isEmpty(window.entities({ key }))) throw new UnknownError(`there is no ${key} in the window`)
  }
  for (const { path, type, label, labels, parent } of listRoutes) {
    server.get(root + path, (request) => {
      const names = namesOf(request)
      const found = [...window.entities({ type, labels: labels(names) })].map((entity) => entity.labels[label]!)
      if (found.length === 0) check(request, parent(names))
      return [...new Set(found)].sort()
    })
  }
  const answer = (request: FastifyRequest, { key, pod }: Asked, name: string): MetricResult => {
    check(request, key)
    const query = readModelQuery(request.query as RawQuery)
    const metric = metricOf(name)
    if (metric !== undefined) return metricResult(window, key, metric, query)
    const series =
      pod === undefined || !name.startsWith(customPrefix) ? [] : customWindow.series(name.slice(customPrefix.length), pod, query)
    if (series.length === 0 && readStrict(request.query as RawQuery, isStrict))
      throw new UnknownError(`there is no metric ${JSON.stringify(name)}`)
    return customResult(series, query)
  }
  const list = (request: FastifyRequest, { key, pod }: Asked) => {
    check(request, key)
    const exported = pod === undefined ? [] : customWindow.names(pod).map((name) => customPrefix + name)
    return [...metricNames(window, key), ...exported]
  }
  for (const { path, type, key } of entityRoutes) {
    const askedOf = (names: Names): Asked => ({
      key: key(names),
      pod: type === 'pod' ? { namespace: names['namespace']!, pod: names['pod']! } : undefined,
    })
    server.get(`${root}${path}/metrics`, (request) => list(request, askedOf(namesOf(request))))
    server.get(`${root}${path}/metrics/*`, (request) => {
      const names = namesOf(request)
      return names['*'] === '' ? list(request, askedOf(names)) : answer(request, askedOf(names), names['*']!)
    })
  }
  server.get(`${root}/namespaces/:namespace/pod-list/:pods/metrics/*`, (request) => {
    const { namespace = '', pods = '', '*': metric = '' } = namesOf(request)
    const items = pods.split(',').map((pod) => answer(request, { key: entityKeys.pod(namespace, pod), pod: { namespace, pod } }, metric))
    return { items }
  })
  server.get(`${root}/debug/allkeys`, () => [...window.entities({})].map(({ key }) => key).sort())
}

/** What a path names; a pod has metrics of its own besides. */
interface Asked {
  readonly key: string
  readonly pod: PodName | undefined
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

function metricResult(window: MetricWindow, key: string, metric: Metric, { since, until, labels }: ModelQuery): MetricResult {
  const range = { ...(since === undefined ? {} : { since }), ...(until === undefined ? {} : { until }) }
  const wanted = labels === undefined ? undefined : Object.entries(labels)
  for (const series of window.series(metric.name, { key }, range)) {
    if (metric.isLabelled === true && !isWanted(series, wanted)) continue
    return toResult(series, metric)
  }
  return emptyResult
}

function customResult(series: readonly CustomSeries[], { labels: wanted }: ModelQuery): MetricResult {
  const isSame = (labels: Names) =>
    wanted === undefined ||
    (Object.keys(labels).length === Object.keys(wanted).length && Object.entries(wanted).every(([name, value]) => labels[name] === value))
  const samples = series
    .filter(({ labels }) => isSame(labels))
    .flatMap(({ timestamps, values }) => Array.from(timestamps, (timestamp, index) => [timestamp, values[index]!] as const))
  return formatResult(sumPerTime(samples), { valueType: 'float' })
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
