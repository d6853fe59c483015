import { beforeEach, expect, test } from 'vitest'
import { FakeClock } from '../../../../lib/fake-clock.ts'
import { StartQueue } from './start-queue.ts'

let clock: FakeClock
let queue: StartQueue
let begun: string[]

beforeEach(() => {
  clock = new FakeClock()
  begun = []
  queue = new StartQueue({ clock, concurrency: 2, patienceMs: 5_000 })
})

const start = (name: string, ms: number, kind: 'container' | 'sandbox' = 'sandbox') =>
  queue.run(kind, async () => {
    begun.push(`${name} ${clock.monotonic()}`)
    await clock.sleep(ms)
    if (name === 'broken') throw new Error('no such file')
    return name
  })

test('few starts go on at once, those that finish a pod first', async () => {
  const all = Promise.all([start('a', 100), start('b', 100), start('c', 100), start('d', 100), start('e', 100, 'container')])
  await clock.advance(300)
  expect(begun).toEqual(['a 0', 'b 0', 'e 100', 'c 100', 'd 200'])
  expect(await all).toEqual(['a', 'b', 'c', 'd', 'e'])
})

test('one that fails gives its place to the next', async () => {
  const all = Promise.allSettled([start('broken', 100), start('broken', 100), start('c', 100)])
  await clock.advance(200)
  expect((await all).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled'])
  expect(begun[2]).toBe('c 100')
})

test('one that hangs keeps nothing from starting, and its end counts once', async () => {
  const all = Promise.all([start('hangs', 60_000), start('hangs too', 60_000), start('c', 100), start('d', 60_000)])
  await clock.advance(5_000)
  expect(begun.slice(2)).toEqual(['c 5000', 'd 5000'])
  await clock.advance(100)
  await clock.advance(59_900)
  void start('e', 100)
  void start('f', 100)
  void start('g', 100)
  await clock.advance(0)
  expect(begun.slice(4).map((each) => each[0])).toEqual(['e', 'f'])
  await clock.advance(60_000)
  await all
})
