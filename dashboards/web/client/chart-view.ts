import { h } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import UPlot from 'uplot'
import type { ChartLine } from '../model.ts'

/** One chart: a title, a formatter for its values, the lines to fetch. */
export interface ChartProps {
  readonly title: string
  readonly entityKey: string
  /** `name`, or `name@resource` of a metric that several resources have. */
  readonly metrics: readonly { readonly name: string; readonly label: string }[]
  readonly format: (value: number | null) => string
  readonly minutes: number
  /** Changes when there is something new to fetch. */
  readonly tick: number
}

const colours = ['#2f7ed8', '#d8702f', '#3c9a5f', '#9b59b6']
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
  const metrics = props.metrics.filter(({ name }) => lines.some((line) => isLine(line, name)))
  const data = align(
    lines,
    metrics.map(({ name }) => name),
  )
  if (plot.current !== null && plot.current.series.length !== metrics.length + 1) {
    plot.current.destroy()
    plot.current = null
  }
  if (plot.current === null) plot.current = new UPlot(optionsOf(place.clientWidth, { ...props, metrics }), data, place)
  else plot.current.setData(data)
  showNewest(plot.current)
}

/** Without a cursor on the chart its legend tells the newest values. */
function showNewest(plot: UPlot): void {
  if (plot.cursor.idx == null) plot.setLegend({ idx: plot.data[0].length - 1 })
}

function optionsOf(width: number, props: ChartProps): UPlot.Options {
  const style = getComputedStyle(document.documentElement)
  const axis = {
    stroke: style.getPropertyValue('--quiet'),
    grid: { stroke: style.getPropertyValue('--line'), width: 1 },
    ticks: { show: false },
  }
  return {
    width,
    height,
    cursor: { sync: { key: syncKey } },
    hooks: { ready: [showNewest] },
    scales: { y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] } },
    axes: [axis, { ...axis, size: 62, values: (_plot, ticks) => ticks.map((tick) => props.format(tick)) }],
    series: [
      {},
      ...props.metrics.map(({ label }, index) => ({
        label,
        stroke: colours[index % colours.length]!,
        width: 1.5,
        points: { show: false },
        ...(index === 0 ? { fill: `${colours[0]}22` } : { dash: [6, 4] }),
        value: (_plot: UPlot, value: number | null) => props.format(value),
      })),
    ],
  }
}

function isLine({ metric, resource }: ChartLine, name: string): boolean {
  return name === metric || name === `${metric}@${resource}`
}

/** Puts lines of different times on one time axis, in seconds, with a hole where samples are missing. */
function align(lines: readonly ChartLine[], metrics: readonly string[]): UPlot.AlignedData {
  const times = [...new Set(lines.flatMap((line) => line.times))].sort((a, b) => a - b)
  const spacings = times.slice(1).map((time, index) => time - times[index]!)
  const usualMs = spacings.sort((a, b) => a - b)[spacings.length >> 1] ?? 0
  const gapMs = Math.max(minGapMs, ((times.at(-1) ?? 0) - (times[0] ?? 0)) / gapsPerChart, usualSpacings * usualMs)
  const withHoles = times.flatMap((time, index) => (index > 0 && time - times[index - 1]! > gapMs ? [times[index - 1]! + 1, time] : [time]))
  const columns = metrics.map((metric) => {
    const line = lines.find((candidate) => isLine(candidate, metric))
    const values = new Map(line?.times.map((time, index) => [time, line.values[index]!]))
    return withHoles.map((time) => values.get(time) ?? null)
  })
  return [withHoles.map((time) => time / 1000), ...columns] as UPlot.AlignedData
}
