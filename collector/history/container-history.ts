import type { Container } from '../container.ts'
import { figureNames, figures } from '../rates.ts'
import type { FigureDefinition, FigureName } from '../rates.ts'
import { encode } from './code.ts'
import { Distribution, Histogram, shapeOfValues } from './distribution.ts'
import type { Shape } from './distribution.ts'
import { Tier } from './tier.ts'

const secondMs = 1000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs

/** Slots of 10 s for an hour and of a minute for a day; before that, the samples themselves. */
const fineStepMs = 10 * secondMs
const fineSlots = 360
const coarseStepMs = minuteMs
const coarseSlots = 1440

/** Distributions cover the blocks that are full and the one that is being filled. */
const hourBlockMs = 5 * minuteMs
const dayBlockMs = 2 * hourMs
const blocks = 12

/** Points of a history at most. */
export const maxPoints = 1500

/** The spans over which percentiles are known. */
export type Period = 'minute' | 'hour' | 'day'

const definitions: readonly FigureDefinition[] = figureNames.map((name) => figures[name])
const scratch = new Float64Array(definitions.length)
const histogram = new Histogram()

/** A figure's course: one value per step, `null` where there was no sample. */
export interface Course {
  readonly mean: readonly (number | null)[]
  readonly max: readonly (number | null)[]
}

/** A container's history between two times. */
export interface HistorySpan {
  readonly startMs: number
  readonly endMs: number
  readonly stepMs: number
  /** Where the points come from: the samples, or averages over this many milliseconds. */
  readonly resolutionMs: number
  /** The beginning of each step. */
  readonly times: readonly number[]
  readonly figures: Readonly<Partial<Record<FigureName, Course>>>
}

/** What a history is asked for. */
export interface HistoryRequest {
  readonly startMs: number
  readonly endMs: number
  /** The least step; it is made larger where there would be too many points, and never finer than what is held. */
  readonly stepMs?: number
  readonly names?: readonly FigureName[]
}

/** A day of one container's ready-made figures, and how they were distributed over hour and day. */
export class ContainerHistory {
  readonly #fine = new Tier({ stepMs: fineStepMs, capacity: fineSlots, figures: definitions.length })
  #coarse: Tier | undefined = new Tier({ stepMs: coarseStepMs, capacity: coarseSlots, figures: definitions.length })
  readonly #hour: (Distribution | undefined)[] = Array.from({ length: definitions.length })
  #day: (Distribution | undefined)[] | undefined = Array.from({ length: definitions.length })
  #lastMs = Number.NEGATIVE_INFINITY

