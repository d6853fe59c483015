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

  it.each(['(', 'a)(b', 'a(?=b)', '(a)\\1', '((a{1000}){1000}){1000}', '('.repeat(500) + 'a', 'x'.repeat(1001)])(
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
