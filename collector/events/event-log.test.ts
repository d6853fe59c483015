import { expect, test } from 'vitest'
import { EventLog } from './event-log.ts'
import type { EventType } from './event-log.ts'
import { parseOomKill } from './kernel-log.ts'

const only = (...types: EventType[]) => new Set(types)

test('many events of one type push out none of another', () => {
  const log = new EventLog({ maxPerType: 3 })
  log.add('exit', '/a', 1)
  for (let index = 0; index < 10; index++) log.add('start', '/a', index)
  expect(log.list(only('exit', 'start')).map(({ type }) => type)).toEqual(['exit', 'start', 'start', 'start'])
  expect(log.dropped).toBe(7)
})

test('ids grow with every event, also when the clock stands still or a collector starts again', () => {
  const log = new EventLog()
  for (let index = 0; index < 5; index++) log.add('start', '/a', 1000)
  const ids = log.list(only('start')).map(({ id }) => id)
  expect(ids).toEqual([1_000_000, 1_000_001, 1_000_002, 1_000_003, 1_000_004])
  const next = new EventLog()
  next.add('start', '/a', 1001)
  expect(next.list(only('start'))[0]!.id).toBeGreaterThan(ids.at(-1)!)
})

test('events are forgotten after their time', () => {
  const log = new EventLog({ maxAgeMs: 100 })
  log.add('start', '/a', 0)
  log.add('start', '/a', 50)
  log.add('start', '/a', 120)
  expect(log.list(only('start')).map(({ timestampMs }) => timestampMs)).toEqual([50, 120])
})

test('a follower hears of events until it stops', () => {
  const log = new EventLog()
  const heard: EventType[] = []
  const stop = log.follow(({ type }) => heard.push(type))
  log.add('oom', '/a', 1)
  stop()
  log.add('start', '/a', 2)
  expect(heard).toEqual(['oom'])
})

test('the kernel’s log tells who was killed, whatever the task calls itself', () => {
  const line = (task: string) =>
    `3,100,200,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=abc,mems_allowed=0,oom_memcg=/docker/abc,task_memcg=/docker/abc,task=${task},pid=4242,uid=0\n SUBSYSTEM=x`
  const victim = { taskCgroup: '/docker/abc', limitCgroup: '/docker/abc', pid: 4242, constraint: 'CONSTRAINT_MEMCG' }
  expect(parseOomKill(line('stress'))).toEqual({ ...victim, processName: 'stress' })
  expect(parseOomKill(line('a,b,pid=1'))).toMatchObject({ processName: 'a,b,pid=1', taskCgroup: '/docker/abc' })
  expect(parseOomKill('6,1,2,-;eth0: link is up\n')).toBeUndefined()
  expect(parseOomKill('6,1,2,-;oom-kill:nonsense\n')).toBeUndefined()
})
