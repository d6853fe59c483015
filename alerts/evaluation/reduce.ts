import type { Series } from '../../aggregator/window.ts'
import type { Aggregation } from '../rules/source.ts'

/** The span of samples that an evaluation reads, both ends inclusive. */
export interface Span {
  readonly since: number
  readonly until: number
}

/** What growth over a window is counted from: the last sample before it, if it is not older than this. */
export const lookbackMs = 60_000

/** A window counts as covered when its first sample is at most this share of it late. */
const coverageTolerance = 0.1

/** One value of the samples of one series. */
export interface Reduced {
  readonly value: number
  readonly sampledAt: number
  readonly isCovered: boolean
}

/** The window that ends with the last closed bucket: what lies in the open one may be half there, so it is left out. */
export function closedSpan(now: number, windowMs: number, bucketMs: number): Span {
  const until = Math.floor(now / bucketMs) * bucketMs - 1
  return { since: until - windowMs + 1, until }
}

/** Where the samples of a span lie in a series that may begin before it: from `start` to before `end`. */
export interface Slice {
  readonly start: number
  readonly end: number
  readonly isCovered: boolean
}

/** `undefined` where there are no samples in the span. */
export function sliceOf({ timestamps }: Pick<Series, 'timestamps'>, span: Span): Slice | undefined {
  let start = 0
  while (start < timestamps.length && timestamps[start]! < span.since) start++
  let end = timestamps.length
  while (end > start && timestamps[end - 1]! > span.until) end--
  if (end === start) return undefined
  const tolerance = (span.until - span.since) * coverageTolerance
  return { start, end, isCovered: start > 0 || timestamps[start]! <= span.since + tolerance }
}

/** One value of the samples of a series inside the span, or `undefined` where there are too few. */
export function reduceSeries(aggregation: Aggregation, series: Series, span: Span, isCumulative: boolean): Reduced | undefined {
  const slice = sliceOf(series, span)
  if (slice === undefined) return undefined
  const { start, end, isCovered } = slice
  const value = valueOf(aggregation, series, slice, isCumulative)
  return value === undefined || start === end ? undefined : { value, sampledAt: series.timestamps[end - 1]!, isCovered }
}

function valueOf(aggregation: Aggregation, series: Series, slice: Slice, isCumulative: boolean): number | undefined {
  const { timestamps, values } = series
  const { start, end } = slice
  const from = Math.max(start - 1, 0)
  switch (aggregation) {
    case 'last':
      return values[end - 1]!
    case 'count':
      return end - start
    case 'increase':
    case 'rate': {
      const growth = isCumulative ? countGrowth(values, from, end) : values[end - 1]! - values[from]!
      if (aggregation === 'increase') return growth
      const seconds = (timestamps[end - 1]! - timestamps[from]!) / 1000
      return seconds > 0 ? growth / seconds : undefined
    }
    case 'change':
    case 'change_percent': {
      // A change since the middle of the window is none of the window.
      if (!slice.isCovered) return undefined
      const change = values[end - 1]! - values[from]!
      if (aggregation === 'change') return change
      return values[from] === 0 ? undefined : (change / Math.abs(values[from]!)) * 100
    }
    default:
      return fold(aggregation, values, slice)
  }
}

function fold(aggregation: 'avg' | 'max' | 'min' | 'sum', values: Float64Array, { start, end }: Slice): number {
  let sum = 0
  let max = -Infinity
  let min = Infinity
  for (let index = start; index < end; index++) {
    const value = values[index]!
    sum += value
    if (value > max) max = value
    if (value < min) min = value
  }
  if (aggregation === 'avg') return sum / (end - start)
  return aggregation === 'sum' ? sum : aggregation === 'max' ? max : min
}

/** Growth of a counter that starts again at zero now and then. */
function countGrowth(values: Float64Array, from: number, end: number): number {
  let growth = 0
  for (let index = from + 1; index < end; index++) {
    const delta = values[index]! - values[index - 1]!
    growth += delta >= 0 ? delta : values[index]!
  }
  return growth
}
