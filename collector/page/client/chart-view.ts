import { h } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import UPlot from 'uplot'
import type { Course } from './api.ts'
import { formatBytes, formatBytesPerSecond } from './format.ts'

/** A chart: a title, the figures that it shows, how a value is written. */
export interface ChartDefinition {
  readonly title: string
  readonly figures: readonly (readonly [name: string, label: string])[]
  readonly format: (value: number | null | undefined) => string
  /** Shown although everything is zero. */
  readonly isAlways?: boolean
}

const colours = ['#2f7ed8', '#d8702f', '#3c9a5f', '#9b59b6', '#c0392b', '#7f8c8d']
const height = 170

/** Bytes are counted in powers of two, so lines of the grid lie on those. */
const powersOfTwo = Array.from({ length: 60 }, (_, power) => 2 ** power)

/** A line chart of one container; all charts of the page share one cursor. */
export function Chart({
  definition,
  course,
  theme,
}: {
  readonly definition: ChartDefinition
  readonly course: Course
  readonly theme: string
}) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<UPlot | null>(null)
  const names = definition.figures.filter(([name]) => course.figures[name] !== undefined)
  const shape = `${theme} ${names.map(([name]) => name).join(' ')}`
  // The time axis shows what was asked for, also where there were no samples yet.
  const span = useRef<[number, number]>([0, 0])
  span.current = [Date.parse(course.start) / 1000, Date.parse(course.end) / 1000]
  useEffect(() => {
    const element = place.current
    if (element === null) return
    plot.current = new UPlot(optionsOf(element.clientWidth, { definition, names, span }), dataOf(course, names), element)
    const resize = () => plot.current?.setSize({ width: element.clientWidth, height })
    addEventListener('resize', resize)
    return () => {
      removeEventListener('resize', resize)
      plot.current?.destroy()
      plot.current = null
    }
  }, [shape])
  useEffect(() => plot.current?.setData(dataOf(course, names)), [course])
  return h('figure', { class: 'chart' }, h('figcaption', {}, definition.title), h('div', { ref: place }))
}

/** Whether a course has anything that the chart would show. */
export function hasData({ figures, isAlways }: ChartDefinition, course: Course): boolean {
  return figures.some(([name]) => {
    const mean = course.figures[name]?.mean
    return mean !== undefined && (isAlways === true || mean.some((value) => value !== null && value > 0))
  })
}

function dataOf(course: Course, names: ChartDefinition['figures']): UPlot.AlignedData {
  return [course.times, ...names.map(([name]) => course.figures[name]?.mean ?? [])] as unknown as UPlot.AlignedData
}

interface Plotted {
  readonly definition: ChartDefinition
  readonly names: ChartDefinition['figures']
  readonly span: { readonly current: [number, number] }
}

function optionsOf(width: number, { definition: { format }, names, span }: Plotted): UPlot.Options {
  const isBytes = format === formatBytes || format === formatBytesPerSecond
  const style = getComputedStyle(document.documentElement)
  const axis = {
    stroke: style.getPropertyValue('--quiet'),
    grid: { stroke: style.getPropertyValue('--line'), width: 1 },
    ticks: { show: false },
  }
  return {
    width,
    height,
    cursor: { sync: { key: 'collector' }, points: { size: 6 } },
    scales: { x: { range: () => span.current }, y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] } },
    axes: [
      axis,
      { ...axis, size: 78, values: (_plot, ticks) => ticks.map((tick) => format(tick)), ...(isBytes ? { incrs: powersOfTwo } : {}) },
    ],
    series: [
      {},
      ...names.map(([, label], index) => ({
        label,
        stroke: colours[index % colours.length]!,
        width: 1.5,
        points: { show: false },
        ...(index === 0 ? { fill: `${colours[0]}22` } : {}),
        value: (_plot: UPlot, value: number | null) => format(value),
      })),
    ],
  }
}
