import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { HistoryFunction, HistoryMetric, HistoryRequest, HistoryRow, InfluxHistory } from '../influx/history.ts'
import type { EntityType } from '../window.ts'
import { entityRoutes, listRoutes, metricOf, namesOf } from './entity-routes.ts'
import type { Names } from './entity-routes.ts'
import { emptyResult, formatResult, formatTime, sumPerTime } from './metric-results.ts'
import type { MetricResult } from './metric-results.ts'
import { QueryError, readBucket, readModelQuery } from './query-parameters.ts'
import type { RawQuery } from './query-parameters.ts'

const root = '/api/v1/historical'
const maxBuckets = 100_000
const maxPods = 1000
const queriesAtOnce = 8

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

/** An entity as InfluxDB knows it, and the time (ms) for which the name in the request was its. */
interface Target {
  readonly type: EntityType
  readonly tags: Names
  readonly since: number
  readonly until: number
}

/** Finds what a request is about; `undefined` where nobody knows. */
type FindTarget = (names: Names) => Promise<Target | undefined>

/**
 * Heapster's historical API from InfluxDB: `…/metrics/{m}` gives points, `…/metrics-aggregated/{a,b}/{m}` aggregations per `bucket`, `…/metrics` what
 * there is, and the lists of names of the model API. `start` is required for values. `pod-id` routes take the uid of a pod, living or gone.
 */
export function registerHistoricalApi(server: FastifyInstance, history: InfluxHistory, now: () => number): void {
  const reader = new HistoryReader(history, now)
  for (const { path, type, label, labels } of listRoutes) {
    server.get(root + path, (request) => history.names(label, type, labels(namesOf(request))))
  }
  const register = (path: string, find: FindTarget) => {
    const list = async (request: FastifyRequest) => {
      const target = await find(namesOf(request))
      return target === undefined ? [] : history.metricNames(target.type, { type: target.type, ...target.tags })
    }
    server.get(`${root}${path}/metrics`, list)
    server.get(`${root}${path}/metrics/*`, async (request) => {
      const names = namesOf(request)
      return names['*'] === '' ? list(request) : reader.points(() => find(names), names['*']!, request.query as RawQuery)
    })
    server.get(`${root}${path}/metrics-aggregated/:list/*`, (request) => {
      const names = namesOf(request)
      return reader.buckets(() => find(names), { list: names['list']!, metric: names['*']! }, request.query as RawQuery)
    })
  }
  const registerMany = (path: string, finders: (names: Names) => readonly (() => Promise<Target | undefined>)[]) => {
    server.get(`${root}${path}/metrics/*`, async (request) => {
      const names = namesOf(request)
      return { items: await mapInTurns(finders(names), (find) => reader.points(find, names['*']!, request.query as RawQuery)) }
    })
    server.get(`${root}${path}/metrics-aggregated/:list/*`, async (request) => {
      const names = namesOf(request)
      const wanted = { list: names['list']!, metric: names['*']! }
      return { items: await mapInTurns(finders(names), (find) => reader.buckets(find, wanted, request.query as RawQuery)) }
    })
  }
  for (const { path, type, labels } of entityRoutes) register(path, async (names) => ({ type, tags: labels(names), ...always }))
  const byUid = async (uid: string, container?: string): Promise<Target | undefined> => {
    const found = await history.findPod(uid)
    if (found === undefined) return undefined
    const { namespace, pod, since, until } = found
    const tags = { namespace_name: namespace, pod_name: pod }
    return container === undefined
      ? { type: 'pod', tags, since, until }
      : { type: 'pod_container', tags: { ...tags, container_name: container }, since, until }
  }
  register('/pod-id/:uid', ({ uid }) => byUid(uid!))
  register('/pod-id/:uid/containers/:container', ({ uid, container }) => byUid(uid!, container))
  registerMany('/pod-id-list/:uids', ({ uids }) => splitList(uids!).map((uid) => () => byUid(uid)))
  registerMany('/namespaces/:namespace/pod-list/:pods', ({ namespace, pods }) =>
    splitList(pods!).map((pod) => async () => ({ type: 'pod', tags: { namespace_name: namespace!, pod_name: pod }, ...always })),
  )
}

/** The results in order; a few at a time, so that one request does not take InfluxDB for itself. */
async function mapInTurns<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = []
  for (let at = 0; at < items.length; at += queriesAtOnce) {
    results.push(...(await Promise.all(items.slice(at, at + queriesAtOnce).map(work))))
  }
  return results
}

const always = { since: -Infinity, until: Infinity }

