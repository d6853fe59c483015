import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Account } from '../accounts.ts'
import { createSlice } from '../decoding/slice.ts'
import { logLevels, type LogOrigin } from '../log-batch.ts'
import { defaultLogSettings, type RuleSettings } from '../settings.ts'
import { readWishes } from './annotations.ts'
import { detectLevel } from './levels.ts'
import { LineMetrics } from './line-metrics.ts'
import { createParser, parseAccess, parseJson, parseKlog, parseLogfmt } from './parsers.ts'
import { createProcessing } from './processing.ts'
import { mayHoldSecret, redactText } from './redaction.ts'
import { treatmentOf } from './treatment.ts'

export const origin: LogOrigin = {
  id: 'docker/1',
  kind: 'container',
  node: 'n1',
  namespace: 'shop',
  pod: 'web-1',
  podUid: 'u',
  container: 'web',
  containerId: '1',
  image: 'nginx',
  owner: undefined,
  labels: { app: 'web' },
  annotations: {},
}

const emptyMatch = { kinds: [], namespaces: [], pods: [], containers: [], images: [], ids: [], selector: undefined }
const rule = (more: Partial<RuleSettings>): RuleSettings => ({ match: emptyMatch, drop: [], keep: [], sample: [], metrics: [], ...more })

/** What becomes of lines under some rules; each comes so many ms after the one before. */
function run(
  rules: readonly RuleSettings[],
  lines: readonly (string | { text: string; stream: number })[],
  options: { origin?: LogOrigin; stepMs?: number; cut?: number } = {},
) {
  const account = new Account(undefined)
  const metrics = new LineMetrics()
  let now = 0
  const processing = createProcessing({ ...defaultLogSettings, rules }, options.origin ?? origin, {
    account,
    metrics,
    monotonic: () => now,
  })
  const out: { text: string; position: number; level: string; fields: unknown }[] = []
  const processor = processing.createProcessor(({ buffer, start, end }, position, level, fields) =>
    out.push({ text: buffer.toString('utf8', start, end), position, level: logLevels[level]!, fields }),
  )
  lines.forEach((line, position) => {
    const { text, stream } = typeof line === 'string' ? { text: line, stream: 0 } : line
    const buffer = Buffer.from(text)
    processor.process({ ...createSlice(), buffer, end: buffer.length, stream }, position, options.cut ?? 0)
    now += options.stepMs ?? 0
  })
  const held = { oldest: processor.oldestHeld, dueAt: processor.dueAt }
  processor.flush()
  return { out, texts: out.map(({ text }) => text), account, metrics, held, processing }
}

describe('levels', () => {
  test.each([
    ['2026-11-21 09:13:23 INFO  started', 'info'],
    ['[error] 12#12: *1 open() failed', 'error'],
    ['{"time":"x","level":"warn","msg":"INFO"}', 'warn'],
    ['{"level":30,"time":1}', 'info'],
    ['{"level":60}', 'fatal'],
    ['time=x level=debug msg="no ERROR"', 'debug'],
    ['E1121 09:13:23.123456    1234 file.go:12] broken', 'error'],
    ['error: no such file', 'error'],
    ['panic: runtime error', 'fatal'],
    ['WARNING: deprecated', 'warn'],
    ['GET /error/page 200', 'unknown'],
    ['finished without error', 'unknown'],
    ['0 errors found', 'unknown'],
    ['https://x/error:8080', 'unknown'],
    ['"error" is a word', 'unknown'],
    ['', 'unknown'],
    ['INFORMATIONAL', 'unknown'],
    ['ERR_CONNECTION', 'unknown'],
  ])('of %s is %s', (line, level) => {
    const buffer = Buffer.from(`FATAL ${line} FATAL`)
    expect(logLevels[detectLevel(buffer, 6, 6 + Buffer.byteLength(line))]).toBe(level)
  })

  test('no bytes make it throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(detectLevel(Buffer.from(bytes), 0, bytes.length)).toBeLessThan(logLevels.length)
      }),
    )
  })
})

