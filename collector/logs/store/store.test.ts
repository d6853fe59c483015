import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assert as check, asyncProperty, array, constantFrom, integer, record } from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../lib/clock.ts'
import { silentLog } from '../../../lib/log.ts'
import { batchOf, originOf, type TestLine } from './fixture.ts'
import { parseLogQuery, type LogParameters } from './log-query.ts'
import type { LineRecord, LogRecord } from './log-records.ts'
import { createLogStore, openLogStore, type LogStore } from './store.ts'

const never = new AbortController().signal
const second = 1_000_000_000n
const start = 1_700_000_000n * second
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'binnacle-store-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function open(options: { readonly folder?: string; readonly maxBytes?: number } = {}): Promise<LogStore> {
  const store = createLogStore({ folder, clock: systemClock, log: silentLog, maxBytes: 64 << 20, ...options })
  await store.sink.start()
  return store
}

async function find(store: Pick<LogStore, 'query'>, parameters: LogParameters = {}): Promise<LineRecord[]> {
  const found: LineRecord[] = []
  for await (const records of store.query(parseLogQuery(parameters, systemClock.now()), never))
    for (const each of records) if ('text' in each) found.push(each)
  return found
}

/** `count` lines, a second apart, with their number. */
function numbered(count: number, from = 0): TestLine[] {
  return Array.from({ length: count }, (_, index) => ({
    time: start + BigInt(from + index) * second,
    text: `line ${String(from + index).padStart(6, '0')}`,
    position: (from + index) * 100,
  }))
}

const texts = (lines: readonly Pick<LineRecord, 'text'>[]) => lines.map(({ text }) => text)

