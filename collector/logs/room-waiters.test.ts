import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { RoomWaiters } from './room-waiters.ts'

test('who waits goes on when there is room, and leaves nothing behind at a signal that lives long', async () => {
  const { signal } = new AbortController()
  const waiters = new RoomWaiters()
  for (let round = 0; round < 20; round++) {
    let isFull = true
    let isOver = false
    const waiting = waiters.wait(() => isFull, signal).then(() => (isOver = true))
    waiters.call()
    await new Promise((resolve) => setImmediate(resolve))
    expect(isOver).toBe(false)
    isFull = false
    waiters.call()
    await waiting
  }
  expect(getEventListeners(signal, 'abort')).toEqual([])
})

test('who waits goes on when it is told to stop', async () => {
  const stop = new AbortController()
  const waiting = new RoomWaiters().wait(() => true, stop.signal)
  stop.abort()
  await expect(waiting).resolves.toBeUndefined()
  await expect(new RoomWaiters().wait(() => true, stop.signal)).resolves.toBeUndefined()
})
