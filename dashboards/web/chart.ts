import { findMetric, type Metric, type MetricName } from '../../aggregator/catalog.ts'
import type { MetricWindow, Series } from '../../aggregator/window.ts'
import type { ChartLine } from './model.ts'

/** More points than a chart has pixels are of no use to anybody. */
const maxPoints = 720
const minStepMs = 10_000

/** What is asked of a database for times before the memory window. */
export interface HistoryRequest {
  readonly metric: Metric
  readonly tags: Readonly<Record<string, string>>
  readonly since: number
  readonly until: number
  /** One value, the largest, for each of these spans. */
  readonly stepMs: number
}
export type ReadHistory = (request: HistoryRequest) => Promise<readonly (readonly [timestamp: number, value: number | null])[]>

/** What a chart asks for. A metric of several resources (file systems, devices) is asked for as `name@resource`. */
interface ChartRequest {
  readonly key: string
  readonly lines: readonly { readonly metric: MetricName; readonly resource: string | undefined }[]
  readonly since: number
}

/** A request that cannot be answered; the message names parameter, value and what is allowed. */
export class ChartRequestError extends Error {
  readonly code = 'CHART_REQUEST'
}

const maxMinutes = 7 * 24 * 60
const maxLines = 20

/** Checks the query of `/api/series`. Throws `ChartRequestError`. */
export function parseChartRequest(query: Readonly<Record<string, unknown>>, now: number): ChartRequest {
  const { key, metrics, minutes = '60' } = query
  if (typeof key !== 'string' || key === '') throw new ChartRequestError('key: missing; it is the key of an entity, e.g. node:NAME')
  if (typeof metrics !== 'string' || metrics === '')
    throw new ChartRequestError('metrics: missing; it is a list of metric names with commas between them')
  const names = metrics.split(',')
  if (names.length > maxLines) throw new ChartRequestError(`metrics: ${names.length} are more than ${maxLines}`)
  const lines = names.map((name) => {
    const [metric = '', resource] = name.split('@', 2)
    const row = findMetric(metric)
    if (row === undefined) throw new ChartRequestError(`metrics: ${JSON.stringify(metric)} is not in the catalogue`)
    return { metric: row.name, resource }
  })
  const span = Number(minutes)
  if (!(span > 0 && span <= maxMinutes))
    throw new ChartRequestError(`minutes: ${JSON.stringify(minutes)} is not a number from 0 to ${maxMinutes}`)
  return { key, lines, since: now - span * 60_000 }
}

/** The lines of a chart, thinned to what a screen can show: each bucket keeps its largest value, so that no spike is lost. */
export async function chartLines(
  window: MetricWindow,
  request: ChartRequest,
  past: { readonly read: ReadHistory | undefined; readonly now: number },
): Promise<ChartLine[]> {
  const { key, lines, since } = request
  const found = await Promise.all(
    lines.map(async ({ metric, resource }) => {
      const recent = [...window.series(metric, { key }, { since })].find((series) => resource === undefined || series.resource === resource)
      if (recent === undefined || !isTelling(recent)) return undefined
      const line = { metric, ...(recent.resource === undefined ? {} : { resource: recent.resource }) }
      const before = await readBefore(recent, { since, ...past })
      const thinned = thin(recent.timestamps, recent.values)
      return { ...line, times: [...before.times, ...thinned.times], values: [...before.values, ...thinned.values] }
    }),
  )
  return found.filter((line) => line !== undefined)
}

/** What lies between `since` and the first recent sample, as far as the database has it. A database that fails is no reason to show nothing. */
async function readBefore(
  { entity, metric, resource, timestamps }: Series,
  { since, read, now }: { readonly since: number; readonly read: ReadHistory | undefined; readonly now: number },
): Promise<{ times: number[]; values: number[] }> {
  const stepMs = Math.max(minStepMs, Math.ceil((now - since) / maxPoints))
  const until = (timestamps[0] ?? now) - 1
  if (read === undefined || until - since < stepMs) return { times: [], values: [] }
  const names = ['type', 'nodename', 'namespace_name', 'pod_name', 'container_name', 'workload_kind', 'workload_name', 'monitor_name']
  // A node's name is no part of what a pod is: it may have been on another one.
  const own = names.filter((name) => entity.labels[name] !== undefined && (name !== 'nodename' || entity.labels['pod_name'] === undefined))
  const tags = Object.fromEntries(own.map((name) => [name, entity.labels[name]!]))
  const rows = await read({
    metric: findMetric(metric)!,
    tags: resource === undefined ? tags : { ...tags, resource_id: resource },
    since,
    until,
    stepMs,
  }).catch(() => [])
  const known = rows.filter(([, value]) => value !== null)
  return { times: known.map(([time]) => time), values: known.map(([, value]) => value!) }
}

/** A request or limit of zero is none at all, and no line. */
function isTelling({ metric, values }: Series): boolean {
  return !/\/(request|limit)$/.test(metric) || values.some((value) => value !== 0)
}

function thin(timestamps: Float64Array, values: Float64Array): { times: number[]; values: number[] } {
  const step = Math.max(1, Math.ceil(timestamps.length / maxPoints))
  const thinned = { times: [] as number[], values: [] as number[] }
  for (let start = 0; start < timestamps.length; start += step) {
    let best = start
    for (let index = start + 1; index < Math.min(start + step, timestamps.length); index++) if (values[index]! > values[best]!) best = index
    thinned.times.push(timestamps[best]!)
    thinned.values.push(values[best]!)
  }
  return thinned
}
