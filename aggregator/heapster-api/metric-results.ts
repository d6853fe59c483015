import type { MetricRow } from '../catalog.ts'

/** Heapster's answer for one metric of one entity. `value` keeps fractions; `floatValue` is there for metrics that are floats. */
export interface MetricResult {
  readonly metrics: readonly { readonly timestamp: string; readonly value: number; readonly floatValue?: number }[]
  readonly latestTimestamp: string
}

/** What Heapster says when there is nothing: Go's zero time. */
export const emptyResult: MetricResult = { metrics: [], latestTimestamp: '0001-01-01T00:00:00Z' }

/** The answer for samples, oldest first. */
export function formatResult(
  samples: readonly (readonly [timestamp: number, value: number])[],
  { valueType }: Pick<MetricRow, 'valueType'>,
): MetricResult {
  const points = samples.map(([timestamp, value]) => ({
    timestamp: formatTime(timestamp),
    ...(valueType === 'int' ? { value: Math.round(value) } : { value, floatValue: value }),
  }))
  return { metrics: points, latestTimestamp: points.at(-1)?.timestamp ?? emptyResult.latestTimestamp }
}

/** The series of a pod's own metric, which are read at the same times, as one: their sum, oldest first. */
export function sumPerTime(samples: Iterable<readonly [timestamp: number, value: number]>): readonly (readonly [number, number])[] {
  const sums = new Map<number, number>()
  for (const [timestamp, value] of samples) sums.set(timestamp, (sums.get(timestamp) ?? 0) + value)
  return [...sums].sort(([a], [b]) => a - b)
}

/** RFC 3339, without the fraction where it is zero. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z')
}
