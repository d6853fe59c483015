import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatLabelSelector, matchesLabels, parseLabelSelector, selectorFromMap, selectorFromObject } from './labels.ts'

describe('label selectors', () => {
  it.each([
    ['', { a: '1' }, true],
    ['a=1', { a: '1' }, true],
    ['a==1', { a: '2' }, false],
    ['a!=1', {}, true],
    ['a', { a: '' }, true],
    ['!a', { a: '' }, false],
    ['a in (1, 2),b notin (3)', { a: '2' }, true],
    ['a in (1,2)', {}, false],
    ['a notin (1)', {}, true],
    ['a>5', { a: '10' }, true],
    ['a<5', { a: '10' }, false],
    ['a>5', {}, false],
    ['example.com/role=web , !b', { 'example.com/role': 'web' }, true],
    ['a=', { a: '' }, true],
    ['a=', {}, false],
    ['constructor', {}, false],
    ['in in (notin)', { in: 'notin' }, true],
  ] as const)('%j on %j gives %s', (text, labels, expected) => {
    expect(matchesLabels(parseLabelSelector(text), labels)).toBe(expected)
  })

  it.each(['=1', 'a=1,', 'a in 1', 'a in (1', 'a b', 'a=b=c', '_a=1', 'a=-', 'a>x', 'a,,b', '('])(
    'refuses %j with a BadRequest',
    (text) => {
      expect(() => parseLabelSelector(text)).toThrow('unable to parse requirement')
    },
  )

  it('takes an absent selector as none and an empty one as all', () => {
    expect(selectorFromObject(undefined)).toBeUndefined()
    expect(matchesLabels(selectorFromObject({})!, { a: '1' })).toBe(true)
    const selector = selectorFromObject({ matchLabels: { a: '1' }, matchExpressions: [{ key: 'b', operator: 'Exists' }] })!
    expect(formatLabelSelector(selector)).toBe('a=1,b')
  })

  it('reads back what it prints', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/)
    fc.assert(
      fc.property(fc.dictionary(name, name), fc.dictionary(name, name), (map, labels) => {
        const selector = selectorFromMap(map)
        const parsed = parseLabelSelector(formatLabelSelector(selector))
        expect(matchesLabels(parsed, map)).toBe(true)
        expect(matchesLabels(parsed, labels)).toBe(matchesLabels(selector, labels))
      }),
    )
  })
})
