import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  milliValueOf,
  parseQuantity,
  quantityFromUnits,
  quantityMilliValue,
  quantityValue,
  subtractQuantities,
  tryParseQuantity,
  valueOf,
} from './quantity.ts'

describe('quantities', () => {
  it.each([
    ['0', '0'],
    ['0.5', '500m'],
    ['1000m', '1'],
    ['100m', '100m'],
    ['1.5Gi', '1536Mi'],
    ['1024Ki', '1Mi'],
    ['1000Ki', '1000Ki'],
    ['512', '512'],
    ['2048', '2048'],
    ['1e3', '1e3'],
    ['12E', '12E'],
    ['1500M', '1500M'],
    ['1000M', '1G'],
    ['-0.1', '-100m'],
    ['0.0000000001', '1n'],
    ['.5', '500m'],
    ['+1', '1'],
    ['9223372036854775807', '9223372036854775807'],
    ['100Ei', '100Ei'],
  ])('prints %s as %s', (text, canonical) => {
    expect(canonicalQuantity(text)).toBe(canonical)
  })

  it.each(['', 'a', '1.2.3', '1KI', '1 Gi', '0x10', '1e', '--1', 'NaN', '1e1000000000', '1m1', '١'])('refuses %j', (text) => {
    expect(tryParseQuantity(text)).toBeUndefined()
    expect(() => parseQuantity(text)).toThrow('quantities must match the regular expression')
  })

  it('rounds whole and milli values up, away from zero', () => {
    expect(quantityValue(parseQuantity('1m'))).toBe(1)
    expect(quantityMilliValue(parseQuantity('1u'))).toBe(1)
    expect(quantityMilliValue(parseQuantity('-1u'))).toBe(-1)
    expect(milliValueOf('250m')).toBe(250)
    expect(valueOf('64Mi')).toBe(67_108_864)
    expect(valueOf(undefined)).toBe(0)
  })

  it('adds, subtracts and compares exactly', () => {
    expect(formatQuantity(addQuantities(parseQuantity('1Gi'), parseQuantity('1Mi')))).toBe('1025Mi')
    expect(formatQuantity(subtractQuantities(parseQuantity('1'), parseQuantity('100m')))).toBe('900m')
    expect(compareQuantities(parseQuantity('1000m'), parseQuantity('1'))).toBe(0)
    expect(compareQuantities(parseQuantity('1Ki'), parseQuantity('1k'))).toBe(1)
    expect(formatQuantity(quantityFromUnits(67_108_864, 'BinarySI'))).toBe('64Mi')
  })

  it('keeps the value of any quantity over its canonical text, which is stable', () => {
    const suffix = fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'T', 'Ki', 'Mi', 'Gi', 'e2', 'E-2')
    fc.assert(
      fc.property(fc.integer(), fc.nat({ max: 999_999_999 }), suffix, (whole, fraction, unit) => {
        const quantity = parseQuantity(`${whole}.${fraction}${unit}`)
        const canonical = formatQuantity(quantity)
        expect(parseQuantity(canonical).nanos).toBe(quantity.nanos)
        expect(canonicalQuantity(canonical)).toBe(canonical)
      }),
    )
  })
})