describe('redaction', () => {
  test.each([
    ['Authorization: Bearer abc123def456', 'Authorization: Bearer [redacted]'],
    ['{"Authorization":"Basic dXNlcjpwYXNzd29yZA=="}', '{"Authorization":"Basic [redacted]"}'],
    ['connecting to postgres://app:s3cr3t@db:5432/x', 'connecting to postgres://app:[redacted]@db:5432/x'],
    ['key AKIAIOSFODNN7EXAMPLE used', 'key [redacted] used'],
    ['jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc-def_1 ok', 'jwt [redacted] ok'],
    ['user=a password=hunter2 x=1', 'user=a password=[redacted] x=1'],
    ['{"user":"a","password":"hun\\"ter2","x":1}', '{"user":"a","password":"[redacted]","x":1}'],
    ['{"m":"{\\"api_key\\":\\"abc\\",\\"x\\":1}"}', '{"m":"{\\"api_key\\":\\"[redacted]\\",\\"x\\":1}"}'],
    ["DB_PASSWORD='a b c' next", "DB_PASSWORD='[redacted]' next"],
    ['GET /?token=abc&x=1', 'GET /?token=[redacted]&x=1'],
    ['a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nb', 'a\n[redacted]\nb'],
    ['aws_secret_access_key = wJalrXUtnFEMI/K7MDENG', 'aws_secret_access_key = [redacted]'],
    ['basic authentication failed', 'basic authentication failed'],
    ['the password was wrong', 'the password was wrong'],
    ['mail to someone@example.com', 'mail to someone@example.com'],
    ['https://example.com/@user', 'https://example.com/@user'],
    ['password=""', 'password=""'],
  ])('makes %j %j', (text, expected) => {
    expect(redactText(text, [])).toBe(expected)
    expect(redactText(expected, [])).toBe(expected)
  })

  test('tokens are found wherever they begin, and a line full of beginnings takes no longer than another', () => {
    const part = fc.constantFrom('eyJ', 'eyJhbGci', '-', '.', '.', '_', ' ', 'abcde', 'ab', '/')
    fc.assert(
      fc.property(fc.array(part, { maxLength: 14 }), (parts) => {
        const text = parts.join('')
        expect(redactText(text, [])).toBe(text.replace(/\beyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)?/g, '[redacted]'))
      }),
      { numRuns: 2000 },
    )
    for (const beginning of ['-eyJ', '.eyJ', 'eyJ']) {
      const line = beginning.repeat(100_000)
      expect(redactText(line, [])).toBe(line)
    }
  })

  test('a line that the quick look lets pass holds nothing that would be hidden', () => {
    const part = fc.constantFrom(
      'password',
      'Token',
      'api_key',
      'secret',
      'credentials',
      'Bearer ',
      'basic ',
      'authorization',
      '=',
      ':',
      '"',
      ' ',
      'x1',
      '@',
      '://',
      'eyJabcdef.ghijkl',
      'ASIAABCDEFGHIJKLMNOP',
      '-----BEGIN PRIVATE KEY-----',
      'PWD',
      'k',
      'access-key',
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(part, fc.string({ maxLength: 4 })), { maxLength: 12 }), (parts) => {
        const text = parts.join('')
        const bytes = Buffer.from(text)
        const isUnchanged = redactText(bytes.toString(), []) === bytes.toString()
        expect(mayHoldSecret(bytes, 0, bytes.length) || isUnchanged).toBe(true)
      }),
      { numRuns: 5000 },
    )
  })

  test('takes time in proportion to a hostile line', () => {
    for (const part of [
      'password="',
      'token=',
      '://a:',
      'eyJaaaaa',
      '-----BEGIN PRIVATE KEY-----',
      'bearer ',
      '\\"token\\":\\"',
      "secret='",
    ]) {
      const text = part.repeat(Math.floor(256_000 / part.length))
      const begunAt = performance.now()
      redactText(text, [])
      expect(performance.now() - begunAt).toBeLessThan(1500)
    }
  })

  test('is on by default, can be switched off, and takes patterns of its own', () => {
    expect(run([], ['token=abcdef']).texts).toEqual(['token=[redacted]'])
    expect(run([rule({ redact: { isOn: false, patterns: [] } })], ['token=abcdef']).texts).toEqual(['token=abcdef'])
    expect(run([rule({ redact: { isOn: true, patterns: ['\\d{4}-\\d{4}'] } })], ['card 1234-5678']).texts).toEqual(['card [redacted]'])
  })

  test('comes before fields are made', () => {
    expect(run([rule({ parser: { type: 'logfmt' } })], ['user=a password=b']).out[0]!.fields).toEqual({ user: 'a', password: '[redacted]' })
  })
})

