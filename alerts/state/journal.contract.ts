import { afterEach, describe, expect, it } from 'vitest'
import type { Alert } from './alert.ts'
import type { Journal } from './journal.ts'

const alert: Alert = { fingerprint: 'f1', labels: { alertname: 'A' }, annotations: {}, startsAt: 1, updatedAt: 1, source: 'rule' }

/** What every journal does. `open` gives one on the same disk each time. */
export function describeJournal(name: string, open: () => Journal): void {
  describe(`${name} as a journal`, () => {
    let journal: Journal
    afterEach(() => journal.close())

    it('gives back what was put, and not what was removed', async () => {
      journal = open()
      await journal.commit({
        put: [
          { table: 'alert', key: 'f1', value: alert },
          { table: 'fact', key: 'x', value: { value: 1 } },
        ],
      })
      await journal.commit({
        put: [{ table: 'alert', key: 'f1', value: { ...alert, updatedAt: 2 } }],
        remove: [{ table: 'fact', key: 'x' }],
      })
      const snapshot = await journal.load()
      expect([...snapshot.alert.values()]).toEqual([{ ...alert, updatedAt: 2 }])
      expect(snapshot.fact.get('x')).toBeUndefined()
    })

    it('finds history by alert, receiver, notification and time, the newest within the limit, oldest first', async () => {
      journal = open()
      const entry = { kind: 'transition', text: 't' } as const
      await journal.commit({
        entries: [
          { ...entry, time: 1, fingerprint: 'f1', alertname: 'A' },
          { ...entry, time: 2, fingerprint: 'f2', alertname: 'A', receiver: 'r', notification: 'n' },
          { ...entry, time: 3, fingerprint: 'f3', alertname: 'B' },
        ],
      })
      const times = async (query: object) => (await journal.entries({ limit: 10, ...query })).map((found) => found.time)
      expect(await times({ alert: 'f1' })).toEqual([1])
      expect(await times({ alert: 'A' })).toEqual([1, 2])
      expect(await times({ receiver: 'r' })).toEqual([2])
      expect(await times({ notification: 'n' })).toEqual([2])
      expect(await times({ since: 2 })).toEqual([2, 3])
      expect(await times({ limit: 2 })).toEqual([2, 3])
      await journal.prune(3)
      expect(await times({})).toEqual([3])
    })

    it('takes commits in the order of their calls', async () => {
      journal = open()
      const commits = Array.from({ length: 50 }, (_, value) => journal.commit({ put: [{ table: 'fact', key: 'n', value: { value } }] }))
      await Promise.all(commits)
      expect((await journal.load()).fact.get('n')).toEqual({ value: 49 })
    })

    it('keeps hostile texts as they are', async () => {
      journal = open()
      const text = `'; DROP TABLE record; --\u0000 "é`
      await journal.commit({ entries: [{ time: 1, kind: 'received', alertname: text, text }] })
      expect((await journal.entries({ limit: 1, alert: text }))[0]).toMatchObject({ alertname: text })
    })
  })
}
