import { describe, expect, it } from 'vitest'
import type { CoreV1Event } from '../../orchestrator/api/generated/kinds.ts'
import type { WatchEvent } from '../../orchestrator/api/object.ts'
import { expired } from '../../orchestrator/api/status-error.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { seededRandom } from '../../lib/random.ts'
import type { ClusterEvent } from '../events.ts'
import { createFakeClient } from '../fake-cluster.ts'
import { EventSource } from './event-source.ts'
import { EventTracker } from './event-tracker.ts'

const start = Date.parse('2030-01-01T00:00:00Z')
const at = (second: number) => new Date(start + second * 1000).toISOString()

function createEvent(uid: string, second: number, known: Partial<CoreV1Event> = {}): CoreV1Event {
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: uid, namespace: 'default', uid, resourceVersion: String(second), creationTimestamp: at(second) },
    involvedObject: { kind: 'Pod', namespace: 'default', name: 'web', uid: 'uid-web' },
    type: 'Warning',
    reason: 'BackOff',
    message: 'Back-off',
    source: { component: 'kubelet', host: 'n1' },
    firstTimestamp: at(second),
    lastTimestamp: at(second),
    count: 1,
    ...known,
  }
}

describe('the tracker of events', () => {
  const tracker = (maxTracked = 100) => new EventTracker({ since: start, maxTracked })

  it('reads every form of an event', () => {
    const events = tracker()
    expect(events.track(createEvent('a', 1, { count: 3, lastTimestamp: at(9) }))).toEqual({
      uid: 'a',
      namespace: 'default',
      type: 'Warning',
      reason: 'BackOff',
      message: 'Back-off',
      object: { kind: 'Pod', namespace: 'default', name: 'web', uid: 'uid-web' },
      component: 'kubelet',
      host: 'n1',
      count: 3,
      added: 3,
      firstSeen: start + 1000,
      lastSeen: start + 9000,
    })
    const { count: _c, firstTimestamp: _f, lastTimestamp: _l, source: _s, ...bare } = createEvent('b', 1)
    const series = { count: 4, lastObservedTime: at(8) }
    expect(
      events.track({
        ...bare,
        eventTime: at(2),
        series,
        reportingComponent: 'kubelet',
        reportingInstance: 'n2',
        message: 'm'.repeat(3000),
      }),
    ).toMatchObject({
      count: 4,
      firstSeen: start + 2000,
      lastSeen: start + 8000,
      component: 'kubelet',
      host: 'n2',
      message: 'm'.repeat(1024),
    })
    expect(events.track({ ...bare, metadata: { name: 'x' } })).toBeUndefined()
  })

  it('counts each repetition once', () => {
    const events = tracker()
    const added = (event: CoreV1Event) => events.track(event)!.added
    expect(added(createEvent('a', 1))).toBe(1)
    expect(added(createEvent('a', 1))).toBe(0)
    expect(added(createEvent('a', 1, { count: 5, lastTimestamp: at(5) }))).toBe(4)
    expect(added(createEvent('a', 1, { count: 3, lastTimestamp: at(3) }))).toBe(0)
    expect(added(createEvent('a', 1, { count: 5, lastTimestamp: at(6) }))).toBe(1)
  })

  it('takes for new what was last seen since the start, of older series only the last', () => {
    const events = tracker()
    expect(events.track(createEvent('old', -10))!.added).toBe(0)
    expect(events.track(createEvent('going on', -10, { count: 50, lastTimestamp: at(2) }))!.added).toBe(1)
    expect(events.track(createEvent('going on', -10, { count: 52, lastTimestamp: at(4) }))!.added).toBe(2)
  })

  it('takes nothing for new that it may have forgotten', () => {
    const events = tracker(2)
    for (const [index, uid] of ['a', 'b', 'c', 'd'].entries()) expect(events.track(createEvent(uid, index))!.added).toBe(1)
    expect(events.track(createEvent('a', 0))!.added).toBe(0)
    expect(events.track(createEvent('e', 9))!.added).toBe(1)
  })
})

describe('the source of events', () => {
  /** An API server whose lists and watches a test writes beforehand, one of each per connection. */
  function createSource(
    lists: readonly (readonly CoreV1Event[])[],
    watches: readonly (readonly (WatchEvent<CoreV1Event> | Error)[])[],
    now = start,
  ) {
    const asked: string[] = []
    let listed = 0
    let watched = 0
    const client = {
      ...createFakeClient(),
      list: () => {
        asked.push('list')
        const items = lists[listed++]
        return items === undefined ? new Promise(() => {}) : Promise.resolve({ metadata: { resourceVersion: `l${listed}` }, items })
      },
      async *watch(_: unknown, { resourceVersion }: { readonly resourceVersion?: string }) {
        asked.push(`watch ${resourceVersion}`)
        const frames = watches[watched++]
        if (frames === undefined) await new Promise(() => {})
        for (const frame of frames ?? []) {
          if (frame instanceof Error) throw frame
          yield frame
        }
      },
    } as unknown as Client
    const clock = new FakeClock(now)
    const seen: string[] = []
    const told: [string, number][] = []
    const sink = {
      addEvents: (events: readonly ClusterEvent[]) => void told.push(...events.map(({ uid, added }): [string, number] => [uid, added])),
    }
    const broken = {
      addEvents: () => {
        throw new Error('no')
      },
    }
    const source = new EventSource({
      client,
      onSeen: ({ uid }) => void seen.push(uid),
      sinks: [broken, sink],
      clock,
      random: seededRandom(1),
      log: silentLog,
    })
    return { source, clock, asked, seen, told }
  }
  const added = (object: CoreV1Event): WatchEvent<CoreV1Event> => ({ type: 'ADDED', object })

  it('lists, then watches, and goes on where a watch broke', async () => {
    const { source, clock, asked, seen, told } = createSource(
      [[createEvent('old', -5)]],
      [
        [added(createEvent('a', 1)), new Error('reset')],
        [added(createEvent('b', 2)), { type: 'DELETED', object: createEvent('a', 3) }],
      ],
    )
    source.start()
    await clock.advance(10_000)
    expect(asked).toEqual(['list', 'watch l1', 'watch 1', 'watch 3'])
    expect(seen).toEqual(['old', 'a', 'b'])
    expect(told).toEqual([
      ['a', 1],
      ['b', 1],
    ])
    expect(source.status()).toMatchObject({ isHealthy: true, delivered: 2, lists: 1 })
  })

  it('lists anew when its place is too old, and tells only what nobody was told', async () => {
    const again = createEvent('a', 1, { count: 3, lastTimestamp: at(3) })
    const { source, clock, asked, told } = createSource(
      [[], [createEvent('old', -5), again, createEvent('b', 2)]],
      [[added(createEvent('a', 1))], [expired('too old')], []],
    )
    source.start()
    await clock.advance(20_000)
    expect(asked.slice(0, 5)).toEqual(['list', 'watch l1', 'watch 1', 'list', 'watch l2'])
    expect(told).toEqual([
      ['a', 1],
      ['a', 2],
      ['b', 1],
    ])
  })

  it('tells what happens in the second of its start, though events carry whole seconds', async () => {
    const { source, clock, told } = createSource([[createEvent('old', -1)]], [[added(createEvent('a', 0))]], start + 900)
    source.start()
    await clock.advance(1000)
    expect(told).toEqual([['a', 1]])
  })
})