describe('parsers', () => {
  test('of JSON, with objects by their paths', () => {
    expect(parseJson('{"a":1,"b":{"c":"x","d":[1,2]},"e":null,"f":true}')).toEqual({ a: 1, 'b.c': 'x', 'b.d': '[1,2]', f: true })
    expect(parseJson('[1]')).toBeUndefined()
    expect(parseJson('{"a":')).toBeUndefined()
    expect(Object.keys(parseJson(JSON.stringify(Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`k${n}`, n]))))!)).toHaveLength(
      64,
    )
    expect(Object.getPrototypeOf(parseJson('{"__proto__":{"x":1}}'))).toBeNull()
  })

  test('of JSON that is nested too deeply to be written again, without that member', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    expect(parseJson(`{"a":${deep},"b":1}`)).toEqual({ b: 1 })
  })

  test('of logfmt', () => {
    expect(parseLogfmt('level=info msg="it \\"works\\"" ok n=1')).toEqual({ level: 'info', msg: 'it "works"', ok: true, n: '1' })
    expect(parseLogfmt('a sentence of words')).toBeUndefined()
  })

  test('of klog', () => {
    expect(parseKlog('W1121 09:13:23.123456    1234 reflector.go:12] "it failed" err="x y"')).toEqual({
      level: 'warn',
      time: '1121 09:13:23.123456',
      thread: 1234,
      source: 'reflector.go:12',
      message: 'it failed',
      err: 'x y',
    })
    expect(parseKlog('x')).toBeUndefined()
  })

  test('of access logs, common and combined', () => {
    const common = '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif HTTP/1.0" 200 2326'
    const fields = {
      client: '127.0.0.1',
      user: 'frank',
      time: '10/Oct/2000:13:55:36 -0700',
      method: 'GET',
      path: '/a.gif',
      protocol: 'HTTP/1.0',
      status: 200,
      bytes: 2326,
    }
    expect(parseAccess(common)).toEqual(fields)
    expect(parseAccess(`${common} "http://x/" "Mozilla \\"5\\""`)).toEqual({ ...fields, referer: 'http://x/', agent: 'Mozilla \\"5\\"' })
    expect(parseAccess('1.2.3.4 - - [x] "\\x16\\x03" 400 -')).toMatchObject({ request: '\\x16\\x03', status: 400, bytes: 0 })
  })

  test('of a regular expression, by its named groups', () => {
    expect(createParser({ type: 'regex', pattern: '^(?P<verb>\\w+) (?P<n>\\d+)?' })!('get 5')).toEqual({ verb: 'get', n: '5' })
    expect(createParser({ type: 'regex', pattern: '^(?P<verb>a+)$' })!('b')).toBeUndefined()
  })

  test('a level among the fields counts more than one in the text', () => {
    expect(run([rule({ parser: { type: 'json' } })], ['{"msg":"ERROR","severity":"WARNING"}']).out[0]).toMatchObject({ level: 'warn' })
  })
})

describe('filters and limits', () => {
  test('drop, keep and sample, each counted', () => {
    const rules = [rule({ drop: ['health'], keep: ['GET', 'POST'], sample: [{ pattern: 'GET', oneOf: 3 }] })]
    const { texts, account } = run(rules, ['GET 1', 'GET health', 'GET 2', 'GET 3', 'GET 4', 'POST 1', 'PUT'])
    expect(texts).toEqual(['GET 1', 'GET 4', 'POST 1'])
    expect(account.losses.lines).toEqual({ drop: 2, sample: 2 })
    expect(account.losses.bytes).toEqual({ drop: 13, sample: 10 })
  })

  test('a limit lets a burst through, then its rate, and counts the rest', () => {
    const rules = [rule({ limit: { linesPerSecond: 10, bytesPerSecond: Infinity, burstSeconds: 2 } })]
    const { texts, account } = run(
      rules,
      Array.from({ length: 200 }, (_, index) => `l${index}`),
      { stepMs: 10 },
    )
    expect(texts.length).toBe(20 + 19)
    expect(account.losses.lines).toEqual({ limit: 161 })
  })

  test('of the lines that are lost the last few are kept, one a second, cut, without their secrets', () => {
    const rules = [rule({ drop: ['GET'], limit: { linesPerSecond: 1, bytesPerSecond: Infinity, burstSeconds: 1 } })]
    const lines = Array.from({ length: 100 }, (_, index) => `line ${index} postgres://me:hunter2@db ${'x'.repeat(300)}`)
    const { account } = run(rules, ['GET /', ...lines], { stepMs: 100 })
    const { limit, drop } = account.samples()
    expect(drop).toEqual([{ time: '1970-01-01T00:00:00.000Z', bytes: 5, text: 'GET /' }])
    expect(limit).toHaveLength(5)
    // About a second lies between each and the next; nine of ten lines are lost.
    const numbers = limit!.map(({ text }) => Number(/^line (\d+) postgres:\/\/me:\[redacted\]@db x+$/.exec(text)?.[1]))
    for (const [index, number] of numbers.slice(1).entries()) expect(number - numbers[index]!).toBeGreaterThanOrEqual(10)
    expect(numbers.at(-1)).toBeGreaterThan(85)
    expect(limit!.map(({ text }) => text.length)).toEqual([256, 256, 256, 256, 256])
    expect(limit![0]!.bytes).toBe(lines[Number(numbers[0])]!.length)
  })

  test('a limit of bytes', () => {
    const rules = [rule({ limit: { linesPerSecond: Infinity, bytesPerSecond: 10, burstSeconds: 1 } })]
    expect(run(rules, ['12345', '12345', '12345']).texts).toHaveLength(2)
  })
})

