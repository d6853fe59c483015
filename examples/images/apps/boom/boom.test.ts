import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { parseFlags, UsageError } from './flags.ts'
import { sendLoad } from './load.ts'
import { renderCsv, renderReport } from './report.ts'

const parse = (line: string) => parseFlags(line.split(' '))

describe('flags', () => {
  test('stand before or after the URL, with one dash or two, with or without equals sign', () => {
    const expected = { url: 'http://x/', concurrency: 10, requests: 100 }
    expect(parse('http://x/ -c 10 -n 100')).toMatchObject(expected)
    expect(parse('-c 10 -n 100 http://x/')).toMatchObject(expected)
    expect(parse('--c=10 --n=100 http://x/')).toMatchObject(expected)
  })

  test('have the usual defaults', () => {
    expect(parse('http://x/')).toMatchObject({
      requests: 200,
      concurrency: 50,
      rateLimit: 0,
      method: 'GET',
      isKeepAlive: true,
      isCsv: false,
    })
  })

  test('say how to ask', () => {
    expect(parse('-m post -d body -T text/plain -A */* -a u:p -h a:1;b:2 -t 500 -q 5 -disable-keepalive -o csv http://x/')).toMatchObject({
      method: 'POST',
      body: 'body',
      timeoutMs: 500,
      rateLimit: 5,
      isKeepAlive: false,
      isCsv: true,
      headers: { 'content-type': 'text/plain', accept: '*/*', authorization: 'Basic dTpw', a: '1', b: '2' },
    })
  })

  test('with a duration count no requests', () => {
    expect(parse('-z 1.5s -c 2 http://x/')).toMatchObject({ durationMs: 1_500, requests: Number.POSITIVE_INFINITY })
  })

  test.each([
    ['', '"" is not an http'],
    ['-c 1', 'no URL given'],
    ['a b', 'one URL is allowed'],
    ['-c x http://x/', '-c: "x" is not a whole number'],
    ['-n 0 http://x/', 'must be at least 1'],
    ['-n 5 -c 10 http://x/', '-n must not be smaller than -c'],
    ['-m BREW http://x/', '-m: BREW is none of'],
    ['-z soon http://x/', '-z: "soon"'],
    ['-h nocolon http://x/', '-h: "nocolon"'],
    ['-o xml http://x/', '-o: "xml"'],
    ['-k http://x/', 'unknown flag -k'],
    ['http://x/ -n', '-n needs a value'],
    ['ftp://x/', 'is not an http or https URL'],
  ])('%j are refused', (line, message) => {
    expect(() => parse(line)).toThrow(UsageError)
    expect(() => parse(line)).toThrow(message)
  })
})

describe('the report', () => {
  const outcomes = Array.from({ length: 100 }, (_, index) => ({
    seconds: (index + 1) / 100,
    status: index < 98 ? 200 : 503,
    error: undefined,
  }))

  test('has the summary, histogram, latencies and status codes', () => {
    const report = renderReport([...outcomes, { seconds: 2, status: undefined, error: 'connect ECONNREFUSED' }], 4)
    for (const part of [
      'Summary:\n  Total:\t4.0000 secs.\n  Slowest:\t1.0000 secs.\n  Fastest:\t0.0100 secs.\n  Average:\t0.5050 secs.\n  Requests/sec:\t25.0000\n',
      'Response time histogram:\n  0.010 [1]\t|∎∎∎∎',
      '  50% in 0.5000 secs.\n',
      '  99% in 0.9900 secs.\n',
      '  [200]\t98 responses\n  [503]\t2 responses\n',
      'Error distribution:\n  [1]\tconnect ECONNREFUSED\n',
    ])
      expect(report).toContain(part)
  })

  test('of failures only names them, and of nothing is empty', () => {
    expect(renderReport([{ seconds: 1, status: undefined, error: 'x' }], 1)).toBe('Error distribution:\n  [1]\tx\n')
    expect(renderReport([], 0)).toBe('')
  })

  test('is a line per request as CSV', () => {
    expect(renderCsv(outcomes.slice(0, 2))).toBe('0.0100,200\n0.0200,200\n')
  })
})

test('the load is as many requests as asked for, no more at a time than allowed', async () => {
  let inFlight = 0
  let most = 0
  const server = createServer((_, response) => {
    most = Math.max(most, ++inFlight)
    setImmediate(() => {
      inFlight--
      response.end('ok')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const { outcomes } = await sendLoad(parse(`${url} -n 50 -c 5`), new AbortController().signal)
  expect(outcomes.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200))
  expect(most).toBeLessThanOrEqual(5)
  await new Promise((resolve) => server.close(resolve))
  const { outcomes: failed } = await sendLoad(parse(`${url} -n 2 -c 1`), new AbortController().signal)
  expect(failed.map(({ error }) => error)).toEqual([expect.stringContaining('ECONNREFUSED'), expect.stringContaining('ECONNREFUSED')])
})
