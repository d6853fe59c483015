import type UPlot from 'uplot'

/** A unit of figures: how they are written, and which distances the lines of a grid may have, ascending. */
export interface Unit {
  readonly format: (value: number | null | undefined) => string
  readonly steps: readonly number[]
}

/** Steps that decimal figures are counted in, from a power of ten on: what is written for each line of the grid is exact. */
export function decimalSteps(leastPower: number): readonly number[] {
  return Array.from({ length: 20 }, (_, index) => [1, 2, 5].map((digit) => Number(`${digit}e${leastPower + index}`))).flat()
}

/** Bytes are counted in powers of two. */
export const binarySteps: readonly number[] = Array.from({ length: 60 }, (_, power) => 2 ** power)

/** What a line chart shows. What a line stands for has one colour, whichever others are there. */
export interface LineChart {
  readonly width: number
  readonly height: number
  readonly unit: Unit
  readonly lines: readonly { readonly label: string; readonly colour: number }[]
  /** Charts of the same key share one cursor. */
  readonly syncKey: string
  /** From when to when, in seconds; by default from the first point to the last. */
  readonly span?: () => [from: number, to: number]
}

const colours = ['#2f7ed8', '#d8702f', '#3c9a5f', '#9b59b6', '#c0392b', '#7f8c8d']
/** The axis has so many of the smallest steps at least: a figure near zero is drawn near zero. */
const leastSteps = 4

/** A chart in the colours of its page, from zero upwards. Without a cursor its legend tells the newest values. */
export function lineChartOptions({ width, height, unit, lines, syncKey, span }: LineChart): UPlot.Options {
  // Asked for with each drawing: the colours of the page change.
  const colourOf = (name: string) => () => getComputedStyle(document.documentElement).getPropertyValue(name)
  const axis = { stroke: colourOf('--quiet'), grid: { stroke: colourOf('--line'), width: 1 }, ticks: { show: false } }
  const timeAxis: UPlot.Axis = {
    ...axis,
    size: 30,
    // Wide enough for seconds.
    space: 64,
    values: (_plot, ticks, _axis, _space, step) => ticks.map((tick) => formatTick(tick, step)),
  }
  const figureAxis: UPlot.Axis = {
    ...axis,
    size: 72,
    incrs: [...unit.steps],
    values: (_plot, ticks) => ticks.map((tick) => unit.format(tick)),
  }
  const least = unit.steps[0]! * leastSteps
  return {
    width,
    height,
    cursor: { sync: { key: syncKey }, points: { size: 6 } },
    scales: {
      x: span === undefined ? {} : { range: span },
      y: { range: (_plot, _min, max) => [0, Math.max(max * 1.1, least)] },
    },
    axes: [timeAxis, figureAxis],
    series: [
      { value: (plot, time, _series, index) => formatTime(index == null ? newest(plot.data[0]) : time) },
      ...lines.map(({ label, colour }) => ({
        label,
        stroke: colours[colour % colours.length]!,
        width: 1.5,
        points: { show: false },
        ...(colour === 0 ? { fill: `${colours[0]}22` } : { dash: [6, 4] }),
        value: (plot: UPlot, value: number | null, series: number, index: number | null) =>
          unit.format(index == null ? newest(plot.data[series]!) : value),
      })),
    ],
  }
}

/** The last value that is there: lines do not end at the same moment. */
export function newest(values: ArrayLike<number | null | undefined>): number | null {
  for (let index = values.length - 1; index >= 0; index--) if (values[index] != null) return values[index]!
  return null
}

/** `2026-11-21 15:45:05`, in the time zone of who looks. */
function formatTime(seconds: number | null): string {
  return seconds === null ? '–' : new Date(seconds * 1000).toLocaleString('sv-SE')
}

/** What tells a time from the ones beside it. */
function formatTick(seconds: number, step: number): string {
  const text = formatTime(seconds)
  if (step >= 86_400 || text.endsWith('00:00:00')) return text.slice(5, 10)
  return text.slice(11, step < 60 ? 19 : 16)
}
