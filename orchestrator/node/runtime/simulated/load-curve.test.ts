import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseLoadCurve, steps, wave, type LoadCurve } from './load-curve.ts'

const parse = (text: string) =>
  parseLoadCurve(
    text,
    (value) => (/^\d+$/.test(value) ? Number(value) : undefined),
    (name) => (name === 'known' ? steps([{ atMs: 0, value: 7 }]) : undefined),
  )

describe('a load curve', () => {
  it.each([
    ['250', [0, 250], [99_000, 250]],
    ['100 30s 800 2m 50', [0, 100], [29_999, 100], [30_000, 800], [119_999, 800], [120_000, 50], [1e9, 50]],
    ['100 1s 200 every 2s', [0, 100], [1500, 200], [2000, 100], [3000, 200]],
    ['wave 100 300 10s', [0, 100], [5000, 300], [10_000, 100], [2500, 200]],
    ['trace known', [5, 7]],
  ] as const)('%s', (text, ...values) => {
    for (const [ms, value] of values as readonly (readonly [number, number])[]) expect(parse(text)!.at(ms)).toBeCloseTo(value)
  })

  it.each([
    '',
    'much',
    '100 30s',
    '100 30s 200 20s 300',
    '100 soon 200',
    '100 1m 200 every 30s',
    'wave 1 2',
    'wave 1 2 0s',
    'trace unknown',
  ])('%j is none', (text) => expect(parse(text)).toBeUndefined())

  it('comes to what its values add up to', () => {
    const curves: readonly LoadCurve[] = [parse('100 3s 800 7s 50')!, parse('100 1s 200 every 2s')!, wave(10, 400, 9000)]
    const stepMs = 5
    fc.assert(
      fc.property(fc.constantFrom(...curves), fc.integer({ min: 0, max: 4000 }), (curve, count) => {
        let sum = 0
        for (let index = 0; index < count; index++) sum += curve.at((index + 0.5) * stepMs) * stepMs
        expect(curve.integral(count * stepMs)).toBeGreaterThan(sum * 0.999 - 1)
        expect(curve.integral(count * stepMs)).toBeLessThan(sum * 1.001 + 1)
      }),
      { numRuns: 50 },
    )
  })
})
