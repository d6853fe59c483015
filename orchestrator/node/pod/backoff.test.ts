import { expect, it } from 'vitest'
import { Backoff } from './backoff.ts'

it('doubles up to its limit', () => {
  const backoff = new Backoff(10_000, 300_000)
  const delays: number[] = []
  let now = 0
  for (let turn = 0; turn < 7; turn++) {
    backoff.lengthen('a', now, now)
    delays.push(backoff.delayMs('a') / 1000)
    now += backoff.delayMs('a')
  }
  expect(delays).toEqual([10, 20, 40, 80, 160, 300, 300])
})

it('counts from when the last try ended', () => {
  const backoff = new Backoff(10_000, 300_000)
  expect(backoff.remainingMs('a', 1_000, 2_000)).toBe(0)
  backoff.lengthen('a', 1_000, 2_000)
  expect(backoff.remainingMs('a', 5_000, 6_000)).toBe(9_000)
  expect(backoff.remainingMs('a', 5_000, 20_000)).toBe(0)
})

it('goes on with what was told before', () => {
  const backoff = new Backoff(10_000, 300_000)
  backoff.resume('a', 80_000, 1_000)
  expect(backoff.remainingMs('a', 500, 1_000)).toBe(79_500)
  backoff.lengthen('a', 1_000, 90_000)
  expect(backoff.delayMs('a')).toBe(160_000)
  backoff.resume('b', 900_000, 0)
  expect(backoff.delayMs('b')).toBe(300_000)
})

it('starts anew after ten minutes of running', () => {
  const backoff = new Backoff(10_000, 300_000)
  for (let turn = 0; turn < 4; turn++) backoff.lengthen('a', 0, 0)
  expect(backoff.remainingMs('a', 600_001, 600_001)).toBe(0)
  backoff.lengthen('a', 600_001, 600_001)
  expect(backoff.delayMs('a')).toBe(10_000)
})
