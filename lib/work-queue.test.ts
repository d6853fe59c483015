import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FakeClock } from './fake-clock.ts'
import { createWorkQueue } from './work-queue.ts'

const setUp = (options: { baseDelayMs?: number; maxDelayMs?: number } = {}) => {
  const clock = new FakeClock()
  return { clock, queue: createWorkQueue({ clock, ...options }) }
}

/** Takes every key that is ready now. */
async function takeReady(queue: ReturnType<typeof createWorkQueue>): Promise<string[]> {
  const keys: string[] = []
  while (queue.length > 0) keys.push((await queue.get())!)
  return keys
}

describe('work queue', () => {
  test('hands out keys in the order in which they were added, each once', async () => {
    const { queue } = setUp()
    for (const key of ['b', 'a', 'b', 'c']) queue.add(key)
    expect(await takeReady(queue)).toEqual(['b', 'a', 'c'])
  })

  test('a key added while it is worked on comes out exactly once more, after done', async () => {
    const { queue } = setUp()
    queue.add('a')
    await queue.get()
    queue.add('a')
    queue.add('a')
    expect(queue.length).toBe(0)
    queue.done('a')
    expect(await takeReady(queue)).toEqual(['a'])
    queue.done('a')
    expect(queue.length).toBe(0)
  })

  test('wakes a waiting taker', async () => {
    const { queue } = setUp()
    const taken = queue.get()
    queue.add('a')
    expect(await taken).toBe('a')
  })

  test('addAfter waits, and the earliest of several delays counts', async () => {
    const { clock, queue } = setUp()
    queue.addAfter('a', 100)
    queue.addAfter('a', 50)
    queue.addAfter('a', 200)
    await clock.advance(49)
    expect(queue.length).toBe(0)
    await clock.advance(1)
    expect(await takeReady(queue)).toEqual(['a'])
    queue.done('a')
    await clock.advance(1_000)
    expect(queue.length).toBe(0)
  })

  test('backs off per key: 5, 10, 20 ms … up to the limit, and starts anew after forget', async () => {
    const { clock, queue } = setUp({ baseDelayMs: 5, maxDelayMs: 30 })
    const delays: number[] = []
    for (let attempt = 0; attempt < 5; attempt++) {
      const start = clock.monotonic()
      queue.addRateLimited('a')
      await clock.advance(30)
      expect(queue.length).toBe(1)
      await queue.get()
      queue.done('a')
      delays.push(clock.monotonic() - start)
      expect(queue.retries('a')).toBe(attempt + 1)
    }
    queue.forget('a')
    expect(queue.retries('a')).toBe(0)
    queue.addRateLimited('a')
    await clock.advance(4)
    expect(queue.length).toBe(0)
    await clock.advance(1)
    expect(queue.length).toBe(1)
    queue.addRateLimited('other')
    await clock.advance(5)
    expect(queue.length).toBe(2)
  })

  test('after shutdown it takes in nothing, hands out what was ready and then undefined', async () => {
    const { clock, queue } = setUp()
    queue.add('a')
    queue.addAfter('late', 10)
    queue.shutDown()
    queue.add('b')
    await clock.advance(20)
    expect(await queue.get()).toBe('a')
    expect(await queue.get()).toBeUndefined()
    expect(clock.pending).toBe(0)
  })

  test('drain resolves when the last key in hand is done', async () => {
    const { clock, queue } = setUp()
    queue.add('a')
    await queue.get()
    let isDrained = false
    const drained = queue.drain().then(() => (isDrained = true))
    await clock.settle()
    expect(isDrained).toBe(false)
    queue.done('a')
    await drained
    expect(isDrained).toBe(true)
  })

  test('a key that was to come out once more does not hold up the drain', async () => {
    const { queue } = setUp()
    queue.add('a')
    await queue.get()
    queue.add('a')
    const drained = queue.drain()
    queue.done('a')
    await drained
    expect(await queue.get()).toBeUndefined()
  })

  test('reports depth, waiting time and working time', async () => {
    const seen: unknown[] = []
    const clock = new FakeClock()
    const queue = createWorkQueue({
      clock,
      metrics: {
        added: (depth) => seen.push(['added', depth]),
        taken: (waitedMs) => seen.push(['taken', waitedMs]),
        finished: (workedMs) => seen.push(['finished', workedMs]),
        retried: () => seen.push(['retried']),
      },
    })
    queue.add('a')
    await clock.advance(7)
    await queue.get()
    await clock.advance(3)
    queue.done('a')
    queue.addRateLimited('a')
    expect(seen).toEqual([['added', 1], ['taken', 7], ['finished', 3], ['retried']])
  })

  test('for any mix of operations: no key in two hands, and an add is never lost', async () => {
    const step = fc.record({
      action: fc.constantFrom('add', 'addAfter', 'addRateLimited', 'take', 'done', 'advance'),
      key: fc.constantFrom('a', 'b', 'c'),
      ms: fc.integer({ min: 0, max: 50 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { clock, queue } = setUp()
        const inHand = new Set<string>()
        const owed = new Set<string>()
        for (const { action, key, ms } of steps) {
          if (action === 'add') queue.add(key)
          if (action === 'addAfter') queue.addAfter(key, ms)
          if (action === 'addRateLimited') queue.addRateLimited(key)
          if (action.startsWith('add')) owed.add(key)
          if (action === 'advance') await clock.advance(ms)
          if (action === 'take' && queue.length > 0) {
            const taken = (await queue.get())!
            expect(inHand.has(taken)).toBe(false)
            inHand.add(taken)
            owed.delete(taken)
          }
          if (action === 'done' && inHand.delete(key)) queue.done(key)
        }
        for (const key of inHand) queue.done(key)
        await clock.advance(2_000_000)
        const rest = new Set(await takeReady(queue))
        for (const key of owed) expect(rest.has(key)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })
})
