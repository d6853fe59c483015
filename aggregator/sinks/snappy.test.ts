import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decompressSnappy } from './remote-write-reader.ts'
import { compressSnappy } from './snappy.ts'

describe('the snappy block format', () => {
  it('gives back what went in, repeated or not', () => {
    const repetitive = fc
      .tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 5000 }), fc.uint8Array({ maxLength: 100 }))
      .map(([part, times, rest]) => Buffer.concat([...Array.from({ length: times }, () => part), rest]))
    const anything = fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes))
    fc.assert(
      fc.property(fc.oneof(anything, repetitive), (input) => {
        expect(decompressSnappy(compressSnappy(input)).equals(input)).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it('makes text that repeats itself small', () => {
    const text = Buffer.from('cpu_usage_rate{pod="web-1",namespace="default"} 12\n'.repeat(2000))
    expect(compressSnappy(text).length).toBeLessThan(text.length / 15)
  })

  it('holds literals of every length class', () => {
    for (const length of [0, 1, 59, 60, 61, 255, 256, 257, 65_535, 65_536, 70_000]) {
      let state = 1
      const input = Buffer.from(Array.from({ length }, () => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 24))
      expect(decompressSnappy(compressSnappy(input)).equals(input)).toBe(true)
    }
  })
})
