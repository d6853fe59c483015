import { h } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import UPlot from 'uplot'
import { lineChartOptions, type Unit } from '../../../lib/page/line-chart.ts'
import type { Course } from './api.ts'

/** A chart: a title, the figures that it shows, their unit. */
export interface ChartDefinition {
  readonly title: string
  readonly figures: readonly (readonly [name: string, label: string])[]
  readonly unit: Unit
  /** Shown although everything is zero. */
  readonly isAlways?: boolean
}

const height = 170

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
  const lines = definition.figures.flatMap(([name, label], colour) => (course.figures[name] === undefined ? [] : [{ label, colour }]))
  const shape = `${theme} ${names.map(([name]) => name).join(' ')}`
  // The time axis shows what was asked for, also where there were no samples yet.
  const span = useRef<[number, number]>([0, 0])
  span.current = [Date.parse(course.start) / 1000, Date.parse(course.end) / 1000]
  useEffect(() => {
    const element = place.current
    if (element === null) return
    const shown = { unit: definition.unit, lines, syncKey: 'collector', span: () => span.current }
    plot.current = new UPlot(lineChartOptions({ width: element.clientWidth, height, ...shown }), dataOf(course, names), element)
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
