import { createHmac } from 'node:crypto'
import { createServer as createTcpServer } from 'node:net'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../../lib/fake-clock.ts'
import { isMail } from '../../routing/receiver.ts'
import { HttpCollector } from '../../testing/http-collector.ts'
import { readIntegration } from '../../testing/read-integration.ts'
import { sampleNotification } from '../../testing/sample-notification.ts'
import { refuseMetadata } from '../address-guard.ts'
import { createHttpIntegration, parseRetryAfter } from '../http-integration.ts'
import type { Integration, Notification } from '../notification.ts'

const never = new AbortController().signal
const files: Record<string, string> = {}
let collector: HttpCollector
let clock: FakeClock
let integration: Integration | undefined

beforeEach(async () => {
  clock = new FakeClock()
  collector = new HttpCollector()
  await collector.start()
})

afterEach(async () => {
  integration?.close()
  await collector.stop()
})

/** Sends the sample through a webhook with further settings. */
function send(more = '', notification: Partial<Notification> = {}) {
  const url = /\burl(?:_file)?:/.test(more) ? '' : `url: '${collector.url}/hook?x=1', `
  const settings = readIntegration(`webhook_configs: [{${url}${more}}]`)
  if (isMail(settings)) throw new Error('not a webhook')
  integration = createHttpIntegration(settings, {
    clock,
    readFile: (path) => {
      if (files[path] === undefined) throw Object.assign(new Error('none'), { code: 'ENOENT' })
      return files[path]
    },
  })
  return integration.send({ ...sampleNotification, ...notification }, never)
}

