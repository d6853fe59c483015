import { expect, test } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { ExpiringCache } from './expiring-cache.ts'

const clock = new FakeClock()

test('an answer is asked for once while it is on its way and while it is fresh', async () => {
  const cache = new ExpiringCache<number>({ clock, ttlMs: () => 1000, maxEntries: 10 })
  let count = 0
  const load = () => Promise.resolve(++count)
  expect(await Promise.all([cache.get('a', load), cache.get('a', load), cache.get('b', load)])).toEqual([1, 1, 2])
  await clock.advance(999)
  expect(await cache.get('a', load)).toBe(1)
  await clock.advance(1)
  expect(await cache.get('a', load)).toBe(3)
})

test('a failure is not kept', async () => {
  const cache = new ExpiringCache<number>({ clock, ttlMs: () => 1000, maxEntries: 10 })
  await expect(cache.get('a', () => Promise.reject(new Error('down')))).rejects.toThrow('down')
  expect(await cache.get('a', () => Promise.resolve(1))).toBe(1)
})

test('the oldest entries go first', async () => {
  const cache = new ExpiringCache<string>({ clock, ttlMs: () => 1000, maxEntries: 2 })
  for (const key of ['a', 'b', 'c']) await cache.get(key, () => Promise.resolve(key))
  expect(cache.size).toBe(2)
  expect(await cache.get('a', () => Promise.resolve('again'))).toBe('again')
  expect(await cache.get('c', () => Promise.resolve('again'))).toBe('c')
})
