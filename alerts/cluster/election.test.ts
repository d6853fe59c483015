import { beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { Election } from './election.ts'
import type { ElectionOptions } from './election.ts'
import { FakeLeases } from './fake-leases.ts'

let clock: FakeClock
let leases: FakeLeases
let events: string[]

beforeEach(() => {
  clock = new FakeClock()
  leases = new FakeLeases()
  events = []
})

function join(name: string, more: Partial<ElectionOptions> = {}) {
  const election = new Election({
    name,
    address: () => `${name}:1`,
    leases: leases.for(name),
    leaseDurationMs: 8000,
    clock,
    log: silentLog,
    hasPromised: () => false,
    isPromised: () => false,
    onLead: (term) => events.push(`${name} leads ${term}`),
    onLost: () => events.push(`${name} lost`),
    onLeader: () => {},
    ...more,
  })
  const abort = new AbortController()
  const running = election.run(abort.signal)
  return {
    election,
    stop: async () => {
      abort.abort()
      await running
    },
  }
}

describe('an election', () => {
  it('is won by one, who stays', async () => {
    join('a')
    join('b')
    await clock.advance(60_000)
    expect(events).toEqual(['a leads 1'])
    expect(leases.record).toMatchObject({ holder: 'a', address: 'a:1', term: 1, inSync: ['a'] })
  })

  it('passes over to a server that has everything, when the leader is silent, and never while both believe to lead', async () => {
    const a = join('a')
    const b = join('b')
    await clock.advance(1000)
    await a.election.setInSync((inSync) => [...inSync, 'b'])
    await clock.advance(4000)
    leases.cutOff('a')
    for (let step = 0; step < 200; step++) {
      await clock.advance(100)
      expect(a.election.isHeld() && b.election.isHeld()).toBe(false)
    }
    expect(events).toEqual(['a leads 1', 'a lost', 'b leads 2'])
    await expect(a.election.setInSync((inSync) => inSync)).rejects.toThrow(/does not lead/)
    leases.restore('a')
    await clock.advance(20_000)
    expect(events).toHaveLength(3)
  })

  it('does not pass over to a server that has missed something, unless that is wanted after a time', async () => {
    join('a')
    join('b')
    await clock.advance(1000)
    leases.cutOff('a')
    await clock.advance(120_000)
    expect(events).toEqual(['a leads 1', 'a lost'])
    join('c', { takeOverAfterMs: 300_000 })
    await clock.advance(299_000)
    expect(events).toHaveLength(2)
    await clock.advance(5000)
    expect(events).toEqual(['a leads 1', 'a lost', 'c leads 2'])
  })

  it('leaves a leader in place whose followers promise so, while the lease is out of reach', async () => {
    let isPromised = true
    const a = join('a', { isPromised: () => isPromised })
    const b = join('b', { hasPromised: () => isPromised })
    await clock.advance(1000)
    await a.election.setInSync((inSync) => [...inSync, 'b'])
    leases.cutOff('a')
    await clock.advance(60_000)
    expect([a.election.isHeld(), b.election.isHeld()]).toEqual([true, false])
    isPromised = false
    await clock.advance(20_000)
    expect(events).toEqual(['a leads 1', 'a lost', 'b leads 2'])
  })

  it('passes over at once where the leader gives the lease up, and to itself after a restart', async () => {
    const a = join('a')
    join('b', { hasPromised: () => true })
    await clock.advance(1000)
    await a.election.setInSync((inSync) => [...inSync, 'b'])
    await a.stop()
    await a.election.release()
    await clock.advance(2100)
    expect(events).toEqual(['a leads 1', 'b leads 2'])
    leases.cutOff('b')
    join('b2', { name: 'b', leases: leases.for('b2') })
    await clock.advance(100)
    expect(events.at(-1)).toBe('b2 leads 3')
  })

  it('goes on with what the leader knows where somebody else has written into the lease', async () => {
    const a = join('a')
    await clock.advance(1000)
    await a.election.setInSync((inSync) => [...inSync, 'b'])
    leases.record = { ...leases.record!, version: 'spoiled', address: 'elsewhere:1', inSync: ['ghost'] }
    await clock.advance(6000)
    expect(leases.record).toMatchObject({ holder: 'a', address: 'a:1', inSync: ['a', 'b'] })
    expect(events).toEqual(['a leads 1'])
  })

  it('is not believed longer when the clock jumps forward, as after a sleep of the machine', async () => {
    const a = join('a')
    await clock.advance(100)
    expect(a.election.isHeld()).toBe(true)
    leases.cutOff('a')
    const now = clock.now()
    clock.now = () => now + 60_000
    expect(a.election.isHeld()).toBe(false)
  })
})
