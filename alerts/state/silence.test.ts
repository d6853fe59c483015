import { beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import { seededRandom } from '../../lib/random.ts'
import { createInlineJournal } from './inline-journal.ts'
import type { Journal } from './journal.ts'
import { SilenceStore, silenceState } from './silence.ts'

const hour = 3_600_000
let clock: FakeClock
let journal: Journal
let silences: SilenceStore

beforeEach(() => {
  clock = new FakeClock()
  journal = createInlineJournal()
  silences = new SilenceStore({ clock, random: seededRandom(1), journal })
})

function request(more: object = {}) {
  const matchers = [{ name: 'pod', operator: '=', value: 'a' } as const]
  return { matchers, startsAt: clock.now(), endsAt: clock.now() + hour, createdBy: 'me', comment: 'c', ...more }
}

describe('silences', () => {
  it('match while they are active', async () => {
    const id = await silences.set(request({ startsAt: clock.now() + hour, endsAt: clock.now() + 2 * hour }))
    expect(silences.silencing({ pod: 'a' }, clock.now())).toEqual([])
    expect(silences.silencing({ pod: 'a' }, clock.now() + hour)).toEqual([id])
    expect(silences.silencing({ pod: 'b' }, clock.now() + hour)).toEqual([])
    expect(silences.silencing({ pod: 'a' }, clock.now() + 2 * hour)).toEqual([])
  })

  it('are on disk, and come back', async () => {
    const id = await silences.set(request())
    const again = new SilenceStore({ clock, random: seededRandom(2), journal })
    again.restore((await journal.load()).silence.values())
    expect(again.silencing({ pod: 'a' }, clock.now())).toEqual([id])
  })

  it('come back without effect where their patterns are not taken any more', async () => {
    const id = await silences.set(request())
    const stored = { ...silences.find(id)!, id: 'old', matchers: [{ name: 'pod', operator: '=~', value: '(.{0,900})'.repeat(9) } as const] }
    const again = new SilenceStore({ clock, random: seededRandom(2), journal })
    again.restore([stored, silences.find(id)!])
    expect(again.silencing({ pod: 'a' }, clock.now())).toEqual([id])
    expect(again.find('old')).toEqual(stored)
  })

  it('may be for everything but what they name', async () => {
    const id = await silences.set(request({ matchers: [{ name: 'team', operator: '!=', value: 'db' }] }))
    expect([{ team: '' }, { team: 'web' }, { team: 'db' }].map((labels) => silences.silencing(labels, clock.now()))).toEqual([
      [id],
      [id],
      [],
    ])
  })

  it('keep their ID when only the end changes', async () => {
    const id = await silences.set(request())
    const old = silences.find(id)!
    expect(await silences.set(request({ id, startsAt: old.startsAt, endsAt: old.endsAt + hour }))).toBe(id)
  })

  it('end and begin anew under another ID when history would change', async () => {
    const id = await silences.set(request())
    await clock.advance(1000)
    const next = await silences.set(request({ id, matchers: [{ name: 'pod', operator: '=', value: 'b' }] }))
    expect(next).not.toBe(id)
    expect(silenceState(silences.find(id)!, clock.now())).toBe('expired')
    expect(silences.silencing({ pod: 'b' }, clock.now())).toEqual([next])
  })

  it('can be ended, and stay so', async () => {
    const id = await silences.set(request())
    await clock.advance(1000)
    await silences.expire(id)
    expect(silences.silencing({ pod: 'a' }, clock.now())).toEqual([])
    const ended = silences.find(id)!
    await clock.advance(1000)
    await silences.expire(id)
    expect(silences.find(id)).toEqual(ended)
    await expect(silences.expire('x')).rejects.toMatchObject({ reason: 'not-found' })
  })

  it.each([
    [{ endsAt: 0 }, /start time must be before end time/],
    [{ startsAt: 0, endsAt: 1 }, /past/],
    [{ matchers: [] }, /at least one matcher/],
    [{ matchers: [{ name: 'a', operator: '=~', value: '.*' }] }, /must not match the empty string/],
    [{ matchers: [{ name: 'a', operator: '=~', value: '(' }] }, /bad regular expression/],
    [{ comment: 'x'.repeat(65_536) }, /at most 65536 characters/],
    [
      { matchers: Array.from({ length: 100 }, () => ({ name: 'a', operator: '=~', value: '.{1,9}'.repeat(150) })) },
      /at most 65536 characters/,
    ],
    [{ id: 'unknown' }, /not found/],
  ])('refuse %j', async (more, message) => {
    await expect(silences.set(request(more))).rejects.toThrow(message)
  })

  it('are forgotten long after their end', async () => {
    await silences.set(request())
    await clock.advance(10 * hour)
    await silences.prune(clock.now() - 5 * hour)
    expect(silences.list()).toEqual([])
    expect((await journal.load()).silence.size).toBe(0)
  })
})
