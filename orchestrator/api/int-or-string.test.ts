import { describe, expect, it } from 'vitest'
import { resolvePort, scaledValue } from './int-or-string.ts'

describe('counts and shares', () => {
  it('takes numbers as they are and scales percentages, rounded as asked', () => {
    expect(scaledValue(3, 10, 'up')).toBe(3)
    expect(scaledValue('25%', 10, 'up')).toBe(3)
    expect(scaledValue('25%', 10, 'down')).toBe(2)
    expect(scaledValue('x', 10, 'up')).toBeUndefined()
  })

  it('finds a port by number, by name, or by number in a text', () => {
    const ports = [{ name: 'web', containerPort: 8080 }]
    expect(resolvePort(80, ports)).toBe(80)
    expect(resolvePort('web', ports)).toBe(8080)
    expect(resolvePort('81', ports)).toBe(81)
    expect(resolvePort('other', ports)).toBeUndefined()
  })
})
