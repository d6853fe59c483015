import { parseDuration } from '../../../api/duration.ts'

/** How much of something is used as time goes by. Times are milliseconds from 0. */
export interface LoadCurve {
  at(ms: number): number
  /** What has been used up to a moment: value × milliseconds. */
  integral(ms: number): number
}

/** Curves by name, as they were recorded. */
export type Traces = ReadonlyMap<string, { readonly cpu: LoadCurve; readonly memory: LoadCurve }>

/** The same at all times. */
export const steady = (value: number): LoadCurve => ({ at: () => value, integral: (ms) => value * ms })

/** From `least` to `most` and back, a cosine of that period that begins at `least`. */
export function wave(least: number, most: number, periodMs: number): LoadCurve {
  const middle = (least + most) / 2
  const half = (most - least) / 2
  const turn = (2 * Math.PI) / periodMs
  return { at: (ms) => middle - half * Math.cos(turn * ms), integral: (ms) => middle * ms - (half / turn) * Math.sin(turn * ms) }
}

/** Each value from its moment on; the first begins at 0. With a period it begins anew each time. */
export function steps(points: readonly { readonly atMs: number; readonly value: number }[], periodMs = Infinity): LoadCurve {
  const used = points.map(() => 0)
  for (let index = 1; index < points.length; index++) {
    const before = points[index - 1]!
    used[index] = used[index - 1]! + before.value * (points[index]!.atMs - before.atMs)
  }
  const indexAt = (ms: number) => {
    let low = 0
    let high = points.length - 1
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if (points[middle]!.atMs <= ms) low = middle
      else high = middle - 1
    }
    return low
  }
  const integralWithin = (ms: number) => {
    const index = indexAt(ms)
    return used[index]! + points[index]!.value * (ms - points[index]!.atMs)
  }
  if (periodMs === Infinity) return { at: (ms) => points[indexAt(ms)]!.value, integral: integralWithin }
  const whole = integralWithin(periodMs)
  return {
    at: (ms) => points[indexAt(ms % periodMs)]!.value,
    integral: (ms) => Math.floor(ms / periodMs) * whole + integralWithin(ms % periodMs),
  }
}

/** What a curve may look like, for messages. */
export const curveForms = '"250m", "100m 30s 800m 2m 100m every 5m" (steps), "wave 100m 900m 10m" (least, most, period) or "trace NAME"'

const maxSteps = 1000

/**
 * Reads a curve: a value; values with the moments between them (`100m 30s 800m`: 800m from 30 s on), with `every 5m` again and again;
 * `wave LEAST MOST PERIOD`; `trace NAME`. `undefined` where the text is none of these.
 */
export function parseLoadCurve(
  text: string,
  readValue: (text: string) => number | undefined,
  traced: (name: string) => LoadCurve | undefined,
): LoadCurve | undefined {
  const words = text.trim().split(/\s+/)
  if (words.length > 2 * maxSteps) return undefined
  if (words[0] === 'trace') return words.length === 2 ? traced(words[1]!) : undefined
  if (words[0] === 'wave') {
    const [least, most, periodMs] = [readValue(words[1] ?? ''), readValue(words[2] ?? ''), parseDuration(words[3] ?? '')]
    const isWhole = words.length === 4 && least !== undefined && most !== undefined && periodMs !== undefined && periodMs > 0
    return isWhole ? wave(least, most, periodMs) : undefined
  }
  return parseSteps(words, readValue)
}

function parseSteps(words: readonly string[], readValue: (text: string) => number | undefined): LoadCurve | undefined {
  const isRepeated = words.at(-2) === 'every'
  const periodMs = isRepeated ? parseDuration(words.at(-1)!) : Infinity
  const points: { atMs: number; value: number }[] = []
  const own = isRepeated ? words.slice(0, -2) : words
  for (let index = 0; index < own.length; index += 2) {
    const atMs = index === 0 ? 0 : parseDuration(own[index - 1]!)
    const value = readValue(own[index]!)
    if (atMs === undefined || value === undefined || (index > 0 && atMs <= points.at(-1)!.atMs)) return undefined
    points.push({ atMs, value })
  }
  if (own.length % 2 === 0 || periodMs === undefined || periodMs <= points.at(-1)!.atMs) return undefined
  return points.length === 1 ? steady(points[0]!.value) : steps(points, periodMs)
}
