import { afterEach, expect, test } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { seededRandom } from '../../lib/random.ts'
import { defaultLogSettings } from './settings.ts'
import { ThreadHandle } from './thread-handle.ts'

const signal = new AbortController().signal
let handle: ThreadHandle | undefined
afterEach(() => handle?.stop())

/** A thread that does what the script says with `port`, and ends when it is told to. */
function open(script: string) {
  const clock = new FakeClock()
  const told: string[] = []
  let starts = 0
  const entry = new URL(
    `data:text/javascript,${encodeURIComponent(`import { parentPort as port } from 'node:worker_threads'
port.on('message', ({ type }) => { if (type === 'stop') { port.postMessage({ type: 'stopped' }); port.close() } })
${script}`)}`,
  )
  handle = new ThreadHandle({
    data: { nodeName: 'n', dataFolder: '/', settings: defaultLogSettings, sinks: [], store: undefined },
    clock,
    random: seededRandom(1),
    log: {
      ...silentLog,
      error: (fields) => void told.push((fields as { reason: string }).reason),
      info: (_, message) => void told.push(message),
    },
    onStart: () => void starts++,
    entry,
  })
  return { clock, told, handle, starts: () => starts }
}

const ready = `port.postMessage({ type: 'ready' })`

test('answers come whole or in parts, as fast as they are taken', async () => {
  const { handle, told } = open(`${ready}
let parts = 0
port.on('message', ({ type, id, request }) => {
  if (type === 'ask') port.postMessage({ type: 'answer', id, answer: { code: 200, type: 't', body: request.path === '/whole' ? 'all of it' : undefined } })
  if (type === 'next') port.postMessage({ type: 'part', id, part: parts < 3 ? 'part ' + parts++ : undefined })
  if (type === 'leave') port.postMessage({ type: 'log', level: 'info', fields: {}, message: 'left after ' + parts })
})`)
  await handle.start()
  expect(await handle.ask({ path: '/whole', query: {} }, signal)).toEqual({ code: 200, type: 't', body: 'all of it' })
  const { body } = await handle.ask({ path: '/parts', query: {} }, signal)
  const first = await (body as AsyncIterable<string>)[Symbol.asyncIterator]().next()
  expect(first.value).toBe('part 0')
  const more: unknown[] = []
  for await (const part of (await handle.ask({ path: '/parts', query: {} }, signal)).body as AsyncIterable<string>) more.push(part)
  expect(more).toEqual(['part 1', 'part 2'])
  // What was said before this answer has arrived.
  await handle.ask({ path: '/whole', query: {} }, signal)
  // What was said before this answer has arrived.
  await handle.ask({ path: '/whole', query: {} }, signal)
  expect(told).toEqual(['left after 3'])
})

test('one that crashes is started again after a while and counted; who waits is told', async () => {
  const { handle, clock, told, starts } = open(`${ready}
port.on('message', ({ type }) => { if (type === 'figures') throw new Error('out of luck') })`)
  await handle.start()
  await expect(handle.families()).rejects.toThrow('has ended')
  expect(told).toEqual(['out of luck'])
  await expect(handle.ask({ path: '/status', query: {} }, signal)).rejects.toThrow('not running')
  expect([handle.restarts, starts()]).toEqual([1, 1])
  await clock.advance(1000)
  expect([handle.restarts, starts()]).toEqual([1, 2])
  await expect(handle.families()).rejects.toThrow('has ended')
  await clock.advance(400)
  expect(starts()).toBe(2)
  await clock.advance(2000)
  expect(starts()).toBe(3)
})

test('one that can not begin says why', async () => {
  const { handle } = open(`port.postMessage({ type: 'failed', message: 'the disk is gone' }); port.close()`)
  await expect(handle.start()).rejects.toThrow('logs can not be collected: the disk is gone')
})

test('one that is stopped stays so', async () => {
  const { handle, clock, starts } = open(ready)
  await handle.start()
  await handle.stop()
  await clock.advance(60_000)
  expect([handle.restarts, starts()]).toEqual([0, 1])
})