describe('the log store', () => {
  it('finds a line that was delivered, with everything that is known of it', async () => {
    const store = await open()
    await store.sink.deliver(batchOf(originOf('web'), [{ time: start + 1n, text: 'hällo', position: 36, level: 4 }]), never)
    expect(await find(store)).toEqual([
      {
        time: '2023-11-14T22:13:20.000000001Z',
        node: 'node-a',
        namespace: 'default',
        pod: 'web',
        container: 'main',
        level: 'warn',
        text: 'hällo',
        id: 'file-web-10',
      },
    ])
    await store.sink.stop()
  })

  it('does not store a line twice that is delivered again, in other batches and after a restart', async () => {
    const origin = originOf('web')
    let store = await open()
    await store.sink.deliver(batchOf(origin, numbered(10)), never)
    await store.sink.stop()
    store = await open()
    await Promise.all([
      store.sink.deliver(batchOf(origin, numbered(8, 5)), never),
      store.sink.deliver(batchOf(origin, numbered(20)), never),
    ])
    expect(texts(await find(store))).toEqual(numbered(20).map(({ text }) => text))
    await store.sink.stop()
  })

  it('finds what the audit log says about a pod by what requests were for, not by what else names it', async () => {
    const audit = (resource: string, name: string, uri = '/') => JSON.stringify({ requestURI: uri, objectRef: { resource, name } })
    const lines = [
      audit('pods', 'web'),
      audit('pods', 'web-2'),
      audit('services', 'web'),
      audit('pods', 'other', '/?"name":"web"'),
      '{"name":"web", cut',
      'null "name":"web"',
    ]
    const store = await open()
    const origin = originOf('', { kind: 'audit', pod: '' })
    const batch = batchOf(
      origin,
      lines.map((text, index) => ({ time: start + BigInt(index), text, position: index * 100 })),
      'audit',
    )
    await store.sink.deliver(batch, never)
    expect(texts(await find(store, { kind: 'audit', pod: 'web' }))).toEqual([lines[0]])
    expect(texts(await find(store, { kind: 'audit', pod: 'other', match: '/?' }))).toEqual([lines[3]])
    expect(await find(store, { kind: 'audit', pod: 'gone' })).toEqual([])
    await store.sink.stop()
  })

  it('stores lines that come behind later lines of their file', async () => {
    const origin = originOf('web')
    const store = await open()
    await store.sink.deliver(batchOf(origin, numbered(5, 10)), never)
    await store.sink.deliver(batchOf(origin, numbered(5)), never)
    expect(await find(store)).toHaveLength(10)
    await store.sink.stop()
  })

  it('compresses full journals, removes the oldest beyond its size, and finds the rest', async () => {
    const store = await open({ maxBytes: 4 << 20 })
    const origin = originOf('web')
    const noise = (index: number) =>
      Array.from({ length: 40 }, (_, at) => ((index * 2_654_435_761 + at * 40_503) >>> 0).toString(36)).join(' ')
    for (let round = 0; round < 60; round++) {
      const lines = numbered(1000, round * 1000).map((line, index) => ({
        ...line,
        position: line.position * 10,
        text: `${line.text} ${noise(round * 1000 + index)}`,
      }))
      await store.sink.room(never)
      await store.sink.deliver(batchOf(origin, lines), never)
    }
    await store.sink.stop()
    const names = readdirSync(folder)
    expect(names.filter((name) => name.endsWith('.segment')).length).toBeGreaterThan(1)
    expect(names.reduce((total, name) => total + statSync(join(folder, name)).size, 0)).toBeLessThan(6 << 20)
    const again = await open({ maxBytes: 4 << 20 })
    expect(texts(await find(again, { direction: 'backward', limit: '1' }))[0]).toMatch(/^line 059999 /)
    expect(texts(await find(again))[0]).not.toMatch(/^line 000000 /)
    expect(again.sink.stats().dropped).toEqual({})
    await again.sink.stop()
  })

  it('follows what comes, also what comes while a journal becomes a segment', async () => {
    const store = await open()
    const origin = originOf('web')
    await store.sink.deliver(batchOf(origin, numbered(3)), never)
    const over = new AbortController()
    const seen: string[] = []
    const began = Promise.withResolvers<void>()
    const following = (async () => {
      for await (const records of store.query(parseLogQuery({ follow: 'true', tail: '2' }, systemClock.now()), over.signal)) {
        seen.push(...records.flatMap((each) => ('text' in each ? [each.text] : [])))
        began.resolve()
        if (seen.length >= 9002) over.abort()
      }
    })()
    await began.promise
    for (let line = 3; line < 9003; line++) void store.sink.deliver(batchOf(origin, numbered(1, line)), never)
    await following
    expect(seen.toSorted()).toEqual(numbered(9002, 1).map(({ text }) => text))
    await store.sink.stop()
    expect(readdirSync(folder).some((name) => name.endsWith('.segment'))).toBe(true)
  })

  it('finds what was in a journal that becomes a segment in the middle of a search', async () => {
    const store = await open()
    const deliver = (pod: string, count: number, from: number) =>
      Promise.all(numbered(count, from).map((line) => store.sink.deliver(batchOf(originOf(pod), [line]), never)))
    // A segment with more blocks than are read ahead, then a journal.
    for (let pod = 0; pod < 4; pod++) await deliver(`pod-${pod}`, 2100, pod * 2100)
    await deliver('last', 10, 8400)
    const reader = openLogStore({ folder, clock: systemClock, log: silentLog })
    const search = reader.query(parseLogQuery({ limit: '100000' }, systemClock.now()), never)[Symbol.asyncIterator]()
    const found: LineRecord[] = []
    const take = (records: readonly LogRecord[]) => found.push(...records.filter((each) => 'text' in each))
    take((await search.next()).value as readonly LogRecord[])
    expect(readdirSync(folder)).toContain('0000000002.journal')
    await deliver('later', 8200, 8410)
    await store.sink.stop()
    expect(readdirSync(folder)).not.toContain('0000000002.journal')
    // The reader learns of it by another search.
    expect(texts(await find(reader, { direction: 'backward', limit: '1' }))).toEqual(['line 016609'])
    for (let next = await search.next(); next.done !== true; next = await search.next()) take(next.value)
    reader.close()
    expect(texts(found)).toEqual(texts(numbered(8410)))
  })

  it('keeps every acknowledged line and no half of one, wherever a crash cuts the journal', async () => {
    const store = await open()
    const sizes: number[] = []
    for (let line = 0; line < 20; line++) {
      await store.sink.deliver(batchOf(originOf(`pod-${line % 3}`), numbered(2, line * 2)), never)
      sizes.push(statSync(join(folder, '0000000001.journal')).size)
    }
    await store.sink.stop()
    const length = sizes.at(-1)!
    for (let cut = 0; cut <= length; cut += cut < 600 ? 7 : 131) {
      const copy = join(folder, `cut-${cut}`)
      mkdirSync(copy)
      copyFileSync(join(folder, '0000000001.journal'), join(copy, '0000000001.journal'))
      truncateSync(join(copy, '0000000001.journal'), cut)
      const after = await open({ folder: copy })
      const acknowledged = sizes.filter((size) => size <= cut).length
      expect((await find(after)).length).toBe(acknowledged * 2)
      // What was not acknowledged comes again, and all of it is there once.
      const again = Array.from({ length: 20 }, (_, line) => batchOf(originOf(`pod-${line % 3}`), numbered(2, line * 2)))
      await Promise.all(again.map((batch) => after.sink.deliver(batch, never)))
      expect(texts(await find(after))).toEqual(numbered(40).map(({ text }) => text))
      await after.sink.stop()
    }
  })

  it('goes on after a crash at any moment of compressing, and names a file that is damaged', async () => {
    const journal = '0000000001.journal'
    const segment = '0000000001.segment'
    const store = await open()
    for (let round = 0; round < 9; round++)
      await Promise.all(numbered(1000, round * 1000).map((line) => store.sink.deliver(batchOf(originOf('web'), [line]), never)))
    await store.sink.stop()
    const all = numbered(9000).map(({ text }) => text)
    // A crash between the names: the journal was not removed yet, and a later one was begun.
    copyFileSync(join(folder, '0000000002.journal'), join(folder, journal))
    writeFileSync(join(folder, '0000000002.segment.new'), 'half of a segment')
    const after = await open()
    expect(texts(await find(after, { limit: '10000' }))).toEqual(all)
    await after.sink.deliver(batchOf(originOf('web'), numbered(1, 9000)), never)
    await after.sink.stop()
    expect(readdirSync(folder)).not.toContain('0000000002.segment.new')
    expect(readdirSync(folder)).not.toContain(journal)
    const bytes = readFileSync(join(folder, segment))
    bytes[bytes.length - 40] = bytes.at(-40)! ^ 0xff
    writeFileSync(join(folder, segment), bytes)
    const damaged = await open()
    const records: object[] = []
    for await (const chunk of damaged.query(parseLogQuery({ limit: '10000' }, systemClock.now()), never)) records.push(...chunk)
    expect(records.at(-1)).toMatchObject({ end: { problems: [{ problem: `the file ${segment} of the store is damaged` }] } })
    expect(records).toHaveLength(2)
    await damaged.sink.stop()
  })

  it('finds the same as a list that is searched line by line', async () => {
    const lineArbitrary = record({
      pod: constantFrom('web', 'db', 'cache'),
      at: integer({ min: 0, max: 50 }),
      level: integer({ min: 0, max: 6 }),
      text: constantFrom('', 'a', 'aa', 'ab', 'ba', 'needle', 'nee', 'dle', 'xneedley', 'ü', 'two\nlines'),
    })
    const queryArbitrary = record({
      pod: constantFrom(undefined, 'web', 'db'),
      selector: constantFrom(undefined, 'app=web', 'app in (db,cache)', '!app'),
      level: constantFrom(undefined, 'warn', 'trace'),
      match: constantFrom(undefined, 'needle', 'a', 'ü', 'ab'),
      regex: constantFrom(undefined, 'n.*e', '^a+$', 'needle', 'a|ü', 'needle.'),
      direction: constantFrom('forward' as const, 'backward' as const),
      limit: integer({ min: 1, max: 30 }),
      since: constantFrom(undefined, 10),
      until: constantFrom(undefined, 40),
    })
    await check(
      asyncProperty(
        array(array(lineArbitrary, { minLength: 1, maxLength: 8 }), { maxLength: 12 }),
        queryArbitrary,
        async (groups, query) => {
          const own = mkdtempSync(join(folder, 'model-'))
          const store = await open({ folder: own })
          const known: { readonly pod: string; readonly time: bigint; readonly level: number; readonly text: string }[] = []
          let position = 0
          for (const group of groups) {
            for (const pod of ['web', 'db', 'cache']) {
              const lines = group
                .filter((line) => line.pod === pod)
                .map(({ at, level, text }) => ({ time: start + BigInt(at) * second, level, text, position: (position += 100) }))
              if (lines.length === 0) continue
              await store.sink.deliver(batchOf(originOf(pod), lines), never)
              known.push(...lines.map((line) => ({ ...line, pod })))
            }
          }
          const { since, until, limit, ...rest } = query
          const time = (at: number) => new Date(Number((start + BigInt(at) * second) / 1_000_000n)).toISOString()
          const found = await find(store, {
            ...rest,
            limit: String(limit),
            ...(since === undefined ? {} : { since: time(since) }),
            ...(until === undefined ? {} : { until: time(until) }),
          })
          const selected: Record<string, (pod: string) => boolean> = {
            'app=web': (pod) => pod === 'web',
            'app in (db,cache)': (pod) => pod !== 'web',
            '!app': () => false,
          }
          const at = (seconds: number) => start + BigInt(seconds) * second
          const wanted = known.filter(
            ({ pod, time: when, level, text }) =>
              (query.pod === undefined || pod === query.pod) &&
              (query.selector === undefined || selected[query.selector]!(pod)) &&
              (query.level === undefined || level >= { warn: 4, trace: 1 }[query.level]) &&
              (query.match === undefined || text.includes(query.match)) &&
              (query.regex === undefined || new RegExp(query.regex).test(text)) &&
              (since === undefined || when >= at(since)) &&
              (until === undefined || when < at(until)),
          )
          const times = wanted.map((line) => line.time).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
          if (query.direction === 'backward') times.reverse()
          expect(found.map((line) => BigInt(Date.parse(line.time)) * 1_000_000n)).toEqual(times.slice(0, limit))
          if (wanted.length <= limit) expect(texts(found).sort()).toEqual(wanted.map(({ text }) => text).sort())
          await store.sink.stop()
        },
      ),
      { numRuns: 60 },
    )
  })
})
