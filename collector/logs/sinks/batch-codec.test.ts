import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lineId, lineText } from '../log-batch.ts'
import type { LogBatch } from '../log-batch.ts'
import { BatchDecoder, encodeBatches } from './batch-codec.ts'
import { batchBytes, selectLines, sliceBatch } from './batch-lines.ts'
import { fakeBatch, fakeOrigin } from './fake-batches.ts'

const texts = fc.array(
  fc.string({ unit: 'binary', maxLength: 30 }).map((text) => text.toWellFormed()),
  { minLength: 1, maxLength: 20 },
)

function linesOf(batch: LogBatch): readonly unknown[] {
  return Array.from({ length: batch.count }, (_, index) => [
    lineId(batch, index),
    lineText(batch, index),
    batch.times[index],
    batch.levels[index],
    batch.streams[index],
    batch.fields?.[index],
  ])
}

describe('batches on disk', () => {
  it('are read back as they were', () => {
    fc.assert(
      fc.property(fc.array(texts, { minLength: 1, maxLength: 4 }), (all) => {
        const batches = all.map((lines, index) =>
          fakeBatch(lines, {
            file: `file-${index}`,
            from: index * 2 ** 40,
            origin: fakeOrigin(`app-${index % 2}`),
            fields: index % 2 === 0 ? undefined : lines.map((_, line) => (line % 2 === 0 ? { line, text: '"' } : undefined)),
          }),
        )
        const { batches: read, since } = new BatchDecoder().decode(encodeBatches(batches, 5))
        expect(since).toBe(5)
        expect(read.map(linesOf)).toEqual(batches.map(linesOf))
        expect(read.map(({ origin, file, nextPosition }) => [origin, file, nextPosition])).toEqual(
          batches.map(({ origin, file, nextPosition }) => [origin, file, nextPosition]),
        )
      }),
    )
  })

  it('of one origin share it', () => {
    const decoder = new BatchDecoder()
    const {
      batches: [first],
    } = decoder.decode(encodeBatches([fakeBatch(['a'])], 1))
    const {
      batches: [second],
    } = decoder.decode(encodeBatches([fakeBatch(['b'])], 1))
    expect(second!.origin).toBe(first!.origin)
  })

  it('that are something else or end early are refused', () => {
    const body = encodeBatches([fakeBatch(['some text'])], 1)
    expect(() => new BatchDecoder().decode(body.subarray(0, body.length - 3))).toThrow(/ends early/)
    expect(() => new BatchDecoder().decode(Buffer.from('something else'))).toThrow(/not a record/)
  })
})

describe('parts of batches', () => {
  it('have the lines that are meant, with all that belongs to them', () => {
    fc.assert(
      fc.property(texts, fc.nat(), fc.nat(), (all, one, two) => {
        const batch = fakeBatch(all, { fields: all.map((text) => ({ text })) })
        const from = one % all.length
        const end = from + 1 + (two % (all.length - from))
        const slice = sliceBatch(batch, from, end)
        expect(linesOf(slice)).toEqual(linesOf(batch).slice(from, end))
        const chosen = all.map((_, index) => index).filter((index) => index >= from && (index - from) % 2 === 0)
        expect(linesOf(selectLines(batch, chosen))).toEqual(chosen.map((index) => linesOf(batch)[index]))
        expect(batchBytes(sliceBatch(batch, 0, end)) + (end < all.length ? batchBytes(sliceBatch(batch, end, all.length)) : 0)).toBe(
          batchBytes(batch),
        )
      }),
    )
  })
})