describe('a webhook', () => {
  it('gets the payload of version 4 with a stable key and the number of the attempt', async () => {
    expect(await send('', { attempts: 2 })).toEqual({ outcome: 'delivered', detail: 'HTTP 200' })
    const [request] = collector.received
    const { body } = request!
    expect([request!.method, request!.path]).toEqual(['POST', '/hook?x=1'])
    expect(request!.headers).toMatchObject({
      'idempotency-key': '0123456789abcdef-7',
      'x-binnacle-attempt': '3',
      'content-type': 'application/json',
    })
    expect(JSON.parse(body)).toEqual({
      version: '4',
      receiver: 'ops',
      status: 'firing',
      groupKey: '{}:{alertname="PodRestarting"}',
      truncatedAlerts: 0,
      externalURL: 'http://127.0.0.1:9093',
      groupLabels: { alertname: 'PodRestarting' },
      commonLabels: { alertname: 'PodRestarting', namespace: 'default', pod: 'web-1' },
      commonAnnotations: { summary: 'web-1 <script>restarts</script>' },
      alerts: [
        {
          status: 'firing',
          labels: { alertname: 'PodRestarting', namespace: 'default', pod: 'web-1' },
          annotations: { summary: 'web-1 <script>restarts</script>' },
          startsAt: '2030-01-01T00:00:00.000Z',
          endsAt: '0001-01-01T00:00:00Z',
          generatorURL: 'http://127.0.0.1:9093/rule',
          fingerprint: '00000000000000ff',
        },
      ],
    })
  })

  it('gets a signature that its secret verifies', async () => {
    await send('hmac_secret: swordfish, http_config: {authorization: {credentials: t}}')
    const { body, headers } = collector.received[0]!
    const [, seconds, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['x-binnacle-signature']))!
    expect(Number(seconds)).toBe(clock.now() / 1000)
    expect(createHmac('sha256', 'swordfish').update(`${seconds}.${body}`).digest('hex')).toBe(signature)
    expect(headers.authorization).toBe('Bearer t')
  })

  it('gets as many alerts as it asked for, and the number of the others', async () => {
    await send('max_alerts: 1', { alerts: [sampleNotification.alerts[0]!, sampleNotification.alerts[0]!, sampleNotification.alerts[0]!] })
    expect(JSON.parse(collector.received[0]!.body)).toMatchObject({ truncatedAlerts: 2, alerts: [{}] })
  })

  it.each([
    [503, 'retry'],
    [500, 'retry'],
    [404, 'retry'],
    [401, 'retry'],
    [400, 'failed'],
    [413, 'failed'],
    [204, 'delivered'],
  ])('that answers %i means %s', async (status, outcome) => {
    collector.answer = (response) => response.writeHead(status).end()
    expect(await send()).toMatchObject({ outcome })
  })

  it('that asks for a pause gets it', async () => {
    collector.answer = (response) => response.writeHead(429, { 'Retry-After': '17' }).end('slow down')
    expect(await send()).toEqual({ outcome: 'retry', reason: 'HTTP 429: slow down', afterMs: 17_000 })
    expect(parseRetryAfter(new Date(clock.now() + 5000).toUTCString(), clock.now())).toBe(5000)
    expect(parseRetryAfter('soon', clock.now())).toBeUndefined()
  })

  it('that says nothing is left at the deadline', async () => {
    const { promise: reached, resolve } = Promise.withResolvers<void>()
    collector.answer = () => resolve()
    const sending = send()
    await reached
    await clock.advance(10_000)
    expect(await sending).toEqual({ outcome: 'retry', reason: 'no answer within 10000 ms' })
  })

  it('that is not there, or hangs up, is tried again', async () => {
    collector.answer = (response) => response.destroy()
    expect(await send()).toMatchObject({ outcome: 'retry', reason: expect.stringMatching(/hang up|ECONNRESET/) })
    expect(await send(`url: 'http://127.0.0.1:1/'`)).toMatchObject({
      outcome: 'retry',
      reason: expect.stringMatching(/ECONNREFUSED/),
    })
  })

  it('may redirect to itself, and nowhere else', async () => {
    collector.answer = (response, request) =>
      request.path === '/other' ? response.end() : response.writeHead(308, { Location: '/other' }).end()
    expect(await send()).toMatchObject({ outcome: 'delivered' })
    expect(collector.received.map(({ path }) => path)).toEqual(['/hook?x=1', '/other'])
    collector.answer = (response) => response.writeHead(307, { Location: 'http://127.0.0.2:9/' }).end()
    expect(await send()).toMatchObject({
      outcome: 'retry',
      reason: expect.stringMatching(/redirected to another place \(http:\/\/127.0.0.2:9\)/),
    })
    collector.answer = (response) => response.writeHead(302, { Location: '/other' }).end()
    expect(await send()).toMatchObject({ outcome: 'retry', reason: 'HTTP 302' })
  })

  it.each([
    'http://169.254.169.254/latest/meta-data',
    'http://[fe80::1]/',
    'http://[::ffff:169.254.169.254]/',
    'http://[::169.254.169.254]/',
    'http://[::ffff:0:a9fe:a9fe]/',
    'http://[64:ff9b::169.254.169.254]/',
    'http://[64:ff9b::100.100.100.200]/',
    'http://[64:ff9b::c000:c0]/',
    'http://[64:ff9b:1::169.254.169.254]/',
    'http://[2002:a9fe:a9fe::1]/',
    'http://[2002:6464:64c8::1]/',
    'http://[fd00:ec2::254]/',
    'http://[fd00:ec2::23]/',
    'http://100.100.100.200/',
    'http://192.0.0.192/',
    'http://168.63.129.16/machine?comp=goalstate',
    'http://0xa9fea9fe/',
    'http://2852039166/',
    'http://0251.0376.0251.0376/',
    'http://169.254.43518/',
    'http://169.254.169.254./',
    'http://①⑥⑨.254.169.254/',
  ])('at the address of metadata %s is not called', async (url) => {
    expect(await send(`url: '${url}'`)).toMatchObject({ outcome: 'retry', reason: expect.stringMatching(/address of cloud metadata/) })
  })

  it('may be at an address that only looks like those', async () => {
    for (const address of ['100.100.100.201', '192.0.0.191', '64:ff9b::a00:1', '2002:a00:1::1', '2001:db8::a9fe:a9fe', '::1', '127.0.0.1'])
      expect(() => refuseMetadata(address)).not.toThrow()
  })

  it('that sends an endless answer is not read to the end', async () => {
    collector.answer = (response) => {
      response.writeHead(500)
      const pour = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      }
      response.on('drain', pour)
      pour()
    }
    expect(await send()).toMatchObject({ outcome: 'retry', reason: expect.stringMatching(/^HTTP 500: x{200}$/) })
  })

  it('is not given more than it can take: the rest is counted', async () => {
    const alert = { ...sampleNotification.alerts[0]!, annotations: { text: 'x'.repeat(100_000) } }
    await send('', { alerts: Array.from({ length: 60 }, () => alert) })
    const { alerts, truncatedAlerts } = JSON.parse(collector.received[0]!.body) as { alerts: unknown[]; truncatedAlerts: number }
    expect(alerts.length + truncatedAlerts).toBe(60)
    expect(collector.received[0]!.body.length).toBeLessThan(4 * 1024 * 1024)
    expect(alerts.length).toBeGreaterThan(30)
  })

  it('gets secrets as their files are at the time of the request', async () => {
    const settings = 'url_file: url.txt, http_config: {basic_auth: {username: u, password_file: pw.txt}}'
    expect(await send(settings)).toEqual({ outcome: 'retry', reason: 'cannot read url.txt: ENOENT' })
    Object.assign(files, { 'url.txt': `${collector.url}/from-file\n`, 'pw.txt': 'p1\n' })
    expect(await send(settings)).toMatchObject({ outcome: 'delivered' })
    files['pw.txt'] = 'p2'
    expect(await integration!.send(sampleNotification, never)).toMatchObject({ outcome: 'delivered' })
    const passwords = collector.received.map(({ headers }) => Buffer.from(headers.authorization!.slice(6), 'base64').toString())
    expect(passwords).toEqual(['u:p1', 'u:p2'])
    expect(collector.received[0]!.path).toBe('/from-file')
  })

  it('is reached through a proxy, and with headers of its own', async () => {
    const proxied: string[] = []
    const proxy = createHttpServer((request, response) => {
      proxied.push(String(request.url))
      response.end()
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    const { port } = proxy.address() as AddressInfo
    const settings = `http_config: {proxy_url: 'http://127.0.0.1:${port}', http_headers: {X-Own: {secrets: [s]}}}`
    expect(await send(settings)).toMatchObject({ outcome: 'delivered' })
    expect(proxied).toEqual([`${collector.url}/hook?x=1`])
    expect(collector.received).toEqual([])
    proxy.closeAllConnections()
    await new Promise<void>((resolve) => proxy.close(() => resolve()))
    await send('http_config: {http_headers: {X-Own: {secrets: [s]}}}')
    expect(collector.received[0]!.headers['x-own']).toBe('s')
  })

  it('that speaks no HTTP is tried again', async () => {
    const server = createTcpServer((socket) =>
      socket
        .on('error', () => {})
        .resume()
        .end('220 mail\r\n'),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    expect(await send(`url: 'http://127.0.0.1:${port}/'`)).toMatchObject({ outcome: 'retry' })
    await new Promise<void>((resolve) => server.close(() => resolve()))
  })
})