  /** Bytes held, sampled anew with each call. */
  get bytes(): number {
    let total = this.#fine.bytes + (this.#coarse?.bytes ?? 0)
    for (const distribution of this.#hour) total += distribution?.bytes ?? 0
    for (const distribution of this.#day ?? []) total += distribution?.bytes ?? 0
    return total
  }

  /** Whether more than the last hour is held. */
  get hasDay(): boolean {
    return this.#coarse !== undefined
  }

  /** Lets go of all that is older than an hour, for good. */
  dropDay(): void {
    this.#coarse = undefined
    this.#day = undefined
  }

  /** Takes in the samples that came since the last call. */
  record(container: Container): void {
    const { ring } = container
    let ago = 0
    while (ago + 1 < ring.count && ring.timestamp(ago + 1) > this.#lastMs) ago++
    for (; ago >= 0; ago--) {
      const timestampMs = ring.timestamp(ago)
      if (!(timestampMs > this.#lastMs)) continue
      this.#lastMs = timestampMs
      for (let index = 0; index < definitions.length; index++) scratch[index] = definitions[index]!.of(container, ago, 1)
      this.#take(timestampMs)
    }
  }

  #take(timestampMs: number): void {
    this.#fine.add(timestampMs, scratch)
    this.#coarse?.add(timestampMs, scratch)
    const hourBlock = Math.floor(timestampMs / hourBlockMs)
    const dayBlock = Math.floor(timestampMs / dayBlockMs)
    for (let index = 0; index < scratch.length; index++) {
      const value = scratch[index]!
      if (Number.isNaN(value)) continue
      let hour = this.#hour[index]
      if (hour === undefined) {
        // A figure that has always been zero needs no distribution: the tiers know how many zeros there were.
        if (value === 0) continue
        hour = this.#startDistributions(index, timestampMs)
      }
      const code = encode(value)
      hour.add(hourBlock, code)
      this.#day?.[index]?.add(dayBlock, code)
    }
  }

  /** Makes the distributions of a figure that is above zero for the first time. */
  #startDistributions(index: number, timestampMs: number): Distribution {
    const hour = new Distribution(blocks)
    countZeros(hour, this.#fine, index, { timestampMs, blockMs: hourBlockMs })
    this.#hour[index] = hour
    if (this.#day !== undefined && this.#coarse !== undefined) {
      const day = new Distribution(blocks)
      countZeros(day, this.#coarse, index, { timestampMs, blockMs: dayBlockMs })
      this.#day[index] = day
    }
    return hour
  }

  /** The shape of a figure over a period, of all its samples: the minute exactly, hour and day within 0.72 %. */
  shape(container: Container, name: FigureName, period: Period): Shape | undefined {
    if (period === 'minute') return shapeOfMinute(container, name)
    const index = figureNames.indexOf(name)
    const [distribution, tier, blockMs] =
      period === 'hour' ? [this.#hour[index], this.#fine, hourBlockMs] : [this.#day?.[index], this.#coarse, dayBlockMs]
    const oldest = Math.floor(this.#lastMs / blockMs) - blocks
    if (distribution === undefined) {
      const zeros = tier?.aggregate(index, oldest * blockMs, this.#lastMs + 1).count ?? 0
      return zeros === 0 ? undefined : { count: zeros, mean: 0, std: 0, max: 0, p50: 0, p90: 0, p95: 0 }
    }
    histogram.clear()
    distribution.collect(oldest, histogram)
    return histogram.shape()
  }

  /** How much of a period there are samples of, 0 to 100. */
  percentComplete(container: Container, period: Period): number {
    if (period === 'minute') return percentOfMinute(container)
    if (period === 'hour') return Math.floor((this.#fine.filledSlots(fineSlots) / fineSlots) * 100)
    return Math.floor(((this.#coarse?.filledSlots(coarseSlots) ?? 0) / coarseSlots) * 100)
  }

  /** The course of figures between two times, from the finest that reaches back far enough. */
  span(container: Container, { startMs, endMs, stepMs = 0, names = figureNames }: HistoryRequest): HistorySpan {
    const resolutionMs = this.#resolutionFor(container, startMs)
    const least = Math.max(stepMs, resolutionMs, (endMs - startMs) / maxPoints)
    if (resolutionMs === 0) return spanOfSamples(container, { startMs, endMs, stepMs: least, names })
    const step = Math.ceil(least / resolutionMs) * resolutionMs
    const tier = resolutionMs === fineStepMs ? this.#fine : this.#coarse!
    const times: number[] = []
    for (let time = Math.floor(startMs / step) * step; time <= endMs; time += step) times.push(time)
    const courses: Partial<Record<FigureName, Course>> = {}
    for (const name of names) {
      const course = courseOfTier(tier, figureNames.indexOf(name), times, step)
      if (course !== undefined) courses[name] = course
    }
    return { startMs, endMs, stepMs: step, resolutionMs, times, figures: courses }
  }

  /** Where points from `startMs` on come from: 0 for the samples. */
  #resolutionFor({ ring }: Container, startMs: number): number {
    if (startMs >= ring.timestamp(ring.count - 1) || ring.count < ring.capacity) return 0
    if (startMs >= this.#lastMs - hourMs || this.#fine.isWhole || this.#coarse === undefined) return fineStepMs
    return coarseStepMs
  }
}

/** Counts the zeros before the newest sample, which is in the tier already. */
function countZeros(
  distribution: Distribution,
  tier: Tier,
  figure: number,
  { timestampMs, blockMs }: { readonly timestampMs: number; readonly blockMs: number },
): void {
  const newest = Math.floor(timestampMs / blockMs)
  for (let block = newest - blocks; block <= newest; block++) {
    const seen = tier.aggregate(figure, block * blockMs, Math.min((block + 1) * blockMs, timestampMs + 1)).count
    const zeros = block === newest ? seen - 1 : seen
    if (zeros > 0) distribution.add(block, 0, zeros)
  }
}

/** How much of the last minute there are samples of, 0 to 100. */
export function percentOfMinute({ ring }: Container): number {
  let ago = 0
  while (ago + 1 < ring.count && ring.timestamp() - ring.timestamp(ago + 1) <= minuteMs) ago++
  return ago === 0 ? 0 : Math.min(100, Math.round(((ring.timestamp() - ring.timestamp(ago)) / minuteMs) * 100))
}

/** The shape of a figure over the last minute, which needs no history. */
export function shapeOfMinute(container: Container, name: FigureName): Shape | undefined {
  const { ring } = container
  const values: number[] = []
  for (let ago = 0; ago < ring.count && ring.timestamp() - ring.timestamp(ago) < minuteMs; ago++) {
    values.push(figures[name].of(container, ago, 1))
  }
  return shapeOfValues(values)
}

function courseOfTier(tier: Tier, figure: number, times: readonly number[], step: number): Course | undefined {
  const aggregates = times.map((time) => tier.aggregate(figure, time, time + step))
  if (aggregates.every(({ count }) => count === 0)) return undefined
  return { mean: aggregates.map(({ mean }) => orNull(mean)), max: aggregates.map(({ max }) => orNull(max)) }
}

/** From the samples themselves, at their own times; several that are closer than the step become one, at the time of the first. */
function spanOfSamples(
  container: Container,
  {
    startMs,
    endMs,
    stepMs,
    names,
  }: { readonly startMs: number; readonly endMs: number; readonly stepMs: number; readonly names: readonly FigureName[] },
): HistorySpan {
  const { ring } = container
  const groups: { readonly timeMs: number; readonly ages: number[] }[] = []
  for (let ago = ring.count - 1; ago >= 0; ago--) {
    const timeMs = ring.timestamp(ago)
    if (timeMs < startMs || timeMs > endMs) continue
    const last = groups.at(-1)
    // Samples come a little early or late.
    if (last !== undefined && timeMs - last.timeMs < stepMs * 0.95) last.ages.push(ago)
    else groups.push({ timeMs, ages: [ago] })
  }
  const courses: Partial<Record<FigureName, Course>> = {}
  for (const name of names) {
    const shapes = groups.map(({ ages }) => shapeOfValues(ages.map((ago) => figures[name].of(container, ago, 1))))
    if (shapes.every((shape) => shape === undefined)) continue
    courses[name] = { mean: shapes.map((shape) => shape?.mean ?? null), max: shapes.map((shape) => shape?.max ?? null) }
  }
  const times = groups.map(({ timeMs }) => timeMs)
  const step = times.length < 2 ? stepMs : (times.at(-1)! - times[0]!) / (times.length - 1)
  return { startMs, endMs, stepMs: Math.round(step), resolutionMs: 0, times, figures: courses }
}

function orNull(value: number): number | null {
  return Number.isNaN(value) ? null : value
}