function splitList(text: string): readonly string[] {
  const items = text.split(',')
  if (items.length > maxPods) throw new QueryError(`${items.length} pods in one request; at most ${maxPods} are allowed`)
  return items
}

/** Reads values of a target out of the history, in the words of the API. */
class HistoryReader {
  readonly #history: InfluxHistory
  readonly #now: () => number

  constructor(history: InfluxHistory, now: () => number) {
    this.#history = history
    this.#now = now
  }

  async points(find: () => Promise<Target | undefined>, metric: string, query: RawQuery): Promise<MetricResult> {
    const asked = readRequest(metric, query, this.#now())
    const request = asked === undefined ? undefined : clip(asked, await find())
    if (asked === undefined || request === undefined) return emptyResult
    const points = (await this.#history.points(request)) as readonly (readonly [number, number])[]
    return formatResult(asked.metric.isCustom === true ? sumPerTime(points) : points, request.metric)
  }

  async buckets(
    find: () => Promise<Target | undefined>,
    { list, metric }: { readonly list: string; readonly metric: string },
    query: RawQuery,
  ): Promise<object> {
    const functions = readAggregations(list)
    const bucketMs = readBucket(query)
    const asked = readRequest(metric, query, this.#now())
    // Upstream counts in nanoseconds.
    const bucketSize = (bucketMs ?? (asked === undefined ? 0 : asked.until - asked.since)) * 1e6
    const request = asked === undefined ? undefined : clip(asked, await find())
    if (request === undefined) return { buckets: [], bucketSize }
    const { since, until } = request
    if (bucketMs !== undefined && (until - since) / bucketMs > maxBuckets) {
      throw new QueryError(`bucket: the range has more than ${maxBuckets} buckets of this size`)
    }
    const rows = await this.#history.buckets(request, functions, bucketMs)
    return { buckets: rows.map((row) => formatBucket(row, functions, request)), bucketSize }
  }
}

/** `undefined` where there can be no answer: no such metric, or a labelled one without its label. */
function readRequest(name: string, query: RawQuery, now: number): (HistoryRequest & { readonly metric: AskedMetric }) | undefined {
  const { since, until, labels } = readModelQuery(query)
  if (since === undefined) throw new QueryError('start: required, an RFC 3339 time such as "2026-01-02T15:04:05Z"')
  const metric: AskedMetric | undefined = metricOf(name) ?? customMetric(name)
  if (metric === undefined) return undefined
  const resource = Object.keys(labels ?? {}).length === 1 ? labels?.['resource_id'] : undefined
  if (metric.isLabelled === true && resource === undefined) return undefined
  for (const label of Object.keys(labels ?? {})) {
    if (!/^[a-zA-Z_][a-zA-Z0-9_]{0,255}$/.test(label))
      throw new QueryError(`labels: ${JSON.stringify(label.slice(0, 100))} is not a name of a label`)
  }
  // What tells the series of a pod's own metric apart are labels of its own.
  const tags = metric.isCustom === true ? (labels ?? {}) : resource === undefined ? {} : { resource_id: resource }
  return { metric, tags, since, until: until ?? now }
}

interface AskedMetric extends HistoryMetric {
  readonly isLabelled?: true
  readonly isCustom?: true
}

function customMetric(name: string): AskedMetric | undefined {
  return /^custom\/[a-zA-Z_:][a-zA-Z0-9_:]{0,255}$/.test(name) ? { name, type: 'gauge', valueType: 'float', isCustom: true } : undefined
}

/** The part of what was asked in which the name was the target's. */
function clip(asked: HistoryRequest, target: Target | undefined): HistoryRequest | undefined {
  if (target === undefined) return undefined
  const since = Math.max(asked.since, target.since)
  const until = Math.min(asked.until, target.until)
  return since > until ? undefined : { metric: asked.metric, tags: { ...asked.tags, type: target.type, ...target.tags }, since, until }
}

function readAggregations(text: string): readonly HistoryFunction[] {
  return [...new Set(text.split(','))].map((name) => {
    if (!Object.hasOwn(aggregations, name)) {
      throw new QueryError(`aggregation: ${JSON.stringify(name.slice(0, 100))} is not one of ${Object.keys(aggregations).join(', ')}`)
    }
    return aggregations[name]!
  })
}

function formatBucket(
  [timestamp, ...values]: HistoryRow,
  functions: readonly HistoryFunction[],
  { metric, since }: HistoryRequest,
): object {
  const bucket: Record<string, unknown> = { timestamp: formatTime(timestamp === 0 ? since : timestamp) }
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
