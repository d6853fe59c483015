import { describe, expect, test } from 'vitest'
import { binarySteps, decimalSteps, lineChartOptions, type Unit } from './line-chart.ts'

const cores: Unit = { format: (value) => (value == null ? '–' : value.toFixed(3)), steps: decimalSteps(-3) }
const lines = [
  { label: 'in use', colour: 0 },
  { label: 'limit', colour: 2 },
]
const optionsOf = (unit: Unit) => lineChartOptions({ width: 400, height: 180, unit, lines, syncKey: 'all' })

/** What the legend says of a line. */
function legendOf(data: readonly (readonly (number | null | undefined)[])[], series: number, index: number | null): string {
  const { value } = optionsOf(cores).series[series]! as { value: (...parts: readonly unknown[]) => string }
  return value({ data }, index === null ? null : data[series]![index], series, index)
}

describe('the legend', () => {
  const data = [
    [1, 2, 3],
    [0.1, 0.2, undefined],
    [null, 4, 5],
  ]

  test('tells the newest value of each line where no cursor is on the chart, also of those that end earlier', () => {
    expect(legendOf(data, 1, null)).toBe('0.200')
    expect(legendOf(data, 2, null)).toBe('5.000')
  })

  test('tells what is under the cursor, and that there is nothing', () => {
    expect(legendOf(data, 1, 0)).toBe('0.100')
    expect(legendOf(data, 2, 0)).toBe('–')
  })

  test('has a dash for a line that has no value yet', () => {
    expect(legendOf([[], [], []], 1, null)).toBe('–')
  })
})

describe('the axis of figures', () => {
  const topOf = (unit: Unit, max: number) =>
    (optionsOf(unit).scales!['y']!.range as (...parts: readonly unknown[]) => number[])({}, 0, max)[1]

  test('reaches a tenth above the largest, and some steps up where all is next to nothing', () => {
    expect(topOf(cores, 2)).toBeCloseTo(2.2)
    expect(topOf(cores, 0.0002)).toBeCloseTo(0.004)
    expect(topOf({ ...cores, steps: binarySteps }, 0)).toBe(4)
  })

  test('has no lines of the grid that are written alike', () => {
    expect(decimalSteps(-3).slice(0, 5)).toEqual([0.001, 0.002, 0.005, 0.01, 0.02])
    expect(binarySteps.slice(0, 4)).toEqual([1, 2, 4, 8])
  })
})

test('a line has its colour, also where one before it is missing', () => {
  const strokes = (shown: typeof lines) =>
    lineChartOptions({ width: 400, height: 180, unit: cores, lines: shown, syncKey: 'all' }).series.map(({ stroke }) => stroke)
  expect(strokes(lines.slice(1))[1]).toBe(strokes(lines)[2])
})

test('times of the axis tell what differs between them', () => {
  const midnight = new Date(2026, 0, 2).getTime() / 1000
  const values = optionsOf(cores).axes![0]!.values as (...parts: readonly unknown[]) => string[]
  expect(values({}, [midnight - 30, midnight, midnight + 30], 0, 50, 30)).toEqual(['23:59:30', '01-02', '00:00:30'])
  expect(values({}, [midnight + 3600], 0, 50, 3600)).toEqual(['01:00'])
  expect(values({}, [midnight + 3600], 0, 50, 86_400)).toEqual(['01-02'])
})
