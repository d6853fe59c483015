import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FakeClock } from '../../lib/fake-clock.ts'
import type { HistoryLimits } from './history.ts'
import type { Change, Store, StoredObject, Watcher } from './store.ts'
import { bufferedWatch, type WatchStep } from './watch-buffer.ts'

/** Makes an empty store; the suite stops it. */
export type OpenStore = (options: { readonly clock: FakeClock; readonly history?: Partial<HistoryLimits> }) => Promise<Store>

const objectOf = (name: string, value = 0): StoredObject & { readonly value: number } => ({
  value,
  metadata: { name } as StoredObject['metadata'],
})

class Recorder implements Watcher {
  readonly changes: Change[] = []
  isClosed = false
  changed(changes: readonly Change[]): void {
    this.changes.push(...changes)
  }
  closed(): void {
    this.isClosed = true
  }
  get seen(): string[] {
    return this.changes.map(({ type, entry }) => `${type} ${entry.key}@${entry.revision}`)
  }
}

/** What every engine promises. */
export function describeStore(engine: string, open: OpenStore): void {
  describe(`store: ${engine}`, () => {
    let store: Store
    const clock = new FakeClock()
    beforeEach(async () => {
      store = await open({ clock })
    })
    afterEach(() => store.stop())
    const fill = async (...keys: string[]) => {
      for (const key of keys) await store.put(key, objectOf(key), 0)
    }
    const keys = (prefix: string, options = {}) => store.list(prefix, options).entries.map(({ key }) => key)

    describeWrites(() => store)

    test('lists under a prefix in key order, and not what merely starts the same', async () => {
      await fill('pods/b/2', 'pods/a/1', 'pods/a/0', 'podsx/a/9', 'nodes/n')
      expect(keys('pods/')).toEqual(['pods/a/0', 'pods/a/1', 'pods/b/2'])
      expect(keys('pods/a/')).toEqual(['pods/a/0', 'pods/a/1'])
      expect(keys('')).toHaveLength(5)
      expect(keys('services/')).toEqual([])
    })

    test('pages with limit and startAfter and says how many remain', async () => {
      await fill('pods/a', 'pods/b', 'pods/c', 'pods/d', 'pods/e', 'zoo/a')
      const first = store.list('pods/', { limit: 2 })
      expect(first.entries.map(({ key }) => key)).toEqual(['pods/a', 'pods/b'])
      expect(first.remaining).toBe(3)
      const last = store.list('pods/', { limit: 3, startAfter: 'pods/b' })
      expect(last.entries.map(({ key }) => key)).toEqual(['pods/c', 'pods/d', 'pods/e'])
      expect(last.remaining).toBe(0)
    })

    test('lists the state of an earlier revision', async () => {
      await fill('pods/a', 'pods/b', 'pods/c')
      const { revision } = store
      await store.delete('pods/a', store.get('pods/a')!.revision)
      await store.put('pods/b', objectOf('b', 7), store.get('pods/b')!.revision)
      await fill('pods/d', 'pods/a')
      const past = store.list('pods/', { atRevision: revision })
      expect(past.entries.map(({ key, object }) => [key, (object as { value?: number }).value])).toEqual([
        ['pods/a', 0],
        ['pods/b', 0],
        ['pods/c', 0],
      ])
      expect(past.revision).toBe(revision)
      expect(store.list('pods/', { atRevision: revision, limit: 1, startAfter: 'pods/a' }).remaining).toBe(1)
    })

    test('tells a watcher every change under its prefix once and in order', async () => {
      const recorder = new Recorder()
      store.watch('pods/', store.revision, recorder)
      await Promise.all([fill('pods/a'), fill('nodes/x'), fill('pods/b')])
      await store.put('pods/a', objectOf('a', 1), store.get('pods/a')!.revision)
      await store.delete('pods/b', store.get('pods/b')!.revision)
      expect(recorder.changes.map(({ type, entry }) => `${type} ${entry.key}`)).toEqual([
        'created pods/a',
        'created pods/b',
        'updated pods/a',
        'deleted pods/b',
      ])
      const revisions = recorder.changes.map(({ revision }) => revision)
      expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b))
    })

    test('hands over what a watcher missed, then goes on', async () => {
      await fill('pods/a')
      const { revision } = store
      await fill('pods/b', 'nodes/x')
      const recorder = new Recorder()
      store.watch('pods/', revision, recorder)
      await fill('pods/c')
      expect(recorder.seen).toEqual([`created pods/b@${revision + 1}`, `created pods/c@${revision + 3}`])
    })

    test('watches a single key', async () => {
      const recorder = new Recorder()
      store.watch('pods/a', store.revision, recorder)
      await fill('pods/a', 'pods/ab', 'pods/a/b')
      expect(recorder.changes.map(({ entry }) => entry.key)).toEqual(['pods/a'])
    })

    test('a removal carries its own revision and the version before', async () => {
      const created = await store.put('pods/a', objectOf('a', 3), 0)
      const recorder = new Recorder()
      store.watch('', store.revision, recorder)
      const removed = await store.delete('pods/a', created.revision)
      expect(removed.revision).toBe(created.revision + 1)
      expect(JSON.parse(removed.bytes.toString())).toEqual({ value: 3, metadata: { name: 'a', resourceVersion: String(removed.revision) } })
      expect(recorder.changes[0]).toMatchObject({ type: 'deleted', entry: removed, previous: created })
    })

    test('says nothing after the watch is given up', async () => {
      const recorder = new Recorder()
      store.watch('', store.revision, recorder)()
      await fill('pods/a')
      expect(recorder.changes).toEqual([])
    })

    test('refuses to watch or list from a compacted or a future revision', async () => {
      await fill('pods/a', 'pods/b', 'pods/c')
      const { revision } = store
      store.compact(revision - 1)
      expect(() => store.watch('', revision - 2, new Recorder())).toThrow(expect.objectContaining({ code: 'compacted' }))
      expect(() => store.list('', { atRevision: revision - 2 })).toThrow(expect.objectContaining({ code: 'compacted' }))
      expect(() => store.watch('', revision + 1, new Recorder())).toThrow(expect.objectContaining({ code: 'future' }))
      expect(() => store.list('', { atRevision: revision + 1 })).toThrow(expect.objectContaining({ code: 'future' }))
      store.watch('', revision - 1, new Recorder())
    })

    test('bounds the history in number and in age', async () => {
      await store.stop()
      store = await open({ clock, history: { maxChanges: 3, maxAgeMs: 1000 } })
      const start = store.revision
      await fill('a', 'b', 'c', 'd', 'e')
      expect(store.compactedRevision).toBe(start + 2)
      await clock.advance(2000)
      await fill('f')
      expect(store.compactedRevision).toBe(start + 5)
    })

    test('a buffered watch is read at its own pace and ends with its signal', async () => {
      const end = new AbortController()
      const steps = bufferedWatch({ store, prefix: 'pods/', fromRevision: store.revision, signal: end.signal })
      const first = steps.next()
      await fill('pods/a', 'pods/b')
      expect(((await first).value as WatchStep).changes.map(({ entry }) => entry.key)).toEqual(['pods/a'])
      expect((await steps.next()).value).toMatchObject({ revision: store.revision })
      const last = steps.next()
      end.abort()
      expect((await last).done).toBe(true)
    })

    test('a buffered watch that falls too far behind is dropped', async () => {
      const { signal } = new AbortController()
      const steps = bufferedWatch({ store, prefix: '', fromRevision: store.revision, signal, maxChanges: 2 })
      const first = steps.next()
      await fill('a')
      await first
      await fill('b', 'c', 'd')
      await expect(steps.next()).rejects.toMatchObject({ code: 'slow' })
    })

    test('stop closes the watches and refuses writes', async () => {
      const recorder = new Recorder()
      store.watch('', store.revision, recorder)
      const write = store.put('a', objectOf('a'), 0)
      await store.stop()
      await write
      expect(recorder.changes).toHaveLength(1)
      expect(recorder.isClosed).toBe(true)
      await expect(store.put('b', objectOf('b'), 0)).rejects.toMatchObject({ code: 'stopped' })
      expect(() => store.watch('', store.revision, recorder)).toThrow(expect.objectContaining({ code: 'stopped' }))
    })
  })
}

