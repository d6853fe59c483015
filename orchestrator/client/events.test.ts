import { beforeEach, expect, test } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { seededRandom } from '../../lib/random.ts'
import { CoreV1Event, CoreV1Pod } from '../api/generated/kinds.ts'
import { internalError } from '../api/status-error.ts'
import type { Client } from './client.ts'
import { createEventRecorder } from './events.ts'
import type { EventRecorder } from './events.ts'
import { createFakeTransport } from './fake-transport.ts'
import type { FakeTransport } from './fake-transport.ts'
import { createClient } from './rest-client.ts'

let clock: FakeClock
let transport: FakeTransport
let client: Client
let events: EventRecorder

beforeEach(() => {
  clock = new FakeClock()
  const random = seededRandom(9)
  transport = createFakeTransport({ clock, random })
  client = createClient(transport)
  events = createEventRecorder({ client, clock, random, log: silentLog, component: 'kubelet', host: 'node-1' })
})

const pod: CoreV1Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'team', uid: 'u', resourceVersion: '5' },
  spec: { containers: [] },
}

async function written(): Promise<readonly CoreV1Event[]> {
  await events.flush()
  return (await client.list(CoreV1Event)).items
}

test('an event says what happened to whom, when, and who says so', async () => {
  events.event(pod, 'Normal', 'Started', 'Container started')
  const [event] = await written()
  expect(event).toMatchObject({
    metadata: { namespace: 'team' },
    involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace: 'team', name: 'p', uid: 'u', resourceVersion: '5' },
    type: 'Normal',
    reason: 'Started',
    message: 'Container started',
    count: 1,
    firstTimestamp: '2030-01-01T00:00:00Z',
    lastTimestamp: '2030-01-01T00:00:00Z',
    source: { component: 'kubelet', host: 'node-1' },
    reportingComponent: 'kubelet',
  })
  expect(event!.metadata.name).toMatch(/^p\.[0-9a-f]{16}$/)
})

test('events of cluster-scoped objects go to the default namespace', async () => {
  events.event({ kind: 'Node', name: 'n', uid: 'n' }, 'Normal', 'Starting', 'Starting kubelet.')
  expect((await written())[0]!.metadata.namespace).toBe('default')
})

test('a repetition is counted in the event it repeats, whatever revision the object has', async () => {
  events.event(pod, 'Warning', 'BackOff', 'restarting')
  await clock.advance(60_000)
  events.event({ ...pod, metadata: { ...pod.metadata, resourceVersion: '6' } }, 'Warning', 'BackOff', 'restarting')
  const all = await written()
  expect(all).toHaveLength(1)
  expect(all[0]).toMatchObject({ count: 2, firstTimestamp: '2030-01-01T00:00:00Z', lastTimestamp: '2030-01-01T00:01:00Z' })
})

test('a counted event that was removed meanwhile is written anew', async () => {
  events.event(pod, 'Warning', 'BackOff', 'restarting')
  const [first] = await written()
  await client.delete(CoreV1Event, { namespace: 'team', name: first!.metadata.name! })
  events.event(pod, 'Warning', 'BackOff', 'restarting')
  expect((await written()).map(({ count }) => count)).toEqual([1])
})

test('more than ten different messages about one thing are summed up in one event', async () => {
  for (let index = 0; index < 30; index++) events.event(pod, 'Warning', 'Unhealthy', `probe failed: ${index}`)
  const all = await written()
  expect(all).toHaveLength(11)
  expect(all.find(({ message }) => message!.startsWith('(combined from similar events): '))).toMatchObject({
    count: 20,
    message: '(combined from similar events): probe failed: 29',
  })
})

test('what cannot be written is dropped, and too much at once is dropped and counted', async () => {
  transport.intercept(() => Promise.reject(internalError(new Error('full'))))
  for (let index = 0; index < 1_200; index++)
    events.event({ ...pod, metadata: { ...pod.metadata, name: `p${index}` } }, 'Normal', 'Started', 'Container started')
  transport.intercept(undefined)
  await events.flush()
  expect(events.dropped).toBeGreaterThan(150)
})
