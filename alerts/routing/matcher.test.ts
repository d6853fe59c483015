import { describe, expect, it } from 'vitest'
import { MatcherError, formatMatcher, formatMatchers, matchesAll, parseMatcher, parseMatchers } from './matcher.ts'

describe('matchers', () => {
  it.each([
    ['a=b', { a: 'b' }, true],
    ['a="b"', { a: 'c' }, false],
    ['a!=b', {}, true],
    ['a=""', {}, true],
    ['a=~"b|c"', { a: 'c' }, true],
    ['a=~b', { a: 'bb' }, false],
    ['a!~"b.*"', { a: 'x' }, true],
    ['a=~"(?i)web|db"', { a: 'DB' }, true],
    ['a=~"(?i)web|db"', { a: 'DBX' }, false],
    ['a = "x y"', { a: 'x y' }, true],
    ['a="q\\"uote"', { a: 'q"uote' }, true],
    ['a=q\\"uote\\"', { a: 'q"uote"' }, true],
    ['a="b\\\\"', { a: 'b\\' }, true],
    ['a=b\\', { a: 'b\\' }, true],
  ])('%s on %j is %s', (text, labels, expected) => {
    expect(parseMatcher(text).matches(labels as Record<string, string>)).toBe(expected)
  })

  it.each([
    'a',
    '=b',
    'a~b',
    'a="b',
    'a=b"',
    '1a=b',
    'a=~"("',
    'a=~"(?=b)"',
    `a=~"${'x'.repeat(1001)}"`,
    'a=b"c',
    'a="b"c"',
    'a="b\\"',
    'a="',
  ])('refuses %s', (text) => {
    expect(() => parseMatcher(text)).toThrow(MatcherError)
  })

  it('reads lists with commas inside quotes', () => {
    const matchers = parseMatchers('{a="x,y", b=~"z"}')
    expect(matchers.map(formatMatcher)).toEqual(['a="x,y"', 'b=~"z"'])
    expect(matchesAll(matchers, { a: 'x,y', b: 'z' })).toBe(true)
    expect(() => parseMatchers('{a="x"')).toThrow(/braces/)
  })

  it('writes lists in a fixed order', () => {
    expect(formatMatchers(parseMatchers('b="1",a="2"'))).toBe('{a="2",b="1"}')
  })
})