function describeWrites(store: () => Store): void {
  test('a created object is found with its revision inside', async () => {
    const before = store().revision
    const entry = await store().put('pods/a', objectOf('a', 5), 0)
    expect(entry).toMatchObject({ key: 'pods/a', revision: before + 1, createRevision: before + 1 })
    expect(store().get('pods/a')).toBe(entry)
    expect(entry.bytes.toString()).toBe(`{"value":5,"metadata":{"name":"a","resourceVersion":"${before + 1}"}}`)
    expect(store().revision).toBe(before + 1)
    expect(store().size).toBe(1)
  })

  test('an update keeps the revision of the creation', async () => {
    const created = await store().put('a', objectOf('a'), 0)
    const updated = await store().put('a', objectOf('a', 1), created.revision)
    expect(updated.createRevision).toBe(created.revision)
    expect(updated.revision).toBeGreaterThan(created.revision)
    expect(created.object).toEqual({ value: 0, metadata: { name: 'a', resourceVersion: String(created.revision) } })
  })

  test('a write whose expectation does not hold changes nothing and says what is there', async () => {
    const created = await store().put('a', objectOf('a'), 0)
    const { revision } = store()
    await expect(store().put('a', objectOf('a', 1), 0)).rejects.toMatchObject({ code: 'conflict', current: created })
    await expect(store().put('a', objectOf('a', 1), revision + 5)).rejects.toMatchObject({ code: 'conflict' })
    await expect(store().delete('a', revision + 5)).rejects.toMatchObject({ code: 'conflict' })
    await expect(store().put('b', objectOf('b'), 3)).rejects.toMatchObject({ code: 'conflict', current: undefined })
    expect(store().get('a')).toBe(created)
    expect(store().revision).toBe(revision)
  })

  test('of many writers with one expectation exactly one wins', async () => {
    const created = await store().put('a', objectOf('a'), 0)
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, value) => store().put('a', objectOf('a', value), created.revision)),
    )
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(results[0]!.status).toBe('fulfilled')
  })

  test('concurrent writes to many keys get different revisions without a gap', async () => {
    const before = store().revision
    const entries = await Promise.all(Array.from({ length: 2000 }, (_, index) => store().put(`k/${index}`, objectOf(`${index}`), 0)))
    expect(new Set(entries.map(({ revision }) => revision)).size).toBe(2000)
    expect(store().revision).toBe(before + 2000)
  })

  test('a key that was removed can be created again', async () => {
    const created = await store().put('a', objectOf('a'), 0)
    await store().delete('a', created.revision)
    expect(store().get('a')).toBeUndefined()
    const again = await store().put('a', objectOf('a'), 0)
    expect(again.createRevision).toBe(created.revision + 2)
  })
}
