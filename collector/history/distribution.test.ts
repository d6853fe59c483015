import fc from 'fast-check'
import { expect, test } from 'vitest'
import { absent, bucketOf, bucketValue, decode, encode } from './code.ts'
import { Distribution, Histogram, shapeOfValues } from './distribution.ts'

const amount = () => fc.double({ min: 1e-5, max: 1e15, noNaN: true })

test('a code comes back within 0.045 %, its bucket within 0.72 %', () => {
  fc.assert(
    fc.property(amount(), (value) => {
      expect(Math.abs(decode(encode(value)) / value - 1)).toBeLessThan(0.00045)
      expect(Math.abs(bucketValue(bucketOf(encode(value))) / value - 1)).toBeLessThan(0.0077)
    }),
  )
})

test('zero is exact, what is absent stays absent, and nothing leaves the scale', () => {
  expect([decode(encode(0)), decode(encode(-1)), decode(encode(1e-9))]).toEqual([0, 0, 0])
  expect(encode(Number.NaN)).toBe(absent)
  expect(decode(absent)).toBeNaN()
  expect(encode(Number.POSITIVE_INFINITY)).toBeLessThan(absent)
})

test('percentiles are those of the samples, whatever they are', () => {
  fc.assert(
    fc.property(fc.array(amount(), { minLength: 1, maxLength: 500 }), (values) => {
      const distribution = new Distribution(12)
      for (const [index, value] of values.entries()) distribution.add(Math.floor(index / 50), encode(value))
      const histogram = new Histogram()
      distribution.collect(0, histogram)
      const shape = histogram.shape()!
      const exact = shapeOfValues(values)!
      expect(shape.count).toBe(exact.count)
      for (const key of ['mean', 'max', 'p50', 'p90', 'p95'] as const) expect(Math.abs(shape[key] / exact[key] - 1)).toBeLessThan(0.008)
    }),
    { numRuns: 50 },
  )
})

test('old blocks are left out, and their room is used again', () => {
  const distribution = new Distribution(12)
  for (let block = 0; block < 1000; block++) for (let sample = 0; sample < 20; sample++) distribution.add(block, encode(block + 1))
  const histogram = new Histogram()
  distribution.collect(1000 - 13, histogram)
  expect(histogram.shape()?.count).toBe(13 * 20)
  expect(distribution.bytes).toBeLessThan(700)
  distribution.add(5000, encode(1))
  const later = new Histogram()
  distribution.collect(4988, later)
  expect(later.shape()?.count).toBe(1)
})

test('a histogram can be used again', () => {
  const histogram = new Histogram()
  histogram.add(100, 5)
  histogram.clear()
  expect(histogram.shape()).toBeUndefined()
  histogram.add(50, 1)
  expect(histogram.shape()).toMatchObject({ count: 1, p95: bucketValue(50), max: bucketValue(50), std: 0 })
})

test('of nothing there is no shape', () => {
  expect(new Histogram().shape()).toBeUndefined()
  expect(shapeOfValues([Number.NaN])).toBeUndefined()
})
