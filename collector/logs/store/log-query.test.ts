import { RE2JS } from 're2js'
import { assert, array, constantFrom, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { requiredLiteral } from './line-filter.ts'
import { formatLogQuery, parseLogQuery, parseNodeQuery } from './log-query.ts'
import { formatTime, nameOfOrigin } from './log-records.ts'

const now = Date.UTC(2026, 0, 31, 12)

describe('the parameters of a search', () => {
  it.each([
    [{ limit: '0' }, 'limit: "0" is not allowed; allowed: whole numbers from 1 to 1000000'],
    [{ limit: '1e3' }, 'limit: "1e3" is not allowed'],
    [{ tail: '10001' }, 'tail: "10001" is not allowed; allowed: whole numbers from 0 to 10000'],
    [{ level: 'loud' }, 'level: "loud" is not allowed; allowed: unknown, trace, debug, info, warn, error, fatal'],
    [{ direction: 'up' }, 'direction: "up" is not allowed; allowed: forward, backward'],
    [{ follow: 'yes' }, 'follow: "yes" is not allowed; allowed: true, false'],
    [{ since: 'yesterday' }, 'since: "yesterday" is not allowed; allowed: a duration'],
    [{ since: '2026-13-01T00:00:00Z' }, 'since: '],
    [{ since: '1h', until: '2h' }, 'until: is not later than since'],
    [{ kind: 'pods' }, 'kind: "pods" is not allowed; allowed: container, file, journal, audit, events'],
    [{ kind: 'events', selector: 'a=b' }, 'selector: goes by the labels of pods'],
    [{ selector: 'a in (' }, 'selector: unable to parse'],
    [{ regex: '(?=a)' }, 'regex: "(?=a)" is not allowed'],
    [{ match: 'x'.repeat(1001) }, 'match: '],
    [{ format: 'xml' }, 'format: "xml" is not allowed; allowed: ndjson, plain'],
    [{ from: '3.99' }, 'from: is no parameter; allowed: selector'],
    [{ marks: 'true' }, 'marks: is no parameter; allowed: selector'],
    [{ kind: 'file,journal', namespace: 'a' }, 'namespace: file and journal are of nodes'],
    [{ kind: 'journal', pod: 'a' }, 'pod: journal are of nodes'],
    [{ kind: 'audit', container: 'c' }, 'container: audit are about objects'],
    [{ follow: 'true', limit: '5' }, 'follow: goes on without an end'],
    [{ tail: '5', direction: 'backward' }, 'tail: are the newest lines'],
    [{ pods: 'a' }, 'pods: is no parameter; allowed: selector'],
    [{ pod: ['a', 'b'] }, 'pod: given several times, allowed once'],
  ])('%o are refused by name', (parameters, message) => {
    expect(() => parseLogQuery(parameters, now)).toThrow(message)
  })

  it('has more for who merges the answers of nodes, and refuses what makes no sense there, too', () => {
    expect(parseNodeQuery({ from: '3.99', marks: 'true' }, now)).toMatchObject({ from: { sequence: 3, offset: 99 }, hasMarks: true })
    expect(() => parseNodeQuery({ from: 'here' }, now)).toThrow('from: "here" is not allowed')
    expect(() => parseNodeQuery({ pods: 'a' }, now)).toThrow('pods: is no parameter')
  })

  it('reads ages and times to the nanosecond', () => {
    const { filter } = parseLogQuery({ since: '10m', until: '2026-01-31T13:00:00.123456789+01:00' }, now)
    expect(filter.since).toBe(BigInt(now - 600_000) * 1_000_000n)
    expect(formatTime(filter.until!)).toBe('2026-01-31T12:00:00.123456789Z')
  })

  it('mean the same to another server, whenever it reads them', () => {
    const asked = {
      selector: 'app in (a,b)',
      namespace: 'x,y',
      pod: 'p',
      container: 'c',
      level: 'warn',
      since: '10m',
      match: 'm',
      regex: 'r+',
      follow: 'true',
      tail: '7',
    }
    const query = parseLogQuery(asked, now)
    expect(parseNodeQuery(formatLogQuery(query, undefined), now + 3_600_000)).toEqual(query)
    expect(parseNodeQuery(formatLogQuery({ ...query, hasMarks: true }, '3.99'), now)).toMatchObject({
      from: { sequence: 3, offset: 99 },
      tail: undefined,
    })
  })
})

describe('what lines are called', () => {
  it.each([
    [{ namespace: 'default', pod: 'web', container: 'main', node: 'n' }, 'default/web/main'],
    [{ kind: 'events', namespace: 'default' }, 'events/default'],
    [{ kind: 'journal', node: 'n' }, 'journal/n'],
    [{ node: 'n', container: 'alone' }, 'n/alone'],
  ] as const)('%o: %s', (record, name) => {
    expect(nameOfOrigin(record)).toBe(name)
  })

  it('has times that are ordered as texts, also before 1970', () => {
    expect(formatTime(-1n)).toBe('1969-12-31T23:59:59.999999999Z')
    expect(formatTime(0n)).toBe('1970-01-01T00:00:00.000000000Z')
  })
})

describe('the text that is looked for before an expression', () => {
  it.each([
    ['took [0-9]+ms', 'took '],
    ['a+bcd?', 'bc'],
    ['error|warn', undefined],
    ['(error|warn) in x{3}', ' in '],
    ['(?i)error', undefined],
    ['\\.log\\d', '.log'],
    ['[abc]', undefined],
    ['[]a]bc', 'bc'],
    ['[[:alpha:]]x', 'x'],
  ])('of %s is %s', (pattern, literal) => {
    expect(requiredLiteral(pattern)).toBe(literal)
  })

  it('is in everything that the expression matches', () => {
    const piece = constantFrom('a', 'b', '.', 'a*', 'b?', '(ab)', '(a|b)', '[ab]', '|', '\\.', 'ab+', 'a{2}', '^', '$', '\\d', '(?i)')
    assert(
      property(array(piece, { maxLength: 6 }), array(constantFrom('a', 'b', 'A', '.', '1'), { maxLength: 8 }), (pieces, characters) => {
        let expression: RE2JS
        try {
          expression = RE2JS.compile(pieces.join(''))
        } catch {
          return
        }
        const text = characters.join('')
        if (expression.matcher(text).find()) expect(text).toContain(requiredLiteral(pieces.join('')) ?? '')
      }),
      { numRuns: 3000 },
    )
  })
})
