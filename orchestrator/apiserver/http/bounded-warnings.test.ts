import { expect, it } from 'vitest'
import { boundedWarnings } from './bounded-warnings.ts'

it('tells every warning once, in order', () => {
  expect(boundedWarnings(['b', 'a', 'b'])).toEqual(['b', 'a'])
  expect(boundedWarnings(['x'.repeat(4096)])).toEqual(['x'.repeat(4096)])
})

it('cuts each where all are too long, and leaves out what is too much even so', () => {
  const many = Array.from({ length: 100 }, (_, index) => `${index}`.padStart(3, '0') + 'x'.repeat(400))
  const told = boundedWarnings(['short', ...many])
  expect(told[0]).toBe('short')
  expect(told[1]).toBe(`000${'x'.repeat(253)}`)
  expect(told).toHaveLength(17)
})
