import { describe, expect, it } from 'vitest'
import { hashSeries, SeriesGuard } from './series-guard.ts'

const admitMany = (guard: SeriesGuard, from: number, to: number): number => {
  let admitted = 0
  for (let number = from; number < to; number++) if (guard.admit(hashSeries(`,pod_name=pod-${number}`), number % 7)) admitted++
  return admitted
}

describe('the guard of series', () => {
  it('lets as many in as the limit allows, and those that are in for ever', () => {
    const guard = new SeriesGuard(1000)
    expect(admitMany(guard, 0, 1500)).toBe(1000)
    expect(admitMany(guard, 0, 1000)).toBe(1000)
    expect(guard.stats()).toEqual({ estimate: 1000, limit: 1000, refused: 500 })
  })

  it('tells tag sets and measurements apart', () => {
    const guard = new SeriesGuard(1_000_000)
    for (let number = 0; number < 20_000; number++) {
      for (let member = 0; member < 5; member++) guard.admit(hashSeries(`,pod_name=pod-${number}`), member)
    }
    expect(guard.stats().estimate).toBe(100_000)
  })

  it('goes by the count of InfluxDB, and by nothing that was there before the start', () => {
    const guard = new SeriesGuard(1000)
    guard.noteCount(900)
    // These may be among the 900.
    expect(admitMany(guard, 0, 900)).toBe(900)
    guard.noteCount(900)
    expect(admitMany(guard, 0, 1100)).toBe(1000)
    guard.noteCount(1000)
    expect(admitMany(guard, 1100, 1101)).toBe(0)
  })

  it('asks again when there is room after retention', () => {
    const guard = new SeriesGuard(100)
    guard.noteCount(0)
    expect(admitMany(guard, 0, 150)).toBe(100)
    const { epoch } = guard
    guard.noteCount(60)
    expect(guard.epoch).not.toBe(epoch)
    expect(admitMany(guard, 100, 150)).toBe(40)
  })

  it('forgets what has not been seen for long, and never grows beyond twice the limit', () => {
    const guard = new SeriesGuard(100)
    guard.noteCount(0)
    for (let round = 0; round < 50; round++) {
      guard.noteCount(10)
      admitMany(guard, round * 50, round * 50 + 50)
    }
    guard.noteCount(10)
    expect(admitMany(guard, 2450, 2500)).toBe(50)
  })

  it('counts what was written lately where the server counts nothing', () => {
    const guard = new SeriesGuard(100)
    expect(admitMany(guard, 0, 150)).toBe(100)
    for (let minute = 0; minute < 60; minute++) guard.noteCount(undefined)
    expect(admitMany(guard, 0, 50)).toBe(50)
    for (let minute = 0; minute < 60; minute++) guard.noteCount(undefined)
    expect(admitMany(guard, 200, 300)).toBe(50)
  })
})
