import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Tier } from './tier.ts'

const make = (capacity = 100) => new Tier({ stepMs: 10, capacity, figures: 2 })
const sample = (first: number, second = Number.NaN) => Float64Array.of(first, second)

test('a slot has the average, the peak and the number of its samples', () => {
  const tier = make()
  for (const value of [1, 2, 6]) tier.add(100, sample(value))
  tier.add(110, sample(8))
  tier.add(120, sample(0))
  const first = tier.aggregate(0, 100, 110)
  expect(first.count).toBe(3)
  expect(first.mean).toBeCloseTo(3, 1)
  expect(first.max).toBeCloseTo(6, 1)
  expect(tier.aggregate(0, 100, 120).mean).toBeCloseTo(17 / 4, 1)
  expect(tier.aggregate(1, 100, 120)).toEqual({ mean: Number.NaN, max: Number.NaN, count: 0 })
})

test('the slot that is being filled counts already', () => {
  const tier = make()
  tier.add(100, sample(4))
  expect(tier.aggregate(0, 100, 110)).toEqual({ mean: 4, max: 4, count: 1 })
  expect(tier.filledSlots(10)).toBe(1)
})

test('a figure that comes late is absent before, one that was zero was zero', () => {
  const tier = make()
  tier.add(100, sample(0))
  tier.add(110, sample(0, 5))
  tier.add(120, sample(7, 5))
  tier.add(130, sample(7, 5))
  expect(tier.aggregate(0, 100, 110)).toEqual({ mean: 0, max: 0, count: 1 })
  expect(tier.aggregate(1, 100, 110).count).toBe(0)
  expect(tier.aggregate(1, 110, 120).mean).toBeCloseTo(5, 1)
})

test('slots without samples are gaps and no zeros', () => {
  const tier = make()
  tier.add(100, sample(3))
  tier.add(150, sample(3))
  expect(tier.aggregate(0, 110, 150).count).toBe(0)
  expect(tier.filledSlots(6)).toBe(2)
})

test('what is held is what a plain list would hold, through growth, gaps and wrapping', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 1000 })), { maxLength: 300 }), (steps) => {
      const tier = make(64)
      const truth = new Map<number, number[]>()
      let slot = 1000
      for (const [gap, value] of steps) {
        slot += gap > 30 ? gap : gap % 3
        tier.add(slot * 10, sample(value))
        truth.set(slot, [...(truth.get(slot) ?? []), value])
      }
      for (let asked = slot - 80; asked <= slot; asked++) {
        const values = asked > slot - 64 ? (truth.get(asked) ?? []) : []
        const { count, mean, max } = tier.aggregate(0, asked * 10, asked * 10 + 10)
        expect(count).toBe(values.length)
        if (values.length === 0) continue
        const sum = values.reduce((total, value) => total + value, 0)
        expect(Math.abs(mean - sum / values.length)).toBeLessThanOrEqual(mean * 0.001)
        expect(Math.abs(max - Math.max(...values))).toBeLessThanOrEqual(max * 0.001)
      }
    }),
  )
})

test('an idle figure takes no memory, and a tier no more than its capacity', () => {
  const idle = make(1000)
  const busy = make(1000)
  for (let slot = 0; slot < 5000; slot++) {
    idle.add(slot * 10, sample(0, 0))
    busy.add(slot * 10, sample(1, 1))
  }
  expect(idle.bytes).toBeLessThan(2800)
  expect(busy.bytes).toBeLessThan(11_200)
  expect(busy.isWhole).toBe(false)
})

test('a clock that goes back changes nothing that is held', () => {
  const tier = make()
  tier.add(100, sample(1))
  tier.add(200, sample(1))
  tier.add(150, sample(9))
  expect(tier.aggregate(0, 150, 160).count).toBe(0)
})