describe('entries of several lines', () => {
  const rules = [rule({ multiline: { start: '^\\d', timeoutMs: 500, maxLines: 3 } })]

  test('begin where a line matches, for each stream on its own', () => {
    const lines = ['1 a', '  at b', { text: '9 err', stream: 1 }, '  at c', { text: ' e2', stream: 1 }, '2 x']
    const { out, held } = run(rules, lines)
    expect(out.map(({ text, position }) => [text, position])).toEqual([
      ['1 a\n  at b\n  at c', 0],
      ['9 err\n e2', 2],
      ['2 x', 5],
    ])
    expect(held).toEqual({ oldest: 2, dueAt: 500 })
  })

  test('end when they are too long', () => {
    expect(run(rules, ['1', 'b', 'c', 'd', '2']).texts).toEqual(['1\nb\nc', 'd', '2'])
  })
})

test('a line that was cut says so', () => {
  const { texts, account } = run([], ['beginning'], { cut: 1000 })
  expect(texts).toEqual(['beginning […1000 bytes cut]'])
  expect(account).toMatchObject({ cutLines: 1, cutBytes: 1000 })
})

describe('figures made of lines', () => {
  test('counters and histograms, by pattern, field and label', () => {
    const { metrics } = run(
      [
        rule({
          parser: { type: 'json' },
          metrics: [
            {
              name: 'errors_total',
              type: 'counter',
              help: 'h',
              pattern: '"status":5\\d\\d',
              field: undefined,
              labels: { path: 'path' },
              buckets: [],
              maxSeries: 2,
            },
            { name: 'bytes_total', type: 'counter', help: 'h', pattern: undefined, field: 'bytes', labels: {}, buckets: [], maxSeries: 2 },
            {
              name: 'seconds',
              type: 'histogram',
              help: 'h',
              pattern: undefined,
              field: 'took',
              labels: {},
              buckets: [0.1, 1],
              maxSeries: 2,
            },
          ],
        }),
      ],
      ['/a', '/b', '/c', '/d', '/a'].map((path, index) => JSON.stringify({ path, status: 500, bytes: 10, took: index / 4 })),
    )
    const place = { namespace: 'shop', pod: 'web-1', container: 'web' }
    expect(metrics.families().map(({ name, samples }) => [name, samples])).toEqual([
      [
        'errors_total',
        [
          { suffix: '', labels: { ...place, path: '/a' }, value: 2 },
          { suffix: '', labels: { ...place, path: '/b' }, value: 1 },
          { suffix: '', labels: { ...place, path: 'other' }, value: 2 },
        ],
      ],
      ['bytes_total', [{ suffix: '', labels: place, value: 50 }]],
      [
        'seconds',
        [
          { suffix: '_bucket', labels: { ...place, le: '0.1' }, value: 1 },
          { suffix: '_bucket', labels: { ...place, le: '1' }, value: 5 },
          { suffix: '_bucket', labels: { ...place, le: '+Inf' }, value: 5 },
          { suffix: '_sum', labels: place, value: 2.5 },
          { suffix: '_count', labels: place, value: 5 },
        ],
      ],
    ])
  })

  test('values that are no numbers, and counters that would fall, are left out', () => {
    const metric = {
      name: 'n_total',
      type: 'counter',
      help: 'h',
      pattern: undefined,
      field: 'n',
      labels: {},
      buckets: [],
      maxSeries: 2,
    } as const
    const { metrics } = run([rule({ parser: { type: 'json' }, metrics: [metric] })], ['{"n":"x"}', '{"n":-5}', '{"n":2}', 'no json'])
    expect(metrics.families()[0]!.samples.map(({ value }) => value)).toEqual([2])
  })
})

