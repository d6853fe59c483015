import { describe, expect, it } from 'vitest'
import { RegularExpressionError, compileRegularExpression } from './regular-expression.ts'

describe('a regular expression from outside', () => {
  it.each([
    ['a.{0,900}b', 'axxb'],
    ['([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\\.)*svc', 'web-1.default.svc'],
    ['(\\d{1,3}\\.){3}\\d{1,3}', '10.0.0.255'],
    [Array.from({ length: 200 }, (_, index) => `p${index}`).join('|'), 'p199'],
    ['[]{9000}]+', '{90}'],
    ['[^]{9000}]+', 'abc'],
    ['[[:alpha:]{9000}]+', 'a{9}'],
    ['\\Qa{9000}\\E', 'a{9000}'],
    ['\\{9000}', '{9000}'],
    ['\\x{1F600}{2}', '😀😀'],
    ['\\p{Greek}{3}', 'αβγ'],
    ['a{,9000}', 'a{,9000}'],
    ['(?:(?i)x)?'.repeat(90), 'xX'],
    ['((a{9}){9}){9}', 'a'.repeat(729)],
  ])('is compiled: %j', (text, subject) => {
    expect(compileRegularExpression(text).testExact(subject)).toBe(true)
  })

  it.each([
    ['x'.repeat(1001), 'longer than 1000 characters'],
    ['(.{0,900})'.repeat(90), 'more than 2500 instructions'],
    ['(x|y{0,99})*'.repeat(80), 'more than 2500 instructions'],
    ['(((a{0,9}){0,9}){0,9})'.repeat(9), 'more than 2500 instructions'],
    ['.{1000}'.repeat(5), 'more than 2500 instructions'],
    [`${'('.repeat(30)}a{1000}${')'.repeat(30)}${'.{1000}'.repeat(4)}`, 'more than 2500 instructions'],
    ['((a{1000}){1000}){1000}', 'more than 2500 instructions'],
    ['a)(b', 'unexpected )'],
    ['a**', 'invalid'],
    ['(?=a)', 'invalid or unsupported Perl syntax'],
    ['(a)\\1', 'invalid escape sequence'],
  ])('is refused within moments: %j', (text, message) => {
    const started = performance.now()
    expect(() => compileRegularExpression(text)).toThrow(RegularExpressionError)
    expect(() => compileRegularExpression(text)).toThrow(message)
    expect(performance.now() - started).toBeLessThan(5000)
  })
})
