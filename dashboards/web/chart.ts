import type { MetricName } from '../../aggregator/catalog.ts'
import { findMetric } from '../../aggregator/catalog.ts'
import type { MetricWindow, Series } from '../../aggregator/window.ts'
import type { ChartLine } from './model.ts'

/** More points than a chart has pixels are of no use to anybody. */
const maxPoints = 720

/** What a chart asks for. */
export interface ChartRequest {
  readonly key: string
  readonly metrics: readonly MetricName[]
  readonly since: number
}

/** A request that cannot be answered; the message names parameter, value and what is allowed. */
export class ChartRequestError extends Error {
  readonly code = 'CHART_REQUEST'
}

/** Checks the query of `/api/series`. Throws `ChartRequestError`. */
export function parseChartRequest(query: Readonly<Record<string, unknown>>, now: number): ChartRequest {
  const { key, metrics, minutes = '60' } = query
  if (typeof key !== 'string' || key === '') throw new ChartRequestError('key: missing; it is the key of an entity, e.g. node:NAME')
  if (typeof metrics !== 'string' || metrics === '')
    throw new ChartRequestError('metrics: missing; it is a list of metric names with commas between them')
  const names = metrics.split(',')
  const unknown = names.find((name) => findMetric(name) === undefined)
  if (unknown !== undefined) throw new ChartRequestError(`metrics: ${JSON.stringify(unknown)} is not in the catalogue`)
  const span = Number(minutes)
  if (!(span > 0 && span <= 24 * 60)) throw new ChartRequestError(`minutes: ${JSON.stringify(minutes)} is not a number from 0 to 1440`)
  return { key, metrics: names as MetricName[], since: now - span * 60_000 }
}

/** The lines of a chart, thinned to what a screen can show: each bucket keeps its largest value, so that no spike is lost. */
export function chartLines(window: MetricWindow, request: ChartRequest): ChartLine[] {
  return request.metrics.flatMap((metric) =>
    [...window.series(metric, { key: request.key }, { since: request.since })]
      .filter(isTelling)
      .map(({ resource, timestamps, values }) => ({
        metric,
        ...(resource === undefined ? {} : { resource }),
        ...thin(timestamps, values),
      })),
  )
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
