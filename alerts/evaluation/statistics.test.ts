import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fitLine, medianOf, scoreOf, spreadOf } from './statistics.ts'

const of = (...values: number[]) => Float64Array.from(values)

describe('robust statistics', () => {
  it.each([
    [[3, 1, 2], 2],
    [[4, 1, 2, 3], 2.5],
    [[7], 7],
    [[], Number.NaN],
  ])('the median of %j is %s', (values, expected) => {
    expect(medianOf(of(...values))).toBe(expected)
  })

  it('is not moved by what is far off', () => {
    expect(spreadOf(of(10, 11, 9, 10, 12, 8, 1e9))).toEqual({ median: 10, deviation: 1.4826 })
  })

  it.each([
    [13, { median: 10, deviation: 1 }, undefined, 3],
    [7, { median: 10, deviation: 1 }, undefined, -3],
    [13, { median: 10, deviation: 0 }, undefined, 6],
    [13, { median: 10, deviation: 1 }, 6, 0.5],
    [10, { median: 10, deviation: 0 }, 0, 0],
    [1, { median: 0, deviation: 0 }, undefined, 1000],
    [-1, { median: 0, deviation: 0 }, undefined, -1000],
  ])('the score of %s within %j is as the formula says', (value, spread, minDeviation, expected) => {
    expect(scoreOf(value, spread, minDeviation)).toBeCloseTo(expected)
  })

  it('finds the line under outliers', () => {
    fc.assert(
      fc.property(fc.integer({ min: -50, max: 50 }), fc.integer({ min: 8, max: 500 }), fc.nat(6), (slope, count, shift) => {
        const times = Float64Array.from({ length: count }, (_, index) => index * 1000)
        const values = times.map((time, index) => (index % 7 === shift ? 1e6 : 100 + slope * time))
        const line = fitLine(times, values)!
        expect(Math.abs(line.slope - slope)).toBeLessThanOrEqual(Math.abs(slope) / 50 + 1e-9)
        const last = slope * times[count - 1]!
        expect(Math.abs(line.end - 100 - last)).toBeLessThanOrEqual(Math.abs(last) / 20 + 1e-6)
      }),
    )
  })

  it('has no line through two points, or through one moment', () => {
    expect(fitLine(of(1, 2), of(1, 2))).toBeUndefined()
    expect(fitLine(of(5, 5, 5), of(1, 2, 3))).toBeUndefined()
  })
})
