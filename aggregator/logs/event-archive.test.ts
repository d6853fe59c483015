import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseLogQuery, type LogParameters } from '../../collector/logs/store/log-query.ts'
import { systemClock } from '../../lib/clock.ts'
import { silentLog } from '../../lib/log.ts'
import type { ClusterEvent } from '../events.ts'
import { EventArchive } from './event-archive.ts'
import { createStoreSource } from './store-source.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'binnacle-events-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const eventOf = (uid: string, count: number, more: Partial<ClusterEvent> = {}): ClusterEvent => ({
  uid,
  namespace: 'default',
  type: 'Warning',
  reason: 'BackOff',
  message: `back-off of ${uid}`,
  object: { kind: 'Pod', namespace: 'default', name: uid, uid: `pod-${uid}` },
  component: 'kubelet',
  host: 'node-a',
  count,
  added: 1,
  firstSeen: systemClock.now(),
  lastSeen: systemClock.now(),
  ...more,
})

async function textsOf(parameters: LogParameters = {}): Promise<string[]> {
  const source = createStoreSource({ kind: 'events', folder, clock: systemClock, log: silentLog })
  const texts: string[] = []
  const query = parseLogQuery({ kind: 'events', ...parameters }, systemClock.now())
  for await (const records of source.open(query, undefined, new AbortController().signal))
    for (const record of records) if ('text' in record) texts.push(record.text)
  source.close()
  return texts
}

describe('the archive of events', () => {
  it('keeps each happening once, over a restart and a list of all that is known', async () => {
    const clock = systemClock
    let archive = new EventArchive({ folder, clock, log: silentLog })
    // What comes before the start waits for it.
    archive.add(eventOf('a', 1))
    await archive.start()
    archive.add(eventOf('a', 1))
    archive.add(eventOf('a', 2))
    await archive.stop()
    expect(archive.stats()).toEqual({ stored: 2, dropped: 0 })
    expect(archive.counts()).toEqual([{ namespace: 'default', type: 'Warning', reason: 'BackOff', count: 2 }])
    archive = new EventArchive({ folder, clock, log: silentLog })
    await archive.start()
    for (const event of [eventOf('a', 2), eventOf('b', 1, { namespace: 'other', type: 'Normal' })]) archive.add(event)
    await archive.stop()
    expect((await textsOf()).sort()).toEqual([
      'Normal BackOff Pod/b: back-off of b',
      'Warning BackOff Pod/a: back-off of a',
      'Warning BackOff Pod/a: back-off of a (2 times)',
    ])
  })

  it('finds them by namespace, level, text and the pod that they are about', async () => {
    const archive = new EventArchive({ folder, clock: systemClock, log: silentLog })
    await archive.start()
    archive.add(eventOf('a', 1))
    archive.add(eventOf('b', 1, { type: 'Normal' }))
    archive.add(eventOf('c', 1, { object: { kind: 'Node', namespace: '', name: 'a', uid: 'n' }, namespace: 'other' }))
    await archive.stop()
    expect(await textsOf({ pod: 'a' })).toEqual(['Warning BackOff Pod/a: back-off of a'])
    expect(await textsOf({ namespace: 'other' })).toEqual(['Warning BackOff Node/a: back-off of c'])
    expect(await textsOf({ level: 'warn', match: 'of a' })).toEqual(['Warning BackOff Pod/a: back-off of a'])
  })
})
