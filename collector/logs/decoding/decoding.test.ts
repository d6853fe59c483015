import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeCri } from './cri.ts'
import { decodeDocker } from './docker-json.ts'
import { PieceJoiner } from './piece-joiner.ts'
import { createSlice, decodePlain, maxSpanBytes, type Decode, type Slice } from './slice.ts'

function nanoseconds({ timeHigh, timeLow }: Slice): bigint {
  return (BigInt(timeHigh) << 32n) | BigInt(timeLow)
}

/** What a decoder makes of a line that stands among others. */
function decode(decoder: Decode, line: string | Buffer) {
  const bytes = Buffer.from(line)
  const buffer = Buffer.concat([Buffer.from('before\n'), bytes, Buffer.from('\n{"log":"after\\n"}\n')])
  const slice = createSlice()
  if (!decoder(buffer, 7, 7 + bytes.length, slice)) return undefined
  const { start, end, stream, isPartial } = slice
  return { text: slice.buffer.toString('utf8', start, end), stream, isPartial, time: nanoseconds(slice) }
}

/** Milliseconds and further digits of an RFC 3339 text in ns. */
function toNanoseconds(text: string): bigint {
  const [, whole = '', fraction = ''] = /^([^.]*?)(?:\.(\d+))?Z$/.exec(text)!
  return BigInt(Date.parse(`${whole}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, '0'))
}

/** JSON as Go's encoder writes it. */
function goJson(value: unknown): string {
  return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

describe("Docker's json-file", () => {
  test('is cut as JSON.parse would have it, whatever a container writes', () => {
    const text = fc.string({
      unit: fc.oneof(
        fc.string({ unit: 'binary', maxLength: 3 }),
        fc.constantFrom('"', '\\', '\\n', '\n', '","stream":"stderr"', '<', '\u2028', '😀', '\t'),
      ),
    })
    const times = fc.integer({ min: 0, max: 4_000_000_000 }).chain((seconds) => fc.nat(999_999_999).map((nanos) => ({ seconds, nanos })))
    fc.assert(
      fc.property(
        text,
        fc.boolean(),
        fc.boolean(),
        times,
        fc.option(fc.dictionary(fc.string(), fc.string())),
        (content, isWhole, isError, { seconds, nanos }, attrs) => {
          const log = (isWhole ? `${content}\n` : content).toWellFormed()
          const fraction = nanos === 0 ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`
          const time = `${new Date(seconds * 1000).toISOString().slice(0, 19)}${fraction}Z`
          const entry = { log, stream: isError ? 'stderr' : 'stdout', ...(attrs === null ? {} : { attrs }), time }
          const isLine = log.endsWith('\n')
          const expected = { text: isLine ? log.slice(0, -1) : log, stream: isError ? 1 : 0, isPartial: !isLine, time: toNanoseconds(time) }
          expect(decode(decodeDocker, JSON.stringify(entry))).toEqual(expected)
          expect(decode(decodeDocker, goJson(entry))).toEqual(expected)
        },
      ),
      { numRuns: 500 },
    )
  })

  test('other JSON with a log goes through the parser', () => {
    expect(decode(decodeDocker, '{ "time": "2026-11-21T09:13:23+01:00", "log": "a\\ud83d\\ude00\\n" }')).toEqual({
      text: 'a😀',
      stream: 0,
      isPartial: false,
      time: toNanoseconds('2026-11-21T08:13:23Z'),
    })
    expect(decode(decodeDocker, '{"log":"x\\n","stream":"stdout"}')).toMatchObject({ text: 'x', time: 0n })
  })

  test.each([
    '',
    '{',
    '{"log":"',
    '{"log":5}',
    '[]',
    'null',
    'plain text',
    '{"log":"a","stream":"stdout","time":"2026-',
    '{"log":"\\',
    '\0\0\0',
  ])('what is none of it is refused: %s', (line) => {
    expect(decode(decodeDocker, line)).toBeUndefined()
  })

  test('no bytes make it throw or read beyond its line', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(60), (bytes, cut) => {
        const line = Buffer.from('{"log":"some text\\n","stream":"stdout","time":"2026-11-21T09:13:23.5Z"}')
        line.set(bytes.subarray(0, line.length - cut), cut)
        const found = decode(decodeDocker, line)
        expect(found === undefined || !found.text.includes('after')).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('a CRI line', () => {
  test('has time, stream and text', () => {
    expect(decode(decodeCri, '2016-10-06T00:17:09.669794202Z stderr F log content 1')).toEqual({
      text: 'log content 1',
      stream: 1,
      isPartial: false,
      time: toNanoseconds('2016-10-06T00:17:09.669794202Z'),
    })
    expect(decode(decodeCri, '2016-10-06T02:17:09.6697+02:00 stdout P:tag ')).toEqual({
      text: '',
      stream: 0,
      isPartial: true,
      time: toNanoseconds('2016-10-06T00:17:09.6697Z'),
    })
  })

  test.each([
    '',
    'x',
    '2016-10-06T00:17:09Z',
    '2016-10-06T00:17:09Z stdout',
    '2016-10-06T00:17:09Z stdin F x',
    '2016-13-06T00:17:09Z stdout F x',
    '2016-10-06T00:17:09Z stdout Full x',
  ])('what is none is refused: %s', (line) => {
    expect(decode(decodeCri, line)).toBeUndefined()
  })
})

test('a plain line is itself, without the carriage return of Windows', () => {
  expect(decode(decodePlain, 'text\r')).toMatchObject({ text: 'text', isPartial: false })
})

describe('pieces', () => {
  const pieces = fc.array(fc.record({ stream: fc.constantFrom(0, 1), text: fc.string(), isPartial: fc.boolean() }), { maxLength: 40 })

  test('are joined for each stream on its own, whatever the order in which they come', () => {
    fc.assert(
      fc.property(pieces, (all) => {
        const told: { stream: number; text: string; position: number }[] = []
        const joiner = new PieceJoiner(1e6, (slice, position) =>
          told.push({ stream: slice.stream, text: slice.buffer.toString('utf8', slice.start, slice.end), position }),
        )
        const expected: { stream: number; text: string; position: number }[] = []
        const open = ['', ''].map(() => ({ text: '', position: -1 }))
        all.forEach(({ stream, text, isPartial }, position) => {
          const one = open[stream]!
          const oldest = Math.min(...open.map(({ position: begun }) => (begun < 0 ? Infinity : begun)))
          expect(joiner.safePosition).toBe(oldest)
          joiner.push({ ...createSlice(), buffer: Buffer.from(text), end: Buffer.byteLength(text), stream, isPartial }, position, 0)
          if (one.position < 0) one.position = position
          one.text += text
          if (isPartial) return
          expected.push({ stream, ...one })
          open[stream] = { text: '', position: -1 }
        })
        joiner.flush()
        const rest = open.map((one, stream) => ({ stream, ...one })).filter(({ position }) => position >= 0)
        expect(told).toEqual([...expected, ...rest.toSorted((a, b) => a.position - b.position)])
      }),
    )
  })

  test('keep no more than the bound and count the rest', () => {
    const told: [string, number][] = []
    const joiner = new PieceJoiner(10, (slice, _, cut) => told.push([slice.buffer.toString('utf8', slice.start, slice.end), cut]))
    const piece = (text: string, isPartial: boolean) => ({ ...createSlice(), buffer: Buffer.from(text), end: text.length, isPartial })
    joiner.push(piece('123456', true), 0, 0)
    joiner.push(piece('789012', true), 1, 3)
    joiner.push(piece('345', false), 2, 0)
    joiner.push(piece('abcdefghijkl', false), 3, 0)
    expect(told).toEqual([
      ['1234567890', 8],
      ['abcdefghij', 2],
    ])
  })

  test('that wait for their end too long while the other stream goes on are told as they are', () => {
    const told: [string, number][] = []
    const joiner = new PieceJoiner(100, (slice, position) => told.push([slice.buffer.toString('utf8', slice.start, slice.end), position]))
    const piece = (text: string, stream: number, isPartial: boolean) => ({
      ...createSlice(),
      buffer: Buffer.from(text),
      end: text.length,
      stream,
      isPartial,
    })
    joiner.push(piece('Password: ', 0, true), 5, 0)
    joiner.push(piece('working', 1, false), 5 + maxSpanBytes, 0)
    expect(joiner.safePosition).toBe(5)
    joiner.push(piece('still working', 1, false), 6 + maxSpanBytes, 0)
    expect(joiner.safePosition).toBe(Infinity)
    joiner.push(piece('secret', 0, false), 7 + maxSpanBytes, 0)
    expect(told).toEqual([
      ['working', 5 + maxSpanBytes],
      ['Password: ', 5],
      ['still working', 6 + maxSpanBytes],
      ['secret', 7 + maxSpanBytes],
    ])
  })
})