describe('rules and annotations', () => {
  const annotated = (annotations: Record<string, string>) => ({ ...origin, annotations })

  test('later rules count more, lists add up, and only those that match count', () => {
    const rules = [
      rule({ drop: ['a'], sinks: ['x'], parser: { type: 'json' } }),
      rule({ match: { ...emptyMatch, namespaces: ['sh*'], selector: 'app=web' }, drop: ['b'], sinks: ['y'] }),
      rule({ match: { ...emptyMatch, pods: ['db-*'] }, drop: ['c'], isExcluded: true }),
    ]
    expect(treatmentOf({ rules, heedsAnnotations: true }, origin)).toMatchObject({
      drop: ['a', 'b'],
      sinks: ['y'],
      parser: { type: 'json' },
      isExcluded: false,
    })
  })

  test('an annotation counts more than a rule, that for one container more than that for all', () => {
    const one = annotated({
      'binnacle.io/logs-parser': 'logfmt',
      'binnacle.io/logs-parser.web': 'json',
      'binnacle.io/logs-exclude.db': 'true',
    })
    expect(treatmentOf({ rules: [rule({ parser: { type: 'klog' } })], heedsAnnotations: true }, one)).toMatchObject({
      parser: { type: 'json' },
      isExcluded: false,
    })
    expect(treatmentOf({ rules: [], heedsAnnotations: false }, annotated({ 'binnacle.io/logs-exclude': 'true' }))).toMatchObject({
      isExcluded: false,
    })
    expect(treatmentOf({ rules: [], heedsAnnotations: true }, annotated({ 'binnacle.io/logs-exclude': 'true' }))).toMatchObject({
      isExcluded: true,
    })
  })

  test("an annotation tightens a rule's limit and never loosens it", () => {
    const limited = [rule({ limit: { linesPerSecond: 100, bytesPerSecond: Infinity, burstSeconds: 5 } })]
    const of = (lines: string) =>
      treatmentOf({ rules: limited, heedsAnnotations: true }, annotated({ 'binnacle.io/logs-limit-lines': lines })).limit
    expect(of('10')).toMatchObject({ linesPerSecond: 10 })
    expect(of('1000')).toMatchObject({ linesPerSecond: 100 })
  })

  test('all that can be wished', () => {
    expect(
      readWishes(
        {
          'binnacle.io/logs-multiline': '^\\S',
          'binnacle.io/logs-multiline-timeout': '5s',
          'binnacle.io/logs-limit-bytes': '1MiB',
          'binnacle.io/logs-parser': 'regex:(?P<a>x)',
        },
        'web',
      ),
    ).toEqual({
      wishes: {
        multiline: { start: '^\\S', timeoutMs: 5000, maxLines: 500 },
        limit: { linesPerSecond: Infinity, bytesPerSecond: 1_048_576, burstSeconds: 5 },
        parser: { type: 'regex', pattern: '(?P<a>x)' },
      },
      problems: [],
    })
  })

  test.each([
    ['exclude', 'yes'],
    ['parser', 'xml'],
    ['parser', 'regex:(a'],
    ['parser', 'regex:(a)'],
    ['multiline', '('],
    ['multiline', ''],
    ['multiline', 'x'.repeat(2000)],
    ['multiline-timeout', '99h'],
    ['limit-lines', '-1'],
    ['limit-lines', '1e9999'],
    ['limit-bytes', 'much'],
  ])('a hostile value is told and not heeded: %s %s', (name, value) => {
    const { wishes, problems } = readWishes({ [`binnacle.io/logs-${name}`]: value }, 'web')
    expect(wishes).toEqual({})
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(`binnacle.io/logs-${name}`)
    expect(problems[0]!.length).toBeLessThan(400)
  })
})
