import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { untilSucceeded } from './successor.ts'

function follow() {
  const clock = new FakeClock()
  const successors: EventEmitter[] = []
  let isOver = false
  const launch = () => {
    successors.push(new EventEmitter())
    return successors.at(-1) as ChildProcess
  }
  void untilSucceeded(launch, clock).then(() => (isOver = true))
  return { clock, successors, isOver: () => isOver, last: () => successors.at(-1)! }
}

test('a supervisor that is killed before it has taken over is followed by another, however often', async () => {
  const { clock, successors, isOver, last } = follow()
  for (let kill = 1; kill <= 5; kill++) {
    last().emit('exit', null, 'SIGKILL')
    await clock.advance(10_000)
    expect(successors).toHaveLength(kill + 1)
  }
  last().emit('error', new Error('no memory'))
  await clock.advance(10_000)
  expect([successors.length, isOver()]).toEqual([7, false])
  last().emit('message', {})
  await clock.advance(0)
  last().emit('exit', null, 'SIGKILL')
  await clock.advance(10_000)
  expect([successors.length, isOver()]).toEqual([7, true])
})

test('one that finds that none is needed is followed by nobody; one that fails is', async () => {
  const { clock, successors, isOver, last } = follow()
  last().emit('exit', 1, null)
  await clock.advance(10_000)
  last().emit('exit', 0, null)
  await clock.advance(10_000)
  expect([successors.length, isOver()]).toEqual([2, true])
})
