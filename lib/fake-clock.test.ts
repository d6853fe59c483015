import { describe, expect, it } from 'vitest'
import { FakeClock } from './fake-clock.ts'
import { fromTimestamp, toMicroTimestamp, toTimestamp } from './clock.ts'

describe('FakeClock', () => {
  it('fires timers in order of time, then of setting', async () => {
    const clock = new FakeClock()
    const fired: string[] = []
    clock.setTimer(20, () => fired.push('late'))
    clock.setTimer(10, () => fired.push('early'))
    clock.setTimer(10, () => fired.push('early too'))
    await clock.advance(15)
    expect(fired).toEqual(['early', 'early too'])
    await clock.advance(5)
    expect(fired).toEqual(['early', 'early too', 'late'])
  })

  it('sees a loop that sleeps again through to the end of the span', async () => {
    const clock = new FakeClock()
    const start = clock.now()
    const seen: number[] = []
    const abort = new AbortController()
    const loop = (async () => {
      while (!abort.signal.aborted) {
        await clock.sleep(1000, abort.signal)
        seen.push(clock.now() - start)
      }
    })()
    await clock.advance(3500)
    expect(seen).toEqual([1000, 2000, 3000])
    abort.abort()
    await loop
    expect(clock.pending).toBe(0)
  })

  it('does not fire what was cancelled', async () => {
    const clock = new FakeClock()
    let count = 0
    clock.setTimer(10, () => count++).cancel()
    await clock.advance(100)
    expect(count).toBe(0)
  })
})

describe('timestamps', () => {
  it('are RFC 3339 with the precision of the field', () => {
    const ms = Date.UTC(2026, 0, 2, 3, 4, 5, 678)
    expect(toTimestamp(ms)).toBe('2026-01-02T03:04:05Z')
    expect(toMicroTimestamp(ms)).toBe('2026-01-02T03:04:05.678000Z')
    expect(fromTimestamp('2026-01-02T03:04:05Z')).toBe(ms - 678)
    expect(fromTimestamp('yesterday')).toBeUndefined()
    expect(fromTimestamp(undefined)).toBeUndefined()
  })
})
