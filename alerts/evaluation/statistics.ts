/** The factor that makes the median absolute deviation of a normal distribution its standard deviation. */
const madToDeviation = 1.4826

/** The middle of `values`, which are sorted in place; NaN of none. */
export function medianOf(values: Float64Array): number {
  if (values.length === 0) return Number.NaN
  values.sort()
  const middle = values.length >> 1
  return values.length % 2 === 1 ? values[middle]! : (values[middle - 1]! + values[middle]!) / 2
}

/** What is usual among values. */
export interface Spread {
  readonly median: number
  /** 1.4826 × the median of the distances from the median. */
  readonly deviation: number
}

/** The robust middle and width of `values`, which are reordered. Half of them may be anything without moving either far. */
export function spreadOf(values: Float64Array): Spread {
  const median = medianOf(values)
  const distances = values.map((value) => Math.abs(value - median))
  return { median, deviation: medianOf(distances) * madToDeviation }
}

/** No score is larger: what has never varied makes the least change infinitely unusual. */
const maxScore = 1000

/** Distance of `value` from the median in deviations, of which one is at least `minDeviation`, and that a twentieth of the median if absent. */
export function scoreOf(value: number, { median, deviation }: Spread, minDeviation = Math.abs(median) / 20): number {
  const distance = value - median
  if (distance === 0) return 0
  return Math.max(-maxScore, Math.min(maxScore, distance / Math.max(deviation, minDeviation)))
}

/** A straight line through samples. */
export interface Line {
  /** Per millisecond. */
  readonly slope: number
  /** Where it is at the time of the last sample. */
  readonly end: number
}

/** So many points have 1,770 pairs. */
const maxFitPoints = 60
/** With three samples or more in each part, one that is far off does not move its median. */
const minThinned = 180

/**
 * The Theil–Sen line: the median of the slopes between all pairs of points, at the median height. A quarter of the samples may be anything without
 * turning it. 180 samples and more are thinned to the medians of 60 equal parts of the time. `undefined` for fewer than three points.
 */
export function fitLine(timestamps: Float64Array, values: Float64Array): Line | undefined {
  const points = values.length >= minThinned ? thin(timestamps, values) : { times: timestamps, heights: values }
  const { times, heights } = points
  const count = times.length
  if (count < 3) return undefined
  const slopes = new Float64Array((count * (count - 1)) / 2)
  let used = 0
  for (let left = 0; left < count; left++) {
    for (let right = left + 1; right < count; right++) {
      const span = times[right]! - times[left]!
      if (span > 0) slopes[used++] = (heights[right]! - heights[left]!) / span
    }
  }
  if (used === 0) return undefined
  const slope = medianOf(slopes.subarray(0, used))
  const last = timestamps[timestamps.length - 1]!
  const ends = heights.map((height, index) => height + slope * (last - times[index]!))
  return { slope, end: medianOf(ends) }
}

function thin(timestamps: Float64Array, values: Float64Array): { readonly times: Float64Array; readonly heights: Float64Array } {
  const times = new Float64Array(maxFitPoints)
  const heights = new Float64Array(maxFitPoints)
  const first = timestamps[0]!
  const width = (timestamps[timestamps.length - 1]! - first) / maxFitPoints
  let count = 0
  let from = 0
  for (let part = 1; part <= maxFitPoints; part++) {
    let until = from
    while (until < timestamps.length && (part === maxFitPoints || timestamps[until]! < first + part * width)) until++
    if (until === from) continue
    times[count] = (timestamps[from]! + timestamps[until - 1]!) / 2
    heights[count++] = medianOf(values.slice(from, until))
    from = until
  }
  return { times: times.subarray(0, count), heights: heights.subarray(0, count) }
}
