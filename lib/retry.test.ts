import { describe, expect, test } from 'vitest'
import { FakeClock } from './fake-clock.ts'
import { seededRandom } from './random.ts'
import type { Random } from './random.ts'
import { createBackoff, retry } from './retry.ts'

const noJitter: Random = { ...seededRandom(1), fraction: () => 0 }

describe('backoff', () => {
  test('doubles up to the limit and starts over after reset', () => {
    const backoff = createBackoff({ initialMs: 100, maxMs: 300, random: noJitter })
    expect([backoff.next(), backoff.next(), backoff.next(), backoff.next()]).toEqual([100, 200, 300, 300])
    backoff.reset()
    expect(backoff.next()).toBe(100)
  })

  test('lengthens a delay by at most the jitter part', () => {
    const backoff = createBackoff({ initialMs: 100, maxMs: 100, jitter: 0.2, random: seededRandom(7) })
    for (let count = 0; count < 50; count++) {
      const delayMs = backoff.next()
      expect(delayMs).toBeGreaterThanOrEqual(100)
      expect(delayMs).toBeLessThan(120)
    }
  })
})

describe('retry', () => {
  const setUp = () => ({ clock: new FakeClock(), initialMs: 10, maxMs: 100, random: noJitter })

  test('tries until the operation succeeds', async () => {
    const options = setUp()
    const result = retry(async (attempt) => (attempt < 3 ? Promise.reject(new Error(`attempt ${attempt}`)) : attempt), {
      ...options,
      attempts: 5,
    })
    await options.clock.advance(30)
    expect(await result).toBe(3)
  })

  test('throws the last error when the attempts are used up', async () => {
    const options = setUp()
    const result = retry((attempt) => Promise.reject(new Error(`attempt ${attempt}`)), { ...options, attempts: 3 })
    const refused = expect(result).rejects.toThrow('attempt 3')
    await options.clock.advance(100)
    await refused
  })

  test('does not try again what is not retryable', async () => {
    const options = setUp()
    const result = retry((attempt) => Promise.reject(new Error(`attempt ${attempt}`)), {
      ...options,
      attempts: 3,
      isRetryable: () => false,
    })
    await expect(result).rejects.toThrow('attempt 1')
    expect(options.clock.pending).toBe(0)
  })

  test('gives up with the last error when aborted while waiting', async () => {
    const options = setUp()
    const abort = new AbortController()
    const result = retry((attempt) => Promise.reject(new Error(`attempt ${attempt}`)), { ...options, attempts: 3, signal: abort.signal })
    const refused = expect(result).rejects.toThrow('attempt 1')
    await options.clock.settle()
    abort.abort()
    await refused
  })
})
