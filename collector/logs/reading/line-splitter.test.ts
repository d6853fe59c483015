import fc from 'fast-check'
import { expect, test } from 'vitest'
import { maxSpanBytes } from '../decoding/slice.ts'
import { LineSplitter } from './line-splitter.ts'

test('lines and their places are the same in whatever pieces the bytes come', () => {
  const contents = fc.array(
    fc.oneof(
      fc.constant('\n'),
      fc.string({ maxLength: 12 }).map((text) => text.replaceAll('\n', '')),
    ),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(
      contents,
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
      fc.integer({ min: 1, max: 30 }),
      (parts, sizes, max) => {
        const content = Buffer.from(parts.join('')).toString('latin1')
        const told: [text: string, position: number, cut: number][] = []
        const splitter = new LineSplitter(100, max, ({ buffer, start, end }, position, cut) =>
          told.push([buffer.toString('latin1', start, end), position, cut]),
        )
        for (let at = 0, index = 0; at < content.length; index++) {
          const size = sizes[index % sizes.length]!
          splitter.feed(content.slice(at, at + size))
          at += size
          const read = content.slice(0, at)
          expect(splitter.safePosition).toBe(100 + read.lastIndexOf('\n') + 1)
        }
        splitter.flush()
        const lines = content.split('\n')
        if (lines.at(-1) === '') lines.pop()
        let position = 100
        const expected = lines.map((line) => {
          const begun = position
          position += line.length + 1
          return [line.slice(0, max), begun, Math.max(0, line.length - max)]
        })
        expect(told).toEqual(expected)
      },
    ),
    { numRuns: 400 },
  )
})

test('a line that does not end is told piece by piece, and reading can go on behind each', () => {
  const told: [length: number, position: number, cut: number][] = []
  const splitter = new LineSplitter(7, 1000, ({ start, end }, position, cut) => told.push([end - start, position, cut]))
  const block = 'x'.repeat(256 * 1024 - 5)
  const blocks = Math.ceil((2.5 * maxSpanBytes) / block.length)
  for (let index = 0; index < blocks; index++) splitter.feed(block)
  expect(told).toEqual([
    [1000, 7, maxSpanBytes - 1000],
    [1000, 7 + maxSpanBytes, maxSpanBytes - 1000],
  ])
  expect(splitter.safePosition).toBe(7 + 2 * maxSpanBytes)
  splitter.feed('end\nnext\n')
  const length = blocks * block.length - 2 * maxSpanBytes + 3
  expect(told.slice(2)).toEqual([
    [1000, 7 + 2 * maxSpanBytes, length - 1000],
    [4, 7 + 2 * maxSpanBytes + length + 1, 0],
  ])
})
