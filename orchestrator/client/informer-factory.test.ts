import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { seededRandom } from '../../lib/random.ts'
import { CoreV1ConfigMap } from '../api/generated/kinds.ts'
import { unavailable } from '../api/status-error.ts'
import type { Client } from './client.ts'
import { createFakeTransport } from './fake-transport.ts'
import type { FakeTransport } from './fake-transport.ts'
import type { InformerFactory } from './informer.ts'
import { createInformerFactory } from './informer-factory.ts'
import { createClient } from './rest-client.ts'

let clock: FakeClock
let transport: FakeTransport
let client: Client
let informers: InformerFactory
let abort: AbortController
let run: Promise<void> | undefined

beforeEach(() => {
  clock = new FakeClock()
  transport = createFakeTransport({ clock, random: seededRandom(5) })
  client = createClient(transport)
  informers = createInformerFactory({ client, clock, log: silentLog })
  abort = new AbortController()
  run = undefined
})
afterEach(async () => {
  abort.abort()
  await clock.settle()
  await run
})

const start = async () => {
  run = informers.run(abort.signal)
  await clock.advance(1)
}
const add = (name: string, labels: Record<string, string> = {}) =>
  client.create(CoreV1ConfigMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default', labels } })
const at = (name: string) => ({ namespace: 'default', name })
const names = () => [...informers.informer(CoreV1ConfigMap).list()].map(({ metadata }) => metadata.name!).toSorted()

test('lists what is there, then follows every change, and knows its revision', async () => {
  await add('a')
  const informer = informers.informer(CoreV1ConfigMap)
  expect([informer.hasSynced, informer.revision]).toEqual([false, 0])
  await start()
  expect(informer.hasSynced).toBe(true)
  const b = await add('b')
  await client.delete(CoreV1ConfigMap, at('a'))
  await clock.settle()
  expect(names()).toEqual(['b'])
  expect(informer.get('default/b')).toBe(b)
  expect(informer.revision).toBe(transport.revision)
})

test('one informer serves all that ask for the same kind and narrowing', async () => {
  expect(informers.informer(CoreV1ConfigMap)).toBe(informers.informer({ ...CoreV1ConfigMap }))
  expect(informers.informer(CoreV1ConfigMap, { labelSelector: 'a=b' })).not.toBe(informers.informer(CoreV1ConfigMap))
})

test('tells handlers of each change, and late ones of everything that is there', async () => {
  await start()
  const seen: string[] = []
  const handler = (name: string) => ({
    added: ({ metadata }: CoreV1ConfigMap) => seen.push(`${name} added ${metadata.name}`),
    updated: (object: CoreV1ConfigMap, previous: CoreV1ConfigMap) =>
      seen.push(`${name} updated ${object.data?.n} from ${previous.data?.n}`),
    deleted: ({ metadata }: CoreV1ConfigMap) => seen.push(`${name} deleted ${metadata.name}`),
  })
  const informer = informers.informer(CoreV1ConfigMap)
  informer.onChange(handler('early'))
  await clock.settle()
  await add('a')
  await clock.settle()
  const unsubscribe = informer.onChange(handler('late'))
  unsubscribe()
  await client.patch(CoreV1ConfigMap, at('a'), { type: 'application/merge-patch+json', body: { data: { n: '1' } } })
  await client.delete(CoreV1ConfigMap, at('a'))
  await clock.settle()
  expect(seen).toEqual(['early added a', 'late added a', 'early updated 1 from undefined', 'early deleted a'])
})

test('a handler that throws does not keep the others from hearing', async () => {
  await start()
  const seen: string[] = []
  const informer = informers.informer(CoreV1ConfigMap)
  informer.onChange({
    added: () => {
      throw new Error('mine')
    },
  })
  informer.onChange({ added: ({ metadata }) => seen.push(metadata.name!) })
  await add('a')
  await clock.settle()
  expect(seen).toEqual(['a'])
})

test('indexes follow changes, also when they are asked for late', async () => {
  await add('a', { team: 'red' })
  await start()
  const informer = informers.informer(CoreV1ConfigMap, { indexes: { team: ({ metadata }) => [metadata.labels?.team ?? 'none'] } })
  await clock.settle()
  const inTeam = (team: string) => [...informer.byIndex('team', team)].map(({ metadata }) => metadata.name)
  expect(inTeam('red')).toEqual(['a'])
  await client.patch(CoreV1ConfigMap, at('a'), { type: 'application/merge-patch+json', body: { metadata: { labels: { team: 'blue' } } } })
  await clock.settle()
  expect([inTeam('red'), inTeam('blue')]).toEqual([[], ['a']])
  expect(() => informer.byIndex('color', 'red')).toThrow('index color of configmaps is not declared; there are: team')
})

test('a broken watch goes on from where it was, without a list', async () => {
  await add('a')
  informers.informer(CoreV1ConfigMap)
  await start()
  transport.breakWatches()
  await add('b')
  await clock.advance(2_000)
  expect(names()).toEqual(['a', 'b'])
  expect(transport.requests.filter(({ method, query }) => method === 'GET' && query?.watch === undefined)).toHaveLength(1)
})

test('history that is gone is made up for by a list, with removals told', async () => {
  const deleted: string[] = []
  await add('a')
  informers.informer(CoreV1ConfigMap).onChange({ deleted: ({ metadata }) => deleted.push(metadata.name!) })
  await start()
  transport.breakWatches()
  await client.delete(CoreV1ConfigMap, at('a'))
  await add('b')
  transport.compact()
  await clock.advance(5_000)
  expect(names()).toEqual(['b'])
  expect(deleted).toEqual(['a'])
})

test('a server that is away is asked again with growing delays', async () => {
  const times: number[] = []
  transport.intercept(async () => {
    times.push(clock.monotonic())
    if (times.length < 5) throw unavailable('starting')
  })
  informers.informer(CoreV1ConfigMap)
  await start()
  await clock.advance(60_000)
  expect(times.slice(1, 5).map((time, index) => time - times[index]!)).toEqual([800, 1_600, 3_200, 6_400])
  expect(informers.informer(CoreV1ConfigMap).hasSynced).toBe(true)
})

test('waitForRevision resolves when the copy has it, and rejects when aborted', async () => {
  const informer = informers.informer(CoreV1ConfigMap)
  await start()
  const { metadata } = await add('a')
  await informer.waitForRevision(Number(metadata.resourceVersion))
  expect(informer.get('default/a')).toBeDefined()
  const stop = new AbortController()
  const waiting = informer.waitForRevision(1_000_000, stop.signal)
  const refused = expect(waiting).rejects.toThrow('stopped while waiting for configmaps to reach revision 1000000')
  stop.abort()
  await refused
})
