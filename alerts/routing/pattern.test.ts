import { describe, expect, it } from 'vitest'
import { PatternError, compilePattern } from './pattern.ts'

describe('patterns', () => {
  it.each([
    ['web|db', 'db', true],
    ['web|db', 'dbx', false],
    ['a|ab', 'ab', true],
    ['', '', true],
    ['', 'x', false],
    ['(?i)web|db', 'DB', true],
    ['[[:alpha:]]+', 'abc', true],
    ['a.b', 'a\nb', false],
    ['\\Qa.b\\E', 'a.b', true],
    ['é{2}', 'éé', true],
    ['\\pL+', 'Ωmega', true],
  ])('%j on %j is %s', (text, subject, expected) => {
    expect(compilePattern(text).test(subject)).toBe(expected)
  })

  it('do not match texts that are too long for so large a pattern', () => {
    const large = compilePattern('.{0,1000}')
    expect([900, 16_000].map((length) => large.test('x'.repeat(length)))).toEqual([true, false])
    expect(compilePattern('x*').test('x'.repeat(1_000_000))).toBe(true)
  })

  it.each(['(', 'a)(b', 'a(?=b)', '(a)\\1', '((a{1000}){1000}){1000}', '('.repeat(500) + 'a', 'x'.repeat(1001), '(.{0,900})'.repeat(90)])(
    'refuses %s with the reason',
    (text) => {
      expect(() => compilePattern(text)).toThrow(PatternError)
    },
  )

  it('takes time in proportion to the text, whatever the pattern', () => {
    for (const text of ['(a+)+', '(a|aa)+', '(a|a)*b', '(.*)*c', '(x+x+)+y']) {
      expect(compilePattern(text).test(`${'a'.repeat(100_000)}!`)).toBe(false)
    }
  })
})
