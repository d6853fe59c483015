import { expect, it } from 'vitest'
import { commonLabels, fingerprintOf, formatLabels, labelsKey } from './labels.ts'

it('gives the fingerprint that Alertmanager gives', () => {
  expect(fingerprintOf({ node: '1', foo: 'bar' })).toBe('196cfa8bfeaf7a17')
})

it('gives equal label sets equal keys, whatever the order', () => {
  expect(labelsKey({ a: '1', b: '2' })).toBe(labelsKey({ b: '2', a: '1' }))
  expect(labelsKey({ a: '1,b' })).not.toBe(labelsKey({ a: '1', b: '' }))
})

it('keeps quotes inside values apart from the syntax', () => {
  expect(formatLabels({ b: 'x"y', a: '1' })).toBe('{a="1", b="x\\"y"}')
})

it('finds what label sets share', () => {
  expect(
    commonLabels([
      { a: '1', b: '2' },
      { a: '1', b: '3' },
    ]),
  ).toEqual({ a: '1' })
  expect(commonLabels([])).toEqual({})
})
