import type { FastifyInstance } from 'fastify'
import { findMetric } from '../catalog.ts'
import type { Metric } from '../catalog.ts'
import type { HistoryFunction, HistoryRequest, HistoryRow, InfluxHistory } from '../influx/history.ts'
import { entityRoutes, namesOf } from './entity-routes.ts'
import type { Names } from './entity-routes.ts'
import { emptyResult, formatResult, formatTime } from './model-api.ts'
import { QueryError, readBucket, readModelQuery } from './query-parameters.ts'
import type { RawQuery } from './query-parameters.ts'

const root = '/api/v1/historical'
const maxBuckets = 100_000

/** Upstream's names of aggregations, and what they are to InfluxDB. */
const aggregations: Readonly<Record<string, HistoryFunction>> = {
  average: 'mean',
  max: 'max',
  min: 'min',
  median: 'median',
  count: 'count',
  '50-perc': 'percentile50',
  '95-perc': 'percentile95',
  '99-perc': 'percentile99',
}

/** Where upstream's answer has the value of a function; percentiles go into a map of their own. */
const fields: Readonly<Partial<Record<HistoryFunction, string>>> = { mean: 'average', max: 'maximum', min: 'minimum', median: 'median' }
const percentiles: Readonly<Partial<Record<HistoryFunction, string>>> = { percentile50: '50', percentile95: '95', percentile99: '99' }

/**
 * Heapster's historical API from InfluxDB: `…/metrics/{m}` gives points, `…/metrics-aggregated/{a,b}/{m}` aggregations per `bucket`. `start` is
 * required. Routes by the uid of a pod are not there: a uid is no tag.
 */
export function registerHistoricalApi(server: FastifyInstance, history: InfluxHistory, now: () => number): void {
  const answerPoints = async (tags: Names, metric: string, query: RawQuery) => {
    const found = readRequest(tags, metric, { query, now: now() })
    const rows = found === undefined ? [] : await history.points(found.request)
    return rows.length === 0 ? emptyResult : formatResult(rows as readonly [number, number][], found!.metric)
  }
  const answerBuckets = async (tags: Names, { list, metric }: { readonly list: string; readonly metric: string }, query: RawQuery) => {
    const functions = readAggregations(list)
    const bucketMs = readBucket(query)
    const found = readRequest(tags, metric, { query, now: now() })
    if (found === undefined) return { buckets: [], bucketSize: 0 }
    const { since, until } = found.request
    if (bucketMs !== undefined && (until - since) / bucketMs > maxBuckets) {
      throw new QueryError(`bucket: the range has more than ${maxBuckets} buckets of this size`)
    }
    const rows = await history.buckets(found.request, functions, bucketMs)
    return {
      buckets: rows.map((row) => formatBucket(row, functions, found)),
      // Upstream counts in nanoseconds.
      bucketSize: (bucketMs ?? until - since) * 1e6,
    }
  }
  for (const { path, tags } of entityRoutes) {
    server.get(`${root}${path}/metrics/*`, (request) => {
      const names = namesOf(request)
      return answerPoints(tags(names), names['*']!, request.query as RawQuery)
    })
    server.get(`${root}${path}/metrics-aggregated/:list/*`, (request) => {
      const names = namesOf(request)
      return answerBuckets(tags(names), { list: names['list']!, metric: names['*']! }, request.query as RawQuery)
    })
  }
  const podTags = (names: Names, pod: string) => ({ type: 'pod', namespace_name: names['namespace']!, pod_name: pod })
  server.get(`${root}/namespaces/:namespace/pod-list/:pods/metrics/*`, async (request) => {
    const names = namesOf(request)
    const results = names['pods']!.split(',').map((pod) => answerPoints(podTags(names, pod), names['*']!, request.query as RawQuery))
    return { items: await Promise.all(results) }
  })
  server.get(`${root}/namespaces/:namespace/pod-list/:pods/metrics-aggregated/:list/*`, async (request) => {
    const names = namesOf(request)
    const asked = { list: names['list']!, metric: names['*']! }
    const results = names['pods']!.split(',').map((pod) => answerBuckets(podTags(names, pod), asked, request.query as RawQuery))
    return { items: await Promise.all(results) }
  })
}

interface FoundRequest {
  readonly request: HistoryRequest
  readonly metric: Metric
}

/** `undefined` where there can be no answer: no such metric, or a labelled one without its label. */
function readRequest(
  tags: Names,
  name: string,
  { query, now }: { readonly query: RawQuery; readonly now: number },
): FoundRequest | undefined {
  const { since, until, labels } = readModelQuery(query)
  if (since === undefined) throw new QueryError('start: required, an RFC 3339 time such as "2026-01-02T15:04:05Z"')
  const metric = findMetric(name)
  if (metric === undefined) return undefined
  const resource = Object.keys(labels ?? {}).length === 1 ? labels?.['resource_id'] : undefined
  if (metric.isLabelled === true && resource === undefined) return undefined
  const allTags = resource === undefined ? tags : { ...tags, resource_id: resource }
  return { request: { metric: metric.name, tags: allTags, since, until: until ?? now }, metric }
}

function readAggregations(text: string): readonly HistoryFunction[] {
  return text.split(',').map((name) => {
    if (!Object.hasOwn(aggregations, name)) {
      throw new QueryError(`aggregation: ${JSON.stringify(name.slice(0, 100))} is not one of ${Object.keys(aggregations).join(', ')}`)
    }
    return aggregations[name]!
  })
}

function formatBucket(
  [timestamp, ...values]: HistoryRow,
  functions: readonly HistoryFunction[],
  { request, metric }: FoundRequest,
): object {
  const bucket: Record<string, unknown> = { timestamp: formatTime(timestamp === 0 ? request.since : timestamp) }
  const perPercentile: Record<string, object> = {}
  for (const [index, name] of functions.entries()) {
    const value = values[index]
    if (value === null || value === undefined) continue
    const formatted = metric.valueType === 'int' && name !== 'mean' ? { intValue: Math.round(value) } : { floatValue: value }
    if (name === 'count') bucket['count'] = value
    else if (percentiles[name] !== undefined) perPercentile[percentiles[name]] = formatted
    else bucket[fields[name]!] = formatted
  }
  return Object.keys(perPercentile).length === 0 ? bucket : { ...bucket, percentiles: perPercentile }
}
