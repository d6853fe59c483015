import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkSelect, InfluxQlError, readSelect } from './influxql.ts'

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

describe('an InfluxQL query as of a moment', () => {
  const moment = Date.UTC(2030, 0, 1)
  const at = "'2030-01-01T00:00:00.000Z'"
  const read = (query: string, databases?: readonly string[]) => readSelect(query, { placeholders: [], ...(databases && { databases }) })

  it.each([
    ['SELECT a FROM b WHERE time > now() - 5m', `SELECT a FROM b WHERE time < ${at} AND time > ${at} - 5m`],
    [
      'SELECT a FROM b WHERE x = 1 AND TIME >= NOW( ) - 1h AND time < now()',
      `SELECT a FROM b WHERE x = 1 AND time < ${at} AND TIME >= ${at} - 1h AND time < ${at}`,
    ],
    [
      `SELECT a FROM b WHERE x = 'now()' AND "time" = 1 AND time > 0`,
      `SELECT a FROM b WHERE x = 'now()' AND "time" = 1 AND time < ${at} AND time > 0`,
    ],
    [
      'SELECT max(m) FROM (SELECT mean(v) AS m FROM x WHERE time > now() - 1m GROUP BY time(10s)) WHERE time > now() - 1m',
      `SELECT max(m) FROM (SELECT mean(v) AS m FROM x WHERE time < ${at} AND time > ${at} - 1m GROUP BY time(10s)) WHERE time < ${at} AND time > ${at} - 1m`,
    ],
  ])('%s has no other now, and reads nothing later', (query, expected) => {
    expect(read(query).at(moment)).toBe(expected)
  })

  it.each([
    ['SELECT a FROM b WHERE time > 0 GROUP BY time(90s), host', 90_000],
    ['SELECT a FROM b WHERE time > 0 GROUP BY time(5m, 1m)', 300_000],
    ['SELECT a FROM b WHERE time > 0 GROUP BY host', undefined],
  ])('%s has buckets of %s ms', (query, width) => {
    expect(read(query).bucketMs).toBe(width)
  })

  it.each([
    ['SELECT a FROM b WHERE time > 0', true],
    ['SELECT a FROM "policy"."b" WHERE time > 0', true],
    ['SELECT a FROM "k8s"."policy"."b" WHERE time > 0', true],
    ['SELECT a FROM k8s..b WHERE time > 0', true],
    ['SELECT a FROM "k8s".."b", other WHERE time > 0', true],
    ['SELECT a FROM "_internal".."b" WHERE time > 0', false],
    ['SELECT a FROM K8S..b WHERE time > 0', false],
    ['SELECT a FROM "k8s\\"x".."b" WHERE time > 0', false],
    ['SELECT a FROM _internal.monitor./.*/ WHERE time > 0', false],
    ['SELECT a FROM (SELECT a FROM "secret"."p"."b" WHERE time > 0) WHERE time > 0', false],
    ['SELECT a FROM b, "secret" . . "c" WHERE time > 0', false],
  ])('%s stays in its database: %s', (query, isAllowed) => {
    const action = () => read(query, ['k8s'])
    if (isAllowed) expect(action).not.toThrow()
    else expect(action).toThrow(/must not read the database/)
  })
})
