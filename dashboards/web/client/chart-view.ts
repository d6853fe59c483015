import { h } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import UPlot from 'uplot'
import { lineChartOptions, type Unit } from '../../../lib/page/line-chart.ts'
import type { ChartLine } from '../model.ts'

/** One chart: a title, the unit of its values, the lines to fetch. */
export interface ChartProps {
  readonly title: string
  readonly entityKey: string
  /** `name`, or `name@resource` of a metric that several resources have. */
  readonly metrics: readonly { readonly name: string; readonly label: string }[]
  readonly unit: Unit
  readonly minutes: number
  /** Changes when there is something new to fetch. */
  readonly tick: number
}

const height = 180
/** Two samples have a gap between them that are further apart than this, than this part of the chart, and than three others usually are. */
const minGapMs = 30_000
const gapsPerChart = 90
const usualSpacings = 3
const syncKey = 'binnacle'

/** A line chart of one entity that follows its window; all charts share one cursor. */
export function Chart(props: ChartProps) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<UPlot | null>(null)
  const { entityKey, metrics, minutes, tick } = props
  const [isEmpty, setEmpty] = useState(true)
  useEffect(() => {
    const abort = new AbortController()
    const query = new URLSearchParams({ key: entityKey, metrics: metrics.map(({ name }) => name).join(','), minutes: String(minutes) })
    fetch(`/api/series?${query}`, { signal: abort.signal })
      .then((response) => response.json())
      .then((lines: ChartLine[]) => {
        setEmpty(lines.length === 0)
        // Hidden it has no width; it is drawn after it has been laid out.
        if (lines.length > 0) requestAnimationFrame(() => draw(place.current, plot, props, lines))
      })
      .catch(() => {})
    return () => abort.abort()
  }, [entityKey, minutes, tick])
  useEffect(() => {
    // Its width changes with the window, and when charts beside it turn out to have something to show.
    const observer = new ResizeObserver(() => {
      const width = place.current?.clientWidth ?? 0
      if (width > 0) plot.current?.setSize({ width, height })
    })
    if (place.current !== null) observer.observe(place.current)
    return () => {
      observer.disconnect()
      plot.current?.destroy()
      plot.current = null
    }
  }, [])
  return h('figure', { class: 'chart', hidden: isEmpty }, h('figcaption', {}, props.title), h('div', { ref: place }))
}

function draw(place: HTMLDivElement | null, plot: { current: UPlot | null }, props: ChartProps, lines: readonly ChartLine[]): void {
  if (place === null) return
  // Lines that the entity does not have are left out of chart and legend.
  const metrics = props.metrics
    .map(({ name, label }, colour) => ({ name, label, colour }))
    .filter(({ name }) => lines.some((line) => isLine(line, name)))
  const data = align(
    lines,
    metrics.map(({ name }) => name),
  )
  if (plot.current !== null && plot.current.series.length !== metrics.length + 1) {
    plot.current.destroy()
    plot.current = null
  }
  if (plot.current !== null) return plot.current.setData(data)
  const options = lineChartOptions({ width: place.clientWidth, height, unit: props.unit, lines: metrics, syncKey })
  plot.current = new UPlot(options, data, place)
}

function isLine({ metric, resource }: ChartLine, name: string): boolean {
  return name === metric || name === `${metric}@${resource}`
}

/** Puts lines of different times on one time axis, in seconds. */
function align(lines: readonly ChartLine[], metrics: readonly string[]): UPlot.AlignedData {
  const ends = lines.flatMap(({ times }) => [times[0]!, times.at(-1)!])
  const spanMs = Math.max(...ends) - Math.min(...ends)
  return UPlot.join(
    metrics.map((metric) =>
      withHoles(
        lines.find((line) => isLine(line, metric))!,
        spanMs,
      ),
    ),
  )
}

/** A line, with holes where its samples are missing. */
function withHoles({ times, values }: ChartLine, spanMs: number): [seconds: number[], values: (number | null)[]] {
  const spacings = times.slice(1).map((time, index) => time - times[index]!)
  const usualMs = spacings.toSorted((a, b) => a - b)[spacings.length >> 1] ?? 0
  const gapMs = Math.max(minGapMs, spanMs / gapsPerChart, usualSpacings * usualMs)
  const isHole = (index: number) => index > 0 && spacings[index - 1]! > gapMs
  return [
    times.flatMap((time, index) => (isHole(index) ? [times[index - 1]! + 1, time] : [time])).map((time) => time / 1000),
    values.flatMap((value, index) => (isHole(index) ? [null, value] : [value])),
  ]
}
