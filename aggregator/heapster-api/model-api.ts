import type { FastifyInstance, FastifyRequest } from 'fastify'
import { metrics } from '../catalog.ts'
import type { Metric } from '../catalog.ts'
import { entityKeys } from '../entity.ts'
import type { MetricWindow, Series } from '../window.ts'
import { entityRoutes, listRoutes, metricOf, namesOf } from './entity-routes.ts'
import { emptyResult, formatResult } from './metric-results.ts'
import type { MetricResult } from './metric-results.ts'
import { readModelQuery, readStrict, UnknownError } from './query-parameters.ts'
import type { RawQuery } from './query-parameters.ts'

const root = '/api/v1/model'

/**
 * Heapster's model API from the memory window: the same paths and answers, with floats kept and every metric as long as the window. An unknown entity
 * or metric is an empty answer with status 200, as upstream; with `isStrict`, or `strict=true` in a request, it is a 404. Paths of workloads are ours.
 */
export function registerModelApi(server: FastifyInstance, window: MetricWindow, isStrict: boolean): void {
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
  const answer = (request: FastifyRequest, key: string, name: string): MetricResult => {
    check(request, key)
    const metric = metricOf(name)
    if (metric === undefined && readStrict(request.query as RawQuery, isStrict))
      throw new UnknownError(`there is no metric ${JSON.stringify(name)}`)
    return metricResult(window, key, metric, request.query as RawQuery)
  }
  const list = (request: FastifyRequest, key: string) => {
    check(request, key)
    return metricNames(window, key)
  }
  for (const { path, key } of entityRoutes) {
    server.get(`${root}${path}/metrics`, (request) => list(request, key(namesOf(request))))
    server.get(`${root}${path}/metrics/*`, (request) => {
      const names = namesOf(request)
      return names['*'] === '' ? list(request, key(names)) : answer(request, key(names), names['*']!)
    })
  }
  server.get(`${root}/namespaces/:namespace/pod-list/:pods/metrics/*`, (request) => {
    const { namespace, pods, '*': metric } = namesOf(request)
    return { items: pods!.split(',').map((pod) => answer(request, entityKeys.pod(namespace!, pod), metric!)) }
  })
  server.get(`${root}/debug/allkeys`, () => [...window.entities({})].map(({ key }) => key).sort())
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

function metricResult(window: MetricWindow, key: string, metric: Metric | undefined, raw: RawQuery): MetricResult {
  const { since, until, labels } = readModelQuery(raw)
  if (metric === undefined) return emptyResult
  const range = { ...(since === undefined ? {} : { since }), ...(until === undefined ? {} : { until }) }
  const wanted = labels === undefined ? undefined : Object.entries(labels)
  for (const series of window.series(metric.name, { key }, range)) {
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
