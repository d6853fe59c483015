import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkSelect, InfluxQlError } from './influxql.ts'

describe('an InfluxQL query', () => {
  it.each([
    `SELECT last("value") FROM "queue/depth" WHERE time > now() - 5m`,
    `select sum(value)/2 from "default"."a" where time >= now() - 1h and queue =~ /^into;.*'/ group by "shard"`,
    `SELECT mean("x; DROP DATABASE k8s") FROM /a;b/ WHERE "t" = 'it''s; INTO' AND time > '2026-01-01T00:00:00Z'`,
    `SELECT max(m) FROM (SELECT mean(value) AS m FROM x WHERE time > now() - 1m GROUP BY time(10s)) LIMIT 1`,
    `SELECT "into" FROM "select" WHERE time = 0`,
    `SELECT derivative(mean("välue"), 1µs) FROM x WHERE time > now() - 10m GROUP BY time(1m), * fill(none) tz('UTC')`,
  ])('is taken when it only reads: %s', (query) => {
    expect([...checkSelect(query, [])]).toEqual([])
  })

  it.each([
    ['', 'must be one SELECT statement'],
    ['SHOW DATABASES', 'must be one SELECT statement'],
    ['DROP DATABASE k8s', 'must be one SELECT statement'],
    ['SELECT * INTO "b" FROM "a" WHERE time > 0', 'INTO is not allowed'],
    ['SELECT * into b FROM a WHERE time > 0', 'INTO is not allowed'],
    ['SELECT * FROM a WHERE time > 0; DROP DATABASE k8s', 'without ";"'],
    [`SELECT * FROM a WHERE t =~ /'/ AND time > 0; DROP DATABASE "'"`, 'without ";"'],
    ['SELECT a / b FROM c WHERE time > 0; SELECT d / e FROM c', 'without ";"'],
    ['SELECT * FROM a -- WHERE\n WHERE time > 0', 'no comments'],
    ['SELECT * FROM a /* x */ WHERE time > 0', 'no comments'],
    ['SELECT * FROM a', 'lower bound of time'],
    [`SELECT * FROM a WHERE t = 'time > 0'`, 'lower bound of time'],
    ['SELECT "time" FROM a WHERE "time" > 0', 'lower bound of time'],
    ['SELECT * FROM a WHERE time < now()', 'lower bound of time'],
    ['SELECT * FROM a WHERE t = $tag AND time > 0', 'has no value for $tag; there is $namespace'],
    [`SELECT * FROM a WHERE t = 'x`, 'not InfluxQL'],
    ['SELECT * FROM a WHERE t =~ /x', 'regular expression without an end'],
    ['SELECT * FROM a WHERE `x` > 0', 'not InfluxQL'],
    [`SELECT * FROM a WHERE time > 0 ${'x'.repeat(5000)}`, 'at most 4096 characters'],
  ])('is refused with the reason: %s', (query, reason) => {
    expect(() => checkSelect(query, ['namespace'])).toThrow(reason)
  })

  it('tells which placeholders it has', () => {
    const query = 'SELECT last(value) FROM q WHERE namespace = $namespace AND time > now() - 1m'
    expect([...checkSelect(query, ['namespace'])]).toEqual(['namespace'])
  })

  it('is taken or refused with an error of its own, whatever it is, and a second statement never passes', () => {
    const part = fc.oneof(
      fc.constantFrom(
        'SELECT ',
        'a',
        ' FROM ',
        'WHERE ',
        'time > 0',
        "'",
        '"',
        '/',
        '\\',
        '=~ ',
        ' ',
        '(',
        ')',
        ',',
        'INTO',
        '--',
        '$x',
        '\n',
      ),
      fc.string({ unit: 'binary', maxLength: 5 }),
    )
    const isTaken = (query: string) => {
      try {
        checkSelect(query, [])
        return true
      } catch (error) {
        expect(error).toBeInstanceOf(InfluxQlError)
        return false
      }
    }
    fc.assert(
      fc.property(fc.array(part, { maxLength: 20 }), (parts) => {
        const query = `SELECT a FROM b WHERE time > 0 ${parts.join('')}`
        // What is complete by itself cannot be continued with another statement.
        if (isTaken(query)) expect(isTaken(`${query}; DROP DATABASE k8s`)).toBe(false)
      }),
      { numRuns: 1000 },
    )
  })
})
