import { describe, expect, it } from 'vitest'
import { parseLogQuery, type LogParameters, type LogQuery } from '../../collector/logs/store/log-query.ts'
import type { LineRecord, LogRecord } from '../../collector/logs/store/log-records.ts'
import { systemClock } from '../../lib/clock.ts'
import { FakeClock } from '../../lib/fake-clock.ts'
import { LogSearch } from './log-search.ts'
import type { LogSource } from './log-source.ts'
import { silenceMs } from './source-reader.ts'

const never = new AbortController().signal
const line = (second: number, node: string): LineRecord => ({
  time: `2026-01-01T00:00:${String(second).padStart(2, '0')}.000000000Z`,
  node,
  text: `${second} ${node}`,
  id: `${node}-${second}`,
})

type Open = (query: LogQuery, from: string | undefined, signal: AbortSignal) => AsyncIterable<readonly LogRecord[]>

function sourceOf(name: string, open: Open): LogSource {
  return { name, mayAnswer: () => true, open }
}

const end = (lines = 0): LogRecord => ({ end: { lines, isCutAtLimit: false, problems: [] } })

/** A source whose stored lines are at these seconds. */
function stored(name: string, seconds: readonly number[]): LogSource {
  return sourceOf(name, async function* ({ direction, tail, limit }) {
    const ordered = seconds.toSorted((a, b) => (direction === 'backward' ? b - a : a - b))
    for (const second of tail === undefined ? ordered.slice(0, limit) : ordered.slice(-tail)) yield [line(second, name)]
    yield [end()]
  })
}

async function search(sources: readonly LogSource[], parameters: LogParameters): Promise<LogRecord[]> {
  const found: LogRecord[] = []
  const all = new LogSearch({ sources: { list: () => sources, onAdded: () => () => {} }, clock: systemClock })
  for await (const records of all.query(parseLogQuery(parameters, 0), never)) found.push(...records)
  return found
}

const textsOf = (records: readonly LogRecord[]) => records.flatMap((record) => ('text' in record ? [record.text] : []))

describe('a search over several sources', () => {
  const sources = [stored('a', [1, 4, 7]), stored('b', [2, 5, 8, 9]), stored('c', [])]

  it.each([
    [{}, ['1 a', '2 b', '4 a', '5 b', '7 a', '8 b', '9 b']],
    [{ direction: 'backward', limit: '3' }, ['9 b', '8 b', '7 a']],
    [{ limit: '2' }, ['1 a', '2 b']],
    [{ tail: '3' }, ['7 a', '8 b', '9 b']],
    [{ tail: '0' }, []],
  ])('with %o is one answer in the order of times', async (parameters, texts) => {
    const records = await search(sources, parameters)
    expect(textsOf(records)).toEqual(texts)
    expect(records.at(-1)).toMatchObject({ end: { lines: texts.length, problems: [] } })
  })

  it('names a source that fails, at once or later, and has the lines of the others', async () => {
    const failing = sourceOf('x', async function* () {
      yield [line(3, 'x')]
      throw new Error('connection lost')
    })
    const later = sourceOf('y', async function* () {
      yield await Promise.reject(new Error('no route'))
    })
    const records = await search([stored('a', [1, 4]), failing, later], {})
    expect(textsOf(records)).toEqual(['1 a', '3 x', '4 a'])
    expect(records.at(-1)).toMatchObject({
      end: {
        lines: 3,
        problems: [
          { node: 'x', problem: 'connection lost' },
          { node: 'y', problem: 'no route' },
        ],
      },
    })
  })

  it('goes on without a source that says nothing', async () => {
    const clock = new FakeClock()
    const silent = sourceOf('x', async function* (_query, _from, signal) {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      yield []
    })
    const all = new LogSearch({ sources: { list: () => [stored('a', [1]), silent], onAdded: () => () => {} }, clock })
    const found: LogRecord[] = []
    const searching = (async () => {
      for await (const records of all.query(parseLogQuery({}, 0), never)) found.push(...records)
    })()
    await clock.advance(silenceMs + 1)
    await searching
    expect(textsOf(found)).toEqual(['1 a'])
    expect(found.at(-1)).toMatchObject({ end: { problems: [{ node: 'x' }] } })
  })

  it('asks for no more than it hands on', async () => {
    let asked = 0
    const endless = sourceOf('a', async function* () {
      for (;;) yield [line(asked++ % 60, 'a')]
    })
    const all = new LogSearch({ sources: { list: () => [endless], onAdded: () => () => {} }, clock: systemClock })
    const records = all.query(parseLogQuery({ limit: '100000' }, 0), never)
    await records.next()
    await new Promise((resolve) => setImmediate(resolve))
    expect(asked).toBeLessThan(600)
    await records.return(undefined)
  })
})

describe('lines that are followed', () => {
  it('come in order, go on where a source broke off, and include sources that come later', async () => {
    const over = new AbortController()
    const places: (string | undefined)[] = []
    const breaking = sourceOf('a', async function* (_query, from, signal) {
      places.push(from)
      if (from === undefined) {
        yield [line(1, 'a')]
        yield [{ live: '1.8' }]
        yield [line(4, 'a'), { place: '1.50' }]
        throw new Error('killed')
      }
      yield [{ live: from }]
      yield [line(6, 'a'), { place: '1.90' }]
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
    })
    const steady = (name: string, second: number) =>
      sourceOf(name, async function* (_query, _from, signal) {
        yield [{ live: '1.8' }, line(second, name)]
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
      })
    const list = [breaking, steady('b', 3)]
    let onAdded = () => {}
    const all = new LogSearch({
      sources: {
        list: () => list,
        onAdded: (callback) => {
          onAdded = callback
          return () => {}
        },
      },
      clock: systemClock,
    })
    const found: LogRecord[] = []
    for await (const records of all.query(parseLogQuery({ follow: 'true', tail: '5' }, 0), over.signal)) {
      found.push(...records)
      if (list.length === 2) {
        list.push(steady('c', 5))
        onAdded()
      }
      if (textsOf(found).length >= 5) over.abort()
    }
    expect(textsOf(found).sort()).toEqual(['1 a', '3 b', '4 a', '5 c', '6 a'])
    expect(textsOf(found).indexOf('3 b')).toBeLessThan(textsOf(found).indexOf('4 a'))
    expect(found).toContainEqual({ node: 'a', problem: 'killed; it is asked again' })
    expect(places).toEqual([undefined, '1.50'])
  })
})
