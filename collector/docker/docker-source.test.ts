import { expect, test } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { DockerSource } from './docker-source.ts'
import { FakeDockerEngine } from './fake-engine.ts'

function setUp() {
  const clock = new FakeClock()
  const engine = new FakeDockerEngine()
  const told: string[] = []
  const source = new DockerSource({
    clock,
    log: silentLog,
    engine,
    listener: {
      onRunning: ({ id, name }) => told.push(`running ${id} ${name}`),
      onEnded: (id) => told.push(`ended ${id}`),
      onExit: (id, exitCode) => told.push(`exit ${id} ${exitCode}`),
      onOom: (id) => told.push(`oom ${id}`),
    },
  })
  const abort = new AbortController()
  const start = async () => {
    const running = source.run(abort.signal)
    await clock.settle()
    return async () => {
      abort.abort()
      await running
    }
  }
  return { clock, engine, told, source, start }
}

test('containers that run already are told once each, and no time passing inspects them again', async () => {
  const { clock, engine, told, start } = setUp()
  engine.run({ id: 'a', name: 'one' })
  engine.run({ id: 'b', name: 'two' })
  const stop = await start()
  await clock.advance(600_000)
  expect(told).toEqual(['running a one', 'running b two'])
  expect(engine.inspections).toBe(2)
  await stop()
})

test('life, change, death and OOM come from events', async () => {
  const { clock, engine, told, start } = setUp()
  const stop = await start()
  engine.run({ id: 'a', name: 'one' })
  await clock.settle()
  engine.run({ id: 'a', name: 'renamed' }, 'rename')
  await clock.settle()
  engine.emit('oom', 'a')
  engine.emit('exec_start: sh', 'a')
  engine.die('a')
  engine.emit('destroy', 'a')
  await clock.settle()
  expect(told).toEqual(['running a one', 'running a renamed', 'oom a', 'ended a'])
  await stop()
})

test('changes of a container that still waits to be inspected lead to one inspection', async () => {
  const { clock, engine, start } = setUp()
  const stop = await start()
  for (let index = 0; index < 5; index++) engine.run({ id: `c${index}` })
  for (let index = 0; index < 50; index++) engine.emit('update', 'c4')
  await clock.settle()
  expect(engine.inspections).toBeLessThanOrEqual(7)
  await stop()
})

test('while Docker is away what is known stays, and the list after the reconnection puts it right', async () => {
  const { clock, engine, told, source, start } = setUp()
  engine.run({ id: 'a', name: 'one' })
  engine.run({ id: 'b', name: 'two' })
  const stop = await start()
  engine.leave()
  await clock.advance(5_000)
  expect(source.state).toEqual({ status: 'degraded', reason: 'connect ENOENT /var/run/docker.sock' })
  expect(told).toHaveLength(2)
  engine.containers.delete('a')
  engine.run({ id: 'c', name: 'three' })
  engine.comeBack()
  await clock.advance(30_000)
  expect(source.state.status).toBe('connected')
  expect(told.slice(2)).toEqual(['ended a', 'running b two', 'running c three'])
  await stop()
})

test('reconnections wait longer and longer, up to half a minute', async () => {
  const { clock, engine, source, start } = setUp()
  engine.leave()
  const stop = await start()
  await clock.advance(600_000)
  expect(source.counters.reconnects).toBeGreaterThan(20)
  expect(source.counters.reconnects).toBeLessThan(30)
  await stop()
})
