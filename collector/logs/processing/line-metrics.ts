import type { AccountOrigin } from '../accounts.ts'
import type { LogFamily, LogSample } from '../families.ts'
import type { LogOrigin } from '../log-batch.ts'
import type { LogMetricSettings } from '../settings.ts'
import { compilePattern, type Pattern } from './pattern.ts'
import type { Fields } from './parsers.ts'

interface Series {
  readonly labels: Readonly<Record<string, string>>
  count: number
  sum: number
  readonly buckets: Float64Array
}

const maxLabelLength = 128
/** All series of all figures together. */
const maxAllSeries = 20_000
/** Where a label's value comes from when its figure has too many series. */
const overflowValue = 'other'

/** One figure that is made of lines, over all origins that it is made of. */
class LineMetric {
  readonly settings: LogMetricSettings
  readonly #pattern: Pattern | undefined
  readonly #series = new Map<string, Series>()
  readonly #perOrigin = new Map<string, number>()
  readonly #reserve: () => boolean

  constructor(settings: LogMetricSettings, reserve: () => boolean) {
    this.settings = settings
    this.#pattern = settings.pattern === undefined ? undefined : compilePattern(settings.pattern)
    this.#reserve = reserve
  }

  observe(origin: LogOrigin, text: string, fields: Fields | undefined): void {
    const { field, labels } = this.settings
    const groups = this.#pattern?.groups(text)
    if (this.#pattern !== undefined && groups === undefined) return
    const read = (name: string) => groups?.[name] ?? fields?.[name]
    const value = field === undefined ? 1 : Number(read(field))
    if (!Number.isFinite(value) || (this.settings.type === 'counter' && value < 0)) return
    const own: Record<string, string> = {}
    for (const [label, from] of Object.entries(labels)) own[label] = String(read(from) ?? '').slice(0, maxLabelLength)
    const series = this.#seriesOf(origin, own)
    if (series === undefined) return
    series.count++
    series.sum += value
    if (this.settings.type === 'counter') return
    this.settings.buckets.forEach((bound, index) => {
      if (value <= bound) series.buckets[index]!++
    })
  }

  /** An origin of which nothing is read any more takes its series along. */
  forget(origin: AccountOrigin): void {
    const prefix = `${keyOf(origin)}\0`
    for (const key of this.#series.keys()) if (key.startsWith(prefix)) this.#series.delete(key)
    this.#perOrigin.delete(keyOf(origin))
  }

  get size(): number {
    return this.#series.size
  }

  family(): LogFamily {
    const { name, type, help } = this.settings
    const samples = [...this.#series.values()].flatMap((series) => (type === 'counter' ? [counterSample(series)] : this.#histogram(series)))
    return { name, type, help, samples }
  }

  #histogram({ labels, count, sum, buckets }: Series): LogSample[] {
    const bounds = this.settings.buckets.map((bound, index): LogSample => ({
      suffix: '_bucket',
      labels: { ...labels, le: String(bound) },
      value: buckets[index]!,
    }))
    return [
      ...bounds,
      { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: count },
      { suffix: '_sum', labels, value: sum },
      { suffix: '_count', labels, value: count },
    ]
  }

  #seriesOf(origin: LogOrigin, own: Readonly<Record<string, string>>): Series | undefined {
    const place = keyOf(origin)
    const key = `${place}\0${Object.values(own).join('\0')}`
    const known = this.#series.get(key)
    if (known !== undefined) return known
    const count = this.#perOrigin.get(place) ?? 0
    const isOverflow = Object.values(own).length > 0 && Object.values(own).every((value) => value === overflowValue)
    if (count >= this.settings.maxSeries && !isOverflow) {
      return this.#seriesOf(origin, Object.fromEntries(Object.keys(own).map((label) => [label, overflowValue])))
    }
    if (!this.#reserve()) return undefined
    const series: Series = {
      labels: { ...placeOf(origin), ...own },
      count: 0,
      sum: 0,
      buckets: new Float64Array(this.settings.buckets.length),
    }
    this.#series.set(key, series)
    this.#perOrigin.set(place, count + 1)
    return series
  }
}

function counterSample({ labels, sum }: Series): LogSample {
  return { suffix: '', labels, value: sum }
}

/** A pod's container keeps its figures over its restarts. */
function placeOf({ id, namespace, pod, container }: AccountOrigin): Record<string, string> {
  return pod === '' ? { origin: id } : { namespace, pod, container }
}

function keyOf(origin: AccountOrigin): string {
  return Object.values(placeOf(origin)).join('/')
}

/** All figures that are made of lines. */
export class LineMetrics {
  readonly #metrics = new Map<string, LineMetric>()
  #refused = 0

  /** The figure of these settings; those of one name are one figure, as the first to come describes it. */
  of(settings: LogMetricSettings): Pick<LineMetric, 'observe'> {
    const known = this.#metrics.get(settings.name)
    if (known !== undefined) return known
    const metric = new LineMetric(settings, () => {
      const total = [...this.#metrics.values()].reduce((sum, { size }) => sum + size, 0)
      if (total < maxAllSeries) return true
      this.#refused++
      return false
    })
    this.#metrics.set(settings.name, metric)
    return metric
  }

  forget(origin: AccountOrigin): void {
    for (const metric of this.#metrics.values()) metric.forget(origin)
  }

  /** Series that there was no room for. */
  get refused(): number {
    return this.#refused
  }

  families(): readonly LogFamily[] {
    return [...this.#metrics.values()].map((metric) => metric.family())
  }
}
